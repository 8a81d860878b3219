//! A cluster, whose slots move and whose servers go.

use redis::Value;

use super::{
    HOUR, hears, holds_the_contract, key, open, ready,
    servers::{Server, Slotted, until},
};
use crate::{
    session::StoreKey,
    store::{
        Backend as _, Down, RedisSettings, Written,
        redis::{Redis, cluster::slot, session_at},
    },
};

/// A key that the given master has.
fn key_of(range: std::ops::RangeInclusive<u16>) -> StoreKey {
    let of = |n: &u8| range.contains(&slot(session_at("test:", &key(*n)).as_bytes()));
    key((1..=255).find(of).unwrap())
}

#[tokio::test]
async fn a_cluster_holds_the_contract() {
    // RS-11
    let slotted = Slotted::start().await;
    let mut login = None;
    for server in slotted.all() {
        login = Some(super::tls::let_in(server, "### Cluster").await);
    }
    let settings = RedisSettings {
        login: login.unwrap(),
        ..slotted.settings()
    };
    holds_the_contract(settings.clone()).await;
    let redis = open(&settings);
    for n in 0..60 {
        assert_eq!(redis.create(&key(n), &[n], 1, HOUR).await, Ok(Written::Saved));
    }
    for master in &slotted.masters {
        assert!(master.ask::<i64>(&["DBSIZE"]).await > 5, "keys are spread");
    }
    hears(&open(&slotted.settings()), &slotted.masters[0]).await;
}

async fn id(server: &Server) -> String {
    server.ask(&["CLUSTER", "MYID"]).await
}

#[tokio::test]
async fn slots_on_their_way_are_followed() {
    // RS-11: ASK, then MOVED
    let slotted = Slotted::start().await;
    let redis = open(&slotted.settings());
    let key = key_of(0..=5460);
    let name = session_at("test:", &key);
    let number = slot(name.as_bytes()).to_string();
    redis.create(&key, b"one", 1, HOUR).await.unwrap();
    let (from, to) = (&slotted.masters[0], &slotted.masters[1]);
    let (from_id, to_id) = (id(from).await, id(to).await);
    let _: () = to.ask(&["CLUSTER", "SETSLOT", &number, "IMPORTING", &from_id]).await;
    let _: () = from.ask(&["CLUSTER", "SETSLOT", &number, "MIGRATING", &to_id]).await;
    let port = to.port.to_string();
    let _: () = from.ask(&["MIGRATE", "127.0.0.1", &port, &name, "0", "5000"]).await;
    // The key is there, the slot is not: the server sends us over, once for each call, scripts included.
    assert_eq!(redis.get(&[key]).await, Ok(Some((key, b"one".to_vec()))));
    assert_eq!(redis.replace(&key, 1, b"two", 2, HOUR).await, Ok(Written::Saved));
    for server in [to, from] {
        let _: () = server.ask(&["CLUSTER", "SETSLOT", &number, "NODE", &to_id]).await;
    }
    assert_eq!(redis.replace(&key, 2, b"three", 3, HOUR).await, Ok(Written::Saved));
    assert_eq!(redis.end(&key).await, Ok(true));
}

#[tokio::test]
async fn the_promoted_replica_of_a_lost_master_is_found_and_the_others_are_not_disturbed() {
    // RS-08, RS-11
    let mut slotted = Slotted::start().await;
    let redis = open(&slotted.settings());
    let (lost, other) = (key_of(0..=5460), key_of(5461..=10922));
    for key in [&lost, &other] {
        redis.create(key, b"one", 1, HOUR).await.unwrap();
    }
    until("the replica has it", || async {
        slotted.replica.ask::<i64>(&["DBSIZE"]).await == 1
    })
    .await;
    slotted.masters[0].kill().await;
    let down = redis.get(&[lost]).await;
    assert!(down.is_err(), "{down:?}");
    let back = async {
        until("the lost slots are served again", || async {
            redis.get(&[lost]).await == Ok(Some((lost, b"one".to_vec())))
        })
        .await;
    };
    let undisturbed = async {
        for _ in 0..20 {
            let answer = redis.get(&[other]).await;
            let is_fine = match &answer {
                Ok(found) => *found == Some((other, b"one".to_vec())),
                // The cluster as a whole, until the replica is voted for.
                Err(Down::Refused(text)) => text.contains("CLUSTERDOWN"),
                Err(_) => false,
            };
            assert!(is_fine, "{answer:?}");
        }
    };
    futures_util::future::join(back, undisturbed).await;
    assert_eq!(redis.replace(&lost, 1, b"two", 2, HOUR).await, Ok(Written::Saved));
}

#[tokio::test]
async fn a_cluster_without_all_its_slots_says_so_and_passes() {
    // RS-11: CLUSTERDOWN
    let slotted = Slotted::start().await;
    let redis = open(&slotted.settings());
    ready(&redis).await;
    let key = key_of(10923..=16383);
    let number = slot(session_at("test:", &key).as_bytes()).to_string();
    for server in slotted.all() {
        let _: Value = server
            .try_ask(&["CLUSTER", "DELSLOTS", &number])
            .await
            .unwrap_or(Value::Nil);
    }
    until("the cluster is down", || async {
        matches!(redis.get(&[key]).await, Err(Down::Refused(_) | Down::Unreachable(_)))
    })
    .await;
    let _: () = slotted.masters[2].ask(&["CLUSTER", "ADDSLOTS", &number]).await;
    until("it is up again", || async { redis.get(&[key]).await == Ok(None) }).await;
}

#[tokio::test]
async fn one_server_of_a_cluster_is_not_taken_for_one_server() {
    let slotted = Slotted::start().await;
    let redis: Redis = open(&slotted.masters[0].settings());
    let told = redis.get(&[key_of(5461..=10922)]).await;
    assert!(
        matches!(&told, Err(Down::Refused(text)) if text.contains("session.redis.cluster")),
        "{told:?}"
    );
}
