//! The contract of the index: found without a cookie, ended for good.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;
use crate::{
    identity::VerifiedIdentity,
    oidc::Issuer,
    session::{Entry, Mark, Named, record::tests},
    store::{
        NotMade, Page, Shown,
        index::{Index as _, Indexed, Place},
    },
    time::UnixTime,
};

const MARK: Mark = Mark([1; 32]);
const ALSO: Mark = Mark([2; 32]);
const EVERYTHING: Page = Page {
    after: None,
    limit: 1000,
};

fn issuer() -> Issuer {
    Issuer::new("https://id.example")
}

/// Somebody signed in at `issued`, in the provider's session `sid`.
fn identity(subject: &str, sid: &str, issued: UnixTime) -> VerifiedIdentity {
    let mut value = serde_json::to_value(tests::identity()).unwrap();
    value["subject"] = json!(subject);
    value["sid"] = json!(sid);
    value["claims"]["iat"] = json!(issued.secs());
    serde_json::from_value(value).unwrap()
}

async fn sign_in(sessions: &Sessions, clock: &Clock, subject: &str, sid: &str) -> Result<Arc<Session>, NotMade> {
    let now = clock.now();
    let client = Client::of(Some("curl/8"), None, crate::session::client::AddressKept::Full);
    sessions
        .create(identity(subject, sid, now), tests::tokens(now), client)
        .await
}

async fn made(sessions: &Sessions, clock: &Clock, subject: &str, sid: &str) -> Arc<Session> {
    sign_in(sessions, clock, subject, sid).await.unwrap()
}

async fn listed(sessions: &Sessions, named: &[Named<'_>]) -> Vec<Shown> {
    let listing = sessions.list(named, EVERYTHING, |_| true).await.unwrap();
    assert_eq!(listing.next, None);
    listing.sessions
}

fn indexed(marks: &[Mark]) -> Indexed<'_> {
    Indexed {
        entry: b"entry",
        ttl: HOUR,
        marks,
        longest: 8 * HOUR,
    }
}

/// Entries, lists, tombstones and notes.
pub(super) async fn backend_contract(backend: &dyn Backend, clock: &Clock) {
    let start = Place::default();
    assert_eq!(backend.listed(&MARK, start, 10).await, Ok(vec![]));
    assert_eq!(backend.entries(&[KEY]).await, Ok(vec![(None, false)]));
    backend.create(&KEY, b"one", 1, HOUR).await.unwrap();
    backend.index(&KEY, &indexed(&[MARK, ALSO])).await.unwrap();
    backend.index(&OTHER, &indexed(&[MARK])).await.unwrap();
    let entry = || Some(b"entry".to_vec());
    assert_eq!(
        backend.entries(&[OTHER, KEY]).await,
        Ok(vec![(entry(), false), (entry(), true)])
    );
    let both = backend.listed(&MARK, start, 10).await.unwrap();
    assert_eq!(both.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [KEY, OTHER]);
    // One at a time, and again from the same place after the first has been written again.
    let first = backend.listed(&MARK, start, 1).await.unwrap();
    assert_eq!(first, both[..1]);
    backend.index(&KEY, &indexed(&[MARK, ALSO])).await.unwrap();
    assert_eq!(backend.listed(&MARK, first[0].1, 1).await.unwrap(), both[1..]);
    assert_eq!(backend.listed(&MARK, both[1].1, 1).await, Ok(vec![]));
    backend.unindex(&KEY, &[MARK, ALSO]).await.unwrap();
    assert_eq!(backend.listed(&MARK, start, 10).await.unwrap(), both[1..]);
    assert_eq!(backend.listed(&ALSO, start, 10).await, Ok(vec![]));
    assert_eq!(backend.entries(&[KEY]).await, Ok(vec![(None, true)]));
    backend.end(&KEY).await.unwrap();

    let (early, late) = (clock.now(), clock.now() + HOUR);
    assert_eq!(backend.entombed(&[MARK, ALSO]).await, Ok(None));
    backend.entomb(&MARK, late, HOUR).await.unwrap();
    backend.entomb(&MARK, early, HOUR).await.unwrap();
    backend.entomb(&ALSO, early, HOUR).await.unwrap();
    assert_eq!(backend.entombed(&[MARK, ALSO]).await, Ok(Some(late)));
    assert_eq!(backend.entombed(&[ALSO]).await, Ok(Some(early)));
    let for_ever = UnixTime::from_secs(i64::MAX);
    backend.entomb(&ALSO, for_ever, HOUR).await.unwrap();
    backend.entomb(&ALSO, late, HOUR).await.unwrap();
    assert_eq!(backend.entombed(&[ALSO]).await, Ok(Some(for_ever)));

    // BL-05
    assert_eq!(backend.note_once(&MARK, HOUR).await, Ok(true));
    assert_eq!(backend.note_once(&MARK, HOUR).await, Ok(false));
    assert_eq!(backend.note_once(&ALSO, HOUR).await, Ok(true));
}

