//! What one caller may do in a stretch of time.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;

use crate::{
    harness::{
        browser::{Browser, Page},
        gateway::{Wishes, World},
    },
    outage::Redis,
};

const TOO_MANY: StatusCode = StatusCode::TOO_MANY_REQUESTS;
/// Whoever connects is a proxy, so that a test can be many clients.
const BEHIND: &str = "trusted_proxies: [127.0.0.1]\n";

async fn world(routes: &str, more: &str) -> World {
    let world = World::with(Wishes {
        routes: routes.to_owned(),
        more: format!("{BEHIND}{more}"),
        ..Wishes::default()
    })
    .await;
    world.provider.login_as("ada", json!({ "email": "ada@example.org" }));
    world
}

fn navigation(from: &str) -> [(&'static str, &str); 4] {
    [
        ("x-forwarded-for", from),
        ("accept", "text/html"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ]
}

async fn api(world: &World, path: &str, from: &str) -> Page {
    Browser::new()
        .ask(Method::GET, &world.url(path), &[("x-forwarded-for", from)])
        .await
}

async fn statuses(world: &World, path: &str, from: &str, count: usize) -> Vec<u16> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(api(world, path, from).await.status.as_u16());
    }
    all
}

const OPEN: &str = r#"
  - { name: limited, host: app.test, path: /, upstream: "{upstream}", access: open, rate: { requests: 2, per: 10m } }
  - { name: other, host: app.test, path: /other, upstream: "{upstream}", access: open, rate: { requests: 6, per: 1h, burst: 1 } }
  - { name: free, host: app.test, path: /free, upstream: "{upstream}", access: open }
"#;

#[tokio::test]
async fn a_route_takes_so_many_of_an_address_and_says_when_to_come_again() {
    let world = world(OPEN, "").await;
    assert_eq!(statuses(&world, "/", "192.0.2.1", 3).await, [200, 200, 429]);
    let refused = api(&world, "/", "192.0.2.1").await;
    let problem: serde_json::Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(problem["type"], "urn:doorward:problem:too_many_requests");
    assert_eq!(refused.header("cache-control"), "no-store");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((290..=300).contains(&wait), "{wait}");
    assert_eq!(problem["retry_after"], wait);
    // A person gets a page.
    let page = Browser::new()
        .ask(Method::GET, &world.url("/"), &navigation("192.0.2.1"))
        .await;
    assert_eq!(page.status, TOO_MANY);
    assert!(page.body.contains("That was too much at once"), "{}", page.body);
    // Neither other callers nor other routes are any the worse, and nothing was forwarded that was refused.
    assert_eq!(statuses(&world, "/", "192.0.2.2", 1).await, [200]);
    assert_eq!(statuses(&world, "/other", "192.0.2.1", 2).await, [200, 429]);
    assert_eq!(statuses(&world, "/free", "192.0.2.1", 5).await, [200; 5]);
    assert_eq!(world.upstream.requests().len(), 2 + 1 + 1 + 5);
    let refusals = ["outcome=\"too_many_requests\"", "route=\"limited\"", "class=\"4xx\""];
    assert!((world.metric("doorward_requests_total", &refusals).await - 3.0).abs() < 0.1);
    // One is there again when it was said, and no sooner.
    world.clock.advance(Duration::from_secs(wait - 20));
    assert_eq!(statuses(&world, "/", "192.0.2.1", 1).await, [429]);
    world.clock.advance(Duration::from_secs(21));
    assert_eq!(statuses(&world, "/", "192.0.2.1", 2).await, [200, 429]);
}

