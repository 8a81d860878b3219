//! A single-page app on an origin of its own, and the routes that it calls.

use http::{Method, StatusCode};

use crate::harness::{
    browser::{Browser, Page as Answer},
    gateway::{Wishes, World},
};

const PAGE: &str = "https://spa.test";
const ROUTES: &str = r#"
  - { host: app.test, path: /, upstream: "{upstream}", access: signed_in }
  - { host: app.test, path: /api, upstream: "{upstream}", access: signed_in, cors: { allowed_origins: ["https://spa.test"] } }
  - { host: app.test, path: /admin, upstream: "{upstream}", access: { group: no-one }, cors: { allowed_origins: ["https://spa.test"] } }
  - { host: app.test, path: /asked, upstream: "{upstream}", access: signed_in, cors: { allowed_origins: ["https://spa.test"], preflight: pass } }
"#;

async fn world() -> World {
    World::with(Wishes {
        routes: ROUTES.to_owned(),
        ..Wishes::default()
    })
    .await
}

async fn from_page(browser: &Browser, origin: &str, url: &str) -> Answer {
    let headers = [("origin", origin), ("accept", "application/json")];
    browser.ask(Method::GET, url, &headers).await
}

#[track_caller]
fn readable(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("vary"), "Origin");
}

#[track_caller]
fn unreadable(answer: &Answer) {
    for name in ["access-control-allow-origin", "access-control-allow-credentials"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn a_listed_page_can_read_why_it_was_refused() {
    // BF-07
    let world = world().await;
    let browser = Browser::new();
    let answer = from_page(&browser, PAGE, &world.url("/api/x")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    readable(&answer);
    assert!(
        answer
            .header("access-control-expose-headers")
            .contains("WWW-Authenticate")
    );
    assert_eq!(answer.json()["sign_in"], "/.doorward/sign-in?return_to=%2Fapi%2Fx");
    browser.open(&world.url("/")).await;
    let answer = from_page(&browser, PAGE, &world.url("/admin")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    readable(&answer);
}

#[tokio::test]
async fn nobody_else_can() {
    let world = world().await;
    let browser = Browser::new();
    for origin in [
        "https://evil.test",
        "null",
        "https://spa.test.evil.test",
        "http://spa.test",
    ] {
        let answer = from_page(&browser, origin, &world.url("/api")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        unreadable(&answer);
        assert_eq!(
            answer.header("vary"),
            "Origin",
            "a cache would give it to the page that is allowed"
        );
    }
    let answer = from_page(&browser, PAGE, &world.url("/elsewhere")).await;
    unreadable(&answer);
    assert_eq!(answer.header("vary"), "");
}

#[tokio::test]
async fn a_listed_page_can_read_that_the_store_is_down() {
    let world = World::with(Wishes {
        routes: ROUTES.to_owned(),
        session: "  store: redis\n  redis: { url: \"redis://127.0.0.1:1/\" }\n  keys: [{ id: a, key: \
                  \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\" }]\n"
            .to_owned(),
        ..Wishes::default()
    })
    .await;
    let handle = "A".repeat(43);
    let cookie = format!("doorward={handle}");
    let headers = [("origin", PAGE), ("accept", "application/json"), ("cookie", &cookie)];
    let answer = Browser::new().ask(Method::GET, &world.url("/api"), &headers).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
    readable(&answer);
}

#[tokio::test]
async fn a_preflight_passes_where_the_route_lets_it() {
    // BF-07
    let world = world().await;
    let preflight = async |origin: &str, path: &str| {
        let asks = [("origin", origin), ("access-control-request-method", "PUT")];
        let url = world.url(path);
        Browser::new().ask(Method::OPTIONS, &url, &asks).await.status
    };
    for (origin, path) in [
        (PAGE, "/api"),
        (PAGE, "/elsewhere"),
        ("https://evil.test", "/asked"),
        ("null", "/asked"),
    ] {
        assert_eq!(
            preflight(origin, path).await,
            StatusCode::UNAUTHORIZED,
            "{origin} {path}"
        );
    }
    let plain = Browser::new().ask(Method::OPTIONS, &world.url("/asked"), &[]).await;
    assert_eq!(plain.status, StatusCode::UNAUTHORIZED);
    let read = from_page(&Browser::new(), PAGE, &world.url("/asked")).await;
    assert_eq!(read.status, StatusCode::UNAUTHORIZED);
    assert!(world.upstream.requests().is_empty());
    assert_eq!(preflight(PAGE, "/asked").await, StatusCode::OK);
    let seen = world.upstream.only();
    assert!(seen.line().starts_with("OPTIONS /asked "), "{}", seen.line());
    assert!(seen.header("x-forwarded-user").is_empty() && seen.header("x-doorward-assertion").is_empty());
}

#[tokio::test]
async fn a_preflight_carries_nobodys_identity() {
    let world = world().await;
    let browser = Browser::new();
    browser.open(&world.url("/")).await;
    let asks = [("origin", PAGE), ("access-control-request-method", "PUT")];
    browser.ask(Method::OPTIONS, &world.url("/asked"), &asks).await;
    let seen = world.upstream.requests();
    let last = seen.last().unwrap();
    assert!(last.line().starts_with("OPTIONS "));
    assert!(last.header("x-forwarded-user").is_empty(), "{}", last.head);
}
