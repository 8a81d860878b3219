//! What an operator sees of people at work: figures, and lines that tell them apart without naming them.

use std::{fs, time::Duration};

use http::StatusCode;
use serde_json::json;

use crate::{
    harness::{
        browser::Browser,
        gateway::World,
        provider::{CLIENT_ID, CLIENT_SECRET, Provider},
        upstream::{Act, Upstream, ok},
    },
    reload::Program,
};

/// Each metric, labels among its own, and how often it was that.
const COUNTED: [(&str, &[&str], u32); 18] = [
    (
        "doorward_requests_total",
        &["route=\"app.test/\"", "outcome=\"forwarded\"", "class=\"2xx\""],
        3,
    ),
    (
        "doorward_requests_total",
        &["route=\"app.test/\"", "outcome=\"sign_in\"", "class=\"3xx\""],
        1,
    ),
    ("doorward_requests_total", &["outcome=\"callback\""], 1),
    (
        "doorward_requests_total",
        &["route=\"app.test/admin\"", "outcome=\"not_allowed\"", "class=\"4xx\""],
        1,
    ),
    ("doorward_request_seconds_count", &["route=\"app.test/admin\""], 1),
    (
        "doorward_decisions_total",
        &["route=\"app.test/admin\"", "verdict=\"not_allowed\""],
        1,
    ),
    (
        "doorward_decisions_total",
        &["route=\"app.test/\"", "verdict=\"sign_in_needed\""],
        1,
    ),
    ("doorward_sign_ins_begun_total", &["provider=\"op\""], 1),
    ("doorward_sign_ins_total", &["provider=\"op\"", "outcome=\"ok\""], 1),
    (
        "doorward_renewals_total",
        &["provider=\"op\"", "outcome=\"renewed\""],
        1,
    ),
    ("doorward_sign_outs_total", &["provider=\"op\""], 1),
    ("doorward_sessions_total", &["what=\"created\""], 1),
    ("doorward_sessions_total", &["what=\"signed_out\""], 1),
    (
        "doorward_provider_call_seconds_count",
        &["endpoint=\"token\"", "call=\"ok\""],
        1,
    ),
    (
        "doorward_provider_call_seconds_count",
        &["endpoint=\"refresh\"", "call=\"ok\""],
        1,
    ),
    (
        "doorward_store_call_seconds_count",
        &["op=\"create\"", "call=\"ok\""],
        1,
    ),
    ("doorward_store_call_seconds_count", &["op=\"end\"", "call=\"ok\""], 1),
    ("doorward_session_cache_sessions", &[], 0),
];

#[tokio::test]
async fn what_people_did_is_counted() {
    let world = World::start().await;
    world.provider.script(|script| script.expires_in = json!(3600));
    world.provider.login_as("linus", json!({ "groups": ["sales"] }));
    let nobody = Browser::new();
    assert_eq!(nobody.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
    let browser = Browser::new();
    browser.open(&world.url("/")).await;
    browser.fetch(&world.url("/")).await;
    browser.fetch(&world.url("/admin")).await;
    world.clock.advance(Duration::from_secs(3601));
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
    browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;

    for (name, labels, count) in COUNTED {
        let seen = world.metric(name, labels).await;
        assert!(
            (seen - f64::from(count)).abs() < 0.1,
            "{name} {labels:?}: {seen}, not {count}"
        );
    }
    for (name, label) in [
        ("doorward_key_uses_total", "use=\"seal\""),
        ("doorward_key_uses_total", "use=\"sign\""),
        ("doorward_key_last_used_timestamp_seconds", "use=\"seal\""),
        ("doorward_session_cache_lookups_total", "what=\"hit\""),
        ("doorward_provider_call_seconds_count", "endpoint=\"discovery\""),
        ("doorward_provider_call_seconds_count", "endpoint=\"keys\""),
    ] {
        assert!(world.metric(name, &[label]).await > 0.5, "{name} {label}");
    }
}

#[tokio::test]
async fn a_persons_lines_have_one_hash_and_no_name() {
    let (upstream, provider) = (Upstream::start().await, Provider::start().await);
    upstream.always(Act::Answer(ok("hello")));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.yaml");
    let yaml = format!(
        "listeners: [{{ address: \"127.0.0.1:0\" }}]\nadmin: {{ enabled: false }}\nproviders:\n  op:\n    issuer: \"{}\"\n    \
         insecure_http_issuer: true\n    client_id: {CLIENT_ID}\n    client_secret: \"{CLIENT_SECRET}\"\nroutes:\n  - {{ name: app, \
         host: app.test, upstream: \"http://{}\", access: signed_in }}\n",
        provider.issuer(),
        upstream.address()
    );
    fs::write(&file, yaml).unwrap();
    let mut program = Program::start(&file);
    let said = program.says("\"listening\"");
    let port = said["address"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    for who in ["ada-7", "bob-7"] {
        provider.login_as(who, json!({ "email": format!("{who}@example.org"), "name": who }));
        let browser = Browser::new();
        for path in ["one", "two"] {
            let page = browser.open(&format!("http://app.test:{port}/{path}")).await;
            assert_eq!(page.status, StatusCode::OK);
        }
    }
    let lines = program.rest();
    assert!(lines.iter().all(|line| !line.to_string().contains("-7")), "{lines:#?}");
    let hashes: Vec<&str> = lines
        .iter()
        .filter(|line| line["target"] == "access" && line["outcome"] == "forwarded")
        .map(|line| line["subject"].as_str().unwrap())
        .collect();
    let [ada, ada_again, bob, bob_again] = hashes[..] else {
        panic!("{lines:#?}")
    };
    assert_eq!((ada, bob), (ada_again, bob_again));
    assert_ne!(ada, bob);
    assert!(
        [ada, bob]
            .iter()
            .all(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())),
        "{hashes:?}"
    );
}
