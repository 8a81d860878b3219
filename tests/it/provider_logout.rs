//! Sessions that the provider ends: rows BL-*, FL-*, RV-02 and IP-11, by the gateway's own sockets.

use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    harness::{
        browser::{Browser, Page},
        gateway::{Wishes, World},
        provider::{CLIENT_ID, CLIENT_SECRET, Provider, Rotation, SignWith},
    },
    outage::Redis,
};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const BACK: &str = "/.doorward/backchannel-logout/op";

/// The provider's POST, to any gateway, without a cookie.
pub(crate) async fn post(base: &str, token: &str) -> Page {
    send(base, Method::POST, &[FORM], format!("logout_token={token}")).await
}

async fn send(base: &str, method: Method, headers: &[(&str, &str)], body: String) -> Page {
    Browser::new()
        .send(method, &format!("{base}{BACK}"), headers, body)
        .await
}

async fn signed_in(world: &World) -> Browser {
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    browser
}

/// A figure of the gateway's metrics, as it is printed.
async fn count(world: &World, name: &str, labels: &[&str]) -> String {
    world.metric(name, labels).await.to_string()
}

#[track_caller]
fn accepted(page: &Page) {
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert_eq!(page.header("cache-control"), "no-store");
}

#[track_caller]
fn refused(page: &Page, code: &str) {
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(
        page.json(),
        json!({"error": "invalid_request", "error_description": code})
    );
}

