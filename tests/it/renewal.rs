//! Silent renewal: once, for everybody, and never at the price of the session.

use std::{sync::Arc, time::Duration};

use doorward::server::Drained;
use http::StatusCode;
use serde_json::json;

use crate::harness::{
    browser::Browser,
    gateway::{Wishes, World},
    provider::{Endpoint, Rotation, Script},
    raw::Raw,
};

const HOUR: Duration = Duration::from_secs(3600);

async fn signed_in() -> (World, Browser) {
    let world = World::start().await;
    world.provider.script(|script| script.expires_in = json!(3600));
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    (world, browser)
}

async fn renewals(browser: &Browser, world: &World) -> u64 {
    browser.fetch(&world.url("/.doorward/whoami")).await.json()["session"]["renewals"]
        .as_u64()
        .unwrap()
}

#[tokio::test]
async fn a_token_in_its_window_is_renewed_behind_the_request() {
    // RF-08
    let (world, browser) = signed_in().await;
    let hold = world.provider.hold("refresh");
    world.clock.advance(Duration::from_secs(3500));
    assert_eq!(
        browser.fetch(&world.url("/")).await.status,
        StatusCode::OK,
        "served with the current token"
    );
    world.provider.seen("refresh", 1).await;
    drop(hold);
    while renewals(&browser, &world).await == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..5 {
        browser.fetch(&world.url("/")).await;
    }
    assert_eq!(world.provider.count("refresh"), 1);
}

#[tokio::test]
async fn sessions_are_renewed_where_nobody_can_sign_in() {
    // AR-18
    let (world, browser) = signed_in().await;
    world.provider.script(|script| {
        script.metadata(|document| {
            drop(document.insert("require_pushed_authorization_requests".to_owned(), json!(true)));
        });
    });
    world.clock.advance(HOUR + Duration::from_secs(1));
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(world.provider.count("refresh"), 1);
    world.provider.seen("discovery", 2).await;
    let other = Browser::new();
    let sign_in = world.url("/.doorward/sign-in");
    let mut page = other.visit(&sign_in).await;
    while page.status.is_redirection() {
        page = other.visit(&sign_in).await;
    }
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!page.body.contains("RFC"), "that is the log's: {}", page.body);
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_hundred_requests_at_expiry_make_one_token_call() {
    // RF-01, I3
    let (world, browser) = signed_in().await;
    world.clock.advance(HOUR + Duration::from_secs(1));
    let browser = Arc::new(browser);
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (browser, url) = (Arc::clone(&browser), world.url("/"));
        requests.spawn(async move { browser.fetch(&url).await.status });
    }
    while let Some(status) = requests.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    assert_eq!(world.provider.count("refresh"), 1);
    assert_eq!(world.provider.reused(), 0);
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_nothing() {
    // RF-03
    let (world, browser) = signed_in().await;
    world.clock.advance(HOUR + Duration::from_secs(1));
    let hold = world.provider.hold("refresh");
    let cookie = browser.cookie("app.test", "doorward").unwrap();
    let mut gone = Raw::connect(([127, 0, 0, 1], world.port()).into()).await;
    gone.send(format!(
        "GET / HTTP/1.1\r\nHost: app.test:{}\r\nCookie: doorward={cookie}\r\n\r\n",
        world.port()
    ))
    .await;
    world.provider.seen("refresh", 1).await;
    drop(gone);
    drop(hold);
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(world.provider.count("refresh"), 1);
    assert_eq!(world.provider.reused(), 0);
}

#[tokio::test]
async fn a_provider_that_is_down_costs_nobody_the_session() {
    // IP-03, RF-07, I5
    let (world, browser) = signed_in().await;
    world.provider.script(|script| script.refresh.status = 503);
    world.clock.advance(HOUR + Duration::from_secs(1));
    for _ in 0..10 {
        let answer = browser.fetch(&world.url("/")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!answer.header("retry-after").is_empty());
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    world.provider.script(|script| script.refresh = Endpoint::default());
    world.clock.advance(Duration::from_secs(120));
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
}

// IP-03, IP-05, RF-07, I5
#[tokio::test]
async fn a_provider_away_for_ten_minutes_and_back_with_other_keys_signs_nobody_out() {
    let (world, ada) = signed_in().await;
    let grace = Browser::new();
    assert_eq!(grace.open(&world.url("/")).await.status, StatusCode::OK);
    let sign_ins = world.provider.count("token");
    world.clock.advance(HOUR + Duration::from_secs(1));
    let away = |status| {
        move |script: &mut Script| {
            for endpoint in [
                &mut script.discovery,
                &mut script.jwks,
                &mut script.authorize,
                &mut script.token,
                &mut script.refresh,
                &mut script.userinfo,
            ] {
                endpoint.status = status;
            }
        }
    };
    world.provider.script(away(503));
    for _ in 0..120 {
        for browser in [&ada, &grace] {
            let answer = browser.fetch(&world.url("/")).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(!answer.header("retry-after").is_empty());
            assert!(!answer.headers.contains_key("set-cookie"), "the cookie stays");
        }
        world.clock.advance(Duration::from_secs(5));
    }
    assert!((5..80).contains(&world.provider.count("refresh")), "probed, and spared");
    world.provider.rotate(Rotation::Immediate);
    world.provider.script(away(0));
    // The longest that a provider is spared.
    world.clock.advance(Duration::from_secs(30));
    for browser in [&ada, &grace] {
        assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
        assert_eq!(renewals(browser, &world).await, 1);
    }
    assert_eq!(world.provider.count("token"), sign_ins, "nobody signed in again");
    assert_eq!(world.provider.reused(), 0);
}

#[tokio::test]
async fn whoever_waits_for_a_provider_is_told_for_how_long() {
    // IP-03, RF-07
    for (asked, told) in [("40", "40"), ("86400", "300")] {
        let (world, browser) = signed_in().await;
        world.provider.script(|script| {
            script.refresh.status = 429;
            script.refresh.headers = vec![("retry-after".to_owned(), asked.to_owned())];
        });
        world.clock.advance(HOUR + Duration::from_secs(1));
        for _ in 0..2 {
            let answer = browser.fetch(&world.url("/")).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(answer.header("retry-after"), told);
        }
        assert_eq!(world.provider.count("refresh"), 1, "it is spared for as long");
    }
}

#[tokio::test]
async fn a_refused_token_ends_the_session() {
    // RF-07
    let (world, browser) = signed_in().await;
    world
        .provider
        .script(|script| script.refresh_error = Some("invalid_grant".to_owned()));
    world.clock.advance(HOUR + Duration::from_secs(1));
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.visit(&world.url("/")).await.status, StatusCode::FOUND);
    assert_eq!(world.provider.count("refresh"), 1);
}

