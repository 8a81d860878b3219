//! Sign-out: here first, then at the provider; never by another site.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, StatusCode};

use crate::{
    harness::{
        browser::Browser,
        gateway::{Wishes, World},
    },
    outage::Redis,
};

/// What the page says when the provider was not told.
const MAY_REMAIN: &str = "You may still be signed in at the service";

async fn signed_in(world: &World) -> Browser {
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    browser
}

#[tokio::test]
async fn signing_out_ends_the_session_and_goes_to_the_provider() {
    // RL-01, RL-05
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let stolen = browser.cookie("app.test", "doorward").unwrap();
    let away = browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER, "{}", away.body);
    let location = away.location().unwrap();
    assert!(location.as_str().starts_with(world.provider.issuer()), "{location}");
    let query: Vec<String> = location.query_pairs().map(|(name, _)| name.into_owned()).collect();
    for name in ["id_token_hint", "post_logout_redirect_uri"] {
        assert!(query.iter().any(|there| there == name), "{name}");
    }
    assert_eq!(browser.cookie("app.test", "doorward"), None);
    let thief = Browser::new();
    thief.set_cookie("app.test", "doorward", &stolen);
    assert_eq!(thief.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
    let landed = browser.open(location.as_str()).await;
    assert_eq!(landed.status, StatusCode::OK, "{}", landed.body);
}

#[tokio::test]
async fn another_site_cannot_sign_anyone_out() {
    // RL-01, BF-03, FL-02
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let url = world.url("/.doorward/sign-out");
    let image = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "image"),
    ];
    let got = browser.ask(http::Method::GET, &url, &image).await;
    assert!(got.status.is_success() || got.status.is_client_error());
    let link = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("accept", "text/html"),
    ];
    let asked = browser.ask(http::Method::GET, &url, &link).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(
        asked.body.contains("method=\"post\""),
        "a page that asks: {}",
        asked.body
    );
    assert_eq!(browser.submit(&url, "cross-site").await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        browser.ask(http::Method::POST, &url, &[]).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        browser.fetch(&world.url("/")).await.status,
        StatusCode::OK,
        "still signed in"
    );
}

#[tokio::test]
async fn a_provider_without_logout_ends_here() {
    // RL-03, IP-08
    let world = World::start().await;
    world
        .provider
        .script(|script| script.metadata(|members| drop(members.remove("end_session_endpoint"))));
    let browser = signed_in(&world).await;
    let landed = browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    assert_eq!(landed.status, StatusCode::SEE_OTHER);
    let page = browser.open(landed.location().unwrap().as_str()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.url.path(), "/.doorward/signed-out", "no loop into a new sign-in");
    assert!(page.body.contains(MAY_REMAIN), "{}", page.body);
}

#[tokio::test]
async fn the_page_after_sign_out_takes_nobody_anywhere() {
    // RL-04: no state, another's state, a target that somebody else put there
    let world = World::start().await;
    let browser = Browser::new();
    for query in [
        "",
        "?state=another",
        "?state=%00&return_to=//evil.test/&post_logout_redirect_uri=https://evil.test",
    ] {
        let page = browser.open(&world.url(&format!("/.doorward/signed-out{query}"))).await;
        assert_eq!(
            (page.status, page.url.path()),
            (StatusCode::OK, "/.doorward/signed-out"),
            "{query}"
        );
        assert!(!page.body.contains("evil.test"), "{}", page.body);
    }
}