async fn is_in(world: &World, browser: &Browser) -> bool {
    match browser.fetch(&world.url("/")).await.status {
        StatusCode::OK => true,
        StatusCode::UNAUTHORIZED => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_logout_by_sid_ends_that_session_alone() {
    // BL-07, BL-08
    let world = World::start().await;
    let (one, two) = (signed_in(&world).await, signed_in(&world).await);
    let sids = world.provider.sids("ada");
    let token = world.provider.logout_token(&json!({"sid": sids[0], "sub": "ada"}));
    accepted(&post(&world.base, &token).await);
    assert!(!is_in(&world, &one).await);
    assert!(is_in(&world, &two).await, "sid and sub are about the sid");
    assert_eq!(
        count(&world, "doorward_sessions_total", &["ended_by_provider"]).await,
        "1"
    );
    let ended = ["channel=\"back\"", "outcome=\"ended\"", "provider=\"op\""];
    assert_eq!(count(&world, "doorward_provider_logouts_total", &ended).await, "1");
    let noted = ["act=\"back_channel_logout\"", "outcome=\"ended\""];
    assert_eq!(count(&world, "doorward_audit_events_total", &noted).await, "1");
    assert_eq!(world.provider.count("revoke"), 0, "the provider knows");
}

#[tokio::test]
async fn a_logout_by_subject_ends_every_session_of_that_person() {
    // BL-07
    let world = World::start().await;
    let mut of_ada = Vec::new();
    for _ in 0..3 {
        of_ada.push(signed_in(&world).await);
    }
    world.provider.login_as("bob", json!({}));
    let of_bob = signed_in(&world).await;
    accepted(&post(&world.base, &world.provider.logout_token(&json!({"sub": "ada"}))).await);
    for browser in &of_ada {
        assert!(!is_in(&world, browser).await);
    }
    assert!(is_in(&world, &of_bob).await);
}

#[tokio::test]
async fn nobody_to_sign_out_is_as_good() {
    // BL-08
    let world = World::start().await;
    for whose in [json!({"sid": "unheard-of"}), json!({"sub": "nobody"})] {
        accepted(&post(&world.base, &world.provider.logout_token(&whose)).await);
    }
}

#[tokio::test]
async fn it_works_on_every_host() {
    // BL-08
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let token = world
        .provider
        .logout_token(&json!({"sid": world.provider.sids("ada")[0]}));
    let elsewhere = world.base.replace("app.test", "other.test");
    accepted(&post(&elsewhere, &token).await);
    assert!(!is_in(&world, &browser).await);
}

#[tokio::test]
async fn only_a_posted_form_with_one_token_is_heard() {
    // BL-01
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let token = world
        .provider
        .logout_token(&json!({"sid": world.provider.sids("ada")[0]}));
    let form = format!("logout_token={token}");
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let page = send(&world.base, method.clone(), &[FORM], String::new()).await;
        assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(page.header("allow"), "POST", "{method}");
    }
    let twice = format!("{form}&{form}");
    refused(&send(&world.base, Method::POST, &[FORM], twice).await, "not_one_token");
    refused(
        &send(&world.base, Method::POST, &[FORM], String::new()).await,
        "not_one_token",
    );
    let json = [("content-type", "application/json")];
    refused(
        &send(&world.base, Method::POST, &json, form.clone()).await,
        "not_a_form",
    );
    let in_query = format!("{}?{form}", world.url(BACK));
    let page = Browser::new().ask(Method::POST, &in_query, &[FORM]).await;
    refused(&page, "not_one_token");
    let huge = format!("{form}&more={}", "x".repeat(40 * 1024));
    let page = send(&world.base, Method::POST, &[FORM], huge).await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    let unknown = format!("{}/.doorward/backchannel-logout/other", world.base);
    let page = Browser::new().send(Method::POST, &unknown, &[FORM], form.clone()).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(is_in(&world, &browser).await, "nothing of that ended anything");
    let with_more = format!("state=x&{form}&client_id=y");
    accepted(&send(&world.base, Method::POST, &[FORM], with_more).await);
    assert!(!is_in(&world, &browser).await);
}

#[tokio::test]
async fn what_proves_nothing_ends_nothing_and_never_reaches_the_store() {
    // BL-02 to BL-06, BL-12
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let sid = &world.provider.sids("ada")[0];
    let whose = json!({ "sid": sid });
    let calls = || count(&world, "doorward_store_call_seconds_count", &[]);
    let before = calls().await;
    let claim = |name: &'static str, value: Value| {
        world.provider.logout_token_but(&whose, |_, claims| {
            claims.insert(name.to_owned(), value.clone());
        })
    };
    let without = |name: &'static str| {
        world
            .provider
            .logout_token_but(&whose, |_, claims| drop(claims.remove(name)))
    };
    let typ = |typ: &'static str| {
        world
            .provider
            .logout_token_but(&whose, |header, _| drop(header.insert("typ".to_owned(), json!(typ))))
    };
    let signed_with = |with: SignWith| {
        world.provider.script(|script| script.id_token.sign_with = with);
        let token = world.provider.logout_token(&whose);
        world
            .provider
            .script(|script| script.id_token.sign_with = SignWith::Rs256);
        token
    };
    for (token, code) in [
        (claim("iss", json!("https://evil.example")), "wrong_issuer"),
        (claim("aud", json!("another")), "wrong_audience"),
        (claim("iat", json!(1_000_000_000)), "wrong_time"),
        (claim("exp", json!(1_000_000_000)), "wrong_time"),
        (claim("nonce", json!("n")), "nonce"),
        (claim("events", json!({})), "no_event"),
        (claim("sid", json!(7)), "bad_sid"),
        (claim("sub", json!("")), "bad_subject"),
        (claim("jti", json!("")), "bad_jti"),
        (without("jti"), "bad_jti"),
        (without("iat"), "malformed"),
        (without("events"), "no_event"),
        (without("sid"), "nobody"),
        (typ("at+jwt"), "wrong_type"),
        (signed_with(SignWith::Nothing), "alg_not_allowed"),
        (signed_with(SignWith::Secret), "alg_not_allowed"),
        (signed_with(SignWith::Es256), "alg_not_allowed"),
        (signed_with(SignWith::Stranger), "bad_signature"),
        ("a.b.c".to_owned(), "malformed"),
        ("x".repeat(17 * 1024), "malformed"),
    ] {
        refused(&post(&world.base, &token).await, code);
    }
    assert_eq!(calls().await, before, "not one call of the store");
    assert!(is_in(&world, &browser).await);
    let counted = ["channel=\"back\"", "outcome=\"wrong_issuer\""];
    assert_eq!(count(&world, "doorward_provider_logouts_total", &counted).await, "1");
}

