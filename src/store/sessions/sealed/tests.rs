//! What today's program sealed must open for ever: a golden file is never made anew, only joined by a newer one.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;
use crate::{
    entropy::Entropy,
    gate::Presence,
    keys::{RingKey, generate},
    session::{Entry, Mark, Named, Terms, record::tests::record},
    store::{CacheSettings, Page, Settings, Written, index::Indexed},
    telemetry::Telemetry,
    time::{Clock, UnixTime},
};

const SESSION: &str = include_str!("golden/session-1.txt");
const ENTRY: &str = include_str!("golden/entry-1.txt");

fn ring() -> Ring {
    let key = |id: &str, fill| RingKey::decode(id, &generate([fill; 32])).unwrap();
    Ring::new(vec![key("new", 2), key("golden", 1)]).unwrap()
}

fn golden(file: &str) -> Vec<Vec<u8>> {
    let decoded = file.lines().map_while(|line| STANDARD.decode(line).ok());
    decoded.collect()
}

/// The session of the golden file.
fn session() -> Record {
    record(UnixTime::from_secs(1000)).touched(UnixTime::from_secs(1500))
}

// GW-09
#[test]
fn a_session_of_format_1_is_found_in_its_place_and_opens() {
    let [place, mark, sealed] = golden(SESSION).try_into().unwrap();
    let (ring, handle) = (ring(), Handle::new([0x5a; 32]));
    let key = StoreKey(place.try_into().unwrap());
    assert!(
        handle.store_keys(&ring).contains(&key),
        "another place: everybody is signed out"
    );
    let opened = keys::open(&ring, &binding(&handle, &key), &sealed).expect("it opens");
    let json = SESSION.lines().last().unwrap();
    assert_eq!(opened.plain, [&[1], json.as_bytes()].concat());
    let record = Record::from_bytes(&opened.plain).unwrap();
    assert_eq!((&record, opened.version), (&session(), 1));
    let mark = Mark(mark.try_into().unwrap());
    let named = Named::Id(&record.hashed_id()).marks(&ring);
    assert!(named.contains(&mark), "another mark: nobody finds it in the index");
}

// GW-09
#[test]
fn an_entry_of_format_1_opens() {
    let terms = Terms {
        idle: std::time::Duration::from_secs(600),
        absolute: std::time::Duration::from_secs(6000),
    };
    let [sealed] = golden(ENTRY).try_into().unwrap();
    let entry = Entry::open(&ring(), &StoreKey([0x25; 32]), &sealed).unwrap();
    assert_eq!(entry, Entry::of(&session(), &terms));
}

const TERMS: Terms = Terms {
    idle: std::time::Duration::from_secs(3600),
    absolute: std::time::Duration::from_secs(7200),
};

fn sessions(clock: &Clock, telemetry: &Telemetry) -> Sessions {
    Sessions::new(
        &Settings::Memory { max_sessions: 10 },
        &CacheSettings::default(),
        Arc::new(arc_swap::ArcSwap::from_pointee(ring())),
        TERMS,
        clock.clone(),
        Entropy::system(),
        telemetry.clone(),
    )
    .unwrap()
}

// RS-14, GW-09, BL-07: what a newer program noted, or what fell to pieces, is in no list and is counted; a logout ends its session.
#[tokio::test]
async fn an_entry_that_cannot_be_read_is_not_listed_and_counted_and_ended_all_the_same() {
    let (clock, telemetry) = (Clock::system(), Telemetry::new(false));
    let (sessions, ring, record) = (sessions(&clock, &telemetry), ring(), record(clock.now()));
    let handles = [4, 5, 6].map(|number| Handle::new([number; 32]));
    for handle in &handles {
        let key = handle.store_key(ring.sealing());
        let sealed = sessions.seal(handle, &key, &record);
        let created = sessions.0.backend.create(&key, &sealed, 1, TERMS.absolute).await;
        assert_eq!(created, Ok(Written::Saved));
        sessions.note(handle, &key, &record).await.unwrap();
    }
    let bad = [vec![2, b'{', b'}'], vec![1, b'{']];
    for (handle, plain) in handles.iter().zip(bad) {
        let key = handle.store_key(ring.sealing());
        let binding = Binding {
            purpose: Purpose::Index,
            holder: &key.0,
            place: &key.0,
        };
        let entry = Entry::of(&record, &TERMS);
        let marks: Vec<Mark> = entry.named(&key).map(|named| named.mark(ring.sealing())).collect();
        let indexed = Indexed {
            entry: &keys::seal(&ring, &binding, 0, [9; 12], &plain),
            ttl: TERMS.absolute,
            marks: &marks,
            longest: TERMS.absolute,
        };
        sessions.0.backend.index(&key, &indexed).await.unwrap();
    }
    let page = Page { after: None, limit: 10 };
    let (issuer, sid) = (record.identity.issuer(), record.identity.sid().unwrap());
    let listing = sessions.list(&[Named::Sid(issuer, sid)], page, |_| true).await.unwrap();
    assert_eq!(listing.sessions.len(), 1);
    let counted = r#"what="session_entry"} 2"#;
    assert!(telemetry.render().contains(counted), "{}", telemetry.render());
    assert_eq!(sessions.end_by_sid(issuer, sid).await, Ok(3));
    for handle in &handles {
        assert!(matches!(sessions.find_anew(handle).await, Presence::Nothing));
    }
}

// RS-14, GW-09: a newer program's session, and one that fell to pieces, are none, and are counted each by its name.
#[tokio::test]
async fn what_cannot_be_read_is_absent_and_counted() {
    let (clock, telemetry) = (Clock::system(), Telemetry::new(false));
    let (sessions, ring) = (sessions(&clock, &telemetry), ring());
    let mut bytes = record(clock.now()).to_bytes();
    let member = [&bytes[..bytes.len() - 1], br#","added_later":{"by":"N+1"}}"#].concat();
    let mut newer = member.clone();
    newer[0] += 1;
    bytes.truncate(40);
    let plains: [(u8, &[u8], &str); 3] = [
        (1, &newer, r#"what="newer_session_record"} 1"#),
        (2, &bytes, r#"what="session_record"} 1"#),
        (3, &member, ""),
    ];
    for (number, plain, counted) in plains {
        let handle = Handle::new([number; 32]);
        let key = handle.store_key(ring.sealing());
        let sealed = keys::seal(&ring, &binding(&handle, &key), 1, [number; 12], plain);
        let put = sessions.0.backend.create(&key, &sealed, 1, TERMS.absolute).await;
        put.unwrap();
        let found = sessions.find(&handle).await;
        if counted.is_empty() {
            // What a newer program adds, this one passes over, and writes back without.
            assert!(matches!(found, Presence::Session(_)), "{found:?}");
        } else {
            assert!(matches!(found, Presence::Unreadable), "{found:?}");
            assert!(telemetry.render().contains(counted), "{}", telemetry.render());
        }
    }
    assert!(
        telemetry.render().contains(r#"kid="new",use="find"} 1"#),
        "{}",
        telemetry.render()
    );
}
