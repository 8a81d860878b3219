//! As many sessions as a very large house has.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::time::Instant;

use super::servers::Server;
use crate::{
    entropy::Entropy,
    gate::Presence,
    identity::VerifiedIdentity,
    oidc::Issuer,
    session::{Client, Handle, Session, record::tests},
    store::{Page, RedisSettings, Sessions, Settings, contract},
    task,
    time::Clock,
};

/// As many as `DOORWARD_SESSIONS` says: a million in `make test-long`.
#[expect(clippy::disallowed_methods, reason = "the environment of a test, not the program's")]
fn many() -> usize {
    std::env::var("DOORWARD_SESSIONS").map_or(2000, |many| many.parse().unwrap())
}

/// More than are kept at hand: from here on, nothing more of them stays in the process.
const WARM: usize = 60_000;
/// What the process may grow by, whatever comes. A tenth of what the sessions would take in it, and less.
const ROOM: usize = 96 << 20;
/// Every so many of them is asked for in the end.
const SAMPLED: usize = 1000;
/// Commands that look at one member, or at no more than they are told to.
const SHORT: [&str; 20] = [
    "client|setinfo",
    "del",
    "evalsha",
    "exists",
    "get",
    "getrange",
    "hello",
    "info",
    "pexpire",
    "ping",
    "pttl",
    "publish",
    "script|load",
    "set",
    "subscribe",
    "time",
    "zadd",
    "zrangebyscore",
    "zrem",
    "zscore",
];

fn subject(n: usize) -> String {
    format!("person-{n}")
}

fn number(subject: &str) -> usize {
    subject.strip_prefix("person-").unwrap().parse().unwrap()
}

fn identity(n: usize) -> VerifiedIdentity {
    let (subject, email) = (subject(n), format!("person-{n}@example.com"));
    serde_json::from_value(json!({
        "provider": "corporate", "issuer": "https://id.example", "subject": subject, "email": email, "email_verified": true,
        "groups": ["staff"], "name": null, "preferred_username": null, "acr": null, "amr": [], "auth_time": null, "sid": null,
        "claims": {"sub": subject, "email": email},
    }))
    .unwrap()
}

async fn sign_in(sessions: &Sessions, clock: &Clock, n: usize) -> Arc<Session> {
    let made = sessions.create(identity(n), tests::tokens(clock.now()), Client::unknown());
    made.await.unwrap()
}

/// Signs them in, many at once, on every core; the handles of a few of them.
async fn sign_in_all(sessions: &Sessions, clock: &Clock, people: Range<usize>) -> Vec<(usize, Handle)> {
    let parts = (0..4).map(|part| {
        let (sessions, clock, people) = (sessions.clone(), clock.clone(), people.clone());
        task::spawn("sign-ins", async move {
            let made = stream::iter(people.skip(part).step_by(4)).map(|n| {
                let (sessions, clock) = (&sessions, &clock);
                async move { (n, sign_in(sessions, clock, n).await) }
            });
            let sampled = made
                .buffer_unordered(64)
                .filter_map(async |(n, session)| (n % SAMPLED == 0).then(|| (n, session.handle.clone())));
            sampled.collect::<Vec<_>>().await
        })
    });
    let parts = futures_util::future::try_join_all(parts).await.unwrap();
    parts.into_iter().flatten().flatten().collect()
}

/// How often each command was called since the last time.
async fn commands(server: &Server) -> BTreeMap<String, u64> {
    let info: String = server.ask(&["INFO", "commandstats"]).await;
    let _: String = server.ask(&["CONFIG", "RESETSTAT"]).await;
    let lines = info.lines().filter_map(|line| line.trim().strip_prefix("cmdstat_"));
    let calls = lines.map(|line| {
        let (name, figures) = line.split_once(":calls=").unwrap();
        (name.to_owned(), figures.split(',').next().unwrap().parse().unwrap())
    });
    calls.filter(|(name, _)| !name.starts_with("config")).collect()
}

fn are_short(commands: &BTreeMap<String, u64>) {
    let long: Vec<_> = commands.keys().filter(|name| !SHORT.contains(&name.as_str())).collect();
    assert!(long.is_empty(), "{long:?} of {commands:?}");
}

/// Lists them all in pages; how many pages.
async fn all_are_listed_once(sessions: &Sessions) -> usize {
    let mut seen = vec![false; many()];
    let (mut pages, mut page) = (
        0,
        Page {
            after: None,
            limit: 500,
        },
    );
    loop {
        let listing = sessions.list(&[], page, |_| true).await.unwrap();
        assert!(listing.sessions.len() <= 600, "{} in a page", listing.sessions.len());
        for shown in &listing.sessions {
            let again = std::mem::replace(&mut seen[number(&shown.entry.subject)], true);
            assert!(!again, "{} is listed twice", shown.entry.subject);
        }
        pages += 1;
        let Some(next) = listing.next else { break };
        page.after = Some(next);
    }
    let missing = seen.iter().filter(|seen| !**seen).count();
    assert_eq!(missing, 0, "sessions that are in no page");
    pages
}

