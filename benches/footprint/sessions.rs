//! What a session takes: sealed in Redis, and in this process when many of them are at hand.

use std::{process::Command, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use doorward::{
    entropy::Entropy,
    gate::Presence,
    keys::{Ring, RingKey, generate},
    session::{Client, Handle, Terms},
    store::{CacheSettings, RedisAddress, RedisLogin, RedisServers, RedisSettings, Sessions, Settings},
    telemetry::Telemetry,
    time::Clock,
};

use super::{
    person,
    process::{Redis, resident},
};

const MANY: u64 = 10_000;
/// Room at hand for all of them, whatever they are taken to weigh.
const ROOM: CacheSettings = CacheSettings {
    sessions: MANY,
    bytes: 1 << 30,
};

/// Prints bytes a session.
pub(crate) async fn measure() {
    let folder = tempfile::tempdir().expect("a folder");
    let redis = Redis::start(Command::new("redis-server"), folder.path());
    println!("{MANY} sessions with 1 KiB each of access and ID token\n");
    println!("| what | bytes a session |");
    println!("|---|---|");

    let before = redis_memory(redis.port()).await;
    let handles = create(&sessions(&redis_settings(redis.port()))).await;
    let stored = redis_memory(redis.port()).await - before;
    println!("| kept in Redis, by its own account | {} |", stored / MANY);

    // Another process's worth of sessions: nothing of what was written is at hand in it.
    let reader = sessions(&redis_settings(redis.port()));
    // Nothing is taken to hand before the feed of changes is proven.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = resident(std::process::id());
    for handle in &handles {
        assert!(matches!(reader.find(handle).await, Presence::Session(_)));
    }
    let grown = resident(std::process::id()).saturating_sub(before);
    assert_at_hand(&reader, &handles, redis.port()).await;
    println!(
        "| at hand after each was used once, with Redis | {} |",
        grown * 1024 / MANY
    );

    let embedded = sessions(&Settings::Memory { max_sessions: MANY });
    let before = resident(std::process::id());
    create(&embedded).await;
    let grown = resident(std::process::id()).saturating_sub(before);
    println!(
        "| memory store, kept and as far as there is room at hand | {} |\n",
        grown * 1024 / MANY
    );
}

fn sessions(settings: &Settings) -> Sessions {
    let key = RingKey::decode("k1", &generate([7; 32])).expect("a key");
    let terms = Terms {
        idle: Duration::from_secs(7200),
        absolute: Duration::from_secs(36_000),
    };
    Sessions::new(
        settings,
        &ROOM,
        Arc::new(ArcSwap::from_pointee(Ring::new(vec![key]).expect("a ring"))),
        terms,
        Clock::system(),
        Entropy::system(),
        Telemetry::new(false),
    )
    .expect("a store")
}

fn redis_settings(port: u16) -> Settings {
    let address = RedisAddress::Tcp {
        host: "127.0.0.1".to_owned(),
        port,
        tls: false,
    };
    Settings::Redis(Box::new(RedisSettings {
        servers: RedisServers::One(address),
        login: RedisLogin::default(),
        tls: None,
        database: 0,
        key_prefix: "doorward:".into(),
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
    }))
}

async fn create(sessions: &Sessions) -> Vec<Handle> {
    let clock = Clock::system();
    let mut handles = Vec::new();
    for _ in 0..MANY {
        let (who, tokens) = (person::identity(), person::tokens(clock.now()));
        let made = sessions.create(who, tokens, Client::default()).await;
        handles.push(made.expect("a session").handle.clone());
    }
    handles
}

/// Asks for each once more, and sees in Redis that it was not asked, but for the beats of the feed.
async fn assert_at_hand(reader: &Sessions, handles: &[Handle], redis: u16) {
    let before = info(redis, "keyspace_hits").await;
    for handle in handles {
        assert!(matches!(reader.find(handle).await, Presence::Session(_)));
    }
    let asked = info(redis, "keyspace_hits").await - before;
    assert!(asked < MANY / 100, "{asked} of {MANY} sessions were not at hand");
}

/// `used_memory` in bytes.
async fn redis_memory(port: u16) -> u64 {
    info(port, "used_memory").await
}

/// One figure of Redis's own account.
async fn info(port: u16, name: &str) -> u64 {
    let client = redis::Client::open(("127.0.0.1", port)).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let info: String = redis::cmd("INFO").query_async(&mut connection).await.expect("figures");
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|figure| figure.trim().parse().ok()).expect("its figure")
}