#[tokio::test]
async fn the_way_back_leads_on_to_the_page_that_was_asked_for() {
    // RL-04
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let url = world.url("/.doorward/sign-out?return_to=%2Fgoodbye%3Fa%3D1");
    let away = browser.submit(&url, "same-origin").await;
    let landing = browser.visit(away.location().unwrap().as_str()).await;
    let landing = landing.location().unwrap();
    assert!(landing.query_pairs().any(|(name, _)| name == "state"), "{landing}");
    let onward = "/.doorward/sign-in?return_to=%2Fgoodbye%3Fa%3D1\"";
    let page = browser.open(landing.as_str()).await;
    assert!(page.body.contains(onward), "{}", page.body);
    let home = "/.doorward/sign-in?return_to=%2F\"";
    let flipped = landing.as_str().replace("state=", "state=x");
    let twice = format!("{landing}&{}", landing.query().unwrap());
    for other in [
        world.url("/.doorward/signed-out"),
        world.url("/.doorward/signed-out?state="),
        world.url("/.doorward/signed-out?return_to=%2Fgoodbye"),
        flipped,
        twice,
    ] {
        let page = browser.open(&other).await;
        assert_eq!(page.status, StatusCode::OK, "tolerated: {other}");
        assert!(page.body.contains(home), "{other}: {}", page.body);
    }
    world.clock.advance(Duration::from_secs(3601));
    let late = browser.open(landing.as_str()).await;
    assert!(late.body.contains(home), "{}", late.body);
}

#[tokio::test]
async fn the_question_remembers_the_page_to_go_on_to() {
    // RL-04
    let world = World::start().await;
    let browser = signed_in(&world).await;
    for (query, action) in [
        ("", "action=\"/.doorward/sign-out\""),
        (
            "?return_to=%2Fgoodbye",
            "action=\"/.doorward/sign-out?return_to=%2Fgoodbye\"",
        ),
        ("?return_to=%2F%2Fevil.example", "action=\"/.doorward/sign-out\""),
    ] {
        let page = browser.visit(&world.url(&format!("/.doorward/sign-out{query}"))).await;
        assert!(page.body.contains(action), "{query}: {}", page.body);
    }
}

#[tokio::test]
async fn a_target_elsewhere_is_not_led_on_to() {
    // RL-04
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let url = world.url("/.doorward/sign-out?return_to=https%3A%2F%2Fevil.example%2F");
    let away = browser.submit(&url, "same-origin").await;
    let landed = browser.open(away.location().unwrap().as_str()).await;
    assert!(!landed.body.contains("evil"), "{}", landed.body);
}

#[tokio::test]
async fn a_long_id_token_goes_to_the_provider_by_a_form() {
    // RL-02
    let world = World::start().await;
    let groups: Vec<String> = (0..300).map(|n| format!("a-group-with-a-long-name-{n}")).collect();
    world.provider.login_as("ada", serde_json::json!({ "groups": groups }));
    let browser = signed_in(&world).await;
    let page = browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(browser.cookie("app.test", "doorward"), None, "signed out here already");
    assert_eq!(page.header("cache-control"), "no-store");
    let policy = page.header("content-security-policy");
    let origin = url::Url::parse(world.provider.issuer()).unwrap().origin();
    let forms = format!("form-action 'self' {};", origin.ascii_serialization());
    assert!(policy.contains(&forms), "{policy}");
    let action = format!("method=\"post\" action=\"{}/end-session\"", world.provider.issuer());
    assert!(page.body.contains(&action), "{}", page.body);
    for name in ["id_token_hint", "post_logout_redirect_uri", "state", "client_id"] {
        assert!(page.body.contains(&format!("name=\"{name}\"")), "{name}");
    }
    assert!(!page.body.contains("<script"), "{}", page.body);

    let other = signed_in(&world).await;
    let script = [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "cors"),
        ("origin", &world.base),
    ];
    let url = world.url("/.doorward/sign-out");
    let said = other.ask(http::Method::POST, &url, &script).await.json();
    let next = url::Url::parse(said["continue"].as_str().unwrap()).unwrap();
    let names: Vec<String> = next.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert!(!names.contains(&"id_token_hint".to_owned()), "{next}");
}

