//! Two replicas on one Redis: what one does, the other knows, or it asks.

use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines, copy_bidirectional},
    net::{UnixListener, UnixStream},
    process::ChildStdout,
    sync::watch,
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use super::*;

/// What I2 allows between the acknowledged end of a session and the last time that it is served.
const T: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// The way of one replica to Redis, which can be cut or left half-open.
struct Way {
    folder: tempfile::TempDir,
    state: watch::Sender<State>,
    _tasks: JoinSet<()>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    /// Connections are closed.
    Cut,
    /// Connections stay, and nothing passes any more.
    Silent,
}

impl Way {
    fn to(server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("redis.sock")).unwrap();
        let (state, seen) = watch::channel(State::Open);
        let (mut tasks, far) = (JoinSet::new(), server.socket());
        tasks.spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                passing.spawn(pass(near, far.clone(), seen.clone()));
                while passing.try_join_next().is_some() {}
            }
        });
        Self {
            folder,
            state,
            _tasks: tasks,
        }
    }

    fn set(&self, state: State) {
        self.state.send_replace(state);
    }

    fn sessions(&self, server: &Server, clock: &Clock) -> Sessions {
        let mut settings = server.settings("open sesame");
        settings.servers = RedisServers::One(RedisAddress::Unix(self.folder.path().join("redis.sock")));
        sessions(&Settings::Redis(settings.into()), clock)
    }
}

async fn pass(mut near: UnixStream, far: PathBuf, mut seen: watch::Receiver<State>) {
    if *seen.borrow_and_update() == State::Open
        && let Ok(mut far) = UnixStream::connect(far).await
    {
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => return,
            _ = seen.wait_for(|state| *state != State::Open) => {}
        }
        // What was under way is lost, so this connection never speaks again.
        drop(seen.wait_for(|state| *state == State::Cut).await);
    } else {
        drop(seen.wait_for(|state| *state != State::Silent).await);
    }
}

