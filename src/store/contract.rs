//! One contract, held against every store: sealed sessions, compare-and-set, leases, outages.

mod index;

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::process::{Child, Command};

use super::{
    Backend, CacheSettings, Down, RedisAddress, RedisLogin, RedisServers, RedisSettings, Saved, Sessions, Settings,
    Written, memory::Memory, redis::Redis,
};
use crate::{
    entropy::Entropy,
    gate::Presence,
    keys::{KeyId, Ring, RingKey},
    secret::Secret,
    session::{Client, Handle, Record, Session, StoreKey, Terms, record::tests::record},
    telemetry::Telemetry,
    time::Clock,
};

mod replicas;

const HOUR: Duration = Duration::from_secs(3600);
const KEY: StoreKey = StoreKey([9; 32]);
const OTHER: StoreKey = StoreKey([8; 32]);

/// A real Redis on a unix socket in a folder of its own.
struct Server {
    folder: tempfile::TempDir,
    child: Child,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Self::spawn(&folder);
        let server = Self { folder, child };
        server.up().await;
        server
    }

    fn spawn(folder: &tempfile::TempDir) -> Child {
        Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(folder.path().join("redis.sock"))
            .args(["--requirepass", "open sesame", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is needed: apt-get install redis-server")
    }

    async fn up(&self) {
        let redis = Redis::new(&self.settings("open sesame"), Telemetry::new(false)).unwrap();
        tokio::time::timeout(Duration::from_secs(20), async {
            while redis.ping().await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("Redis answers");
    }

    async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    fn restart(&mut self) {
        self.child = Self::spawn(&self.folder);
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    fn settings(&self, password: &str) -> RedisSettings {
        RedisSettings {
            servers: RedisServers::One(RedisAddress::Unix(self.socket())),
            login: RedisLogin {
                username: None,
                password: Some(Secret::new(password.to_owned())),
            },
            tls: None,
            database: 0,
            key_prefix: "test:".into(),
            timeout: Duration::from_millis(500),
            connect_timeout: Duration::from_millis(500),
        }
    }

    async fn ask(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .arg("-s")
            .arg(self.socket())
            .args(["--no-auth-warning", "-a", "open sesame"])
            .args(arguments)
            .output()
            .await
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

fn ring() -> Ring {
    let key = RingKey::new(KeyId::parse("one").unwrap(), &Secret::new([1; 32]));
    Ring::new(vec![key]).unwrap()
}

pub(super) fn sessions(settings: &Settings, clock: &Clock) -> Sessions {
    Sessions::new(
        settings,
        &CacheSettings::default(),
        Arc::new(ArcSwap::from_pointee(ring())),
        Terms {
            idle: HOUR,
            absolute: 8 * HOUR,
        },
        clock.clone(),
        Entropy::system(),
        Telemetry::new(false),
    )
    .unwrap()
}

/// Bytes with versions, and leases.
pub(super) async fn backend_contract(backend: &dyn Backend) {
    assert_eq!(backend.get(&[KEY, OTHER]).await, Ok(None));
    assert_eq!(backend.create(&KEY, b"one", 1, HOUR).await, Ok(Written::Saved));
    assert_eq!(backend.create(&KEY, b"two", 1, HOUR).await, Ok(Written::Superseded));
    assert_eq!(backend.get(&[OTHER, KEY]).await, Ok(Some((KEY, b"one".to_vec()))));
    assert_eq!(backend.replace(&KEY, 1, b"two", 2, HOUR).await, Ok(Written::Saved));
    assert_eq!(
        backend.replace(&KEY, 1, b"late", 2, HOUR).await,
        Ok(Written::Superseded)
    );
    assert_eq!(backend.get(&[KEY]).await, Ok(Some((KEY, b"two".to_vec()))));
    assert_eq!(backend.end(&KEY).await, Ok(true));
    assert_eq!(backend.end(&KEY).await, Ok(false));
    // RS-13, BL-10: what was ended is not brought back by a late writer.
    assert_eq!(backend.replace(&KEY, 2, b"back", 3, HOUR).await, Ok(Written::Gone));
    assert_eq!(backend.get(&[KEY]).await, Ok(None));

    let (ours, theirs) = ([1; 16], [2; 16]);
    assert_eq!(backend.leased(&KEY).await, Ok(None));
    assert_eq!(backend.lease(&KEY, &ours, HOUR).await, Ok(true));
    let left = backend.leased(&KEY).await.unwrap().unwrap();
    assert!(left <= HOUR && left > HOUR / 2, "{left:?}");
    assert_eq!(backend.lease(&KEY, &theirs, HOUR).await, Ok(false));
    assert_eq!(backend.extend(&KEY, &theirs, HOUR).await, Ok(false));
    assert_eq!(backend.release(&KEY, &theirs).await, Ok(false));
    assert_eq!(backend.extend(&KEY, &ours, HOUR).await, Ok(true));
    assert_eq!(backend.release(&KEY, &ours).await, Ok(true));
    // RS-17: a holder that died does not hold for ever.
    assert_eq!(backend.lease(&KEY, &ours, Duration::from_millis(1)).await, Ok(true));
    let taken = tokio::time::timeout(Duration::from_secs(5), async {
        while backend.lease(&KEY, &theirs, HOUR).await != Ok(true) {
            tokio::task::yield_now().await;
        }
    });
    taken.await.expect("the lease lapsed");
    assert_eq!(backend.release(&KEY, &theirs).await, Ok(true));
}

pub(super) async fn create(sessions: &Sessions, clock: &Clock) -> Arc<Session> {
    let sample = record(clock.now());
    sessions
        .create(sample.identity, sample.tokens, Client::unknown())
        .await
        .unwrap()
}

pub(super) async fn find(sessions: &Sessions, handle: &Handle) -> Option<Arc<Session>> {
    match sessions.find(handle).await {
        Presence::Session(session) => Some(session),
        Presence::Nothing => None,
        Presence::Unreadable => panic!("unreadable"),
        Presence::Down => panic!("down"),
    }
}

/// What a renewal would write.
fn renewed(session: &Session) -> Record {
    let Record {
        tokens, identity, seen, ..
    } = session.record.clone();
    session.record.renewed(tokens, identity, seen)
}

/// A renewal that was under way when a route was used, and a note that was under way when it was renewed: both stay. As
/// good as can be: where nobody can say just then whether what is at hand is still good, a note is lost.
async fn noted_through_renewals(sessions: &Sessions, clock: &Clock, session: Arc<Session>) -> Arc<Session> {
    let (wiki, mail) = (Arc::from("wiki"), Arc::from("mail"));
    let mut session = session;
    for _ in 0..200 {
        touched(sessions, clock, &session, &wiki).await;
        let Ok(Saved::Saved(_)) = sessions.save(&session, renewed(&session)).await else {
            panic!("a note of use came between")
        };
        touched(sessions, clock, &session, &mail).await;
        session = find(sessions, &session.handle).await.unwrap();
        if session.record.routes.may_have("wiki") {
            return session;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", session.record.routes);
}

/// Notes the route. A note is as good as can be, and a call that takes too long on a busy machine is none.
async fn touched(sessions: &Sessions, clock: &Clock, session: &Arc<Session>, route: &Arc<str>) {
    for _ in 0..20 {
        sessions.touch(session, route, clock.now()).await;
        if let Some(found) = find(sessions, &session.handle).await
            && found.record.routes.may_have(route)
        {
            return;
        }
    }
    panic!("{route} is never noted");
}

/// Sealed sessions by handle.
pub(super) async fn sessions_contract(sessions: &Sessions, clock: &Clock) {
    let one = create(sessions, clock).await;
    let two = create(sessions, clock).await;
    assert_ne!(one.handle, two.handle);
    assert_eq!(find(sessions, &one.handle).await.unwrap().record, one.record);
    assert!(find(sessions, &Handle::new([0; 32])).await.is_none());

    let noted = sessions.save(&one, one.record.touched(clock.now())).await;
    assert!(matches!(noted, Ok(Saved::Saved(_))));
    let Ok(Saved::Saved(renewed)) = sessions.save(&one, renewed(&one)).await else {
        panic!("a note of use came between, and is no change")
    };
    assert_eq!(find(sessions, &one.handle).await.unwrap().record, renewed.record);
    for late in [self::renewed(&one), one.record.touched(clock.now())] {
        assert!(matches!(sessions.save(&one, late).await, Ok(Saved::Superseded)));
    }
    assert_eq!(find(sessions, &one.handle).await.unwrap().record, renewed.record);

    let renewed = noted_through_renewals(sessions, clock, renewed).await;

    assert_eq!(sessions.end(&one.handle).await, Ok(true));
    assert!(find(sessions, &one.handle).await.is_none());
    let late = sessions.save(&renewed, renewed.record.touched(clock.now())).await;
    assert!(matches!(late, Ok(Saved::Gone)), "a sign-out wins over a late save");
    assert!(find(sessions, &one.handle).await.is_none());
    assert!(
        find(sessions, &two.handle).await.is_some(),
        "another session is untouched"
    );

    let lease = sessions.lease(&two.key, HOUR).await.unwrap().unwrap();
    assert!(sessions.lease(&two.key, HOUR).await.unwrap().is_none());
    lease.release().await;
    assert!(sessions.lease(&two.key, HOUR).await.unwrap().is_some());
}

/// A clock that somebody sets moves neither a lease nor the end of what is kept.
async fn clock_contract(sessions: &Sessions, clock: &Clock) {
    let session = create(sessions, clock).await;
    let lease = sessions.lease(&session.key, HOUR).await.unwrap().unwrap();
    let jumps: [fn(&Clock); 3] = [
        |clock| clock.advance(HOUR / 2),
        |clock| clock.set_back(2 * HOUR),
        |clock| clock.advance(3 * HOUR / 2),
    ];
    for jump in jumps {
        jump(clock);
        assert!(
            sessions.lease(&session.key, HOUR).await.unwrap().is_none(),
            "it is held"
        );
        assert_eq!(lease.hold(HOUR).await, Ok(true));
        assert!(find(sessions, &session.handle).await.is_some());
    }
    clock.set_back(2 * HOUR);
    let Ok(Saved::Saved(kept)) = sessions.save(&session, renewed(&session)).await else {
        panic!("what was renewed is written, though it is of a time to come")
    };
    clock.advance(2 * HOUR);
    assert_eq!(find(sessions, &session.handle).await.unwrap().record, kept.record);
    lease.release().await;
    assert!(sessions.lease(&session.key, HOUR).await.unwrap().is_some());
}

#[tokio::test]
async fn a_clock_that_jumps_breaks_no_lease_and_ends_no_session() {
    // RS-18
    let clock = Clock::system();
    clock_contract(&sessions(&Settings::Memory { max_sessions: 100 }, &clock), &clock).await;
    let server = Server::start().await;
    let settings = server.settings("open sesame");
    let clock = Clock::system();
    clock_contract(&sessions(&Settings::Redis(settings.into()), &clock), &clock).await;
}

#[tokio::test]
async fn memory_holds_the_contract() {
    let clock = Clock::system();
    backend_contract(&Memory::new(100, clock.clone())).await;
    index::backend_contract(&Memory::new(100, clock.clone()), &clock).await;
    sessions_contract(&sessions(&Settings::Memory { max_sessions: 100 }, &clock), &clock).await;
}

#[tokio::test]
async fn redis_holds_the_contract() {
    let server = Server::start().await;
    let settings = server.settings("open sesame");
    backend_contract(&Redis::new(&settings, Telemetry::new(false)).unwrap()).await;
    let clock = Clock::system();
    index::backend_contract(&Redis::new(&settings, Telemetry::new(false)).unwrap(), &clock).await;
    sessions_contract(&sessions(&Settings::Redis(settings.into()), &clock), &clock).await;
    for key in server.ask(&["KEYS", "*"]).await.lines() {
        assert!(key.starts_with("test:"), "{key}");
        let ttl: i64 = server.ask(&["TTL", key]).await.parse().unwrap();
        assert!(ttl > 0, "{key} has no end");
    }
}

#[tokio::test]
async fn redis_down_is_down_and_passes_without_a_restart_of_ours() {
    // RS-01, RS-02, RS-04
    let mut server = Server::start().await;
    let clock = Clock::system();
    let sessions = sessions(&Settings::Redis(server.settings("open sesame").into()), &clock);
    let session = create(&sessions, &clock).await;
    server.kill().await;
    assert!(matches!(sessions.find(&session.handle).await, Presence::Down));
    assert!(sessions.ready().await.is_err());
    server.restart();
    server.up().await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while sessions.ready().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it recovers");
    assert!(find(&sessions, &session.handle).await.is_none(), "it came back empty");
}

#[tokio::test]
async fn redis_that_hangs_is_cut_off_in_time() {
    // RS-04
    let server = Server::start().await;
    let redis = Redis::new(&server.settings("open sesame"), Telemetry::new(false)).unwrap();
    redis.ping().await.unwrap();
    let pid = server.child.id().unwrap().to_string();
    let signal = |name: &'static str| Command::new("kill").args([name, &pid]).status();
    assert!(signal("-STOP").await.unwrap().success());
    assert_eq!(redis.get(&[KEY]).await, Err(Down::TimedOut));
    assert!(signal("-CONT").await.unwrap().success());
}

#[tokio::test]
async fn a_wrong_password_says_so() {
    // RS-06
    let server = Server::start().await;
    let redis = Redis::new(&server.settings("wrong"), Telemetry::new(false)).unwrap();
    let Err(down) = redis.ping().await else {
        panic!("it opened")
    };
    assert!(
        down.to_string().contains("WRONGPASS") || down.to_string().contains("assword"),
        "{down}"
    );
}

#[tokio::test]
async fn what_is_not_ours_is_unreadable() {
    // RS-14
    let server = Server::start().await;
    let clock = Clock::system();
    let sessions = sessions(&Settings::Redis(server.settings("open sesame").into()), &clock);
    let session = create(&sessions, &clock).await;
    let keys = server.ask(&["KEYS", "test:s:*"]).await;
    let key = keys.lines().next().unwrap();
    server.ask(&["SET", key, "12345678 something else", "EX", "60"]).await;
    assert!(matches!(sessions.find(&session.handle).await, Presence::Unreadable));
    server.ask(&["DEL", key]).await;
    server.ask(&["LPUSH", key, "a list"]).await;
    assert!(matches!(sessions.find(&session.handle).await, Presence::Unreadable));
}
