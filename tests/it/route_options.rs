//! Every option of a route, from the words of the configuration to what a browser, the provider and an upstream see of it.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{
    browser::Browser,
    gateway::{Wishes, World},
    upstream::{Act, response},
};

async fn world(routes: &str) -> World {
    World::with(Wishes {
        routes: routes.to_owned(),
        ..Wishes::default()
    })
    .await
}

const SIGN_IN: &str = r#"
  - { host: app.test, path: /plain, upstream: "{upstream}", access: signed_in }
  - host: app.test
    path: /ledger
    upstream: "{upstream}"
    access: signed_in
    sign_in:
      scopes: [ledger, groups]
      acr_values: [gold, silver]
      max_age: 1h
      prompt: consent
      extra_parameters: { access_type: offline, ui_locales: en }
"#;

#[tokio::test]
async fn how_people_sign_in_for_a_route_is_asked_of_the_provider() {
    // AR-17
    let world = world(SIGN_IN).await;
    let asked = async |path: &str| -> BTreeMap<String, String> {
        let away = Browser::new().visit(&world.url(path)).await.location().unwrap();
        away.query_pairs().into_owned().collect()
    };
    let ledger = asked("/ledger/x").await;
    let plain = asked("/plain").await;
    for (name, expected) in [
        ("scope", "openid email ledger groups"),
        ("acr_values", "gold silver"),
        ("max_age", "3600"),
        ("prompt", "consent"),
        ("access_type", "offline"),
        ("ui_locales", "en"),
    ] {
        assert_eq!(ledger[name], expected, "{name}");
        assert!(name == "scope" || !plain.contains_key(name), "{name}");
    }
    assert_eq!(plain["scope"], "openid email");
}

const RULES: &str = r#"
  - { host: app.test, path: /, upstream: "{upstream}", access: signed_in }
  - { host: app.test, path: /any, upstream: "{upstream}", access: { any: [{ group: a }, { email: eve@example.org }] } }
  - { host: app.test, path: /all, upstream: "{upstream}", access: { all: [{ group: a }, { email_domain: example.org }] } }
  - { host: app.test, path: /not, upstream: "{upstream}", access: { not: { group: a } } }
  - { host: app.test, path: /email, upstream: "{upstream}", access: { email: [ada@example.org, x@example.org] } }
  - { host: app.test, path: /domain, upstream: "{upstream}", access: { email_domain: example.org } }
  - { host: app.test, path: /group, upstream: "{upstream}", access: { group: [z, a] } }
  - { host: app.test, path: /equals, upstream: "{upstream}", access: { claim: { path: realm.level, equals: 3 } } }
  - { host: app.test, path: /contains, upstream: "{upstream}", access: { claim: { path: realm.roles, contains: ledger } } }
  - { host: app.test, path: /one-of, upstream: "{upstream}", access: { claim: { path: employment, one_of: [staff, guest] } } }
  - { host: app.test, path: /provider, upstream: "{upstream}", access: { provider: op } }
  - { host: app.test, path: /elsewhere, upstream: "{upstream}", access: { not: { provider: op } } }
"#;

const PLACES: [&str; 11] = [
    "any",
    "all",
    "not",
    "email",
    "domain",
    "group",
    "equals",
    "contains",
    "one-of",
    "provider",
    "elsewhere",
];

#[tokio::test]
async fn each_kind_of_rule_lets_in_whom_it_names_and_nobody_else() {
    // ID-19
    let world = world(RULES).await;
    let people: [(&str, Value, &[&str]); 4] = [
        (
            "ada",
            json!({
                "email": "ada@example.org", "email_verified": true, "groups": ["a", "b"],
                "realm": { "level": 3, "roles": ["wiki", "ledger"] }, "employment": "staff",
            }),
            &[
                "any", "all", "email", "domain", "group", "equals", "contains", "one-of", "provider",
            ],
        ),
        // Whatever is near it is not it.
        (
            "bob",
            json!({
                "email": "ada@example.org.evil.test", "email_verified": true, "groups": ["ab", "A"],
                "realm": { "level": "3", "roles": ["ledgers"] }, "employment": ["staff"], "realm.level": 3,
            }),
            &["not", "provider"],
        ),
        // An address that nobody verified is nobody's.
        (
            "carol",
            json!({ "email": "ada@example.org", "email_verified": false, "groups": "a" }),
            &["any", "group", "provider"],
        ),
        (
            "eve",
            json!({ "email": "eve@example.org", "email_verified": true, "employment": "guest" }),
            &["any", "not", "domain", "one-of", "provider"],
        ),
    ];
    for (who, claims, passes) in people {
        world.provider.login_as(who, claims);
        let browser = Browser::new();
        assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK, "{who}");
        for place in PLACES {
            let expected = if passes.contains(&place) {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            let status = browser.fetch(&world.url(&format!("/{place}"))).await.status;
            assert_eq!(status, expected, "{who} at /{place}");
        }
    }
}