/// What comes of `work`, and how long each look-up of another replica took meanwhile, one after the other; from the shortest.
async fn meanwhile<T>(
    work: impl Future<Output = T>,
    other: Sessions,
    sampled: &Arc<[(usize, Handle)]>,
) -> (T, Vec<Duration>) {
    let (done, sampled) = (Arc::new(AtomicBool::new(false)), Arc::clone(sampled));
    let ending = Arc::clone(&done);
    let looking = task::spawn("look-ups", async move {
        let mut waits = Vec::new();
        loop {
            let began = Instant::now();
            is_found(
                &other,
                &sampled[usize::from(u16::from_be_bytes(Entropy::system().bytes())) % sampled.len()],
            )
            .await;
            waits.push(began.elapsed());
            if ending.load(Ordering::Acquire) {
                break;
            }
        }
        waits.sort_unstable();
        waits
    });
    let came = work.await;
    done.store(true, Ordering::Release);
    (came, looking.await.unwrap().unwrap())
}

async fn is_found(sessions: &Sessions, (n, handle): &(usize, Handle)) {
    let Presence::Session(found) = sessions.find(handle).await else {
        panic!("{n} is signed out")
    };
    assert_eq!(found.record.identity.subject(), subject(*n));
}

/// What Redis has in memory, in bytes.
async fn kept(server: &Server) -> usize {
    let info: String = server.ask(&["INFO", "memory"]).await;
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    line.trim().parse().unwrap()
}

/// A figure for whoever runs it with many.
fn tell(figure: &str) {
    if many() > WARM {
        println!("{figure}");
    }
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn is_bounded(before: usize, what: &str) {
    // Other tests in the same process would be measured too.
    if many() <= WARM {
        return;
    }
    let grown = resident().saturating_sub(before);
    println!("{what}: {} MiB more", grown >> 20);
    assert!(grown < ROOM, "{what}: {grown} bytes more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_sessions_cost_the_gateway_no_memory_and_redis_no_long_command() {
    // RS-16
    let server = Server::start(&[]).await;
    let settings = RedisSettings {
        timeout: Duration::from_secs(30),
        ..server.settings()
    };
    let clock = Clock::system();
    let [sessions, other] = [(); 2].map(|()| contract::sessions(&Settings::Redis(settings.clone().into()), &clock));
    let warm = WARM.min(many());
    let began = Instant::now();
    let mut sampled = sign_in_all(&sessions, &clock, 0..warm).await;
    let before = resident();
    sampled.extend(sign_in_all(&sessions, &clock, warm..many()).await);
    tell(&format!("signed in after {:?}", began.elapsed()));
    tell(&format!("Redis keeps {} KiB each", kept(&server).await / many() / 1024));
    is_bounded(before, "after all signed in");
    let sampled: Arc<[_]> = sampled.into();
    are_short(&commands(&server).await);

    let began = Instant::now();
    let listing = all_are_listed_once(&sessions);
    let (pages, waits) = meanwhile(listing, other, &sampled).await;
    assert!(pages >= many() / 600, "{pages} pages");
    tell(&format!("{pages} pages after {:?}", began.elapsed()));
    let at = |share: usize| waits[(waits.len() - 1) * share / 100];
    tell(&format!(
        "{} calls meanwhile: half within {:?}, 99 of 100 within {:?}, the longest {:?}",
        waits.len(),
        at(50),
        at(99),
        at(100)
    ));
    is_bounded(before, "after all were listed");
    let listing = commands(&server).await;
    are_short(&listing);
    let asked = usize::try_from(listing["zrangebyscore"]).unwrap();
    assert!(asked >= many() / 50, "no more than fifty at once: {listing:?}");

    let issuer = Issuer::new("https://id.example");
    let someone = subject(many() / 2 + 1);
    let ended = sessions.end_by_subject(&issuer, &someone, clock.now()).await;
    assert_eq!(ended, Ok(1));
    let ending = commands(&server).await;
    are_short(&ending);
    let asked: u64 = ending.values().sum();
    assert!(asked < 100, "one is found without the others: {ending:?}");

    assert_eq!(sampled.len(), many() / SAMPLED);
    for one in sampled.iter() {
        is_found(&sessions, one).await;
    }
}
