//! Routes that demand a stronger or more recent sign-in, or one at another provider.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::harness::{
    browser::Browser,
    gateway::{Wishes, World},
    provider::{CLIENT_ID, CLIENT_SECRET, Provider},
};

const ROUTES: &str = r#"
  - { host: app.test, path: /, upstream: "{upstream}", access: signed_in }
  - { host: app.test, path: /vault, upstream: "{upstream}", access: signed_in, sign_in: { acr_values: [gold] } }
  - { host: app.test, path: /recent, upstream: "{upstream}", access: signed_in, sign_in: { max_age: 1h } }
"#;

async fn signed_in() -> (World, Browser) {
    let world = World::with(Wishes {
        routes: ROUTES.to_owned(),
        ..Wishes::default()
    })
    .await;
    world.provider.script(|script| script.expires_in = json!(86_400));
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(world.provider.count("authorize"), 1);
    (world, browser)
}

// ID-12, AR-17
#[tokio::test]
async fn a_route_that_demands_more_has_the_person_sign_in_again_for_it() {
    let (world, browser) = signed_in().await;
    let refused = browser.fetch(&world.url("/vault")).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        refused.header("www-authenticate"),
        r#"Doorward error="insufficient_user_authentication", acr_values="gold""#
    );
    assert_eq!(refused.json()["type"], "urn:doorward:problem:step_up_needed");
    let link = refused.json()["sign_in"].as_str().unwrap().to_owned();
    let away = browser.visit(&world.url(&link)).await;
    assert_eq!(away.location().unwrap().path(), "/authorize", "the link leads on");
    assert_eq!(browser.open(&world.url("/vault")).await.status, StatusCode::OK);
    assert_eq!(world.provider.count("authorize"), 2);
    assert_eq!(
        world.provider.requests("authorize")[1].query("acr_values"),
        Some("gold")
    );
    for path in ["/vault", "/"] {
        assert_eq!(browser.fetch(&world.url(path)).await.status, StatusCode::OK, "{path}");
    }
}

// ID-12
#[tokio::test]
async fn a_demand_that_is_not_reached_ends_on_a_page_and_in_no_loop() {
    let (world, browser) = signed_in().await;
    world.provider.script(|script| {
        script.id_token.claims(|claims| {
            claims.insert("acr".to_owned(), json!("bronze"));
        });
    });
    let page = browser.open(&world.url("/vault")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.body);
    assert!(page.body.contains("sign_in_step_up_unmet"), "{}", page.body);
    assert_eq!(world.provider.count("authorize"), 2);
    assert_eq!(
        browser.fetch(&world.url("/")).await.status,
        StatusCode::OK,
        "the session that was there stays"
    );
}

// ID-11, AR-17
#[tokio::test]
async fn a_sign_in_grows_too_old_for_a_route() {
    let (world, browser) = signed_in().await;
    assert_eq!(browser.fetch(&world.url("/recent")).await.status, StatusCode::OK);
    // The clock skew and half a minute are let pass.
    world.clock.advance(Duration::from_secs(3600 + 91));
    let refused = browser.fetch(&world.url("/recent")).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.header("www-authenticate").ends_with(r#"max_age="3600""#));
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(browser.open(&world.url("/recent")).await.status, StatusCode::OK);
    assert_eq!(world.provider.count("authorize"), 2);
    assert_eq!(browser.fetch(&world.url("/recent")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_of_another_provider_does_not_count_unless_the_rule_names_it() {
    let partners = Provider::start().await;
    let provider = format!(
        "  partners:\n    issuer: \"{}\"\n    insecure_http_issuer: true\n    client_id: {CLIENT_ID}\n    client_secret: \
         \"{CLIENT_SECRET}\"\n",
        partners.issuer()
    );
    let world = World::with(Wishes {
        provider,
        more: "default_provider: op\n".to_owned(),
        routes: r#"
  - { host: app.test, path: /, upstream: "{upstream}", access: signed_in }
  - { host: app.test, path: /partners, upstream: "{upstream}", access: signed_in, sign_in: { provider: partners } }
  - { host: app.test, path: /both, upstream: "{upstream}", access: { provider: [op, partners] } }
"#
        .to_owned(),
        ..Wishes::default()
    })
    .await;
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/partners")).await.status, StatusCode::OK);
    assert_eq!(browser.fetch(&world.url("/both")).await.status, StatusCode::OK);
    assert_eq!(world.provider.count("authorize"), 0);
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(world.provider.count("authorize"), 1);
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(
        browser.fetch(&world.url("/partners")).await.status,
        StatusCode::UNAUTHORIZED
    );
}
