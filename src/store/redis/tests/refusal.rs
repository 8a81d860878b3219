//! Servers that answer, and refuse.

use super::{
    HOUR, key, open, ready,
    servers::{Server, until},
};
use crate::{
    secret::Secret,
    store::{Backend as _, Down, RedisLogin, RedisSettings, Written, redis::Redis},
    telemetry::Telemetry,
};

fn refused<T: std::fmt::Debug>(answer: Result<T, Down>) -> String {
    match answer {
        Err(Down::Refused(text) | Down::Paused(text)) => text,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_data_set_being_loaded_passes() {
    // RS-06: LOADING
    let mut server = Server::start(&["--rdbcompression", "no"]).await;
    let redis = open(&server.settings());
    redis.create(&key(1), b"one", 1, HOUR).await.unwrap();
    let fill = "for i = 1, 300 do redis.call('SET', 'other:' .. i, string.rep('x', 2000)) end";
    server.try_ask(&["EVAL", fill, "0"]).await.ok();
    let _: () = server.ask(&["SAVE"]).await;
    server.kill().await;
    let slowly = [
        "--key-load-delay",
        "100000",
        "--loading-process-events-interval-bytes",
        "1024",
    ];
    server.restart(&slowly).await;
    let told = refused(redis.get(&[key(1)]).await);
    assert!(told.contains("LOADING") && told.contains("passes by itself"), "{told}");
    let _: () = server.ask(&["CONFIG", "SET", "key-load-delay", "0"]).await;
    until("it is loaded", || async {
        redis.get(&[key(1)]).await == Ok(Some((key(1), b"one".to_vec())))
    })
    .await;
}

#[tokio::test]
async fn a_script_that_holds_the_server_up_passes() {
    // RS-06: BUSY
    let server = Server::start(&["--busy-reply-threshold", "10"]).await;
    let redis = open(&server.settings());
    ready(&redis).await;
    let endless = server.try_ask(&["EVAL", "while true do end", "0"]);
    let meanwhile = async {
        until("it is busy", || async {
            matches!(redis.get(&[key(1)]).await, Err(Down::Refused(text)) if text.contains("BUSY"))
        })
        .await;
        let _: () = server.ask(&["SCRIPT", "KILL"]).await;
    };
    let (killed, ()) = futures_util::future::join(endless, meanwhile).await;
    assert!(killed.is_err());
    until("it answers", || async { redis.get(&[key(1)]).await == Ok(None) }).await;
}

#[tokio::test]
async fn without_memory_nobody_signs_in_and_those_who_are_stay() {
    // RS-06, RS-12: OOM
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let redis = open(&server.settings());
    redis.create(&key(1), b"one", 1, HOUR).await.unwrap();
    let _: () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    for _ in 0..10 {
        let told = refused(redis.create(&key(2), b"two", 1, HOUR).await);
        assert!(told.contains("OOM") && told.contains("memory"), "{told}");
        let told = refused(redis.replace(&key(1), 1, b"two", 2, HOUR).await);
        assert!(told.contains("OOM"), "{told}");
        assert_eq!(redis.get(&[key(1)]).await, Ok(Some((key(1), b"one".to_vec()))));
    }
    assert_eq!(redis.end(&key(1)).await, Ok(true), "a sign-out needs no memory");
    let _: () = server.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(redis.create(&key(2), b"two", 1, HOUR).await, Ok(Written::Saved));
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_a_refusal() {
    // RS-06: MISCONF
    let server = Server::start(&["--stop-writes-on-bgsave-error", "yes"]).await;
    let _: () = server.ask(&["CONFIG", "SET", "save", "3600 1"]).await;
    let _: () = server.ask(&["CONFIG", "SET", "rdb-key-save-delay", "0"]).await;
    let redis = open(&server.settings());
    redis.create(&key(1), b"one", 1, HOUR).await.unwrap();
    // A folder stands where the file should be.
    std::fs::create_dir_all(server.folder.path().join("dump.rdb/in/the/way")).unwrap();
    server.try_ask(&["BGSAVE"]).await.ok();
    until("the save failed", || {
        server.is(&["INFO", "persistence"], "rdb_last_bgsave_status", "err")
    })
    .await;
    let told = refused(redis.create(&key(2), b"two", 1, HOUR).await);
    assert!(told.contains("MISCONF") && told.contains("disk"), "{told}");
    assert_eq!(redis.get(&[key(1)]).await, Ok(Some((key(1), b"one".to_vec()))));
}

#[tokio::test]
async fn a_password_that_changes_is_a_refusal_until_it_is_ours_again() {
    // RS-06: NOAUTH, WRONGPASS
    let server = Server::start(&[]).await;
    let redis = open(&RedisSettings {
        login: RedisLogin {
            username: Some("doorward".to_owned()),
            password: Some(Secret::new("right".to_owned())),
        },
        ..server.settings()
    });
    let told = refused(redis.ping().await);
    assert!(told.contains("WRONGPASS") && told.contains("session.redis"), "{told}");
    let _: () = server
        .ask(&["ACL", "SETUSER", "doorward", "on", ">right", "~*", "&*", "+@all"])
        .await;
    ready(&redis).await;
    // Whoever is in is thrown out with the user.
    assert_eq!(server.ask::<i64>(&["ACL", "DELUSER", "doorward"]).await, 1);
    until("it is refused", || async { redis.ping().await.is_err() }).await;
}

#[tokio::test]
async fn an_evicting_server_is_told_of_and_what_it_evicts_is_no_session() {
    // RS-12
    let server = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]).await;
    let telemetry = Telemetry::new(false);
    let redis = Redis::new(&server.settings(), telemetry.clone()).unwrap();
    until("it is told", || async {
        telemetry.render().contains(r#"doorward_store_eviction{what="may"} 1"#)
    })
    .await;
    // What the operator mends is seen on the same connection.
    for (policy, told) in [("noeviction", "never"), ("allkeys-lru", "may")] {
        let _: () = server.ask(&["CONFIG", "SET", "maxmemory-policy", policy]).await;
        let told = format!(r#"doorward_store_eviction{{what="{told}"}} 1"#);
        until("it is told", || async { telemetry.render().contains(&told) }).await;
    }
    redis.create(&key(1), b"one", 1, HOUR).await.unwrap();
    let _: () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    server.try_ask(&["SET", "other:mark", "1"]).await.ok();
    until("it is evicted", || async { redis.get(&[key(1)]).await == Ok(None) }).await;
    let late = redis.replace(&key(1), 1, b"two", 2, HOUR).await;
    assert_ne!(late, Ok(Written::Saved), "nothing comes back");
}

#[tokio::test]
async fn a_server_that_does_not_say_is_told_of() {
    // RS-12
    let server = Server::start(&["--rename-command", "INFO", ""]).await;
    let telemetry = Telemetry::new(false);
    let redis = Redis::new(&server.settings(), telemetry.clone()).unwrap();
    until("it is told", || async {
        telemetry
            .render()
            .contains(r#"doorward_store_eviction{what="unknown"} 1"#)
    })
    .await;
    ready(&redis).await;
}
