//! Standing in for oauth2-proxy: its addresses and header names, under the rules of our own.

use http::{Method, StatusCode};
use serde_json::json;

use crate::harness::{
    browser::Browser,
    gateway::{Wishes, World},
};

const SWITCH: &str = "compatibility: { oauth2_proxy: true }\n";

async fn world() -> World {
    with(SWITCH, "").await
}

async fn with(more: &str, routes: &str) -> World {
    let wishes = Wishes::default();
    let world = World::with(Wishes {
        more: more.to_owned(),
        routes: format!("{}{routes}", wishes.routes),
        ..wishes
    })
    .await;
    let claims = json!({
        "email": "ada@example.org", "email_verified": true,
        "groups": ["staff", "admins"], "preferred_username": "ada.l",
    });
    world.provider.login_as("ada", claims);
    world
}

async fn signed_in(world: &World) -> Browser {
    let browser = Browser::new();
    let page = browser.open(&world.url("/oauth2/start")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    browser
}

const FROM_ELSEWHERE: [(&str, &str); 4] = [
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("accept", "text/html"),
];

#[tokio::test]
async fn a_sign_in_comes_back_by_the_redirect_uri_that_was_registered() {
    // AR-08
    let world = world().await;
    for start in ["/oauth2/start", "/oauth2/sign_in"] {
        let browser = Browser::new();
        let away = browser.visit(&world.url(&format!("{start}?rd=%2Fdeep%3Fa%3D1"))).await;
        assert_eq!(away.status, StatusCode::FOUND, "{}", away.body);
        let asked = away.location().unwrap();
        let (_, redirect) = asked.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
        assert_eq!(redirect, world.url("/oauth2/callback"));
        let back = browser.visit(asked.as_str()).await;
        let callback = back.location().unwrap();
        assert_eq!(callback.path(), "/oauth2/callback");
        let landed = browser.visit(callback.as_str()).await;
        assert_eq!(landed.header("location"), "/deep?a=1", "{}", landed.body);
        assert_eq!(browser.names("app.test"), ["doorward"]);
    }
    // A page that was simply opened comes back the same way.
    let away = Browser::new().visit(&world.url("/page")).await;
    assert!(
        away.header("location").contains("%2Foauth2%2Fcallback"),
        "{}",
        away.header("location")
    );
    let sent = &world.provider.requests("token")[0];
    assert_eq!(sent.form("redirect_uri"), Some(world.url("/oauth2/callback").as_str()));
}

#[tokio::test]
async fn an_answer_counts_at_the_address_it_was_asked_for_and_nowhere_else() {
    // AR-14
    let world = world().await;
    let browser = Browser::new();
    let away = browser.visit(&world.url("/page")).await;
    let back = browser.visit(away.location().unwrap().as_str()).await;
    let elsewhere = back
        .location()
        .unwrap()
        .as_str()
        .replace("/oauth2/callback", "/.doorward/callback");
    let refused = browser.visit(&elsewhere).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.body);
    assert!(browser.cookie("app.test", "doorward").is_none());
    assert_eq!(world.provider.count("token"), 0, "the code was not spent");
}

#[tokio::test]
async fn rd_leads_nowhere_else() {
    let world = world().await;
    let browser = signed_in(&world).await;
    let own = world.url("/deep");
    for (rd, expected) in [
        ("/deep", "/deep"),
        (own.as_str(), "/deep"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test/", "/"),
        ("http://app.test@evil.test/", "/"),
        ("/oauth2/sign_out", "/"),
        ("/.doorward/sign-out", "/"),
    ] {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("rd", rd)
            .finish();
        let page = browser.visit(&world.url(&format!("/oauth2/start?{query}"))).await;
        assert_eq!(
            (page.status, page.header("location")),
            (StatusCode::FOUND, expected),
            "{rd}"
        );
    }
}

#[tokio::test]
async fn another_site_cannot_sign_anybody_out() {
    // RL-01, BF-03
    let world = world().await;
    let browser = signed_in(&world).await;
    let url = world.url("/oauth2/sign_out?rd=%2Fgoodbye");
    let image = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "image"),
    ];
    browser.ask(Method::GET, &url, &image).await;
    let asked = browser.ask(Method::GET, &url, &FROM_ELSEWHERE).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(
        asked.body.contains("method=\"post\""),
        "a page that asks: {}",
        asked.body
    );
    assert!(asked.body.contains("return_to=%2Fgoodbye"), "{}", asked.body);
    assert_eq!(browser.submit(&url, "cross-site").await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        browser.fetch(&world.url("/")).await.status,
        StatusCode::OK,
        "still signed in"
    );

    let away = browser.submit(&url, "same-origin").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER, "{}", away.body);
    assert_eq!(browser.cookie("app.test", "doorward"), None);
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
    let landing = browser.visit(away.location().unwrap().as_str()).await;
    let page = browser.open(landing.location().unwrap().as_str()).await;
    assert!(page.body.contains("return_to=%2Fgoodbye"), "{}", page.body);
}

