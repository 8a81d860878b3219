//! The Redis store at every kind of server, and what goes wrong there.

#[path = "../../../tests/it/harness/fault.rs"]
#[expect(unreachable_pub, reason = "shared with tests of the whole gateway")]
mod fault_proxy;
mod cluster;
mod crowd;
mod failover;
mod many;
mod refusal;
mod servers;
mod tls;

use std::{sync::Arc, time::Duration};

use self::{
    fault_proxy::{Fault as Proxy, Trouble},
    servers::{PATIENCE, Server, settings, tcp, until},
};
use super::{Redis, ended::Ended, link::Link};
use crate::{
    gate::Presence,
    session::StoreKey,
    store::{Backend as _, Down, RedisServers, RedisSettings, Settings, Written, contract},
    telemetry::Telemetry,
    time::Clock,
};

const HOUR: Duration = Duration::from_secs(3600);

fn key(n: u8) -> StoreKey {
    StoreKey([n; 32])
}

fn open(settings: &RedisSettings) -> Redis {
    Redis::new(settings, Telemetry::new(false)).unwrap()
}

/// Nobody but the caller asks: a keeper notices a restart that takes its time, and calls are then held back for a moment.
fn without_keeper(settings: &RedisSettings) -> Redis {
    let patient = RedisSettings {
        timeout: PATIENCE,
        connect_timeout: PATIENCE,
        ..settings.clone()
    };
    Redis {
        link: Arc::new(Link::new(&patient).unwrap()),
        prefix: Arc::clone(&patient.key_prefix),
        ended: Arc::new(Ended::new()),
    }
}

/// The contract that every store holds.
async fn holds_the_contract(settings: RedisSettings) {
    contract::backend_contract(&open(&settings)).await;
    let clock = Clock::system();
    let sessions = contract::sessions(&Settings::Redis(settings.into()), &clock);
    contract::sessions_contract(&sessions, &clock).await;
}

async fn ready(redis: &Redis) {
    until("the store is ready", || async { redis.ping().await.is_ok() }).await;
}

fn through(proxy: &Proxy) -> RedisSettings {
    settings(RedisServers::One(tcp(proxy.address().port(), false)))
}

#[tokio::test]
async fn sessions_survive_a_restart_and_no_call_finds_the_dead_socket() {
    // RS-03
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let redis = without_keeper(&server.settings());
    assert_eq!(redis.create(&key(1), b"one", 1, HOUR).await, Ok(Written::Saved));
    let live = redis.link.connections();
    server.kill().await;
    server.restart(&[]).await;
    until("it has read what it kept", || async {
        server.try_ask(&["DBSIZE"]).await.is_ok()
    })
    .await;
    // Not even a call that is never sent twice.
    let replaced = redis.replace(&key(1), 1, b"two", 2, HOUR).await;
    assert_eq!(replaced, Ok(Written::Saved));
    assert_eq!(redis.get(&[key(1)]).await, Ok(Some((key(1), b"two".to_vec()))));
    assert!(live.has_changed().unwrap());
}

