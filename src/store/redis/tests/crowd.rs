//! Very many calls, very big values, very long lists: each costs its own, and nobody else's.

use std::time::Duration;

use futures_util::future::join_all;

use super::{
    HOUR, Proxy, Trouble, key, open, ready,
    servers::{Server, until},
    through,
};
use crate::{
    session::{Mark, StoreKey},
    store::{
        Backend as _, Down, Page, RedisSettings, Settings, Written, contract,
        index::{Index as _, Indexed},
    },
    time::Clock,
};

/// More than may wait for one connection.
const CROWD: usize = 4000;

async fn fifty(redis: &super::Redis) {
    for n in 0..50 {
        let written = redis.create(&key(n), &[n; 100], 1, HOUR).await;
        assert_eq!(written, Ok(Written::Saved));
    }
}

async fn crowd(redis: &super::Redis) -> Vec<(u8, Result<Option<(StoreKey, Vec<u8>)>, Down>)> {
    let asked = (0..CROWD).map(|n| async move {
        let n = u8::try_from(n % 50).unwrap();
        (n, redis.get(&[key(n)]).await)
    });
    join_all(asked).await
}

#[tokio::test]
async fn whoever_finds_the_connection_full_waits_and_gets_their_own_answer() {
    // RS-16
    let server = Server::start(&[]).await;
    let proxy = Proxy::before(server.socket_address()).await;
    let redis = open(&RedisSettings {
        timeout: Duration::from_secs(30),
        ..through(&proxy)
    });
    fifty(&redis).await;
    proxy.set(Trouble::Late(Duration::from_millis(20)));
    for (n, answer) in crowd(&redis).await {
        assert_eq!(answer, Ok(Some((key(n), vec![n; 100]))));
    }
}

#[tokio::test]
async fn a_crowd_before_a_server_that_hangs_ends_in_time_and_leaves_nothing_behind() {
    // RS-04, RS-16
    let server = Server::start(&[]).await;
    let redis = open(&RedisSettings {
        timeout: Duration::from_millis(500),
        ..server.settings()
    });
    fifty(&redis).await;
    server.signal("-STOP").await;
    for (_, answer) in crowd(&redis).await {
        assert!(matches!(answer, Err(Down::TimedOut | Down::Paused(_))), "{answer:?}");
    }
    server.signal("-CONT").await;
    ready(&redis).await;
    for n in 0..50 {
        assert_eq!(redis.get(&[key(n)]).await, Ok(Some((key(n), vec![n; 100]))));
    }
    until("one connection is left, and the one that asks", || async {
        let connected = server.field(&["INFO", "clients"], "connected_clients").await;
        connected.is_some_and(|count| count.parse::<u32>().unwrap() <= 2)
    })
    .await;
}

#[tokio::test]
async fn a_very_big_value_is_whole_and_the_others_get_their_own() {
    // RS-16
    let server = Server::start(&[]).await;
    let redis = open(&RedisSettings {
        timeout: Duration::from_secs(30),
        ..server.settings()
    });
    fifty(&redis).await;
    let big = vec![7; 16 << 20];
    assert_eq!(redis.create(&key(200), &big, 1, HOUR).await, Ok(Written::Saved));
    let read = async {
        for _ in 0..3 {
            assert!(redis.get(&[key(200)]).await == Ok(Some((key(200), big.clone()))));
        }
    };
    let others = async {
        for n in (0..50).cycle().take(500) {
            assert_eq!(redis.get(&[key(n)]).await, Ok(Some((key(n), vec![n; 100]))));
        }
    };
    futures_util::future::join(read, others).await;
}

/// Lists so many sessions that are not there.
const DANGLE: &str = "for n = 1, ARGV[1] do
    redis.call('ZADD', KEYS[1], ARGV[2] + n, string.format('%032d', n))
end";

#[tokio::test]
async fn a_list_of_very_many_is_walked_in_pages_that_end() {
    // RS-16, RS-12
    let server = Server::start(&[]).await;
    let clock = Clock::system();
    let sessions = contract::sessions(&Settings::Redis(server.settings().into()), &clock);
    let session = contract::create(&sessions, &clock).await;
    let lists: Vec<String> = server.ask(&["KEYS", "test:m:*"]).await;
    let later = format!("{}000000", clock.now().secs() + 36_000);
    for list in &lists {
        let _: () = server.ask(&["EVAL", DANGLE, "1", list, "6000", &later]).await;
    }
    let page = |after| Page { after, limit: 10 };
    let first = sessions.list(&[], page(None), |_| true).await.unwrap();
    assert!(first.sessions.len() <= 1);
    let rest = first.next.expect("a page ends before a list that long does");
    let second = sessions.list(&[], page(Some(rest)), |_| true).await.unwrap();
    assert_eq!(second.next, None);
    let shown = [first.sessions, second.sessions].concat();
    assert_eq!(shown.iter().map(|shown| shown.key).collect::<Vec<_>>(), [session.key]);
    // Whoever was met as gone is in the list no more.
    let again = sessions.list(&[], page(None), |_| true).await.unwrap();
    assert_eq!((again.sessions.len(), again.next), (1, None));
}

#[tokio::test]
async fn a_list_that_is_over_at_once_is_dropped_by_and_by() {
    // RS-16: one command that drops all of them would hold everybody up
    let server = Server::start(&[]).await;
    let redis = open(&server.settings());
    let mark = Mark([1; 32]);
    let indexed = Indexed {
        entry: b"entry",
        ttl: HOUR,
        marks: &[mark],
        longest: HOUR,
    };
    redis.index(&key(1), &indexed).await.unwrap();
    let lists: Vec<String> = server.ask(&["KEYS", "test:m:*"]).await;
    let [list] = &lists[..] else { panic!("{lists:?}") };
    let _: () = server.ask(&["EVAL", DANGLE, "1", list, "1000", "1000000"]).await;
    redis.index(&key(1), &indexed).await.unwrap();
    let after_one: usize = server.ask(&["ZCARD", list]).await;
    assert_eq!(after_one, 1 + 1000 - 100);
    for n in 2..20 {
        redis.index(&key(n), &indexed).await.unwrap();
    }
    let in_the_end: usize = server.ask(&["ZCARD", list]).await;
    assert_eq!(in_the_end, 19, "those that are not over, and no other");
}
