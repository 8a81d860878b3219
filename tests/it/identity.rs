//! What an upstream is told, and that nobody else can tell it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::harness::{
    browser::Browser,
    gateway::{Wishes, World},
};

async fn signed_in(world: &World) -> Browser {
    world.provider.login_as(
        "ada",
        json!({ "email": "ada@example.org", "email_verified": true, "groups": ["a", "b"], "preferred_username": "ada" }),
    );
    let browser = Browser::new();
    browser.open(&world.url("/")).await;
    browser
}

#[tokio::test]
async fn the_upstream_learns_who_it_is() {
    let world = World::start().await;
    let browser = signed_in(&world).await;
    browser.fetch(&world.url("/x")).await;
    let seen = world.upstream.requests().pop().unwrap();
    for (name, value) in [
        ("x-forwarded-user", "ada"),
        ("x-forwarded-email", "ada@example.org"),
        ("x-forwarded-groups", "a,b"),
        ("x-forwarded-preferred-username", "ada"),
    ] {
        assert_eq!(seen.header(name), [value], "{name}");
    }
    assert!(
        !seen.head.to_lowercase().contains("doorward="),
        "CK-11: our cookie stays here: {}",
        seen.head
    );
}

#[tokio::test]
async fn the_assertion_verifies_with_the_published_keys() {
    let world = World::start().await;
    let browser = signed_in(&world).await;
    browser.fetch(&world.url("/x")).await;
    let seen = world.upstream.requests().pop().unwrap();
    let assertion = seen.header("x-doorward-assertion")[0].to_owned();
    let keys = Browser::new().fetch(&world.url("/.doorward/jwks.json")).await.json();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    let kid = read(header)["kid"].clone();
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == kid)
        .unwrap();
    let point = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let public = [vec![4], point("x"), point("y")].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let claims = read(claims);
    assert_eq!((&claims["sub"], &claims["groups"]), (&json!("ada"), &json!(["a", "b"])));
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 300);
    browser.fetch(&world.url("/x")).await;
    let again = world.upstream.requests().pop().unwrap();
    assert_eq!(
        again.header("x-doorward-assertion"),
        [assertion],
        "one signature serves the session and route"
    );
}

#[tokio::test]
async fn what_a_client_claims_is_removed_in_every_spelling() {
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let claims = [
        ("x-forwarded-user", "evil"),
        ("X_Forwarded_User", "evil"),
        ("x.forwarded.user", "evil"),
        ("x-forwarded-groups", "evil"),
        ("x_doorward_assertion", "evil"),
        ("x-token", "evil"),
        ("x-forwarded-for", "evil"),
        ("forwarded", "for=evil"),
    ];
    for path in ["/x", "/open", "/hello", "/token"] {
        browser.ask(Method::GET, &world.url(path), &claims).await;
        Browser::new().ask(Method::GET, &world.url(path), &claims).await;
    }
    let seen = world.upstream.requests();
    assert!(seen.len() > 5);
    for request in seen {
        assert!(!request.head.contains("evil"), "{}", request.head);
    }
}

#[tokio::test]
async fn tokens_go_only_where_the_route_asks() {
    // BF-02
    let world = World::start().await;
    let browser = signed_in(&world).await;
    browser.fetch(&world.url("/x")).await;
    assert!(world.upstream.requests().pop().unwrap().header("x-token").is_empty());
    browser.fetch(&world.url("/token")).await;
    assert_eq!(world.upstream.requests().pop().unwrap().header("x-token").len(), 1);
    let who = browser.fetch(&world.url("/.doorward/whoami")).await;
    assert!(!who.body.contains("token\""), "{}", who.body);
    assert_eq!(who.header("cache-control"), "no-store");
}

#[tokio::test]
async fn static_headers_go_with_every_request() {
    let routes = r#"
  - { host: app.test, path: /, upstream: "{upstream}", access: signed_in, headers: { static: { X-Fixed: ours } } }
  - { host: app.test, path: /open, upstream: "{upstream}", access: open, headers: { static: { X-Fixed: ours } } }
  - { host: app.test, path: /hello, upstream: "{upstream}", access: recognised, headers: { static: { X-Fixed: ours } } }
"#;
    let world = World::with(Wishes {
        routes: routes.to_owned(),
        ..Wishes::default()
    })
    .await;
    let browser = signed_in(&world).await;
    for (who, path) in [
        (&browser, "/x"),
        (&browser, "/open"),
        (&Browser::new(), "/open"),
        (&Browser::new(), "/hello"),
    ] {
        who.ask(Method::GET, &world.url(path), &[("x-fixed", "theirs")]).await;
        assert_eq!(
            world.upstream.requests().pop().unwrap().header("x-fixed"),
            ["ours"],
            "{path}"
        );
    }
}
