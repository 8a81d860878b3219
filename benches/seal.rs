//! What a session costs when it is not at hand opened: where it is kept, unsealing and reading it, and sealing it anew.
//! And, to compare, finding one that is at hand.

#![expect(clippy::expect_used, reason = "a bench stops at the first surprise")]

use std::{hint::black_box, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use criterion::{Criterion, criterion_group, criterion_main};
use doorward::{
    entropy::Entropy,
    gate::Presence,
    keys::{Binding, Purpose, Ring, RingKey, generate, open, seal},
    session::{Client, Handle, Record, Terms},
    store::{CacheSettings, Sessions, Settings},
    telemetry::Telemetry,
    time::{Clock, UnixTime},
};
use futures_util::FutureExt as _;

#[path = "made/person.rs"]
mod person;

const START: UnixTime = UnixTime::from_secs(1_000_000);

fn ring() -> Ring {
    let key = RingKey::decode("k1", &generate([7; 32])).expect("a key");
    Ring::new(vec![key]).expect("a ring")
}

fn record() -> Record {
    let mut record = Record::new(
        "session-1".to_owned(),
        person::identity(0),
        person::tokens(START, 1024),
        START,
    );
    // Groups of a person in many teams bring it to 3 KiB.
    record.tokens.scope = Some("s".repeat(3072_usize.saturating_sub(record.to_bytes().len())));
    record
}

fn sealing(c: &mut Criterion) {
    let (ring, entropy, record) = (ring(), Entropy::system(), record());
    let handle = Handle::new([1; 32]);
    let place = handle.store_key(ring.sealing());
    let binding = Binding {
        purpose: Purpose::Session,
        holder: handle.bytes(),
        place: &place.0,
    };
    let plain = record.to_bytes();
    let sealed = seal(&ring, &binding, record.version, entropy.bytes(), &plain);
    let cookie = handle.encode();
    let mut group = c.benchmark_group("seal");
    group.bench_function("store key of a cookie", |b| {
        b.iter(|| {
            let handle = Handle::parse(black_box(&cookie)).expect("a handle");
            handle.store_key(ring.sealing())
        });
    });
    group.bench_function("seal 3 KiB", |b| {
        b.iter(|| seal(&ring, &binding, record.version, entropy.bytes(), black_box(&plain)));
    });
    group.bench_function("open 3 KiB", |b| {
        b.iter(|| open(&ring, &binding, black_box(&sealed)).expect("it opens"));
    });
    group.bench_function("write a record", |b| b.iter(|| black_box(&record).to_bytes()));
    group.bench_function("read a record", |b| {
        b.iter(|| Record::from_bytes(black_box(&plain)).expect("a record"));
    });
}

fn finding(c: &mut Criterion) {
    let terms = Terms {
        idle: Duration::from_secs(7200),
        absolute: Duration::from_secs(36_000),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let _inside = runtime.enter();
    let clock = Clock::system();
    let sessions = Sessions::new(
        &Settings::Memory { max_sessions: 1000 },
        &CacheSettings::default(),
        Arc::new(ArcSwap::from_pointee(ring())),
        terms,
        clock.clone(),
        Entropy::system(),
        Telemetry::new(false),
    )
    .expect("a store");
    let create = sessions.create(
        person::identity(0),
        person::tokens(clock.now(), 1024),
        Client::default(),
    );
    let session = runtime.block_on(create).expect("a session");
    c.bench_function("seal/find a session at hand", |b| {
        b.iter(|| {
            let found = sessions.find(black_box(&session.handle)).now_or_never();
            assert!(matches!(found, Some(Presence::Session(_))));
        });
    });
}

criterion_group!(benches, sealing, finding);
criterion_main!(benches);
