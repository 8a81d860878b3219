//! Sign-in, from a deep link and back to it, and every answer that is not one.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::harness::{
    browser::Browser,
    gateway::{ROUTES, Wishes, World},
    provider::{CLIENT_ID, CLIENT_SECRET, IssParameter, Provider},
};

const COOKIE: &str = "doorward";

type Edit = fn(&mut crate::harness::provider::Members);

async fn ada() -> World {
    let world = World::start().await;
    world
        .provider
        .login_as("ada", json!({ "email": "ada@example.org", "email_verified": true }));
    world
}

/// Follows from a page of the gateway to the provider's answer, and stops before the callback.
async fn answered(world: &World, browser: &Browser, path: &str) -> String {
    let away = browser.visit(&world.url(path)).await;
    assert_eq!(away.status, StatusCode::FOUND, "{}", away.body);
    assert_eq!(away.header("cache-control"), "no-store");
    let back = browser.visit(away.location().unwrap().as_str()).await;
    back.location().unwrap().to_string()
}

#[tokio::test]
async fn a_deep_link_comes_back_to_itself() {
    // AR-02, AR-05, AR-23, CK-01, CK-13, BF-02
    let world = ada().await;
    let browser = Browser::new();
    let deep = "/wiki/Page%20One?q=a//b&next=https://x.example/&x=%2F";
    let callback = answered(&world, &browser, deep).await;
    assert_eq!(browser.names("app.test").len(), 1, "one attempt");
    let landed = browser.visit(&callback).await;
    assert_eq!(landed.status, StatusCode::FOUND, "{}", landed.body);
    assert_eq!(landed.header("location"), deep);
    assert_eq!(landed.header("referrer-policy"), "no-referrer");
    assert_eq!(
        browser.names("app.test"),
        [COOKIE],
        "the attempt is gone, the session is there"
    );
    let line = landed
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap())
        .find(|value| value.starts_with("doorward="))
        .unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(line.contains(attribute), "{line}");
    }
    let page = browser.open(&world.url(deep)).await;
    assert_eq!((page.status, page.body.as_str()), (StatusCode::OK, "hello"));
    assert_eq!(world.upstream.only().line(), format!("GET {deep} HTTP/1.1"));
    assert_eq!(world.provider.count("token"), 1);
    assert!((world.metric("doorward_sign_ins_total", &["outcome=\"ok\""]).await - 1.0).abs() < 0.1);
}