#[tokio::test]
async fn signing_out_takes_the_tokens_back_and_waits_for_nothing() {
    // RV-01
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let held = world.provider.hold("revoke");
    let away = browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    assert_eq!(
        away.status,
        StatusCode::SEE_OTHER,
        "while the provider keeps its answer back"
    );
    world.provider.seen("revoke", 1).await;
    held.release();
    world.provider.seen("revoke", 2).await;
    let hints: Vec<_> = world.provider.requests("revoke");
    assert_eq!(hints[0].form("token_type_hint"), Some("refresh_token"));
    assert_eq!(hints[1].form("token_type_hint"), Some("access_token"));
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_provider_that_is_down_does_not_keep_anybody_signed_in() {
    // RV-01, RL-01
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let stolen = browser.cookie("app.test", "doorward").unwrap();
    world.provider.down().await;
    let away = browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER);
    let thief = Browser::new();
    thief.set_cookie("app.test", "doorward", &stolen);
    assert_eq!(thief.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_second_click_does_not_claim_that_the_provider_was_told() {
    // RL-01, RL-03: the browser gives up the way to the provider for the answer to the second.
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let url = world.url("/.doorward/sign-out");
    let first = browser.submit(&url, "same-origin").await;
    assert!(first.location().unwrap().as_str().starts_with(world.provider.issuer()));
    let second = browser.submit(&url, "same-origin").await;
    let page = browser.open(second.location().unwrap().as_str()).await;
    assert_eq!(page.url.path(), "/.doorward/signed-out");
    assert!(page.body.contains(MAY_REMAIN), "{}", page.body);
    let told = browser.open(first.location().unwrap().as_str()).await;
    assert_eq!(told.url.path(), "/.doorward/signed-out");
    assert!(!told.body.contains(MAY_REMAIN), "{}", told.body);
}

#[tokio::test]
async fn an_id_token_that_has_expired_is_a_hint_all_the_same() {
    // RL-01: a provider takes one that it issued, whatever its exp (RP-Initiated Logout 1.0 section 2).
    let world = World::start().await;
    let browser = signed_in(&world).await;
    world.clock.advance(Duration::from_secs(3000));
    let away = browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    let location = away.location().unwrap();
    let (_, hint) = location
        .query_pairs()
        .find(|(name, _)| name == "id_token_hint")
        .unwrap();
    let claims = URL_SAFE_NO_PAD.decode(hint.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert!(claims["exp"].as_i64().unwrap() < world.clock.now().secs(), "{claims}");
    assert_eq!(
        world.provider.count("refresh"),
        0,
        "nothing is renewed to be thrown away"
    );
}

#[tokio::test]
async fn a_provider_that_refuses_finds_nobody_signed_in_here() {
    // RL-01, IP-08
    let world = World::start().await;
    world
        .provider
        .script(|script| script.end_session.answer(400, "text/html", "<h1>invalid</h1>"));
    let browser = signed_in(&world).await;
    let away = browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    let page = browser.open(away.location().unwrap().as_str()).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "the provider's own page");
    assert_eq!(browser.cookie("app.test", "doorward"), None);
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let world = World::start().await;
    let browser = signed_in(&world).await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let headers = [("sec-fetch-site", "same-origin"), ("origin", &*world.base)];
        let page = browser.ask(method, &world.url("/.doorward/sign-out"), &headers).await;
        assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(page.header("allow"), "GET, HEAD, POST");
    }
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_that_cannot_be_ended_is_not_said_to_be() {
    // I2, I5, RS-06
    let mut redis = Redis::start().await;
    let world = World::with(Wishes {
        session: redis.yaml(),
        ..Wishes::default()
    })
    .await;
    let browser = signed_in(&world).await;
    let cookie = browser.cookie("app.test", "doorward");
    let url = world.url("/.doorward/sign-out");
    redis.refuses_writes(true).await;
    let refused = browser.submit(&url, "same-origin").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body);
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(browser.cookie("app.test", "doorward"), cookie);
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(world.provider.count("revoke"), 0);
    let noted = world.metric("doorward_audit_events_total", &["sign_out", "store_down"]);
    assert!((noted.await - 1.0).abs() < 0.5);

    redis.stop().await;
    let gone = browser.submit(&url, "same-origin").await;
    assert_eq!(gone.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.cookie("app.test", "doorward"), cookie);
    let list = browser.fetch(&world.url("/.doorward/sessions")).await;
    assert_eq!(list.status, StatusCode::SERVICE_UNAVAILABLE);
    redis.restart().await;
    while !browser.submit(&url, "same-origin").await.status.is_redirection() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(browser.cookie("app.test", "doorward"), None);
}
