//! What is open when its session ends: closed on every replica.

use std::{net::SocketAddr, time::Duration};

use http::{Method, StatusCode};
use serde_json::json;

use crate::{
    harness::{
        browser::Browser,
        gateway::{Wishes, World},
        raw::Raw,
        upstream::Act,
    },
    outage::Redis,
    provider_logout,
};

const POLICY: &[u8] = b"\x88\x02\x03\xf0";

/// A WebSocket and an event stream of one session.
struct Open {
    socket: Raw,
    stream: Raw,
}

impl Open {
    async fn at(address: SocketAddr, world: &World, cookie: &str) -> Self {
        let head = |more: &str| {
            let port = address.port();
            format!("GET / HTTP/1.1\r\nHost: app.test:{port}\r\nCookie: doorward={cookie}\r\n{more}\r\n")
        };
        world.upstream.next(Act::Echo);
        let mut socket = Raw::connect(address).await;
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        socket.send(head(upgrade)).await;
        let answer = socket.head().await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");

        let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        world.upstream.next(Act::Answer(events.as_bytes().to_vec()));
        let mut stream = Raw::connect(address).await;
        stream.send(head("")).await;
        assert!(stream.head().await.starts_with("HTTP/1.1 200 "));
        Self { socket, stream }
    }

    async fn are_closed(mut self) {
        assert_eq!(self.socket.rest().await, POLICY);
        assert!(self.stream.rest().await.is_empty());
    }
}

async fn signed_in(session: String) -> (World, Browser, String) {
    let world = World::with(Wishes {
        session,
        ..Wishes::default()
    })
    .await;
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    let cookie = browser.cookie("app.test", "doorward").unwrap();
    (world, browser, cookie)
}

fn here(world: &World) -> SocketAddr {
    ([127, 0, 0, 1], world.port()).into()
}

async fn sign_out(world: &World, browser: &Browser) {
    let out = browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    assert!(out.status.is_redirection(), "{}", out.status);
}

#[tokio::test]
async fn a_sign_out_closes_what_is_open_on_every_replica() {
    // I2
    let redis = Redis::start().await;
    let (world, browser, cookie) = signed_in(redis.yaml()).await;
    let there = world.replica().await;
    let open = [
        Open::at(here(&world), &world, &cookie).await,
        Open::at(there.address, &world, &cookie).await,
    ];
    sign_out(&world, &browser).await;
    for open in open {
        open.are_closed().await;
    }
}

#[tokio::test]
async fn a_logout_at_the_provider_closes_what_is_open_on_every_replica() {
    // BL-09
    let redis = Redis::start().await;
    let (world, _browser, cookie) = signed_in(redis.yaml()).await;
    let there = world.replica().await;
    let open = [
        Open::at(here(&world), &world, &cookie).await,
        Open::at(there.address, &world, &cookie).await,
    ];
    let token = world.provider.logout_token(&json!({"sub": "ada"}));
    let told = provider_logout::post(&world.base, &token).await;
    assert_eq!(told.status, StatusCode::OK);
    for open in open {
        open.are_closed().await;
    }
}

#[tokio::test]
async fn a_sign_out_closes_what_is_open_with_the_memory_store() {
    let (world, browser, cookie) = signed_in("  store: memory\n".to_owned()).await;
    let open = Open::at(here(&world), &world, &cookie).await;
    sign_out(&world, &browser).await;
    open.are_closed().await;
}

#[tokio::test]
async fn what_is_open_closes_when_the_session_has_had_its_time() {
    let session = "  store: memory\n  idle_timeout: 1h\n  absolute_timeout: 4h\n".to_owned();
    let (world, _browser, cookie) = signed_in(session).await;
    let open = Open::at(here(&world), &world, &cookie).await;
    world.clock.advance(Duration::from_secs(3601));
    open.are_closed().await;
}

#[tokio::test]
async fn an_outage_of_the_store_closes_nothing_and_a_later_end_does() {
    // I5
    let mut redis = Redis::start().await;
    let (world, browser, cookie) = signed_in(redis.yaml()).await;
    let mut open = Open::at(here(&world), &world, &cookie).await;
    redis.stop().await;
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    while browser.fetch(&world.url("/")).await.status != unavailable {}
    open.socket.send(b"\x82\x02hi").await;
    assert_eq!(open.socket.exactly(4).await, b"\x82\x02hi", "it goes on");
    redis.restart().await;
    while browser.fetch(&world.url("/")).await.status != StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sign_out(&world, &browser).await;
    open.are_closed().await;
}