#[tokio::test]
async fn userinfo_says_who_is_signed_in_and_nothing_to_others() {
    // BF-02
    let world = world().await;
    let url = world.url("/oauth2/userinfo");
    let nobody = Browser::new().open(&url).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{}", nobody.body);
    let browser = signed_in(&world).await;
    let page = browser.fetch(&url).await;
    assert_eq!(page.header("cache-control"), "no-store");
    let expected = json!({
        "user": "ada", "email": "ada@example.org", "groups": ["staff", "admins"], "preferredUsername": "ada.l",
    });
    assert_eq!(page.json(), expected);
    assert_eq!(
        browser.ask(Method::POST, &url, &[]).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );

    let claims = json!({ "email": "ada@example.org", "email_verified": false });
    world.provider.login_as("ada", claims);
    let unverified = signed_in(&world).await.fetch(&url).await.json();
    assert_eq!(
        unverified,
        json!({ "user": "ada", "email": "" }),
        "nobody vouches for the address"
    );
}

#[tokio::test]
async fn nothing_of_the_folder_reaches_an_upstream_or_admits() {
    let open = "  - { host: app.test, path: { regex: \"/.*auth.*\" }, upstream: \"{upstream}\", access: open }\n";
    let world = with(SWITCH, open).await;
    let browser = signed_in(&world).await;
    for path in [
        "/oauth2/auth",
        "/oauth2/auth?allowed_groups=x",
        "/oauth2",
        "/oauth2/",
        "/oauth2/static/x.css",
    ] {
        let page = browser.fetch(&world.url(path)).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}: {}", page.body);
    }
    let lines: Vec<String> = world
        .upstream
        .requests()
        .iter()
        .map(|one| one.line().to_owned())
        .collect();
    assert_eq!(lines, ["GET / HTTP/1.1"], "the page after the sign-in");
}

#[tokio::test]
async fn applications_learn_who_it_is_by_the_names_they_know() {
    let tokens = "  - { host: app.test, path: /api, upstream: \"{upstream}\", access: signed_in, headers: { access_token: \
                  X-Forwarded-Access-Token } }\n";
    let world = with(SWITCH, tokens).await;
    let browser = signed_in(&world).await;
    let forged = [
        ("x-auth-request-user", "ceo"),
        ("x_auth_request_email", "ceo@example.org"),
        ("x-auth-request-access-token", "forged"),
        ("x-forwarded-access-token", "forged"),
        ("sec-fetch-mode", "cors"),
    ];
    let expected = [
        ("user", "ada"),
        ("email", "ada@example.org"),
        ("groups", "staff,admins"),
        ("preferred-username", "ada.l"),
    ];
    browser.ask(Method::GET, &world.url("/page"), &forged).await;
    let seen = world.upstream.requests().pop().unwrap();
    for (name, value) in expected {
        for prefix in ["x-auth-request", "x-forwarded"] {
            assert_eq!(seen.header(&format!("{prefix}-{name}")), [value], "{prefix}-{name}");
        }
    }
    for name in [
        "x-forwarded-access-token",
        "x-auth-request-access-token",
        "x_auth_request_email",
    ] {
        assert_eq!(seen.header(name), [""; 0], "{name}");
    }
    browser.ask(Method::GET, &world.url("/api/x"), &forged).await;
    let asked = world.upstream.requests().pop().unwrap();
    let token = asked.header("x-forwarded-access-token");
    assert!(token.len() == 1 && token[0] != "forged", "{token:?}");
    browser.ask(Method::GET, &world.url("/open/x"), &forged).await;
    let open = world.upstream.requests().pop().unwrap();
    assert_eq!(
        open.header("x-auth-request-user"),
        [""; 0],
        "open routes are stripped too"
    );
}

#[tokio::test]
async fn the_folder_is_where_it_was_moved_to() {
    let world = with(
        "compatibility: { oauth2_proxy: true, oauth2_proxy_prefix: /auth/proxy }\n",
        "",
    )
    .await;
    let away = Browser::new().visit(&world.url("/auth/proxy/sign_in")).await;
    assert!(
        away.header("location").contains("%2Fauth%2Fproxy%2Fcallback"),
        "{}",
        away.header("location")
    );
    let plain = Browser::new().visit(&world.url("/oauth2/sign_in")).await;
    assert!(
        plain.header("location").starts_with(world.provider.issuer()),
        "a page like any other"
    );
}

#[tokio::test]
async fn without_the_switch_there_is_nothing_of_it() {
    let mut world = with("", "").await;
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    let read = world.upstream.requests().len();
    // An application that came from there may believe these still.
    let names = [
        "x-auth-request-user",
        "x-auth-request-email",
        "x-auth-request-groups",
        "x-auth-request-preferred-username",
        "x-auth-request-access-token",
        "x-forwarded-access-token",
    ];
    let forged = names.map(|name| (name, "mallory"));
    let page = browser.ask(Method::GET, &world.url("/oauth2/userinfo"), &forged).await;
    assert_eq!(page.body, "hello", "a page of the application");
    let seen = &world.upstream.requests()[read];
    assert_eq!(seen.line(), "GET /oauth2/userinfo HTTP/1.1");
    for name in names {
        assert_eq!(seen.header(name), [""; 0], "{name}");
    }

    // It is switched on without a restart, and nobody is signed out.
    let yaml = format!("{}\n{SWITCH}", world.yaml);
    world.reload(&yaml).unwrap();
    let page = browser.fetch(&world.url("/oauth2/userinfo")).await;
    assert_eq!(page.json()["user"], "ada", "{}", page.body);
}
