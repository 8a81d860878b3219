//! Masters that go, and those that take their place.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    HOUR, Proxy, Trouble, hears, holds_the_contract, key, open, ready,
    servers::{Sentinel, Server, Watched, until},
    through,
    tls::let_in,
};
use crate::{
    gate::Presence,
    session::client::Client,
    store::{Backend as _, Down, RedisSettings, Settings, Written, contract},
    time::Clock,
};

#[tokio::test]
async fn sentinels_lead_to_the_master_and_hold_the_contract() {
    let watched = Watched::start().await;
    let login = let_in(&watched.master, "### Sentinel").await;
    let settings = RedisSettings {
        login,
        ..watched.settings()
    };
    holds_the_contract(settings.clone()).await;
    hears(&open(&watched.settings()), &watched.master).await;
    // A user may do just as much at the sentinels as is documented.
    let words = [
        "ACL",
        "SETUSER",
        "default",
        "on",
        "nopass",
        "-@all",
        "+auth",
        "+hello",
        "+sentinel|get-master-addr-by-name",
    ];
    for sentinel in &watched.sentinels {
        assert!(sentinel.ask(&words).await.is_some());
    }
    ready(&open(&settings)).await;
}

#[tokio::test]
async fn a_master_killed_under_load_costs_nobody_the_session() {
    // RS-07, RS-08
    let mut watched = Watched::start().await;
    let clock = Clock::system();
    let sessions = contract::sessions(&Settings::Redis(watched.settings().into()), &clock);
    let mut kept = Vec::new();
    for _ in 0..20 {
        kept.push(contract::create(&sessions, &clock).await);
    }
    watched.in_step().await;
    let kept = Arc::new(kept);
    let stop = Arc::new(AtomicBool::new(false));
    let busy = Arc::new(AtomicUsize::new(0));
    let load: Vec<_> = (0..20)
        .map(|n| {
            let (sessions, kept) = (sessions.clone(), Arc::clone(&kept));
            let (stop, busy) = (Arc::clone(&stop), Arc::clone(&busy));
            crate::task::spawn("load", async move {
                while !stop.load(Relaxed) {
                    let asked = &kept[n];
                    match sessions.find(&asked.handle).await {
                        Presence::Session(session) => {
                            assert_eq!(session.record.id, asked.record.id, "another's session");
                            busy.fetch_add(1, Relaxed);
                        }
                        Presence::Down => {}
                        Presence::Nothing => panic!("signed out by a failover"),
                        Presence::Unreadable => panic!("unreadable"),
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
        })
        .collect();
    until("there is load", || async { busy.load(Relaxed) > 100 }).await;
    watched.master.kill().await;
    until("the replica is promoted", || {
        watched.replica.is(&["INFO", "replication"], "role", "master")
    })
    .await;
    until("sign-ins go on", || async {
        let sample = crate::session::record::tests::record(clock.now());
        sessions
            .create(sample.identity, sample.tokens, Client::unknown())
            .await
            .is_ok()
    })
    .await;
    stop.store(true, Relaxed);
    for task in load {
        task.await.unwrap().expect("no session was lost or mixed up");
    }
    for session in kept.iter() {
        assert!(contract::find(&sessions, &session.handle).await.is_some());
    }
    // The old master comes back as what it was, without the sessions: nobody goes back to it.
    watched.master.restart(&[]).await;
    for session in kept.iter() {
        assert!(contract::find(&sessions, &session.handle).await.is_some());
    }
}

#[tokio::test]
async fn a_master_that_was_replaced_and_was_not_told_takes_no_more_writes_of_ours() {
    // RS-07, RS-08: the sentinels tell it ten seconds later, and this one never
    let master = Server::start(&["--rename-command", "SLAVEOF", ""]).await;
    let replica = master.replica().await;
    let watched = Watched::watch(master, replica).await;
    let redis = open(&watched.settings());
    assert_eq!(redis.create(&key(1), b"one", 1, HOUR).await, Ok(Written::Saved));
    watched.in_step().await;
    let name = super::super::session_at("test:", &key(1));
    assert!(
        watched.sentinels[0]
            .ask(&["SENTINEL", "FAILOVER", "main"])
            .await
            .is_some()
    );
    until("the replica is promoted", || {
        watched.replica.is(&["INFO", "replication"], "role", "master")
    })
    .await;
    // From here on nothing is copied from the old master to the new one.
    until("the new master has what is written", || async {
        assert_eq!(redis.end(&key(1)).await.map(|_| ()), Ok(()), "nobody is told to wait");
        assert_eq!(redis.create(&key(1), b"two", 1, HOUR).await, Ok(Written::Saved));
        watched.replica.ask::<Vec<u8>>(&["GETRANGE", &name, "8", "-1"]).await == b"two"
    })
    .await;
    assert!(watched.master.is(&["INFO", "replication"], "role", "master").await);
    assert_eq!(redis.get(&[key(1)]).await, Ok(Some((key(1), b"two".to_vec()))));
    hears(&redis, &watched.replica).await;
}

#[tokio::test]
async fn a_replica_behind_the_same_address_is_left_within_the_call() {
    // RS-07
    let (master, proxy) = {
        let master = Server::start(&[]).await;
        let proxy = Proxy::before(master.socket_address()).await;
        (master, proxy)
    };
    let replica = master.replica().await;
    let redis = open(&through(&proxy));
    redis.create(&key(1), b"one", 1, HOUR).await.unwrap();
    until("the replica has it", || async {
        replica.ask::<i64>(&["DBSIZE"]).await == 1
    })
    .await;
    // The roles change; sockets to the old master stay.
    let _: () = replica.ask(&["REPLICAOF", "NO", "ONE"]).await;
    let port = replica.port.to_string();
    let _: () = master.ask(&["REPLICAOF", "127.0.0.1", &port]).await;
    proxy.aim(replica.socket_address());
    // Neither a script nor a command that is never sent twice after a broken connection.
    let replaced = redis.replace(&key(1), 1, b"two", 2, HOUR).await;
    assert_eq!(replaced, Ok(Written::Saved));
    assert_eq!(redis.create(&key(2), b"two", 1, HOUR).await, Ok(Written::Saved));
    // And when there is no master at all, that is said.
    let _: () = replica.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let told = redis.create(&key(3), b"three", 1, HOUR).await;
    assert!(
        matches!(&told, Err(Down::Refused(text)) if text.contains("READONLY")),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_sentinel_that_slept_is_not_believed() {
    // RS-08: it names a replica, and so does nobody else
    let master = Server::start(&[]).await;
    let replica = master.replica().await;
    let stale = Sentinel::watching(replica.port, 9, "").await;
    assert_eq!(stale.named().await, Some(replica.port));
    let fresh = Sentinel::watching(master.port, 9, "").await;
    let both = open(&Watched::settings_with(vec![stale.address(), fresh.address()]));
    assert_eq!(both.create(&key(1), b"one", 1, HOUR).await, Ok(Written::Saved));
    // Two of the three there should be are down: one is enough to be led by.
    let lone = open(&Watched::settings_with(vec![
        super::tcp(1, false),
        super::tcp(2, false),
        fresh.address(),
    ]));
    assert_eq!(lone.get(&[key(1)]).await, Ok(Some((key(1), b"one".to_vec()))));
    let misled = open(&Watched::settings_with(vec![stale.address()])).ping().await;
    assert!(
        matches!(&misled, Err(Down::Unreachable(text)) if text.contains("is a replica")),
        "{misled:?}"
    );
}

#[tokio::test]
async fn a_sign_out_that_the_promoted_replica_never_saw_holds() {
    // RS-09
    let master = Server::start(&[]).await;
    let replication = Proxy::before(master.socket_address()).await;
    let replica = Server::replica_of(replication.address().port()).await;
    let mut watched = Watched::watch(master, replica).await;
    let clock = Clock::system();
    let settings = Settings::Redis(watched.settings().into());
    let (ours, theirs) = (
        contract::sessions(&settings, &clock),
        contract::sessions(&settings, &clock),
    );
    let session = contract::create(&ours, &clock).await;
    watched.in_step().await;
    assert!(contract::find(&theirs, &session.handle).await.is_some());
    // The replica hears nothing of the sign-out.
    replication.set(Trouble::Swallow);
    assert_eq!(ours.end(&session.handle).await, Ok(true));
    let name = super::super::session_at("test:", &session.key);
    assert_eq!(watched.master.ask::<i64>(&["EXISTS", &name]).await, 0);
    assert_eq!(watched.replica.ask::<i64>(&["EXISTS", &name]).await, 1);
    watched.master.kill().await;
    until("the replica is promoted", || {
        watched.replica.is(&["INFO", "replication"], "role", "master")
    })
    .await;
    until("the store is back", || async { ours.ready().await.is_ok() }).await;
    // Whoever ended it never finds it again, and sees to it that nobody does.
    assert!(contract::find(&ours, &session.handle).await.is_none());
    until("it is ended again", || async {
        matches!(theirs.find(&session.handle).await, Presence::Nothing)
    })
    .await;
    let late = theirs.save(&session, session.record.touched(clock.now())).await;
    assert!(matches!(late, Ok(crate::store::Saved::Gone)));
}