const FORWARD: &str = r#"
  - host: app.test
    path: /app
    methods: [GET, POST]
    upstream: "{upstream}"
    access: signed_in
    strip_prefix: true
    add_prefix: /ledger
    host_header: ledger.internal
    assertion: false
    headers:
      identity: false
      claims: { X-Cost-Centre: cost_centre, X-Roles: realm.roles }
      static: { X-Environment: production }
      remove: [X-Debug]
      bearer_access_token: true
      id_token: X-Id-Token
    response_headers:
      set: { X-Frame-Options: DENY }
      remove: [Server]
"#;

#[tokio::test]
async fn what_goes_to_an_upstream_and_comes_back_is_as_the_route_says() {
    let world = world(FORWARD).await;
    world.provider.login_as(
        "ada",
        json!({ "email": "ada@example.org", "cost_centre": 7, "realm": { "roles": ["one", "two"] } }),
    );
    let headers = "Server: theirs\r\nX-Frame-Options: ALLOW\r\nX-Theirs: 1\r\n";
    world.upstream.always(Act::Answer(response("200 OK", headers, "hello")));
    let browser = Browser::new();
    let answer = browser.open(&world.url("/app/x/y?z=/app")).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, "hello"));
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert_eq!((answer.header("server"), answer.header("x-theirs")), ("", "1"));

    let theirs = [("x-debug", "1"), ("x-cost-centre", "8"), ("x-mine", "kept")];
    browser.ask(Method::POST, &world.url("/app/x"), &theirs).await;
    let [got, posted] = &world.upstream.requests()[..] else {
        panic!("two requests")
    };
    assert_eq!(got.line(), "GET /ledger/x/y?z=/app HTTP/1.1");
    assert_eq!(posted.line(), "POST /ledger/x HTTP/1.1");
    let host = format!("app.test:{}", world.port());
    for (name, value) in [
        ("host", "ledger.internal"),
        ("x-forwarded-host", &*host),
        ("x-cost-centre", "7"),
        ("x-roles", "one,two"),
        ("x-environment", "production"),
        ("x-mine", "kept"),
    ] {
        assert_eq!(posted.header(name), [value], "{name}");
    }
    for gone in [
        "x-debug",
        "x-forwarded-user",
        "x-forwarded-email",
        "x-doorward-assertion",
    ] {
        assert!(posted.header(gone).is_empty(), "{gone}");
    }
    assert!(posted.header("authorization")[0].starts_with("Bearer "));
    assert_eq!(posted.header("x-id-token")[0].split('.').count(), 3);

    let put = browser.ask(Method::PUT, &world.url("/app/x"), &[]).await;
    assert_eq!(
        (put.status, put.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, POST")
    );
}

/// The least specific first: their order says nothing.
const PLACED: [&str; 7] = [
    r#"{ host: "*", path: /, upstream: "{upstream}", access: open, headers: { static: { X-Route: anywhere } } }"#,
    r#"{ host: "*.wild.test", path: /, upstream: "{upstream}", access: open, headers: { static: { X-Route: suffix } } }"#,
    r#"{ host: app.test, path: /, upstream: "{upstream}", access: open, headers: { static: { X-Route: root } } }"#,
    r#"{ host: app.test, path: /users, upstream: "{upstream}", access: open, headers: { static: { X-Route: prefix } } }"#,
    r#"{ host: app.test, path: { prefix: /users/7 }, upstream: "{upstream}", access: open, headers: { static: { X-Route: longer } } }"#,
    r#"{ host: app.test, path: { regex: "/users/[0-9]+/avatar" }, upstream: "{upstream}", access: open, headers: { static: { X-Route: regex } } }"#,
    r#"{ host: app.test, path: { exact: /robots.txt }, upstream: "{upstream}", access: open, headers: { static: { X-Route: exact } } }"#,
];

#[tokio::test]
async fn the_most_specific_route_has_the_request_whatever_the_order() {
    let mut backwards = PLACED;
    backwards.reverse();
    for routes in [PLACED, backwards] {
        let world = world(&routes.map(|route| format!("  - {route}\n")).concat()).await;
        for (host, path, expected) in [
            ("app.test", "/robots.txt", "exact"),
            ("app.test", "/robots.txt/x", "root"),
            ("app.test", "/users", "prefix"),
            ("app.test", "/usersx", "root"),
            ("app.test", "/users/7/y", "longer"),
            ("app.test", "/users/77", "prefix"),
            ("app.test", "/users/7/avatar", "regex"),
            ("app.test", "/users/7/avatar/x", "longer"),
            ("sub.wild.test", "/users", "suffix"),
            ("other.test", "/robots.txt", "anywhere"),
        ] {
            let url = world.url(path).replace("app.test", host);
            assert_eq!(Browser::new().fetch(&url).await.status, StatusCode::OK, "{host}{path}");
            let seen = world.upstream.requests().pop().unwrap();
            assert_eq!(seen.header("x-route"), [expected], "{host}{path}");
        }
    }
}