#[tokio::test]
async fn a_connection_that_fell_silent_is_not_used_again() {
    // RS-04, RS-05
    let server = Server::start(&[]).await;
    let proxy = Proxy::before(server.socket_address()).await;
    let redis = open(&RedisSettings {
        timeout: Duration::from_millis(300),
        ..through(&proxy)
    });
    ready(&redis).await;
    proxy.set(Trouble::Swallow);
    assert_eq!(redis.create(&key(1), b"one", 1, HOUR).await, Err(Down::TimedOut));
    // What fell silent stays so: the old connection would hang for as long as TCP has patience.
    proxy.set(Trouble::None);
    until("a new connection answers", || async {
        redis.get(&[key(1)]).await == Ok(None)
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_could_not_be_given_back_is_given_back_when_the_store_answers() {
    // RS-04, RS-05
    let server = Server::start(&[]).await;
    let proxy = Proxy::before(server.socket_address()).await;
    let clock = Clock::system();
    let hasty = RedisSettings {
        timeout: Duration::from_millis(300),
        ..through(&proxy)
    };
    let broken = contract::sessions(&Settings::Redis(hasty.into()), &clock);
    let others = contract::sessions(&Settings::Redis(server.settings().into()), &clock);
    until("the store is ready", || async { broken.ready().await.is_ok() }).await;
    let lease = broken.lease(&key(1), HOUR).await.unwrap().unwrap();
    assert_eq!(lease.hold(HOUR).await, Ok(true));
    proxy.set(Trouble::Swallow);
    lease.release().await;
    assert!(
        others.lease(&key(1), HOUR).await.unwrap().is_none(),
        "it lasts for an hour"
    );
    proxy.set(Trouble::None);
    until("it is free", || async {
        others.lease(&key(1), HOUR).await.unwrap().is_some()
    })
    .await;
}

#[tokio::test]
async fn when_nothing_answers_most_callers_do_not_wait() {
    // RS-04: no pile-up
    let server = Server::start(&[]).await;
    let redis = open(&RedisSettings {
        timeout: Duration::from_millis(200),
        ..server.settings()
    });
    ready(&redis).await;
    server.signal("-STOP").await;
    until("the breaker is open", || async {
        matches!(redis.get(&[key(1)]).await, Err(Down::Paused(_)))
    })
    .await;
    let all = futures_util::future::join_all((0..500).map(|_| async { redis.get(&[key(1)]).await })).await;
    let waited = all
        .iter()
        .filter(|answer| !matches!(answer, Err(Down::Paused(_))))
        .count();
    assert!(waited <= 3, "{waited} of 500 waited");
    server.signal("-CONT").await;
    ready(&redis).await;
}

#[tokio::test]
async fn an_answer_is_never_another_calls() {
    // RS-05: jitter, cuts in the middle of answers, deadlines that pass
    let server = Server::start(&[]).await;
    let proxy = Proxy::before(server.socket_address()).await;
    let direct = open(&server.settings());
    for n in 0..50 {
        let value = vec![n; 100];
        direct.create(&key(n), &value, 1, HOUR).await.unwrap();
    }
    let redis = open(&RedisSettings {
        timeout: Duration::from_millis(150),
        ..through(&proxy)
    });
    let mut answered = 0;
    for trouble in [
        Trouble::None,
        Trouble::Late(Duration::from_millis(50)),
        Trouble::CutAfter(777),
        Trouble::Slow(Duration::from_micros(200)),
        Trouble::Late(Duration::from_millis(500)),
        Trouble::CutAfter(5000),
        Trouble::None,
    ] {
        proxy.set(trouble);
        for _ in 0..4 {
            let asked = (0..50).map(|n| {
                let redis = &redis;
                async move { (n, redis.get(&[key(n)]).await) }
            });
            for (n, answer) in futures_util::future::join_all(asked).await {
                if let Ok(found) = answer {
                    assert_eq!(found, Some((key(n), vec![n; 100])), "{trouble:?}");
                    answered += 1;
                }
            }
        }
        proxy.cut();
    }
    assert!(answered >= 50, "only {answered} were answered at all");
    proxy.set(Trouble::None);
    ready(&redis).await;
}

#[tokio::test]
async fn whoever_is_sent_away_comes_again() {
    // RS-01, RS-05
    let server = Server::start(&[]).await;
    let proxy = Proxy::before(server.socket_address()).await;
    proxy.set(Trouble::Refuse);
    let redis = open(&through(&proxy));
    assert!(matches!(
        redis.ping().await,
        Err(Down::Unreachable(_) | Down::Paused(_))
    ));
    proxy.set(Trouble::None);
    ready(&redis).await;
}

#[tokio::test]
async fn what_everybody_lost_is_no_session_and_stays_lost() {
    // RS-13
    let server = Server::start(&[]).await;
    let clock = Clock::system();
    let sessions = contract::sessions(&Settings::Redis(server.settings().into()), &clock);
    let session = contract::create(&sessions, &clock).await;
    let _: () = server.ask(&["FLUSHALL"]).await;
    let late = sessions.save(&session, session.record.touched(clock.now())).await;
    assert!(matches!(late, Ok(crate::store::Saved::Gone)));
    assert!(matches!(sessions.find(&session.handle).await, Presence::Nothing));
}

#[tokio::test]
async fn a_subscriber_hears_what_is_published() {
    let server = Server::start(&[]).await;
    let redis = open(&server.settings());
    hears(&redis, &server).await;
}

/// What is published at `from` is heard by a subscriber.
async fn hears(redis: &Redis, from: &Server) {
    let mut subscriber = redis.link.subscriber().await.unwrap();
    subscriber.subscribe("test:channel").await.unwrap();
    let mut heard = subscriber.on_message();
    let next = futures_util::StreamExt::next(&mut heard);
    let publish = async {
        let _: i64 = from.ask(&["PUBLISH", "test:channel", "hello"]).await;
    };
    let (message, ()) = tokio::time::timeout(servers::PATIENCE, futures_util::future::join(next, publish))
        .await
        .expect("a message");
    assert_eq!(message.unwrap().get_payload::<String>().unwrap(), "hello");
}