#[tokio::test]
async fn twenty_tabs_land_each_on_its_own_page() {
    let world = ada().await;
    let browser = Browser::new();
    let mut answers = Vec::new();
    for tab in 0..20 {
        answers.push((tab, answered(&world, &browser, &format!("/tab/{tab}?q={tab}")).await));
    }
    assert!(
        browser.names("app.test").len() <= 7,
        "bounded: {:?}",
        browser.names("app.test")
    );
    for (tab, answer) in answers {
        let landed = browser.open(&answer).await;
        assert_eq!(
            landed.url.as_str(),
            world.url(&format!("/tab/{tab}?q={tab}")),
            "{}",
            landed.body
        );
        assert_eq!(landed.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_callback_is_used_once_and_only_by_its_browser() {
    // AR-04, AR-06, AR-13
    let world = ada().await;
    let browser = Browser::new();
    let callback = answered(&world, &browser, "/page").await;
    for other in [Browser::new(), Browser::new()] {
        let refused = other.visit(&callback).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(
            refused.body.contains("/.doorward/sign-in?return_to=%2Fpage"),
            "{}",
            refused.body
        );
    }
    assert_eq!(world.provider.count("token"), 0);
    assert_eq!(browser.open(&callback).await.status, StatusCode::OK);
    assert_eq!(
        browser.visit(&callback).await.header("location"),
        "/page",
        "with a session one just goes on"
    );
    assert_eq!(Browser::new().visit(&callback).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.provider.count("token"), 1);
}

#[tokio::test]
async fn an_answer_that_is_none_never_reaches_the_token_endpoint() {
    // AR-09, AR-10, AR-11, AR-12
    let world = ada().await;
    for (change, expected) in [
        ("code=1&state=2", StatusCode::BAD_REQUEST),
        ("", StatusCode::BAD_REQUEST),
        ("error=access_denied&state=x", StatusCode::BAD_REQUEST),
    ] {
        let page = Browser::new()
            .visit(&world.url(&format!("/.doorward/callback?{change}")))
            .await;
        assert_eq!(page.status, expected, "{change}: {}", page.body);
    }
    for extra in ["&state=x", "&code=y", "&error=server_error"] {
        let browser = Browser::new();
        let callback = answered(&world, &browser, "/page").await;
        let page = browser.visit(&format!("{callback}{extra}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{extra}: {}", page.body);
        assert!(!page.headers.contains_key("location"));
    }
    let posted = Browser::new()
        .submit(&world.url("/.doorward/callback?code=1&state=2"), "same-origin")
        .await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(world.provider.count("token"), 0);
}

#[tokio::test]
async fn a_provider_error_is_a_page_and_no_loop() {
    // AR-09, IP-08
    let world = ada().await;
    world.provider.script(|script| {
        script.authorize_error = Some(("access_denied".to_owned(), "<script>alert(1)</script>".to_owned()));
    });
    let browser = Browser::new();
    let callback = answered(&world, &browser, "/page?x=1").await;
    let page = browser.visit(&callback).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.body);
    assert!(!page.body.contains("<script"), "{}", page.body);
    assert!(page.body.contains("return_to=%2Fpage%3Fx%3D1"), "{}", page.body);
    assert!(browser.names("app.test").is_empty(), "CK-13: the attempt is gone");
    assert_eq!(world.provider.count("token"), 0);
}

#[tokio::test]
async fn another_issuer_is_refused_before_the_token_endpoint() {
    // AR-14
    let world = ada().await;
    for iss in [
        IssParameter::Other("https://evil.example".to_owned()),
        IssParameter::Missing,
    ] {
        world.provider.script(|script| script.iss = iss.clone());
        let browser = Browser::new();
        let callback = answered(&world, &browser, "/page").await;
        assert_eq!(
            browser.visit(&callback).await.status,
            StatusCode::BAD_REQUEST,
            "{iss:?}"
        );
    }
    assert_eq!(world.provider.count("token"), 0);
}

#[tokio::test]
async fn an_attempt_expires() {
    let world = ada().await;
    let browser = Browser::new();
    let callback = answered(&world, &browser, "/page").await;
    world.clock.advance(Duration::from_secs(601));
    let page = browser.visit(&callback).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.body.contains("/.doorward/sign-in"), "{}", page.body);
    assert_eq!(world.provider.count("token"), 0);
}

#[tokio::test]
async fn an_id_token_that_does_not_verify_makes_no_session() {
    // ID-02, ID-05, ID-10
    let world = ada().await;
    let edits: [(&str, Edit); 3] = [
        ("iss", |claims| {
            drop(claims.insert("iss".to_owned(), json!("https://evil.example")));
        }),
        ("nonce", |claims| {
            drop(claims.insert("nonce".to_owned(), json!("another")));
        }),
        ("aud", |claims| drop(claims.insert("aud".to_owned(), json!("another")))),
    ];
    for (name, edit) in edits {
        world.provider.script(|script| script.id_token.claims(edit));
        let browser = Browser::new();
        let callback = answered(&world, &browser, "/page").await;
        let page = browser.visit(&callback).await;
        assert_eq!(page.status, StatusCode::BAD_GATEWAY, "{name}");
        assert_eq!(browser.cookie("app.test", COOKIE), None, "{name}");
    }
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn every_sign_in_makes_a_new_handle_and_ends_the_old_session() {
    // CK-12
    let world = ada().await;
    let browser = Browser::new();
    browser.set_cookie("app.test", COOKIE, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    browser.open(&world.url("/")).await;
    let first = browser.cookie("app.test", COOKIE).unwrap();
    assert!(!first.starts_with("AAAA"));
    world
        .provider
        .login_as("grace", json!({ "email": "grace@example.org" }));
    let switched = browser
        .open(&world.url("/.doorward/sign-in?return_to=%2F&switch=1"))
        .await;
    assert_eq!(switched.status, StatusCode::OK);
    let second = browser.cookie("app.test", COOKIE).unwrap();
    assert_ne!(first, second);
    let thief = Browser::new();
    thief.set_cookie("app.test", COOKIE, &first);
    assert_eq!(thief.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
    let who = browser.fetch(&world.url("/.doorward/whoami")).await.json();
    assert_eq!(who["subject"], "grace");
}

#[tokio::test]
async fn who_comes_back_with_the_same_account_is_asked_to_sign_out() {
    // Keycloak knows no `select_account`: it answers for whom it knows.
    let world = World::start().await;
    let browser = Browser::new();
    browser.open(&world.url("/")).await;
    let switch = world.url("/.doorward/sign-in?return_to=%2Fwiki%2Fpage&switch=1");
    let asked = browser.open(&switch).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.body.contains("Sign out?"), "{}", asked.body);
    assert!(asked.body.contains("return_to=%2Fwiki%2Fpage"), "{}", asked.body);
    assert_eq!(
        browser.fetch(&world.url("/")).await.status,
        StatusCode::OK,
        "nobody is signed out yet"
    );

    // Of whom the provider says something else by now, the page may let in.
    world.provider.login_as(
        "ada",
        json!({ "email": "ada@example.org", "email_verified": true, "groups": ["promoted"] }),
    );
    let landed = browser.open(&switch).await;
    assert!(!landed.body.contains("Sign out?"), "{}", landed.body);

    // Without a session before, there is no other account than the one that came.
    let another = Browser::new();
    let landed = another
        .open(&world.url("/.doorward/sign-in?return_to=%2F&switch=1"))
        .await;
    assert_eq!(landed.status, StatusCode::OK);
    assert!(!landed.body.contains("Sign out?"), "{}", landed.body);
}

#[tokio::test]
async fn each_provider_has_its_own_hosts_and_its_own_callback() {
    // AR-14, AR-15
    let second = Provider::start().await;
    second.login_as("eve", json!({ "email": "eve@example.org" }));
    let world = World::with(Wishes {
        provider: format!(
            "  second:\n    issuer: \"{}\"\n    insecure_http_issuer: true\n    client_id: {CLIENT_ID}\n    client_secret: \
             \"{CLIENT_SECRET}\"\n",
            second.issuer()
        ),
        more: "default_provider: op".to_owned(),
        routes: format!(
            "{ROUTES}  - {{ host: other.test, upstream: \"{{upstream}}\", access: {{ provider: second }}, sign_in: {{ provider: \
             second }} }}\n"
        ),
        ..Wishes::default()
    })
    .await;
    let other = world.url("/.doorward/whoami").replace("app.test", "other.test");
    let browser = Browser::new();
    let sent = browser.visit(&other).await.location().unwrap();
    assert!(sent.as_str().starts_with(second.issuer()), "{sent}");
    let callback = other.replace("whoami", "callback/second");
    assert!(
        sent.query_pairs()
            .any(|(name, value)| name == "redirect_uri" && value == callback)
    );

    let back = browser.visit(sent.as_str()).await.location().unwrap();
    let elsewhere = back.as_str().replace("callback/second", "callback");
    let refused = browser.visit(&elsewhere).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        second.count("token"),
        0,
        "an answer to another provider's callback is worth nothing"
    );

    let page = browser.open(&other).await;
    assert_eq!((page.status, second.count("token")), (StatusCode::OK, 1));
    assert_eq!(browser.fetch(&other).await.json()["subject"], "eve");
    assert_eq!(
        world.provider.count("discovery"),
        0,
        "the default provider has no part in it"
    );
}

#[tokio::test]
async fn nobody_signs_in_on_a_host_that_no_route_names() {
    // AR-08
    let world = World::start().await;
    for path in ["/", "/.doorward/sign-in", "/.doorward/whoami"] {
        let page = Browser::new()
            .visit(&world.url(path).replace("app.test", "other.test"))
            .await;
        assert!(page.location().is_none(), "{path}: {:?}", page.location());
        assert!(page.status.is_client_error(), "{path}: {}", page.status);
    }
    assert_eq!(world.provider.count("discovery"), 0);
}
