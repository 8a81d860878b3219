//! Who may pass, route by route, and what everybody else is told.

use http::{Method, StatusCode};
use serde_json::json;

use crate::harness::{
    browser::Browser,
    gateway::{ROUTES, Wishes, World},
};

#[tokio::test]
async fn a_program_gets_401_and_never_a_redirect() {
    // AR-21
    let world = World::start().await;
    let answer = Browser::new().fetch(&world.url("/api?x=1")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!answer.header("www-authenticate").is_empty());
    let problem = answer.json();
    assert_eq!(problem["status"], 401);
    assert_eq!(problem["sign_in"], "/.doorward/sign-in?return_to=%2Fapi%3Fx%3D1");
    assert!(problem["instance"].as_str().unwrap().starts_with("urn:request-id:"));
    let posted = Browser::new()
        .ask(Method::POST, &world.url("/api"), &[("accept", "application/json")])
        .await;
    assert_eq!(posted.status, StatusCode::UNAUTHORIZED, "AR-22");
    assert!(world.upstream.requests().is_empty());
    assert_eq!(world.provider.count("discovery"), 0, "nothing is asked of the provider");
}

#[tokio::test]
async fn a_preflight_without_session_reaches_no_upstream() {
    // BF-07: a browser sends no cookie with it, and nothing here answers in the app's name
    let world = World::start().await;
    let asks = [
        ("origin", "https://evil.test"),
        ("access-control-request-method", "DELETE"),
        ("accept", "text/html"),
    ];
    for path in ["/api", "/"] {
        let answer = Browser::new().ask(Method::OPTIONS, &world.url(path), &asks).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.header("access-control-allow-origin").is_empty());
    }
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn open_and_recognised_let_anyone_in() {
    let world = World::start().await;
    let nobody = Browser::new();
    assert_eq!(nobody.fetch(&world.url("/open/x")).await.status, StatusCode::OK);
    assert_eq!(nobody.fetch(&world.url("/hello")).await.status, StatusCode::OK);
    for seen in world.upstream.requests() {
        assert!(seen.header("x-forwarded-user").is_empty());
    }
    let known = Browser::new();
    known.open(&world.url("/")).await;
    known.fetch(&world.url("/hello")).await;
    let seen = world.upstream.requests();
    assert_eq!(seen.last().unwrap().header("x-forwarded-user").len(), 1);
    known.fetch(&world.url("/open/x")).await;
    assert!(
        world
            .upstream
            .requests()
            .last()
            .unwrap()
            .header("x-forwarded-user")
            .is_empty()
    );
}

#[tokio::test]
async fn what_the_gateway_answers_itself_counts_for_its_route() {
    let routes = ROUTES.replace(
        "access: signed_in, headers",
        "max_body: 1KiB, access: signed_in, headers",
    );
    let world = World::with(Wishes {
        routes,
        ..Wishes::default()
    })
    .await;
    let browser = Browser::new();
    browser.fetch(&world.url("/admin/x")).await;
    world.provider.login_as("linus", json!({ "groups": ["sales"] }));
    browser.open(&world.url("/admin/x")).await;
    let length = [("accept", "application/json"), ("content-length", "2048")];
    let large = browser.ask(Method::POST, &world.url("/token"), &length).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    for (route, outcome) in [
        ("app.test/admin", "sign_in_needed"),
        ("app.test/admin", "sign_in"),
        ("app.test/admin", "not_allowed"),
        ("app.test/token", "body_too_large"),
    ] {
        let labels = [format!("route=\"{route}\""), format!("outcome=\"{outcome}\"")];
        let labels = labels.each_ref().map(String::as_str);
        let count = world.metric("doorward_requests_total", &labels).await;
        assert!((count - 1.0).abs() < 0.1, "{route} {outcome}: {count}");
    }
}

#[tokio::test]
async fn who_may_not_pass_is_told_so_and_not_sent_around() {
    let world = World::start().await;
    world.provider.login_as(
        "linus",
        json!({ "email": "linus@example.org", "name": "Linus", "groups": ["sales"] }),
    );
    let browser = Browser::new();
    let page = browser.open(&world.url("/admin/x")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    for told in ["Linus", "admins", "switch=1"] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let problem = browser.fetch(&world.url("/admin/x")).await;
    assert_eq!(
        (problem.status, problem.json()["status"].clone()),
        (StatusCode::FORBIDDEN, json!(403))
    );
    assert!(world.upstream.requests().is_empty());

    world.provider.login_as("ada", json!({ "groups": ["staff", "admins"] }));
    let ada = Browser::new();
    assert_eq!(ada.open(&world.url("/admin/x")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_there_and_other_methods() {
    let routes = r#"
  - { host: app.test, path: /only-get, methods: [GET], upstream: "{upstream}", access: open }
  - { host: app.test, path: /, methods: [GET, POST], upstream: "{upstream}", access: signed_in }
"#;
    let world = World::with(Wishes {
        routes: routes.to_owned(),
        ..Wishes::default()
    })
    .await;
    let browser = Browser::new();
    let other = browser.ask(Method::POST, &world.url("/only-get/x"), &[]).await;
    assert_eq!(
        (other.status, other.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD")
    );
    let elsewhere = browser
        .visit(&world.url("/only-get").replace("app.test", "other.test"))
        .await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
    assert_eq!(
        browser.visit(&world.url("/.doorward/nothing")).await.status,
        StatusCode::NOT_FOUND
    );
    let trace = browser.ask(Method::TRACE, &world.url("/only-get"), &[]).await;
    assert_eq!(trace.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn a_cookie_that_is_nonsense_is_no_session() {
    // CK-07, CK-09
    let world = World::start().await;
    for value in [
        "",
        "x",
        "%00",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "\"quoted\"",
    ] {
        let browser = Browser::new();
        browser.set_cookie("app.test", "doorward", value);
        assert_eq!(
            browser.fetch(&world.url("/")).await.status,
            StatusCode::UNAUTHORIZED,
            "{value:?}"
        );
    }
}