#[tokio::test]
async fn a_flood_of_unknown_keys_does_not_reach_the_provider() {
    // BL-12, DJ-06
    let world = World::start().await;
    let _browser = signed_in(&world).await;
    let before = world.provider.count("jwks");
    let forged = |n: usize| {
        world.provider.logout_token_but(&json!({"sid": "x"}), |header, _| {
            header.insert("kid".to_owned(), json!(format!("random-{n}")));
        })
    };
    let tokens: Vec<String> = (0..200).map(forged).collect();
    for page in join_all(tokens.iter().map(|token| post(&world.base, token))).await {
        refused(&page, "unknown_key");
    }
    assert!(world.provider.count("jwks") <= before + 1);
}

#[tokio::test]
async fn a_rotated_key_is_fetched() {
    // BL-02, DJ-06
    let world = World::start().await;
    let browser = signed_in(&world).await;
    world.provider.rotate(Rotation::Immediate);
    let token = world.provider.logout_token(&json!({"sub": "ada"}));
    accepted(&post(&world.base, &token).await);
    assert!(!is_in(&world, &browser).await);
}

#[tokio::test]
async fn a_repeated_token_ends_nothing_that_came_after() {
    // BL-05, IP-11
    let world = World::start().await;
    let first = signed_in(&world).await;
    let token = world.provider.logout_token(&json!({"sub": "ada"}));
    accepted(&post(&world.base, &token).await);
    assert!(!is_in(&world, &first).await);
    // The person signs in again, later by the provider's clock than the logout.
    world.clock.advance(Duration::from_secs(2));
    let again = signed_in(&world).await;
    accepted(&post(&world.base, &token).await);
    assert!(is_in(&world, &again).await);
    let repeated = ["outcome=\"repeated\""];
    assert_eq!(count(&world, "doorward_provider_logouts_total", &repeated).await, "1");
    world.clock.advance(Duration::from_secs(181));
    refused(&post(&world.base, &token).await, "wrong_time");
}

#[tokio::test]
async fn a_storm_of_one_token_is_heard_once_and_costs_the_store_nothing() {
    // IP-11
    let world = World::start().await;
    let browsers = join_all((0..5).map(|_| signed_in(&world))).await;
    let token = world.provider.logout_token(&json!({"sub": "ada"}));
    for page in join_all((0..100).map(|_| post(&world.base, &token))).await {
        accepted(&page);
    }
    for browser in &browsers {
        assert!(!is_in(&world, browser).await);
    }
    assert_eq!(
        count(&world, "doorward_sessions_total", &["ended_by_provider"]).await,
        "5"
    );
    let calls = || count(&world, "doorward_store_call_seconds_count", &[]);
    let before = calls().await;
    for page in join_all((0..100).map(|_| post(&world.base, &token))).await {
        accepted(&page);
    }
    assert_eq!(calls().await, before);
}

#[tokio::test]
async fn a_logout_wins_over_a_renewal_in_flight() {
    // BL-10
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let held = world.provider.hold("refresh");
    world.clock.advance(Duration::from_secs(301));
    let url = world.url("/");
    let (waiting, ()) = tokio::join!(browser.fetch(&url), async {
        world.provider.seen("refresh", 1).await;
        let token = world
            .provider
            .logout_token(&json!({"sid": world.provider.sids("ada")[0]}));
        accepted(&post(&world.base, &token).await);
        held.release();
    });
    assert_eq!(waiting.status, StatusCode::UNAUTHORIZED, "{}", waiting.body);
    assert!(!is_in(&world, &browser).await);
    let reads = world.upstream.requests().len();
    assert_eq!(reads, 1, "only the sign-in's own request reached the app");
}

