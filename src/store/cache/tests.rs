use super::*;
use crate::{
    session::{Handle, record::tests::record},
    time::UnixTime,
};

const KEY: StoreKey = StoreKey([7; 32]);
const SETTINGS: CacheSettings = CacheSettings {
    sessions: 1000,
    bytes: 64 << 20,
};
const TERMS: Terms = Terms {
    idle: Duration::from_secs(60),
    absolute: Duration::from_secs(600),
};

fn cache() -> Cache {
    Cache::always(&SETTINGS, &TERMS)
}

fn session(version: u64) -> Arc<Session> {
    at(KEY, version)
}

fn at(key: StoreKey, version: u64) -> Arc<Session> {
    let mut record = record(UnixTime::from_secs(0));
    record.version = version;
    Arc::new(Session::new(Handle::new([1; 32]), key, record))
}

/// What a version looks like sealed.
fn sealed(version: u64) -> [u8; 100] {
    [u8::try_from(version).unwrap(); 100]
}

fn version(cache: &Cache) -> Option<u64> {
    match cache.get(&KEY) {
        Lookup::Hit(session) => Some(session.record.version),
        Lookup::Miss | Lookup::Bypassed => None,
    }
}

fn read(cache: &Cache, ticket: Ticket, version: u64) {
    cache.offer(ticket, &session(version), &sealed(version));
}

fn is_bypassed(cache: &Cache) -> bool {
    matches!(cache.get(&KEY), Lookup::Bypassed)
}

#[test]
fn what_was_read_before_a_change_is_not_kept_after_it() {
    let cache = cache();
    let reading = cache.ticket(&KEY);
    cache.forget(&KEY);
    read(&cache, reading, 1);
    assert_eq!(version(&cache), None);
    let reading = cache.ticket(&KEY);
    cache.write(KEY, &sealed(2)).written(&session(2), &sealed(2));
    read(&cache, reading, 1);
    assert_eq!(version(&cache), Some(2));
    let reading = cache.ticket(&KEY);
    cache.heard(&KEY, &mark(&sealed(3)));
    read(&cache, reading, 2);
    assert_eq!(version(&cache), None);
}

#[test]
fn of_two_writers_the_later_to_tell_is_not_taken_for_the_later_to_write() {
    let cache = cache();
    let (one, two) = (cache.write(KEY, &sealed(2)), cache.write(KEY, &sealed(3)));
    two.written(&session(3), &sealed(3));
    one.written(&session(2), &sealed(2));
    assert_eq!(version(&cache), None, "the store knows");
}

#[test]
fn a_save_that_an_end_overtook_brings_nothing_back() {
    let cache = cache();
    let saving = cache.write(KEY, &sealed(2));
    cache.forget(&KEY);
    saving.written(&session(2), &sealed(2));
    assert_eq!(version(&cache), None);
    let saving = cache.write(KEY, &sealed(2));
    cache.heard(&KEY, &Mark::default());
    saving.written(&session(2), &sealed(2));
    assert_eq!(version(&cache), None);
}

#[test]
fn the_echo_of_an_own_save_costs_nothing() {
    let cache = cache();
    let saving = cache.write(KEY, &sealed(2));
    cache.heard(&KEY, &mark(&sealed(2)));
    saving.written(&session(2), &sealed(2));
    assert_eq!(version(&cache), Some(2), "heard before the answer");
    cache.write(KEY, &sealed(3)).written(&session(3), &sealed(3));
    cache.heard(&KEY, &mark(&sealed(3)));
    assert_eq!(version(&cache), Some(3), "heard after the answer");
}

#[test]
fn a_save_that_nobody_waits_for_may_be_carried_out_later() {
    let cache = cache();
    let abandoned = cache.write(KEY, &sealed(2));
    drop(abandoned);
    // The old value is read once more before the write arrives.
    read(&cache, cache.ticket(&KEY), 1);
    assert_eq!(version(&cache), Some(1));
    cache.heard(&KEY, &mark(&sealed(2)));
    assert_eq!(version(&cache), None);
}

