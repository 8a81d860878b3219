//! Requests that are not in normal form, byte for byte, and what an upstream gets of those that are.

use std::net::SocketAddr;

use crate::harness::{
    gateway::{Wishes, World},
    raw::{Raw, Response},
    upstream::{Act, ok, response},
};

const ROUTES: &str = r#"
  - { host: app.test, path: /, upstream: { targets: "{upstream}", timeouts: { read: 1s } }, access: open, max_body: 1KiB }
  - { host: app.test, path: /nowhere, upstream: "http://127.0.0.1:9", access: open }
"#;

async fn world() -> World {
    World::with(Wishes {
        routes: ROUTES.to_owned(),
        ..Wishes::default()
    })
    .await
}

fn address(world: &World) -> SocketAddr {
    ([127, 0, 0, 1], world.port()).into()
}

async fn ask(world: &World, request: &str) -> Response {
    Raw::ask(
        address(world),
        request
            .replace("{host}", &format!("app.test:{}", world.port()))
            .as_bytes(),
    )
    .await
}

#[tokio::test]
async fn a_target_that_is_not_normal_reaches_no_upstream() {
    let world = world().await;
    for target in [
        "admin",
        "admin/x",
        "**",
        "*",
        "@admin",
        "h:443",
        "\\admin",
        "\\\\evil\\x",
        "?x=/admin",
        "ftp://{host}/admin",
        "foo:/admin",
        "http://other.test/admin",
        "/a/../b",
        "/a//c",
        "/./a",
        "/%2e%2e/admin",
        "/x/..%2fadmin",
        "/adm%69n",
        "//h/admin",
        "/a%5cb",
        "/a%00",
        "/a%zz",
        "/a\\b",
        "/\u{e9}",
    ] {
        let answer = ask(&world, &format!("GET {target} HTTP/1.1\r\nHost: {{host}}\r\n\r\n")).await;
        assert_eq!(answer.status, 400, "{target}: {}", answer.head);
    }
    assert!(world.upstream.requests().is_empty(), "{:?}", world.upstream.requests());
}

#[tokio::test]
async fn an_absolute_target_of_this_host_goes_on_in_origin_form() {
    let world = world().await;
    let answer = ask(&world, "GET http://{host}/p?q=//x HTTP/1.1\r\nHost: {host}\r\n\r\n").await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert_eq!(world.upstream.only().line(), "GET /p?q=//x HTTP/1.1");
}

#[tokio::test]
async fn hosts_and_headers_that_are_not_normal_are_refused() {
    let world = world().await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b/../c\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: me@{host}\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: X-Forwarded-For\r\n\r\n",
            400,
        ),
        ("TRACE / HTTP/1.1\r\nHost: {host}\r\n\r\n", 405),
        ("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n", 405),
    ] {
        let answer = ask(&world, request).await;
        assert_eq!(answer.status, status, "{request}: {}", answer.head);
    }
    assert!(world.upstream.requests().is_empty(), "{:?}", world.upstream.requests());
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_any_upstream() {
    let world = world().await;
    let long = "a".repeat(9 * 1024);
    let target = ask(&world, &format!("GET /{long} HTTP/1.1\r\nHost: {{host}}\r\n\r\n")).await;
    assert_eq!(target.status, 414);
    let head = format!(
        "GET / HTTP/1.1\r\nHost: {{host}}\r\nX-A: {}\r\n\r\n",
        "a".repeat(33 * 1024)
    );
    assert_eq!(ask(&world, &head).await.status, 431);
    let many = "X-A: a\r\n".repeat(120);
    assert_eq!(
        ask(&world, &format!("GET / HTTP/1.1\r\nHost: {{host}}\r\n{many}\r\n"))
            .await
            .status,
        431
    );
    let body = format!(
        "POST / HTTP/1.1\r\nHost: {{host}}\r\nContent-Length: 2000\r\n\r\n{}",
        "a".repeat(2000)
    );
    assert_eq!(ask(&world, &body).await.status, 413);
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn hop_by_hop_and_our_cookies_do_not_come_back_from_an_upstream() {
    // CK-11
    let world = world().await;
    let headers = "Keep-Alive: timeout=5\r\nConnection: X-Secret\r\nX-Secret: 1\r\nProxy-Authenticate: Basic\r\nSet-Cookie: \
                   doorward=evil\r\nSet-Cookie: __Host-doorward=evil\r\nSet-Cookie: theirs=1\r\n";
    world.upstream.next(Act::Answer(response("200 OK", headers, "hello")));
    let answer = ask(&world, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").await;
    let head = answer.head.to_lowercase();
    assert!(head.contains("set-cookie: theirs=1"), "{head}");
    for gone in ["evil", "x-secret", "timeout=5", "proxy-authenticate"] {
        assert!(!head.contains(gone), "{gone}: {head}");
    }
}

#[tokio::test]
async fn an_upstream_that_fails_is_502_or_504_with_a_problem() {
    // UP-01, UP-03, UP-07
    let world = world().await;
    let gone = ask(&world, "GET /nowhere HTTP/1.1\r\nHost: {host}\r\n\r\n").await;
    assert_eq!(gone.status, 502, "{}", gone.head);
    assert!(
        gone.head.to_lowercase().contains("application/problem+json"),
        "{}",
        gone.head
    );
    world.upstream.next(Act::Hang);
    let slow = ask(&world, "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(slow.status, 504, "{}", slow.head);
    world
        .upstream
        .next(Act::AnswerAndClose(b"this is not HTTP\r\n\r\n".to_vec()));
    let nonsense = ask(&world, "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(nonsense.status, 502, "{}", nonsense.head);
    world.upstream.next(Act::Answer(ok("again")));
    assert_eq!(ask(&world, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").await.status, 200);
}

#[tokio::test]
async fn a_body_and_expect_continue_go_through() {
    // UP-11
    let world = world().await;
    world.upstream.next(Act::Continue(ok("taken")));
    let mut client = Raw::connect(address(&world)).await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: app.test:{}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        world.port()
    );
    client.send(head).await;
    let mut answer = client.response().await;
    if answer.status == 100 {
        client.send("hello").await;
        answer = client.response().await;
    }
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"taken".as_slice()));
    assert_eq!(world.upstream.only().body, b"hello");
}