/// Sessions found and ended by name.
async fn sessions_contract(sessions: &Sessions, clock: &Clock) {
    let one = made(sessions, clock, "ada", "p-1").await;
    let two = made(sessions, clock, "ada", "p-2").await;
    let other = made(sessions, clock, "bob", "p-1b").await;
    let issuer = issuer();

    let ada = listed(sessions, &[Named::Subject(&issuer, "ada")]).await;
    assert_eq!(ada.len(), 2);
    assert!(ada.iter().any(|shown| shown.key == one.key));
    let expected = Entry::of(
        &one.record,
        &Terms {
            idle: HOUR,
            absolute: 8 * HOUR,
        },
    );
    let by_sid = listed(sessions, &[Named::Sid(&issuer, "p-1")]).await;
    assert_eq!(by_sid.len(), 1);
    assert_eq!(by_sid[0].entry, expected);
    assert_eq!(by_sid[0].entry.client.agent.as_deref(), Some("curl"));
    let by_id = listed(sessions, &[Named::Id(&other.record.hashed_id())]).await;
    assert_eq!(by_id.iter().map(|shown| shown.key).collect::<Vec<_>>(), [other.key]);
    assert_eq!(listed(sessions, &[]).await.len(), 3);
    let elsewhere = Issuer::new("https://other.example");
    assert!(listed(sessions, &[Named::Subject(&elsewhere, "ada")]).await.is_empty());

    // Ended by `sid`: that one, for good.
    assert_eq!(sessions.end_by_sid(&issuer, "p-1").await, Ok(1));
    assert!(find(sessions, &one.handle).await.is_none());
    assert!(find(sessions, &two.handle).await.is_some());
    let late = sessions.save(&one, one.record.touched(clock.now())).await;
    assert!(matches!(late, Ok(Saved::Gone)));
    assert_eq!(listed(sessions, &[Named::Subject(&issuer, "ada")]).await.len(), 1);
    assert_eq!(sessions.end_by_sid(&issuer, "p-1").await, Ok(0), "twice is once");

    // BL-07: a subject has as many sessions as it has.
    let three = made(sessions, clock, "ada", "p-3").await;
    assert_eq!(sessions.end_by_subject(&issuer, "ada", clock.now()).await, Ok(2));
    assert!(find(sessions, &two.handle).await.is_none());
    assert!(find(sessions, &three.handle).await.is_none());
    assert!(find(sessions, &other.handle).await.is_some());
    assert_eq!(sessions.end_key(&other.key).await, Ok(true));
    assert_eq!(sessions.end_key(&other.key).await, Ok(false));
    assert!(listed(sessions, &[]).await.is_empty());
}