#[tokio::test(start_paused = true)]
async fn it_is_served_from_no_longer_than_the_feed_is_proven() {
    // I2
    let cache = Cache::new(&SETTINGS, &TERMS);
    cache.begin_epoch();
    assert!(is_bypassed(&cache));
    let sent = Instant::now();
    cache.prove(sent);
    read(&cache, cache.ticket(&KEY), 1);
    assert_eq!(version(&cache), Some(1));
    tokio::time::advance(GOOD.checked_sub(Duration::from_millis(1)).unwrap()).await;
    assert_eq!(version(&cache), Some(1));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(is_bypassed(&cache));
    // A word that was long on its way says little.
    cache.prove(sent + Duration::from_millis(100));
    assert_eq!(version(&cache), Some(1));
    tokio::time::advance(Duration::from_millis(100)).await;
    assert!(is_bypassed(&cache));
    cache.prove(Instant::now());
    assert_eq!(version(&cache), Some(1), "the same connection has lost nothing");
    cache.interrupt();
    assert!(is_bypassed(&cache));
}

#[tokio::test(start_paused = true)]
async fn nothing_from_before_an_interruption_is_served_after_it() {
    // I2
    let cache = Cache::new(&SETTINGS, &TERMS);
    cache.begin_epoch();
    cache.prove(Instant::now());
    read(&cache, cache.ticket(&KEY), 1);
    let reading = cache.ticket(&KEY);
    let writing = cache.write(KEY, &sealed(2));
    cache.interrupt();
    cache.begin_epoch();
    cache.prove(Instant::now());
    assert_eq!(version(&cache), None);
    read(&cache, reading, 1);
    assert_eq!(version(&cache), None, "read before, offered after");
    writing.written(&session(2), &sealed(2));
    assert_eq!(version(&cache), None, "written before, told after");
    read(&cache, cache.ticket(&KEY), 2);
    assert_eq!(version(&cache), Some(2));
}

fn fill(cache: &Cache, size: usize) {
    for n in 0..200_u8 {
        let session = at(StoreKey([n; 32]), 1);
        cache.offer(cache.ticket(&session.key), &session, &vec![n; size]);
        cache.entries.run_pending_tasks();
    }
}

#[test]
fn it_is_bounded_by_bytes() {
    // RS-16
    let cache = cache();
    fill(&cache, 1 << 20);
    let (sessions, bytes) = cache.size();
    assert!(bytes <= SETTINGS.bytes);
    assert!((10..20).contains(&sessions), "{sessions}");
}

#[test]
fn it_is_bounded_by_sessions() {
    // RS-16
    let few = CacheSettings {
        sessions: 50,
        ..SETTINGS
    };
    let cache = Cache::always(&few, &TERMS);
    fill(&cache, 100);
    let (sessions, _) = cache.size();
    assert!((40..=50).contains(&sessions), "{sessions}");
}

#[test]
fn what_was_found_is_good_until_something_near_it_changes() {
    let cache = cache();
    let found = || {
        let ticket = cache.ticket(&KEY);
        assert!(cache.is_still_good(&KEY, ticket));
        ticket
    };
    let mut near = KEY;
    near.0[31] = 1;
    let changes: [(&str, &dyn Fn()); 6] = [
        ("ended", &|| cache.forget(&KEY)),
        ("another of its shard", &|| cache.forget(&near)),
        ("changed by another replica", &|| cache.heard(&KEY, &mark(&sealed(9)))),
        ("saved", &|| {
            cache.write(KEY, &sealed(2)).written(&session(2), &sealed(2));
        }),
        ("perhaps saved", &|| drop(cache.write(KEY, &sealed(3)))),
        ("a time unheard", &|| cache.begin_epoch()),
    ];
    for (what, change) in changes {
        let ticket = found();
        change();
        assert!(!cache.is_still_good(&KEY, ticket), "{what}");
    }
    let ticket = found();
    let far = StoreKey([8; 32]);
    cache.forget(&far);
    assert!(cache.is_still_good(&KEY, ticket), "far from it");
    cache.interrupt();
    assert!(!cache.is_still_good(&KEY, ticket), "nobody hears");
}

#[test]
fn what_was_found_during_a_change_is_not_good_after_it() {
    let cache = cache();
    let shard = cache.shard(&KEY);
    let writing = shard.writing();
    let found = shard.change(|| cache.ticket(&KEY));
    drop(writing);
    assert!(!cache.is_still_good(&KEY, found), "the entry was what it was before");
}
