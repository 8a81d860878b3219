//! Sign-out: here first, then at the provider; never by another site.

use std::time::Duration;

use http::StatusCode;

use crate::harness::{browser::Browser, gateway::World};

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