/// Every command that Redis carries out.
struct Monitor {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Monitor {
    async fn of(server: &Server) -> Self {
        let mut child = Command::new("redis-cli")
            .arg("-s")
            .arg(server.socket())
            .args(["--no-auth-warning", "-a", "open sesame", "MONITOR"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("OK"));
        Self { lines, _child: child }
    }

    /// How many commands since the last call named a session.
    async fn of_sessions(&mut self, server: &Server) -> usize {
        server.ask(&["ECHO", "that is all"]).await;
        let mut count = 0;
        loop {
            let line = self.lines.next_line().await.unwrap().unwrap();
            if line.contains("that is all") {
                return count;
            }
            count += usize::from(line.contains("\"test:s:"));
        }
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect(what);
}

async fn feed_is(up: bool, sessions: &Sessions) {
    until("the feed", async || sessions.keeps() == up).await;
}

async fn pair(server: &Server, clock: &Clock) -> (Sessions, Sessions) {
    let settings = Settings::Redis(server.settings("open sesame").into());
    let pair = (sessions(&settings, clock), sessions(&settings, clock));
    feed_is(true, &pair.0).await;
    feed_is(true, &pair.1).await;
    pair
}

/// Waits until this replica serves this version of the session, or knows that it is gone.
async fn comes_to(sessions: &Sessions, handle: &Handle, version: Option<u64>) {
    let serves = async || find(sessions, handle).await.map(|session| session.record.version) == version;
    until("it is heard of", serves).await;
}

async fn save(by: &Sessions, session: &Session) -> Arc<Session> {
    match by.save(session, renewed(session)).await {
        Ok(Saved::Saved(saved)) => saved,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_one_replica_does_the_other_knows() {
    // I2
    let server = Server::start().await;
    let clock = Clock::system();
    let (here, there) = pair(&server, &clock).await;
    let first = create(&here, &clock).await;
    assert_eq!(find(&there, &first.handle).await.unwrap().record, first.record);
    let second = save(&here, &first).await;
    let found = find(&here, &first.handle).await.unwrap();
    assert!(Arc::ptr_eq(&second, &found), "seen here at once");
    comes_to(&there, &first.handle, Some(2)).await;
    let mut watch = there.watch(first.key);
    here.end(&first.handle).await.unwrap();
    assert!(find(&here, &first.handle).await.is_none());
    comes_to(&there, &first.handle, None).await;
    timeout(PATIENCE, watch.changed()).await.expect("who watches is told");

    let other = create(&here, &clock).await;
    comes_to(&there, &other.handle, Some(1)).await;
    assert_eq!(here.end_as_read(&other).await, Ok(Written::Saved));
    comes_to(&there, &other.handle, None).await;
}

#[tokio::test]
async fn a_kept_session_costs_redis_nothing_and_a_crowd_asks_once() {
    // RS-16
    let server = Server::start().await;
    let clock = Clock::system();
    let (here, there) = pair(&server, &clock).await;
    let session = create(&here, &clock).await;
    let mut monitor = Monitor::of(&server).await;
    let crowd = (0..100).map(|_| find(&there, &session.handle));
    let found = futures_util::future::join_all(crowd).await;
    assert!(found.iter().all(Option::is_some));
    assert_eq!(monitor.of_sessions(&server).await, 1);
    for _ in 0..100 {
        assert!(find(&here, &session.handle).await.is_some());
        assert!(find(&there, &session.handle).await.is_some());
    }
    assert_eq!(monitor.of_sessions(&server).await, 0);
    save(&here, &session).await;
    comes_to(&there, &session.handle, Some(2)).await;
    monitor.of_sessions(&server).await;
    for _ in 0..100 {
        assert!(find(&here, &session.handle).await.is_some());
        assert!(find(&there, &session.handle).await.is_some());
    }
    assert_eq!(
        monitor.of_sessions(&server).await,
        0,
        "the echo of its own save costs nothing either"
    );
}

#[tokio::test]
async fn whoever_waits_for_a_read_loses_nothing_when_the_first_goes_away() {
    let server = Server::start().await;
    let clock = Clock::system();
    let (here, there) = pair(&server, &clock).await;
    let session = create(&here, &clock).await;
    let mut first = Box::pin(find(&there, &session.handle));
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut second = Box::pin(find(&there, &session.handle));
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(first);
    assert!(second.await.is_some());
}

#[tokio::test]
async fn a_feed_that_is_cut_or_silent_is_passed_by() {
    // I2, RS-05, GW-11
    let server = Server::start().await;
    let clock = Clock::system();
    let way = Way::to(&server);
    let (here, there) = (way.sessions(&server, &clock), pair(&server, &clock).await.0);
    for state in [State::Cut, State::Silent] {
        feed_is(true, &here).await;
        let (ended, kept) = (create(&there, &clock).await, create(&there, &clock).await);
        assert!(find(&here, &ended.handle).await.is_some());
        assert!(find(&here, &kept.handle).await.is_some());
        way.set(state);
        assert_eq!(there.end(&ended.handle).await, Ok(true));
        feed_is(false, &here).await;
        assert!(
            matches!(here.find(&kept.handle).await, Presence::Down),
            "nobody can say"
        );
        // Connections that were silent never speak again.
        way.set(State::Cut);
        way.set(State::Open);
        feed_is(true, &here).await;
        assert!(find(&here, &ended.handle).await.is_none());
        assert!(find(&here, &kept.handle).await.is_some());
    }
}

#[tokio::test]
async fn a_store_that_lost_everything_has_no_sessions() {
    // RS-02, RS-13
    let mut server = Server::start().await;
    let clock = Clock::system();
    let (here, _) = pair(&server, &clock).await;
    let session = create(&here, &clock).await;
    assert!(find(&here, &session.handle).await.is_some());
    server.ask(&["FLUSHALL"]).await;
    comes_to(&here, &session.handle, None).await;

    let session = create(&here, &clock).await;
    server.kill().await;
    until("it is down", async || {
        matches!(here.find(&session.handle).await, Presence::Down)
    })
    .await;
    server.restart();
    server.up().await;
    feed_is(true, &here).await;
    assert!(find(&here, &session.handle).await.is_none());
}

#[tokio::test]
async fn who_may_not_listen_asks_every_time() {
    let server = Server::start().await;
    let clock = Clock::system();
    let rules = [
        "ACL",
        "SETUSER",
        "gateway",
        "on",
        ">secret",
        "~*",
        "+@all",
        "resetchannels",
    ];
    assert_eq!(server.ask(&rules).await, "OK");
    let mut settings = server.settings("secret");
    settings.login.username = Some("gateway".to_owned());
    let here = sessions(&Settings::Redis(settings.into()), &clock);
    let session = create(&here, &clock).await;
    assert!(find(&here, &session.handle).await.is_some());
    assert!(!here.keeps());
    let refused = here.end(&session.handle).await.unwrap_err().to_string();
    assert!(refused.contains("channel"), "{refused}");
    assert!(
        find(&here, &session.handle).await.is_some(),
        "nothing was done in silence"
    );
}

/// What was acknowledged, and when.
struct Known {
    session: Arc<Session>,
    changed: Instant,
    ended: bool,
}

impl Known {
    fn new(session: Arc<Session>) -> Self {
        Self {
            session,
            changed: Instant::now(),
            ended: false,
        }
    }
}

/// The `SplitMix64` generator.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

async fn sees_nothing_stale(by: &Sessions, known: &[Known]) {
    for Known {
        session,
        changed,
        ended,
    } in known
    {
        let late = changed.elapsed() >= T;
        let Presence::Session(found) = by.find(&session.handle).await else {
            continue;
        };
        assert!(!(late && *ended), "an ended session was served");
        let version = (found.record.version, session.record.version);
        assert!(
            !late || version.0 >= version.1,
            "an old version was served: {version:?}"
        );
    }
}

/// One run of two replicas whose ways to Redis break and heal, while sessions are made, saved and ended.
async fn run(seed: u64) {
    let server = Server::start().await;
    let clock = Clock::system();
    let mut random = Random(seed);
    let ways = [Way::to(&server), Way::to(&server)];
    let replicas = [ways[0].sessions(&server, &clock), ways[1].sessions(&server, &clock)];
    for replica in &replicas {
        feed_is(true, replica).await;
    }
    let mut known: Vec<Known> = Vec::new();
    let (mut served, mut pace) = (0, interval(Duration::from_millis(20)));
    let mut steps = 0;
    // So long that much was served from the caches, however slow the machine.
    while steps < 200 || served < 60 || known.len() < 6 {
        steps += 1;
        assert!(steps < 3000, "little happens: {} {served}", known.len());
        pace.tick().await;
        let by = &replicas[random.below(2)];
        let at = random.below(known.len().max(1));
        served += usize::from(by.keeps());
        match random.below(60) {
            0 => ways[random.below(2)].set(State::Cut),
            1 => ways[random.below(2)].set(State::Silent),
            2..=7 => {
                let way = &ways[random.below(2)];
                way.set(State::Cut);
                way.set(State::Open);
            }
            8..=15 if known.len() < 20 => {
                let sample = record(clock.now());
                known.extend(
                    by.create(sample.identity, sample.tokens, Client::unknown())
                        .await
                        .ok()
                        .map(Known::new),
                );
            }
            16 | 17 => {
                if let Some(known) = known.get_mut(at)
                    && by.end(&known.session.handle).await.is_ok()
                {
                    known.ended = true;
                    known.changed = Instant::now();
                }
            }
            18..=22 => {
                if let Some(known) = known.get_mut(at)
                    && let Ok(Saved::Saved(saved)) = by.save(&known.session, renewed(&known.session)).await
                {
                    assert!(!known.ended, "a session came back");
                    *known = Known::new(saved);
                }
            }
            _ => {}
        }
        for replica in &replicas {
            // A replica that is cut off may take its time to say so.
            drop(timeout(Duration::from_millis(30), sees_nothing_stale(replica, &known)).await);
        }
    }
    for way in &ways {
        way.set(State::Cut);
        way.set(State::Open);
    }
    for replica in &replicas {
        for known in known.iter().filter(|known| known.ended) {
            let mut found = Presence::Down;
            until("an answer", async || {
                found = replica.find(&known.session.handle).await;
                !matches!(found, Presence::Down)
            })
            .await;
            assert!(matches!(found, Presence::Nothing), "an ended session is there");
        }
    }
}

#[tokio::test]
async fn no_outage_makes_a_replica_serve_what_was_ended() {
    // I2
    futures_util::future::join_all((1..=4).map(run)).await;
}
