//! What a session takes: sealed in Redis, and in this process when many of them are at hand.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

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

/// Prints bytes a session, with an access token of so many bytes.
pub(crate) async fn measure(access_token: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let redis = Redis::start(Command::new("redis-server"), folder.path());
    println!("{MANY} sessions of as many people, with 1 KiB of ID token and {access_token} bytes of access token\n");
    println!("| what | budget | bytes a session |");
    println!("|---|---|---|");
    let before = redis_memory(redis.port()).await;
    let handles = create(&sessions(&redis_settings(redis.port())), access_token).await;
    let stored = (redis_memory(redis.port()).await - before) / MANY;
    println!("| kept in Redis, by its own account, with the index | ≤ 4096 | {stored} |");
    // Processes of their own: what this one has freed it would take again.
    let at_hand = ask_again(&["at-hand", &redis.port().to_string()], &handles);
    println!("| at hand after each was used once, with Redis | ≤ 4096 | {at_hand} |");
    let embedded = ask_again(&["embedded", &access_token.to_string()], &[]);
    println!("| memory store: kept, with the index, and at hand | reported | {embedded} |\n");
}

/// Starts this program again as something else, and takes its one line.
fn ask_again(words: &[&str], handles: &[Handle]) -> String {
    let program = std::env::current_exe().expect("this program's path");
    let process = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut process = process.expect("this program again");
    let mut input = process.stdin.take().expect("its input");
    for handle in handles {
        writeln!(input, "{}", handle.encode()).expect("a handle goes out");
    }
    drop(input);
    let output = process.wait_with_output().expect("its figure");
    assert!(output.status.success(), "{words:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What each session takes in a process that was told their handles and has read them all from Redis.
pub(crate) async fn at_hand(redis: u16) {
    let lines = std::io::stdin().lines().map(|line| line.expect("a handle"));
    let handles: Vec<Handle> = lines.map(|line| Handle::parse(&line).expect("a handle")).collect();
    let reader = sessions(&redis_settings(redis));
    // Nothing is taken to hand before the feed of changes is proven.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = resident(std::process::id());
    for handle in &handles {
        assert!(matches!(reader.find(handle).await, Presence::Session(_)));
    }
    let grown = resident(std::process::id()).saturating_sub(before);
    assert_at_hand(&reader, &handles, redis).await;
    println!("{}", grown * 1024 / MANY);
}

/// What each session takes in the memory store.
pub(crate) async fn embedded(access_token: usize) {
    let embedded = sessions(&Settings::Memory { max_sessions: MANY });
    let before = resident(std::process::id());
    let handles = create(&embedded, access_token).await;
    let grown = resident(std::process::id()).saturating_sub(before);
    assert_eq!(handles.len() as u64, MANY);
    println!("{}", grown * 1024 / MANY);
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

async fn create(sessions: &Sessions, access_token: usize) -> Vec<Handle> {
    let clock = Clock::system();
    let mut handles = Vec::new();
    for number in 0..MANY {
        let (who, tokens) = (person::identity(number), person::tokens(clock.now(), access_token));
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