#[tokio::test]
async fn a_network_of_ipv6_is_one_caller() {
    let world = world(OPEN, "").await;
    let mut all = Vec::new();
    for host in 1..=3 {
        all.push(api(&world, "/", &format!("2001:db8:1:2::{host}")).await.status.as_u16());
    }
    assert_eq!(all, [200, 200, 429]);
    assert_eq!(api(&world, "/", "2001:db8:1:3::1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_callers_did_outlives_a_reload() {
    let mut world = world(OPEN, "").await;
    assert_eq!(statuses(&world, "/", "192.0.2.1", 2).await, [200, 200]);
    let yaml = world.yaml.replace("path: /free", "path: /gratis");
    world.reload(&yaml).unwrap();
    assert_eq!(statuses(&world, "/gratis", "192.0.2.1", 1).await, [200]);
    assert_eq!(statuses(&world, "/", "192.0.2.1", 1).await, [429]);
    // Another rate is in force at once, from where each caller stands.
    let yaml = world.yaml.replace("requests: 2, per: 10m", "requests: 2, per: 20m");
    world.reload(&yaml).unwrap();
    assert_eq!(statuses(&world, "/", "192.0.2.1", 2).await, [200, 429]);
}

#[tokio::test]
async fn a_person_is_one_caller_wherever_they_are() {
    let routes = r#"
  - host: app.test
    path: /
    upstream: "{upstream}"
    access: recognised
    rate: { requests: 3, per: 10m, by: person }
  - { host: app.test, path: /in, upstream: "{upstream}", access: signed_in }
"#;
    let world = world(routes, "").await;
    let (laptop, phone) = (Browser::new(), Browser::new());
    for browser in [&laptop, &phone] {
        assert_eq!(browser.open(&world.url("/in")).await.status, StatusCode::OK);
    }
    let mut all = Vec::new();
    for (browser, from) in [(&laptop, "192.0.2.1"), (&phone, "192.0.2.2")] {
        for _ in 0..2 {
            let answer = browser
                .ask(Method::GET, &world.url("/"), &[("x-forwarded-for", from)])
                .await;
            all.push(answer.status.as_u16());
        }
    }
    assert_eq!(all, [200, 200, 200, 429]);
    // Another person has their own, also from the same address; and so has who is nobody.
    world.provider.login_as("bob", json!({}));
    let other = Browser::new();
    assert_eq!(other.open(&world.url("/in")).await.status, StatusCode::OK);
    let bob = other
        .ask(Method::GET, &world.url("/"), &[("x-forwarded-for", "192.0.2.1")])
        .await;
    assert_eq!(bob.status, StatusCode::OK);
    assert_eq!(statuses(&world, "/", "192.0.2.2", 4).await, [200, 200, 200, 429]);
}

#[tokio::test]
async fn a_person_stays_one_caller_when_the_keys_change() {
    let routes = r#"
  - host: app.test
    path: /
    upstream: "{upstream}"
    access: signed_in
    rate: { requests: 2, per: 10m, by: person }
  - { host: app.test, path: /in, upstream: "{upstream}", access: signed_in }
"#;
    let mut world = world(routes, "").await;
    let (laptop, phone) = (Browser::new(), Browser::new());
    assert_eq!(laptop.open(&world.url("/in")).await.status, StatusCode::OK);
    assert_eq!(laptop.fetch(&world.url("/")).await.status, StatusCode::OK);
    // From here on another key seals.
    let keys = "session:\n  keys: [{ id: one, key: \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\" }]\n";
    let yaml = world.yaml.replacen("session:\n", keys, 1);
    assert_ne!(yaml, world.yaml);
    assert!(world.reload(&yaml).unwrap().waits.is_empty());
    assert_eq!(phone.open(&world.url("/in")).await.status, StatusCode::OK);
    assert_eq!(phone.fetch(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(laptop.fetch(&world.url("/")).await.status, TOO_MANY);
}

#[tokio::test]
async fn preflights_count_and_pages_of_other_origins_can_read_that_it_was_too_much() {
    let routes = r#"
  - host: app.test
    path: /
    upstream: "{upstream}"
    access: signed_in
    cors: { allowed_origins: ["https://spa.test"], preflight: pass }
    rate: { requests: 2, per: 10m, by: person }
"#;
    let world = world(routes, "").await;
    let headers = [
        ("x-forwarded-for", "192.0.2.1"),
        ("origin", "https://spa.test"),
        ("access-control-request-method", "PUT"),
    ];
    let mut all = Vec::new();
    for _ in 0..3 {
        let answer = Browser::new().ask(Method::OPTIONS, &world.url("/"), &headers).await;
        all.push(answer.status.as_u16());
    }
    assert_eq!(all, [200, 200, 429]);
    let refused = Browser::new().ask(Method::GET, &world.url("/"), &headers[..2]).await;
    assert_eq!(refused.status, TOO_MANY);
    assert_eq!(refused.header("access-control-allow-origin"), "https://spa.test");
    assert!(refused.header("access-control-expose-headers").contains("Retry-After"));
}

const SIGNED_IN: &str = r#"
  - { host: app.test, path: /, upstream: "{upstream}", access: signed_in }
"#;
const TWO: &str = "limits: { sign_ins: 2 }\n";

#[tokio::test]
async fn sign_ins_that_are_left_lying_are_limited_by_address() {
    let world = world(SIGNED_IN, TWO).await;
    let begin = async |from: &str| {
        Browser::new()
            .ask(Method::GET, &world.url("/page"), &navigation(from))
            .await
    };
    for _ in 0..2 {
        assert_eq!(begin("192.0.2.1").await.status, StatusCode::FOUND);
    }
    let refused = begin("192.0.2.1").await;
    assert_eq!(refused.status, TOO_MANY);
    assert!(
        refused.body.contains("Too many sign-ins from your network"),
        "{}",
        refused.body
    );
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((290..=300).contains(&wait), "{wait}");
    let cookies = refused.headers.get_all("set-cookie").iter().count();
    assert_eq!(cookies, 0, "no attempt was made");
    // By our own link no more than by a page.
    let link = world.url("/.doorward/sign-in?return_to=%2F");
    let by_link = Browser::new().ask(Method::GET, &link, &navigation("192.0.2.1")).await;
    assert_eq!(by_link.status, TOO_MANY);
    assert_eq!(begin("192.0.2.2").await.status, StatusCode::FOUND, "others may");
    let refusals = ["outcome=\"too_many_sign_ins\""];
    assert!((world.metric("doorward_requests_total", &refusals).await - 2.0).abs() < 0.1);
    // Programs never begin one, and are told to sign in as ever.
    assert_eq!(api(&world, "/page", "192.0.2.1").await.status, StatusCode::UNAUTHORIZED);
    world.clock.advance(Duration::from_secs(wait + 1));
    assert_eq!(begin("192.0.2.1").await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn an_office_behind_one_address_signs_in_one_by_one() {
    let world = world(SIGNED_IN, TWO).await;
    for person in 0..6 {
        let landed = Browser::new().open(&world.url("/page")).await;
        assert_eq!(landed.status, StatusCode::OK, "{person}: {}", landed.body);
    }
}

#[tokio::test]
async fn tabs_that_come_back_to_a_session_leave_nothing_lying() {
    let world = world(SIGNED_IN, TWO).await;
    for _ in 0..3 {
        let browser = Browser::new();
        let mut callbacks = Vec::new();
        for _ in 0..2 {
            let begun = browser.visit(&world.url("/page")).await;
            assert_eq!(begun.status, StatusCode::FOUND, "{}", begun.body);
            let provider = browser.visit(begun.location().unwrap().as_str()).await;
            callbacks.push(provider.location().unwrap());
        }
        for callback in callbacks {
            assert_eq!(browser.open(callback.as_str()).await.status, StatusCode::OK);
        }
    }
    let already = world.metric("doorward_sign_ins_total", &["outcome=\"already\""]).await;
    assert!((already - 3.0).abs() < 0.1, "{already}");
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_counts_against_nobody() {
    let world = world(SIGNED_IN, TWO).await;
    world.provider.down().await;
    for _ in 0..4 {
        let answer = Browser::new().visit(&world.url("/page")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_store_that_is_down_counts_against_nobody() {
    let mut redis = Redis::start().await;
    let world = World::with(Wishes {
        session: redis.yaml(),
        routes: SIGNED_IN.to_owned(),
        more: TWO.to_owned(),
        ..Wishes::default()
    })
    .await;
    world.provider.login_as("ada", json!({}));
    redis.stop().await;
    for _ in 0..4 {
        let landed = Browser::new().open(&world.url("/page")).await;
        assert_eq!(landed.status, StatusCode::SERVICE_UNAVAILABLE, "{}", landed.body);
        assert!(landed.body.contains("store_down"), "{}", landed.body);
    }
}

#[tokio::test]
async fn answers_that_come_to_nothing_do_not_reach_the_provider_for_ever() {
    // AR-13
    let world = world(SIGNED_IN, TWO).await;
    let browser = Browser::new();
    let away = browser
        .ask(Method::GET, &world.url("/page"), &navigation("192.0.2.1"))
        .await;
    let back = browser.visit(away.location().unwrap().as_str()).await;
    let callback = back.location().unwrap();
    // The same attempt with codes that are made up: its cookie is the browser's, so it can be sent again and again.
    let cookie = browser.cookies("app.test");
    let mut all = Vec::new();
    for attempt in 0..4 {
        let mut url = callback.clone();
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| match name.as_ref() {
                "code" => (name.into_owned(), format!("made-up-{attempt}")),
                _ => (name.into_owned(), value.into_owned()),
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        let headers = [
            ("x-forwarded-for", "192.0.2.1"),
            ("cookie", cookie.as_str()),
            ("accept", "text/html"),
        ];
        all.push(
            Browser::new()
                .ask(Method::GET, url.as_str(), &headers)
                .await
                .status
                .as_u16(),
        );
    }
    assert_eq!(all, [400, 400, 429, 429]);
    assert_eq!(world.provider.count("token"), 2);
}
