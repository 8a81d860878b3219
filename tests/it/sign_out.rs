//! Sign-out: here first, then at the provider; never by another site.

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
    // RL-03
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
