//! What a decision costs once the session is at hand: no lock, no allocation worth the name, no cryptography.

#![expect(clippy::expect_used, reason = "a bench stops at the first surprise")]

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use doorward::{
    gate::{Caller, Presence, judge},
    policy::{Access, Route, Rule},
    session::{Handle, Record, Session, StoreKey, Terms},
    time::UnixTime,
};

#[path = "made/route.rs"]
mod made;

const START: UnixTime = UnixTime::from_secs(1_000_000);
const TERMS: Terms = Terms {
    idle: Duration::from_secs(7200),
    absolute: Duration::from_secs(36_000),
};

fn session() -> Arc<Session> {
    let record: Record = serde_json::from_value(serde_json::json!({
        "id": "session-1", "version": 1, "created": START.secs(), "seen": START.secs(), "renewals": 0,
        "identity": {
            "provider": "corporate", "issuer": "https://id.test", "subject": "s-1", "email": "ada@example.com",
            "email_verified": true, "groups": ["staff", "ops", "on-call"], "name": "Ada", "preferred_username": "ada",
            "acr": null, "amr": ["pwd"], "auth_time": 900, "sid": "p-1", "claims": {"sub": "s-1"},
        },
        "tokens": {
            "access_token": "at", "access_expires": START.secs() + 3600, "received": START.secs(),
            "refresh_token": "rt", "id_token": "it", "scope": "openid",
        },
    }))
    .expect("a record as it is sealed");
    Arc::new(Session::new(Handle::new([1; 32]), StoreKey([2; 32]), record))
}

fn with(access: Access) -> Arc<Route> {
    let mut route = made::route("app.test", "/", "app");
    route.access = access;
    Arc::new(route)
}

fn decide(c: &mut Criterion) {
    let group = |name: &str| Rule::Group(vec![name.to_owned()]);
    let rule = |last: &str| {
        let domain = Rule::EmailDomain(vec!["example.com".to_owned()]);
        Access::Rule(Rule::All(vec![domain, Rule::Any(vec![group("admins"), group(last)])]))
    };
    let here = || Presence::Session(session());
    for (name, access, presence, secs) in [
        ("open", Access::Open, Presence::Nothing, 0),
        ("signed in, no session", Access::SignedIn, Presence::Nothing, 0),
        ("signed in, session", Access::SignedIn, here(), 0),
        ("signed in, token due", Access::SignedIn, here(), 3590),
        ("signed in, token expired", Access::SignedIn, here(), 3600),
        ("rule met", rule("ops"), here(), 0),
        ("rule unmet", rule("owners"), here(), 0),
    ] {
        let (route, now) = (with(access), START + Duration::from_secs(secs));
        c.bench_function(&format!("decide/{name}"), |b| {
            b.iter(|| {
                judge(
                    black_box(&route),
                    None,
                    presence.clone(),
                    Caller::Navigation,
                    &TERMS,
                    now,
                )
            });
        });
    }
}

criterion_group!(benches, decide);
criterion_main!(benches);