/// How a session may end, beside a sign-out in its own browser.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    BackChannelBySid,
    FrontChannel,
    OwnList,
    AdministrationById,
    AdministrationBySubject,
    RefusedRenewal,
    AnotherSignIn,
}

const BEARER: (&str, &str) = ("authorization", "Bearer a-token-for-these-tests");

async fn end(way: Way, world: &World, browser: &Browser) {
    let sid = || world.provider.sids("ada")[0].clone();
    match way {
        Way::BackChannelBySid => {
            let token = world.provider.logout_token(&json!({ "sid": sid() }));
            let told = provider_logout::post(&world.base, &token).await;
            assert_eq!(told.status, StatusCode::OK);
        }
        Way::FrontChannel => {
            let query = format!("iss={}&sid={}", world.provider.issuer(), sid());
            let url = world.url(&format!("/.doorward/frontchannel-logout/op?{query}"));
            assert_eq!(Browser::new().visit(&url).await.status, StatusCode::OK);
        }
        Way::OwnList => {
            let other = Browser::new();
            assert_eq!(other.open(&world.url("/")).await.status, StatusCode::OK);
            let all = world.url("/.doorward/sessions?end=others");
            assert!(other.submit(&all, "same-origin").await.status.is_redirection());
        }
        Way::AdministrationById | Way::AdministrationBySubject => {
            let sessions = format!("{}/sessions", world.admin);
            // The store has sessions of other providers, too.
            let of_sid = format!("{sessions}?sid={}", sid());
            let listed = Browser::new().ask(Method::GET, &of_sid, &[BEARER]).await.json();
            let by_id = format!("id={}", listed["sessions"][0]["id"].as_str().unwrap());
            let by_id = Some(by_id).filter(|_| way == Way::AdministrationById);
            let query = by_id.unwrap_or_else(|| "subject=ada".to_owned());
            let ended = Browser::new()
                .ask(Method::DELETE, &format!("{sessions}?{query}"), &[BEARER])
                .await;
            assert_eq!(ended.json()["ended"], 1, "{}", ended.body);
        }
        Way::RefusedRenewal => {
            world.provider.revoke_all();
            world.clock.advance(Duration::from_secs(301));
            assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
        }
        Way::AnotherSignIn => {
            world.provider.login_as("grace", json!({}));
            let switch = world.url("/.doorward/sign-in?return_to=%2F&switch=1");
            assert_eq!(browser.open(&switch).await.status, StatusCode::OK);
            let replaced = world.metric("doorward_sessions_total", &["replaced"]).await;
            assert!((replaced - 1.0).abs() < 0.5, "{replaced}");
        }
    }
}

// BL-09, FL-01, I2
#[tokio::test]
async fn whichever_way_a_session_ends_what_is_open_closes_on_every_replica() {
    let redis = Redis::start().await;
    for way in [
        Way::BackChannelBySid,
        Way::FrontChannel,
        Way::OwnList,
        Way::AdministrationById,
        Way::AdministrationBySubject,
        Way::RefusedRenewal,
        Way::AnotherSignIn,
    ] {
        let world = World::with(Wishes {
            session: redis.yaml(),
            provider: "    front_channel_logout: true\n".to_owned(),
            token: Some("a-token-for-these-tests"),
            ..Wishes::default()
        })
        .await;
        let browser = Browser::new();
        assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
        let cookie = browser.cookie("app.test", "doorward").unwrap();
        let there = world.replica().await;
        let open = [
            Open::at(here(&world), &world, &cookie).await,
            Open::at(there.address, &world, &cookie).await,
        ];
        end(way, &world, &browser).await;
        for open in open {
            // Before the socket's own patience is over, so that the way is named.
            let closed = tokio::time::timeout(Duration::from_secs(8), open.are_closed()).await;
            assert!(closed.is_ok(), "{way:?} leaves something open");
        }
        world.stop().await;
    }
}