/// A logout is remembered for what it could not find.
async fn tombstones(sessions: &Sessions, clock: &Clock) {
    let issuer = issuer();
    // BL-11: the provider ended it before the callback was through.
    assert_eq!(sessions.end_by_sid(&issuer, "early").await, Ok(0));
    let refused = sign_in(sessions, clock, "eve", "early").await;
    assert_eq!(refused.unwrap_err(), NotMade::SignedOut);
    assert!(listed(sessions, &[Named::Subject(&issuer, "eve")]).await.is_empty());
    let next = made(sessions, clock, "eve", "next").await;

    // By subject: what was issued before, and not what is issued after.
    let logout = clock.now() + Duration::from_secs(5);
    assert_eq!(sessions.end_by_subject(&issuer, "eve", logout).await, Ok(1));
    assert!(find(sessions, &next.handle).await.is_none());
    let issued_at = async |issued| {
        let tokens = tests::tokens(clock.now());
        let made = sessions.create(identity("eve", "after", issued), tokens, Client::unknown());
        made.await.is_ok()
    };
    assert!(!issued_at(logout).await);
    assert!(issued_at(logout + Duration::from_secs(1)).await);

    // BL-10, RS-12: the lists were lost, so the logout finds nothing; the next save does.
    let lost = made(sessions, clock, "ivy", "lost").await;
    sessions.forget_entry(&lost).await;
    assert_eq!(sessions.end_by_sid(&issuer, "lost").await, Ok(0));
    let saved = sessions.save(&lost, lost.record.touched(clock.now())).await;
    assert!(matches!(saved, Ok(Saved::Gone)));
    assert!(find(sessions, &lost.handle).await.is_none());
    assert!(listed(sessions, &[Named::Subject(&issuer, "ivy")]).await.is_empty());

    // BL-05
    let ttl = Duration::from_secs(60);
    assert_eq!(sessions.seen(&issuer, "jti").await, Ok(false));
    assert_eq!(sessions.first_seen(&issuer, "jti", ttl).await, Ok(true));
    assert_eq!(sessions.seen(&issuer, "jti").await, Ok(true));
    assert_eq!(sessions.first_seen(&issuer, "jti", ttl).await, Ok(false));
    let elsewhere = Issuer::new("https://other.example");
    assert_eq!(sessions.seen(&elsewhere, "jti").await, Ok(false));
    assert_eq!(sessions.first_seen(&elsewhere, "jti", ttl).await, Ok(true));

    // RV-02: what nothing proves ends what is there, and keeps nothing from coming.
    made(sessions, clock, "jo", "unproved").await;
    assert_eq!(sessions.end_listed_sid(&elsewhere, "unproved").await, Ok(0));
    assert_eq!(sessions.end_listed_sid(&issuer, "unproved").await, Ok(1));
    assert_eq!(sessions.end_listed_sid(&issuer, "unproved").await, Ok(0));
    made(sessions, clock, "jo", "unproved").await;
    assert_eq!(sessions.end_listed_sid(&issuer, "unproved").await, Ok(1));
}

/// Where a session was used is in its entry, however many notes are made at once.
async fn uses(sessions: &Sessions, clock: &Clock) {
    let session = made(sessions, clock, "everywhere", "p-9").await;
    let routes: Vec<Arc<str>> = (0..10).map(|n| format!("route-{n}").into()).collect();
    let touches = routes.iter().map(|route| sessions.touch(&session, route, clock.now()));
    futures_util::future::join_all(touches).await;
    let issuer = issuer();
    let shown = listed(sessions, &[Named::Subject(&issuer, "everywhere")]).await;
    assert!(
        routes.iter().all(|route| shown[0].entry.routes.may_have(route)),
        "{shown:?}"
    );
    assert!(!shown[0].entry.routes.may_have("another"));
    let found = find(sessions, &session.handle).await.unwrap();
    assert_eq!(found.record.routes, shown[0].entry.routes);
    assert_eq!(found.record.version, session.record.version, "a note is no change");
    assert_eq!(sessions.end_key(&session.key).await, Ok(true));
}

/// Every part of a list, one after the other, while the list changes.
async fn pages(sessions: &Sessions, clock: &Clock) {
    let mut made_here = Vec::new();
    for n in 0..40 {
        made_here.push(made(sessions, clock, "many", &format!("many-{n}")).await);
    }
    let issuer = issuer();
    for named in [&[][..], &[Named::Subject(&issuer, "many")]] {
        let mut keys = Vec::new();
        let mut after = None;
        loop {
            let page = Page { after, limit: 7 };
            let listing = sessions
                .list(named, page, |entry| entry.subject == "many")
                .await
                .unwrap();
            assert!(listing.sessions.len() <= 8, "{}", listing.sessions.len());
            keys.extend(listing.sessions.iter().map(|shown| shown.key));
            // What was shown already is used again: it keeps its place.
            let used = made_here.iter().find(|session| session.key == keys[0]).unwrap();
            sessions
                .touch(
                    &find(sessions, &used.handle).await.unwrap(),
                    &"wiki".into(),
                    clock.now(),
                )
                .await;
            match listing.next {
                Some(next) => after = Some(next.to_string().parse().unwrap()),
                None => break,
            }
        }
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!((count, keys.len()), (40, 40));
    }
    assert_eq!(sessions.end_by_subject(&issuer, "many", clock.now()).await, Ok(40));
}