#[tokio::test]
async fn a_logout_before_the_sign_in_is_done_wins() {
    // BL-11, IP-11
    for by_subject in [false, true] {
        let world = World::start().await;
        let browser = Browser::new();
        let held = world.provider.hold("token");
        let url = world.url("/");
        let (page, ()) = tokio::join!(browser.open(&url), async {
            world.provider.seen("token", 1).await;
            let whose = if by_subject {
                json!({"sub": "ada"})
            } else {
                json!({"sid": world.provider.sids("ada")[0]})
            };
            // By a second later, since a token says only seconds.
            let token = world.provider.logout_token_but(&whose, |_, claims| {
                let iat = claims["iat"].as_i64().unwrap();
                claims.insert("iat".to_owned(), json!(iat + 2));
            });
            accepted(&post(&world.base, &token).await);
            held.release();
        });
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.body);
        assert!(page.body.contains("sign_in_signed_out"), "{}", page.body);
        assert_eq!(browser.cookie("app.test", "doorward"), None);
        assert!(world.upstream.requests().is_empty());
        world.clock.advance(Duration::from_secs(3));
        assert_eq!(
            browser.open(&url).await.status,
            StatusCode::OK,
            "a new sign-in is welcome"
        );
    }
}

#[tokio::test]
async fn a_logout_that_cannot_be_done_is_asked_for_again() {
    // BL-05, BL-08, BL-12
    let mut redis = Redis::start().await;
    let world = World::with(Wishes {
        session: redis.yaml(),
        ..Wishes::default()
    })
    .await;
    let browser = signed_in(&world).await;
    let token = world
        .provider
        .logout_token(&json!({"sid": world.provider.sids("ada")[0]}));
    redis.child.kill().await.unwrap();
    let down = post(&world.base, &token).await;
    assert_eq!(down.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(down.header("cache-control"), "no-store");
    assert!(!down.header("retry-after").is_empty());
    refused(&post(&world.base, "a.b.c").await, "malformed");
    redis.child = Redis::spawn(&redis.folder);
    redis.up().await;
    loop {
        let again = post(&world.base, &token).await;
        match again.status {
            StatusCode::OK => break,
            StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(Duration::from_millis(50)).await,
            other => panic!("{other}"),
        }
    }
    assert!(!is_in(&world, &browser).await);
}

#[tokio::test]
async fn a_token_that_could_not_be_carried_out_counts_as_not_heard() {
    // BL-05, BL-08: the store answers what was heard before, and takes nothing new.
    let redis = Redis::start().await;
    let world = World::with(Wishes {
        session: redis.yaml(),
        ..Wishes::default()
    })
    .await;
    let browser = signed_in(&world).await;
    let token = world
        .provider
        .logout_token(&json!({"sid": world.provider.sids("ada")[0]}));
    redis.refuses_writes(true).await;
    let later = post(&world.base, &token).await;
    assert_eq!(later.status, StatusCode::SERVICE_UNAVAILABLE, "{}", later.body);
    assert!(!later.header("retry-after").is_empty());
    assert!(is_in(&world, &browser).await);
    redis.refuses_writes(false).await;
    accepted(&post(&world.base, &token).await);
    assert!(!is_in(&world, &browser).await);
}

#[tokio::test]
async fn without_the_providers_keys_it_is_asked_for_again() {
    // BL-08
    let world = World::start().await;
    world.provider.script(|script| script.jwks.status = 503);
    let token = world.provider.logout_token(&json!({"sub": "ada"}));
    let page = post(&world.base, &token).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.body);
    assert!(!page.header("retry-after").is_empty());
}

#[tokio::test]
async fn any_replica_can_be_told() {
    // BL-08
    let redis = Redis::start().await;
    let world = World::with(Wishes {
        session: redis.yaml(),
        ..Wishes::default()
    })
    .await;
    let replica = world.replica().await;
    let other = format!("http://app.test:{}", replica.address.port());
    let browser = signed_in(&world).await;
    assert!(is_in(&world, &browser).await);
    let token = world.provider.logout_token(&json!({"sub": "ada"}));
    accepted(&post(&other, &token).await);
    // It hears of it in a moment.
    while is_in(&world, &browser).await {}
    // The repetition too, though this one heard nothing of it.
    world.clock.advance(Duration::from_secs(2));
    let again = signed_in(&world).await;
    accepted(&post(&world.base, &token).await);
    assert!(is_in(&world, &again).await);
}