#[tokio::test]
async fn a_rejected_client_keeps_the_sessions() {
    // RF-07, IP-10
    let (world, browser) = signed_in().await;
    world
        .provider
        .script(|script| script.refresh_error = Some("invalid_client".to_owned()));
    world.clock.advance(HOUR + Duration::from_secs(1));
    assert_eq!(
        browser.fetch(&world.url("/")).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    world.provider.script(|script| script.refresh_error = None);
    world.clock.advance(Duration::from_secs(120));
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn renewal_does_not_extend_the_absolute_lifetime() {
    // RF-09
    let session = "  store: memory\n  idle_timeout: 1h\n  absolute_timeout: 4h\n".to_owned();
    let world = World::with(Wishes {
        session,
        ..Wishes::default()
    })
    .await;
    world.provider.script(|script| script.expires_in = json!(3600));
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    for _ in 0..40 {
        world.clock.advance(Duration::from_secs(1700));
        let answer = browser.fetch(&world.url("/")).await;
        if answer.status == StatusCode::UNAUTHORIZED {
            assert!(
                world.provider.count("refresh") >= 2,
                "it was renewed, and ended all the same"
            );
            return;
        }
        assert_eq!(answer.status, StatusCode::OK);
    }
    panic!("the session never ended");
}

#[tokio::test]
async fn a_renewal_under_way_is_waited_for_at_the_end() {
    // RF-04
    for released in [true, false] {
        let (world, browser) = signed_in().await;
        let hold = world.provider.hold("refresh");
        world.clock.advance(Duration::from_secs(3590));
        assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
        world.provider.seen("refresh", 1).await;
        drop(browser);
        let hold = (!released).then_some(hold);
        let (drained, _provider) = world
            .stop_within(Duration::from_secs(if released { 30 } else { 2 }))
            .await;
        let expected = if released { Drained::Whole } else { Drained::Cut };
        assert_eq!(drained, expected);
        drop(hold);
    }
}

#[tokio::test]
async fn a_clock_that_jumps_during_a_renewal_costs_no_second_call_and_no_session() {
    // RS-18, GW-10
    for back in [false, true] {
        let session = "  store: memory\n  idle_timeout: 8h\n".to_owned();
        let world = World::with(Wishes {
            session,
            ..Wishes::default()
        })
        .await;
        world.provider.script(|script| script.expires_in = json!(3600));
        let browser = Arc::new(Browser::new());
        assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
        world.clock.advance(HOUR + Duration::from_secs(1));
        let hold = world.provider.hold("refresh");
        let mut requests = tokio::task::JoinSet::new();
        let mut ask = || {
            let (browser, url) = (Arc::clone(&browser), world.url("/"));
            requests.spawn(async move { browser.fetch(&url).await.status })
        };
        let first = ask();
        world.provider.seen("refresh", 1).await;
        if back {
            world.clock.set_back(HOUR);
        } else {
            world.clock.advance(HOUR);
        }
        ask();
        assert!(!first.is_finished(), "it waits for the provider");
        drop(hold);
        while let Some(status) = requests.join_next().await {
            assert_eq!(status.unwrap(), StatusCode::OK, "back: {back}");
        }
        assert_eq!(world.provider.count("refresh"), 1, "back: {back}");
        assert_eq!(world.provider.reused(), 0);
    }
}

#[tokio::test]
async fn a_provider_that_wants_to_see_the_person_ends_the_session() {
    // RF-07, IP-08
    let (world, browser) = signed_in().await;
    world
        .provider
        .script(|script| script.refresh_error = Some("login_required".to_owned()));
    world.clock.advance(HOUR + Duration::from_secs(1));
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
    world.provider.script(|script| script.refresh_error = None);
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(world.provider.count("refresh"), 1);
}