/// Whichever comes first, the logout wins.
async fn race(sessions: &Sessions, clock: &Clock) {
    let issuer = issuer();
    for n in 0..100 {
        let sid = format!("race-{n}");
        let (created, ended) = tokio::join!(
            sign_in(sessions, clock, "racer", &sid),
            sessions.end_by_sid(&issuer, &sid)
        );
        ended.unwrap();
        if let Ok(session) = created {
            assert!(find(sessions, &session.handle).await.is_none(), "{n}");
        }
        assert!(listed(sessions, &[Named::Sid(&issuer, &sid)]).await.is_empty());
    }
}

async fn all(sessions: &Sessions, clock: &Clock) {
    sessions_contract(sessions, clock).await;
    tombstones(sessions, clock).await;
    uses(sessions, clock).await;
    pages(sessions, clock).await;
    race(sessions, clock).await;
}

#[tokio::test]
async fn memory_holds_the_contract() {
    let clock = Clock::system();
    let sessions = sessions(&Settings::Memory { max_sessions: 1000 }, &clock);
    all(&sessions, &clock).await;
}

#[tokio::test]
async fn redis_holds_the_contract_and_every_key_has_an_end() {
    let server = Server::start().await;
    let clock = Clock::system();
    let sessions = sessions(&Settings::Redis(server.settings("open sesame").into()), &clock);
    all(&sessions, &clock).await;
    let session = made(&sessions, &clock, "zoe", "p-9").await;
    // One of everything there is, held and seen and ended.
    let lease = sessions.lease(&session.key, HOUR).await.unwrap().unwrap();
    assert_eq!(lease.hold(HOUR).await, Ok(true));
    assert_eq!(sessions.first_seen(&issuer(), "logout-token", HOUR).await, Ok(true));
    assert_eq!(sessions.end_by_sid(&issuer(), "never-seen").await, Ok(0));
    let proved = async {
        loop {
            let keys = server.ask(&["KEYS", "*"]).await;
            if keys.contains("{era}") {
                return keys;
            }
            tokio::task::yield_now().await;
        }
    };
    let keys = tokio::time::timeout(Duration::from_secs(60), proved).await;
    let keys = keys.expect("the feed notes its era");
    let kinds: BTreeSet<_> = keys.lines().filter_map(|key| key.split(':').nth(1)).collect();
    let all_kinds = ["i", "j", "l", "m", "s", "t", "{era}"];
    assert_eq!(
        kinds,
        all_kinds.into(),
        "entry, token seen, lease, list, session, tombstone, era"
    );
    let ends = async |key: &str| server.ask(&["PTTL", key]).await.parse::<i64>().unwrap();
    for key in keys.lines() {
        assert!(key.starts_with("test:"), "{key}");
        assert!(ends(key).await > 0, "{key} has no end");
    }
    // RS-12: the entry lasts as long as its session, and the lists as long as it can live at all.
    let place = |kind: &str| {
        keys.lines()
            .filter(|key| key.starts_with(kind))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (kept, entries) = (place("test:s:"), place("test:i:"));
    assert_eq!((kept.len(), entries.len()), (2, 2));
    assert_eq!(
        kept[0].trim_start_matches("test:s:").len(),
        entries[0].trim_start_matches("test:i:").len()
    );
    let (longest, shortest) = (ends(&entries[0]).await, ends(&kept[0]).await);
    assert!((longest - shortest).abs() < 60_000, "{longest} {shortest}");
    for list in place("test:m:") {
        assert!(ends(&list).await > 7 * 3_600_000, "{list}");
    }
    // What is read there tells nobody whose sessions these are.
    let read = Redis::new(&server.settings("open sesame"), Telemetry::new(false)).unwrap();
    for (entry, there) in read.entries(&[session.key]).await.unwrap() {
        let entry = entry.unwrap();
        let holds = |text: &str| entry.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(there && !holds("zoe") && !holds("id.example"));
    }
}

#[tokio::test]
async fn what_is_gone_leaves_its_lists_when_it_is_met() {
    // RS-12
    let server = Server::start().await;
    let clock = Clock::system();
    let sessions = sessions(&Settings::Redis(server.settings("open sesame").into()), &clock);
    let [without_session, without_both, whole] = [
        made(&sessions, &clock, "ada", "p-1").await,
        made(&sessions, &clock, "ada", "p-2").await,
        made(&sessions, &clock, "ada", "p-3").await,
    ];
    let place = |kind: &str, session: &Session| format!("test:{kind}:{}", URL_SAFE_NO_PAD.encode(session.key.0));
    server.ask(&["DEL", &place("s", &without_session)]).await;
    server.ask(&["DEL", &place("s", &without_both)]).await;
    server.ask(&["DEL", &place("i", &without_both)]).await;
    let issuer = issuer();
    let shown = listed(&sessions, &[Named::Subject(&issuer, "ada")]).await;
    assert_eq!(shown.iter().map(|shown| shown.key).collect::<Vec<_>>(), [whole.key]);
    assert_eq!(listed(&sessions, &[]).await.len(), 1);
    let mut members = Vec::new();
    for list in server.ask(&["KEYS", "test:m:*"]).await.lines() {
        members.push((server.ask(&["ZCARD", list]).await, server.ask(&["TYPE", list]).await));
    }
    // Subject and shard of the one that is whole, its sid and its id; and of the one without entry what nobody looked at.
    assert!(
        members.iter().all(|(count, kind)| count == "1" && kind == "zset"),
        "{members:?}"
    );
    // An entry that is lost while its session lives is written again when the session is saved.
    server.ask(&["DEL", &place("i", &whole)]).await;
    assert!(listed(&sessions, &[]).await.is_empty());
    let saved = sessions.save(&whole, whole.record.touched(clock.now())).await;
    assert!(matches!(saved, Ok(Saved::Saved(_))));
    assert_eq!(listed(&sessions, &[]).await.len(), 1);
}

#[tokio::test]
async fn a_turned_ring_finds_what_was_listed_before() {
    let server = Server::start().await;
    let clock = Clock::system();
    let turning = Arc::new(ArcSwap::from_pointee(ring()));
    let sessions = Sessions::new(
        &Settings::Redis(server.settings("open sesame").into()),
        &CacheSettings::default(),
        Arc::clone(&turning),
        Terms {
            idle: HOUR,
            absolute: 8 * HOUR,
        },
        clock.clone(),
        Entropy::system(),
        Telemetry::new(false),
    )
    .unwrap();
    let before = made(&sessions, &clock, "ada", "p-1").await;
    let two = RingKey::new(KeyId::parse("two").unwrap(), &Secret::new([2; 32]));
    let one = RingKey::new(KeyId::parse("one").unwrap(), &Secret::new([1; 32]));
    turning.store(Arc::new(Ring::new(vec![two, one]).unwrap()));
    let after = made(&sessions, &clock, "ada", "p-2").await;
    let issuer = issuer();
    let ada = [Named::Subject(&issuer, "ada")];
    assert_eq!(listed(&sessions, &ada).await.len(), 2);
    // Sealed again under the new key, and still listed once.
    let saved = sessions.save(&before, before.record.touched(clock.now())).await;
    assert!(matches!(saved, Ok(Saved::Saved(_))));
    assert_eq!(listed(&sessions, &ada).await.len(), 2);
    assert_eq!(listed(&sessions, &[]).await.len(), 2);
    assert_eq!(sessions.end_by_sid(&issuer, "p-1").await, Ok(1));
    assert_eq!(sessions.end_by_subject(&issuer, "ada", clock.now()).await, Ok(1));
    assert!(find(&sessions, &before.handle).await.is_none());
    assert!(find(&sessions, &after.handle).await.is_none());
}