const FRONT: &str = "/.doorward/frontchannel-logout/op";

async fn with_frames() -> World {
    World::with(Wishes {
        provider: "    front_channel_logout: true\n".to_owned(),
        ..Wishes::default()
    })
    .await
}

/// What a browser asks for a frame of the provider's page: no cookie, since it is another site's.
async fn frame(world: &World, query: &str) -> Page {
    let headers = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "iframe"),
    ];
    let url = world.url(&format!("{FRONT}?{query}"));
    Browser::new().ask(Method::GET, &url, &headers).await
}

#[tokio::test]
async fn a_frame_ends_the_session_it_names_and_no_more() {
    // FL-01, RV-02
    let world = with_frames().await;
    let (one, two) = (signed_in(&world).await, signed_in(&world).await);
    let sids = world.provider.sids("ada");
    let issuer = world.provider.issuer();
    let page = frame(&world, &format!("iss={issuer}&sid={}", sids[0])).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("x-frame-options"), "");
    let policy = page.header("content-security-policy");
    assert!(policy.ends_with(&format!("frame-ancestors {issuer}")), "{policy}");
    assert!(!is_in(&world, &one).await);
    assert!(is_in(&world, &two).await);
    assert_eq!(world.provider.count("revoke"), 0, "nothing proves who asked");
    let ended = ["channel=\"front\"", "outcome=\"ended\""];
    assert_eq!(count(&world, "doorward_provider_logouts_total", &ended).await, "1");
}

#[tokio::test]
async fn a_frame_that_names_no_session_of_this_provider_ends_none() {
    // FL-01, FL-02
    let world = with_frames().await;
    let browser = signed_in(&world).await;
    let sid = &world.provider.sids("ada")[0];
    let issuer = world.provider.issuer();
    for (query, code) in [
        (String::new(), "not_one_issuer"),
        (format!("iss={issuer}"), "bad_sid"),
        (format!("sid={sid}"), "not_one_issuer"),
        (format!("iss={issuer}/&sid={sid}"), "wrong_issuer"),
        (format!("iss={issuer}&sid={sid}&sid={sid}"), "bad_sid"),
    ] {
        let page = frame(&world, &query).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(page.json()["error_description"], code, "{query}");
    }
    // With the cookie as well: a link from anywhere would carry it.
    let bare = browser.visit(&world.url(FRONT)).await;
    assert_eq!(bare.status, StatusCode::BAD_REQUEST);
    let posted = browser.submit(&world.url(FRONT), "cross-site").await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(is_in(&world, &browser).await);
    // Nobody learns from the answer whether there is such a session.
    let nobody = frame(&world, &format!("iss={issuer}&sid=nobody")).await;
    assert_eq!(nobody.status, StatusCode::OK);
}

#[tokio::test]
async fn a_frame_keeps_nobody_from_signing_in() {
    // FL-01, RV-02: what nothing proves leaves nothing behind
    let world = with_frames().await;
    let browser = Browser::new();
    let held = world.provider.hold("token");
    let url = world.url("/");
    let (page, ()) = tokio::join!(browser.open(&url), async {
        world.provider.seen("token", 1).await;
        let query = format!("iss={}&sid={}", world.provider.issuer(), world.provider.sids("ada")[0]);
        assert_eq!(frame(&world, &query).await.status, StatusCode::OK);
        held.release();
    });
    assert_eq!(page.status, StatusCode::OK);
}

#[tokio::test]
async fn frames_are_off_unless_the_operator_lets_them() {
    let world = World::start().await;
    let browser = signed_in(&world).await;
    let query = format!("iss={}&sid={}", world.provider.issuer(), world.provider.sids("ada")[0]);
    assert_eq!(frame(&world, &query).await.status, StatusCode::NOT_FOUND);
    assert!(is_in(&world, &browser).await);
}

#[tokio::test]
async fn a_frame_says_when_its_session_could_not_be_ended() {
    // FL-01
    let redis = Redis::start().await;
    let world = World::with(Wishes {
        session: redis.yaml(),
        provider: "    front_channel_logout: true\n".to_owned(),
        ..Wishes::default()
    })
    .await;
    let browser = signed_in(&world).await;
    let query = format!("iss={}&sid={}", world.provider.issuer(), world.provider.sids("ada")[0]);
    redis.refuses_writes(true).await;
    let later = frame(&world, &query).await;
    assert_eq!(later.status, StatusCode::SERVICE_UNAVAILABLE, "{}", later.body);
    assert_eq!(later.header("cache-control"), "no-store");
    let noted = ["act=\"front_channel_logout\"", "outcome=\"store_down\""];
    assert_eq!(count(&world, "doorward_audit_events_total", &noted).await, "1");
    assert!(is_in(&world, &browser).await);
    redis.refuses_writes(false).await;
    assert_eq!(frame(&world, &query).await.status, StatusCode::OK);
    assert!(!is_in(&world, &browser).await);
}

#[tokio::test]
async fn the_page_that_signs_out_at_the_provider_may_hold_the_frame_wherever_it_is() {
    // FL-01
    let world = with_frames().await;
    world.provider.script(|script| {
        script.metadata(|members| {
            let elsewhere = json!("https://login.example.test:8443/end");
            members.insert("end_session_endpoint".to_owned(), elsewhere);
        });
    });
    let _browser = signed_in(&world).await;
    let page = frame(&world, &format!("iss={}&sid=nobody", world.provider.issuer())).await;
    let policy = page.header("content-security-policy");
    let origins = format!(
        "frame-ancestors {} https://login.example.test:8443",
        world.provider.issuer()
    );
    assert!(policy.ends_with(&origins), "{policy}");
}

#[tokio::test]
async fn a_provider_ends_no_session_of_another() {
    // BL-02, BL-07, FL-01: the same subject, the same sid, the same client identifier.
    let twin = Provider::start().await;
    let world = World::with(Wishes {
        provider: format!(
            "    front_channel_logout: true\n  twin:\n    issuer: \"{}\"\n    insecure_http_issuer: true\n    client_id: \
             {CLIENT_ID}\n    client_secret: \"{CLIENT_SECRET}\"\n    front_channel_logout: true\n",
            twin.issuer()
        ),
        more: "default_provider: op\n".to_owned(),
        ..Wishes::default()
    })
    .await;
    let browser = signed_in(&world).await;
    let sid = world.provider.sids("ada").remove(0);
    let whose = [json!({"sub": "ada"}), json!({ "sid": sid })];
    for whose in &whose {
        let of_twin = twin.logout_token(whose);
        refused(&post(&world.base, &of_twin).await, "wrong_issuer");
        let at_twin = world.url("/.doorward/backchannel-logout/twin");
        let form = format!("logout_token={of_twin}");
        accepted(&Browser::new().send(Method::POST, &at_twin, &[FORM], form).await);
    }
    let issuers = [world.provider.issuer(), twin.issuer()];
    for (at, iss, status) in [
        ("op", issuers[1], StatusCode::BAD_REQUEST),
        ("twin", issuers[0], StatusCode::BAD_REQUEST),
        ("twin", issuers[1], StatusCode::OK),
    ] {
        let url = world.url(&format!("/.doorward/frontchannel-logout/{at}?iss={iss}&sid={sid}"));
        assert_eq!(Browser::new().visit(&url).await.status, status, "{at} {iss}");
    }
    assert!(is_in(&world, &browser).await);
    accepted(&post(&world.base, &world.provider.logout_token(&whose[1])).await);
    assert!(!is_in(&world, &browser).await);
}
