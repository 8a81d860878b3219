//! Requests byte by byte: what a hostile or odd client sends, and what an upstream gets of it.

use std::time::Duration;

use doorward::proxy::Limits;
use http::{HeaderName, HeaderValue};

use crate::harness::{
    door::{Door, H2Door, Plan, route, upstream},
    raw::{H2, Raw, Response},
    upstream::{Act, Received, Upstream, ok, response},
};

async fn open() -> (Upstream, Door) {
    let up = Upstream::start().await;
    let door = Plan::to(up.address()).start().await;
    (up, door)
}

/// A GET of a target with further header lines.
fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: app.test\r\n{headers}\r\n")
}

/// Sends bytes on a fresh connection; what came back and what the upstream got, if anything.
async fn pass(request: impl AsRef<[u8]>) -> (Response, Option<Received>) {
    let (up, door) = open().await;
    let response = Raw::ask(door.address, request.as_ref()).await;
    let mut requests = up.requests();
    assert!(requests.len() <= 1, "{requests:#?}");
    (response, requests.pop())
}

#[track_caller]
fn refused((response, received): (Response, Option<Received>), status: u16, sent: &str) {
    assert_eq!(response.status, status, "{sent:?}: {}", response.head);
    assert!(received.is_none(), "{sent:?} reached the upstream");
}

#[tokio::test]
async fn targets_in_other_than_origin_form_reach_no_upstream() {
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
        "ftp://app.test/admin",
        "foo:/admin",
        "http://other.test/p",
        "//h/admin",
        "/a/../b//c",
        "/%2e%2e/admin",
        "/x/..%2fadmin",
        "/adm%69n",
        "/admin;a=b/../x",
        "/a%00b",
        "/a%5cb",
        "/\u{e9}",
        "/a{b}",
        "http:/x",
        "http:///x",
        "/%zz",
        "/a%2fb",
        "/a<b>",
        "/a\"b",
        "/a\u{7f}b",
    ] {
        refused(pass(get(target, "")).await, 400, target);
    }
}

#[tokio::test]
async fn normal_targets_reach_the_upstream_as_judged() {
    for (target, expected) in [
        ("/", "/"),
        ("/a/b?q=/../x", "/a/b?q=/../x"),
        ("/a%20b", "/a%20b"),
        ("http://app.test/p?q", "/p?q"),
        ("http://app.test", "/"),
        ("/a#frag", "/a"),
        ("/%c3%a9", "/%C3%A9"),
        // Pingora escapes what no line may hold before anybody looks at it.
        ("/a b", "/a%20b"),
        ("/a<b c", "/a%3Cb%20c"),
    ] {
        let (response, received) = pass(get(target, "")).await;
        assert_eq!(response.status, 200, "{target}");
        assert_eq!(received.unwrap().line(), format!("GET {expected} HTTP/1.1"), "{target}");
    }
}

#[tokio::test]
async fn hosts_are_checked_and_normal() {
    for bad in [
        "",
        "Host:\r\n",
        "Host: a b\r\n",
        "Host: a/../c\r\n",
        "Host: a@b\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a:0\r\n",
        "Host: a:99999\r\n",
        "Host: a..b\r\n",
    ] {
        refused(pass(format!("GET / HTTP/1.1\r\n{bad}\r\n")).await, 400, bad);
    }
    for (written, expected) in [
        ("App.TEST", "app.test"),
        ("app.test.", "app.test"),
        ("APP.test:8080", "app.test:8080"),
    ] {
        let (_, received) = pass(format!("GET / HTTP/1.1\r\nHost: {written}\r\n\r\n")).await;
        let received = received.unwrap();
        assert_eq!(received.header("host"), [expected]);
        assert_eq!(received.header("x-forwarded-host"), [expected]);
    }
    for bad in [
        "GET http://other.test/ HTTP/1.1\r\nHost: app.test\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        refused(pass(bad).await, 400, bad);
    }
}

#[tokio::test]
async fn ambiguous_bodies_are_refused() {
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 3, 4\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: identity\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: app.test\r\n{headers}\r\n5\r\nhello\r\n0\r\n\r\n");
        refused(pass(request).await, 400, headers);
    }
    let old = "POST / HTTP/1.0\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    refused(pass(old).await, 400, old);
}

#[tokio::test]
async fn lengths_are_one_and_chunks_win() {
    let equal = "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello";
    let (response, received) = pass(equal).await;
    let received = received.unwrap();
    assert_eq!((response.status, received.header("content-length")), (200, vec!["5"]));
    assert_eq!(received.body, b"hello");

    let both = "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n\
                5;ext=1\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n";
    let (response, received) = pass(both).await;
    let received = received.unwrap();
    assert_eq!(response.header("connection"), Some("close"));
    assert!(received.header("content-length").is_empty());
    assert_eq!(received.body, b"5\r\nhello\r\n0\r\n\r\n");
}

#[tokio::test]
async fn malformed_heads_are_refused() {
    for head in [
        "X-A: 1\r\n folded\r\n",
        "X-A : 1\r\n",
        "X-A: a\0b\r\n",
        ": empty\r\n",
        "X-A: a\rb\r\n",
    ] {
        refused(pass(get("/", head)).await, 400, head);
    }
    let bare = "\r\nGET / HTTP/1.1\nHost: app.test\n\n";
    let (response, received) = pass(bare).await;
    assert_eq!(response.status, 200);
    assert!(received.unwrap().head.starts_with("GET / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn bytes_beyond_ascii_in_values_pass() {
    let mut request = b"GET / HTTP/1.1\r\nHost: app.test\r\nX-Name: J\xfcrgen\r\nCookie: a=\xff; b=2\r\n\r\n".to_vec();
    let (up, door) = open().await;
    assert_eq!(Raw::ask(door.address, &request).await.status, 200);
    let bytes = up.bytes().remove(0);
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(has(b"J\xfcrgen") && has(b"a=\xff; b=2"));
    request.clear();
}

#[tokio::test]
async fn nobody_but_the_gateway_says_who_the_caller_is() {
    for name in [
        "X-Auth-User",
        "x-auth-user",
        "X_Auth_User",
        "X-Auth_User",
        "X.Auth.User",
        "x-doorward-assertion",
        "Authorization",
    ] {
        let lines = format!("{name}: mallory\r\n{name}: eve\r\nConnection: {}\r\n", "X-Auth-User");
        let (response, received) = pass(get("/", &lines)).await;
        let received = received.unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(received.header("x-auth-user"), ["ada"], "{name}");
        assert!(
            !received.head.contains("mallory") && !received.head.contains("eve"),
            "{}",
            received.head
        );
    }
}

#[tokio::test]
async fn how_a_client_writes_a_name_does_not_reach_the_upstream() {
    let (_, received) = pass(get("/", "x-OWN: 1\r\naccept-ENCODING: gzip\r\n")).await;
    let received = received.unwrap();
    assert_eq!(
        (received.header("x-own"), received.header("accept-encoding")),
        (vec!["1"], vec!["gzip"])
    );
    for written in ["OWN", "ENCODING"] {
        assert!(!received.head.contains(written), "{}", received.head);
    }
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_no_answer() {
    let up = Upstream::start().await;
    let mut closed = route("/closed", upstream(&[up.address()]));
    closed.forward.websocket = false;
    let door = Plan::routes(vec![route("/", upstream(&[up.address()])), closed])
        .start()
        .await;
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nsmuggled";
    let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    for request in [get("/", ""), get("/closed", handshake)] {
        up.next(Act::AnswerAndClose(switch.into()));
        let answer = Raw::ask(door.address, request.as_bytes()).await;
        assert_eq!(
            (answer.status, answer.text()),
            (502, "upstream_invalid"),
            "{}",
            answer.head
        );
    }
    assert_eq!(Raw::ask(door.address, get("/", "").as_bytes()).await.text(), "hello");
}

#[tokio::test]
async fn protected_names_cannot_be_nominated() {
    for nominated in [
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "x-forwarded-proto",
        "Host",
        "\"x\"",
        ":authority",
        "a,b,c,d,e,f,g,h,i,j",
    ] {
        refused(
            pass(get("/", &format!("Connection: {nominated}\r\n"))).await,
            400,
            nominated,
        );
    }
}

#[tokio::test]
async fn hop_by_hop_request_headers_end_here() {
    let lines = "Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nProxy-Authorization: Basic x\r\n\
                 Proxy-Connection: close\r\nTE: trailers\r\nTrailer: X\r\nX-Stays: 1\r\n";
    let (_, received) = pass(get("/", lines)).await;
    let received = received.unwrap();
    for gone in [
        "connection",
        "keep-alive",
        "x-hop",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
    ] {
        assert!(received.header(gone).is_empty(), "{gone}");
    }
    assert_eq!(received.header("x-stays"), ["1"]);
}

#[tokio::test]
async fn hop_by_hop_response_headers_end_here() {
    let (up, door) = open().await;
    let lines = "Connection: X-Inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n\
                 Upgrade: h2c\r\nX-Outer: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: __Host-doorward=evil\r\n";
    up.next(Act::Answer(response("200 OK", lines, "x")));
    let response = Raw::ask(door.address, get("/", "").as_bytes()).await;
    for gone in ["x-inner", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert_eq!(response.header(gone), None, "{gone}");
    }
    assert_eq!(response.header("x-outer"), Some("1"));
    // CK-11
    assert_eq!(response.headers("set-cookie"), ["a=1"]);
    assert_eq!(response.header("connection"), Some("keep-alive"));
}

#[tokio::test]
async fn forwarding_headers_are_ours_alone() {
    let lines = "X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\
                 X-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\nX-Request-Id: mine\r\n\
                 X-Client-IP: 6.6.6.6\r\nTrue-Client-IP: 6.6.6.6\r\nCF-Connecting-IP: 6.6.6.6\r\n\
                 X-Original-URL: http://evil.test/admin\r\nX_Rewrite_URL: http://evil.test/admin\r\n";
    let (_, received) = pass(get("/", lines)).await;
    let received = received.unwrap();
    assert_eq!(received.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(received.header("x-forwarded-host"), ["app.test"]);
    assert_eq!(received.header("x-forwarded-proto"), ["http"]);
    assert!(received.header("x-forwarded-port").is_empty());
    assert!(!received.head.contains("6.6.6.6") && !received.head.contains("evil.test"));
    assert_eq!(received.header("x-request-id")[0].len(), 32);
}

/// What a client can say of where it comes from, and a proxy passes on that knows nothing of it.
const PASSED_ON: &str = "X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: gopher\r\n\
                         X-Forwarded-Port: 6666\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Server: evil.test\r\n\
                         X-Forwarded-Client-Cert: evil\r\nForwarded: host=evil.test\r\nX-Real-IP: 6.6.6.6\r\n\
                         Client-Cert: :evil:\r\nX_Forwarded_For: 7.7.7.7\r\nX-Request-Id: abc-1\r\n\
                         True-Client-IP: 6.6.6.6\r\nX-Original-URL: /evil\r\n";

async fn from_a_trusted_proxy(kept: &'static [&'static str]) -> Received {
    let up = Upstream::start().await;
    let mut plan = Plan::to(up.address());
    plan.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    plan.trusted_headers = kept.iter().map(|name| HeaderName::from_static(name)).collect();
    let door = plan.start().await;
    Raw::ask(door.address, get("/", PASSED_ON).as_bytes()).await;
    assert_eq!(*door.stub.client.lock().unwrap(), Some("1.2.3.4".parse().unwrap()));
    up.only()
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_as_far_as_it_can_know() {
    let received = from_a_trusted_proxy(&[]).await;
    assert_eq!(received.header("x-forwarded-for"), ["1.2.3.4, 127.0.0.1"]);
    assert_eq!(received.header("x-forwarded-host"), ["app.test"]);
    assert_eq!(received.header("x-forwarded-proto"), ["http"]);
    assert_eq!(received.header("x-forwarded-port"), ["443"]);
    assert_eq!(received.header("x-real-ip"), ["1.2.3.4"]);
    assert_eq!(received.header("x-request-id"), ["abc-1"]);
    for word in ["evil", "6.6.6.6", "6666", "7.7.7.7", "gopher"] {
        assert!(!received.head.contains(word), "{word}: {}", received.head);
    }
}

#[tokio::test]
async fn what_the_operator_says_that_a_proxy_keeps_passes_as_it_is() {
    let kept = &[
        "x-forwarded-host",
        "x-forwarded-prefix",
        "x-real-ip",
        "client-cert",
        "true-client-ip",
    ];
    let received = from_a_trusted_proxy(kept).await;
    assert_eq!(received.header("x-forwarded-host"), ["evil.test"]);
    assert_eq!(received.header("x-forwarded-prefix"), ["/evil"]);
    assert_eq!(received.header("x-real-ip"), ["6.6.6.6"]);
    assert_eq!(received.header("true-client-ip"), ["6.6.6.6"]);
    assert_eq!(received.header("client-cert"), [":evil:"]);
    assert_eq!(received.header("x-forwarded-proto"), ["http"]);
    assert_eq!(received.header("x-forwarded-for"), ["1.2.3.4, 127.0.0.1"]);
    for name in [
        "forwarded",
        "x-forwarded-server",
        "x-forwarded-client-cert",
        "x_forwarded_for",
        "x-original-url",
    ] {
        assert!(received.header(name).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn own_cookies_stay_here_and_others_pass() {
    let (_, received) = pass(get("/", "Cookie: a=1; __Host-doorward=secret; b=2\r\nCookie: c=3\r\n")).await;
    assert_eq!(received.unwrap().header("cookie"), ["a=1; b=2; c=3"]);
    let (_, received) = pass(get("/", "Cookie: __Host-doorward=secret\r\nConnection: Cookie\r\n")).await;
    assert!(received.unwrap().header("cookie").is_empty());
}

#[tokio::test]
async fn methods_are_an_allow_list() {
    for (line, status) in [
        ("TRACE /", 405),
        ("CONNECT /", 405),
        ("get /", 405),
        ("PROPFIND /", 405),
        ("OPTIONS *", 400),
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: app.test\r\n\r\n");
        refused(pass(request).await, status, line);
    }
}

#[tokio::test]
async fn only_a_proper_web_socket_handshake_is_an_upgrade() {
    let post =
        "POST / HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n";
    refused(pass(post).await, 400, post);
    for lines in [
        "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket/13\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: WebSocket\r\n",
        // A body would come in without the limits that bodies have.
        "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n",
    ] {
        refused(pass(get("/", lines)).await, 400, lines);
    }
}

#[tokio::test]
async fn other_upgrades_are_ignored_and_the_request_is_served() {
    for lines in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.2, HTTP/2.0\r\n",
        "Upgrade: h2c\r\n",
    ] {
        let (response, received) = pass(get("/", lines)).await;
        assert_eq!((response.status, response.text()), (200, "hello"), "{lines}");
        let received = received.unwrap();
        for gone in ["upgrade", "connection", "http2-settings"] {
            assert!(received.header(gone).is_empty(), "{lines}: {gone}");
        }
    }
    let post =
        "POST / HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello";
    let (response, received) = pass(post).await;
    assert_eq!((response.status, received.unwrap().body), (200, b"hello".to_vec()));
}

#[tokio::test]
async fn http_1_0_keeps_alive_only_when_asked() {
    let (up, door) = open().await;
    let mut client = Raw::connect(door.address).await;
    for _ in 0..2 {
        client
            .send("GET / HTTP/1.0\r\nHost: app.test\r\nConnection: keep-alive\r\n\r\n")
            .await;
        assert_eq!(client.response().await.header("connection"), Some("keep-alive"));
    }
    client.send("GET / HTTP/1.0\r\nHost: app.test\r\n\r\n").await;
    assert_eq!(client.response().await.header("connection"), Some("close"));
    assert!(client.rest().await.is_empty());
    assert!(up.requests().iter().all(|request| request.line() == "GET / HTTP/1.1"));
}

#[tokio::test]
async fn our_own_responses_keep_the_connection() {
    let (up, door) = open().await;
    let mut client = Raw::connect(door.address).await;
    client.send(get("/a/../b", "")).await;
    let refusal = client.response().await;
    assert_eq!((refusal.status, refusal.text()), (400, "bad_target"));
    assert_eq!(refusal.header("connection"), Some("keep-alive"));
    assert_eq!(refusal.header("server"), None);
    client.send("HEAD /a/../b HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    let refusal = client.bodiless().await;
    assert_eq!((refusal.status, refusal.header("content-length")), (400, Some("10")));
    client.send(get("/", "")).await;
    assert_eq!(client.response().await.text(), "hello");
    assert_eq!(up.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_upload_is_answered_and_closed() {
    let (up, door) = open().await;
    let mut client = Raw::connect(door.address).await;
    client
        .send("POST //x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3000000\r\n\r\nstart")
        .await;
    let response = client.response().await;
    assert_eq!((response.status, response.header("connection")), (400, Some("close")));
    assert!(up.requests().is_empty());
}

#[tokio::test]
async fn sizes_are_limited() {
    let long = get(&format!("/{}", "a".repeat(9 * 1024)), "");
    refused(pass(&long).await, 414, "long target");
    let many = "X-A: 1\r\n".repeat(120);
    refused(pass(get("/", &many)).await, 431, "many lines");
    let large = format!("X-A: {}\r\n", "a".repeat(40 * 1024));
    refused(pass(get("/", &large)).await, 431, "large line");
    let (response, _) = pass(get("/", &format!("X-A: {}\r\n", "a".repeat(2 * 1024 * 1024)))).await;
    assert!([0, 400, 431].contains(&response.status));
}

#[tokio::test]
async fn bodies_over_the_routes_limit_are_refused() {
    let up = Upstream::start().await;
    let door = Plan::to(up.address())
        .each(|route| route.forward.max_body = Some(10))
        .start()
        .await;
    let announced = b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 11\r\n\r\n12345678901";
    let response = Raw::ask(door.address, announced).await;
    assert_eq!((response.status, response.text()), (413, "body_too_large"));
    assert!(up.requests().is_empty());
    let chunked =
        b"POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n";
    let response = Raw::ask(door.address, chunked).await;
    assert_eq!((response.status, response.text()), (413, "body_too_large"));
    assert!(up.requests().is_empty());
    let fits = b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 10\r\n\r\n1234567890";
    assert_eq!(Raw::ask(door.address, fits).await.status, 200);
}

#[tokio::test]
async fn paths_hosts_and_headers_are_rewritten_as_the_route_says() {
    let up = Upstream::start().await;
    let mut app = route("/app", upstream(&[up.address()]));
    app.forward.strip_prefix = true;
    app.forward.add_prefix = Some("/v1/".to_owned());
    app.forward.host_header = Some(HeaderValue::from_static("inner.test"));
    app.forward.response_set = vec![(
        HeaderName::from_static("x-frame-options"),
        HeaderValue::from_static("DENY"),
    )];
    app.forward.response_remove = vec![HeaderName::from_static("server")];
    let mut bare = route("/bare", upstream(&[up.address()]));
    bare.forward.strip_prefix = true;
    let door = Plan::routes(vec![app, bare]).start().await;
    up.always(Act::Answer(response(
        "200 OK",
        "Server: secret\r\nX-Frame-Options: ALLOW\r\n",
        "",
    )));
    for (path, expected) in [
        ("/app", "/v1/"),
        ("/app/x/y?z", "/v1/x/y?z"),
        ("/app/", "/v1/"),
        ("/bare", "/"),
        ("/bare?q", "/?q"),
        ("/bare/x", "/x"),
    ] {
        let response = Raw::ask(door.address, get(path, "").as_bytes()).await;
        let received = up.requests().pop().unwrap();
        assert_eq!(received.line(), format!("GET {expected} HTTP/1.1"), "{path}");
        if path.starts_with("/app") {
            assert_eq!(received.header("host"), ["inner.test"]);
            assert_eq!(received.header("x-forwarded-host"), ["app.test"]);
            assert_eq!(response.headers("x-frame-options"), ["DENY"]);
            assert_eq!(response.header("server"), None);
        }
    }
    assert_eq!(Raw::ask(door.address, get("/apple", "").as_bytes()).await.status, 404);
}

#[tokio::test]
async fn a_second_pipelined_request_is_not_lost_into_the_first() {
    let (up, door) = open().await;
    let mut client = Raw::connect(door.address).await;
    client.send(format!("{}{}", get("/one", ""), get("/two", ""))).await;
    assert_eq!(client.response().await.status, 200);
    assert_eq!(up.requests()[0].line(), "GET /one HTTP/1.1");
    let rest = client.rest().await;
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let up = Upstream::start().await;
    let mut plan = Plan::to(up.address());
    plan.limits = Limits {
        keepalive: Duration::from_secs(1),
        ..Limits::default()
    };
    let door = plan.start().await;
    let mut client = Raw::connect(door.address).await;
    client.send(get("/", "")).await;
    assert_eq!(client.response().await.status, 200);
    assert!(client.rest().await.is_empty());
}

#[tokio::test]
async fn an_h2_body_that_ends_with_an_empty_frame_ends_once() {
    // The stray `0 CRLF CRLF` of pingora issue 935 would be the start of the next user's request.
    let (up, door) = h2_door().await;
    let mut client = H2::connect(door.address, &door.trusted).await;
    for _ in 0..2 {
        let request = http::Request::post("https://localhost/up").body(()).unwrap();
        let (head, body, _) = client.ask(request, &["hello", ""]).await;
        assert_eq!((head.status.as_u16(), &body[..]), (200, &b"hello"[..]));
    }
    for request in up.requests() {
        assert_eq!(request.line(), "POST /up HTTP/1.1");
        assert_eq!(request.body, b"5\r\nhello\r\n0\r\n\r\n");
    }
    let all: usize = up
        .requests()
        .iter()
        .map(|request| request.head.len() + request.body.len())
        .sum();
    assert_eq!(up.bytes().iter().map(Vec::len).sum::<usize>(), all, "stray bytes");
}

#[tokio::test]
async fn h2_cookie_crumbs_are_joined() {
    let (up, door) = h2_door().await;
    let mut client = H2::connect(door.address, &door.trusted).await;
    let request = http::Request::get("https://localhost/")
        .header("cookie", "a=1")
        .header("cookie", "__Host-doorward=secret")
        .header("cookie", "b=2")
        .body(())
        .unwrap();
    assert_eq!(client.ask(request, &[]).await.0.status, 200);
    let received = up.only();
    assert_eq!(received.header("cookie"), ["a=1; b=2"]);
    assert_eq!(received.header("host"), ["localhost"]);
    assert_eq!(received.header("x-forwarded-proto"), ["https"]);
    assert_eq!(received.header("x-auth-user"), ["ada"]);
}

#[tokio::test]
async fn h2_requests_are_judged_like_others() {
    let (up, door) = h2_door().await;
    let mut client = H2::connect(door.address, &door.trusted).await;
    for path in ["//admin", "/a/../b", "/adm%69n"] {
        let request = http::Request::get(format!("https://localhost{path}")).body(()).unwrap();
        assert_eq!(client.ask(request, &[]).await.0.status, 400, "{path}");
    }
    let two_hosts = http::Request::get("https://localhost/")
        .header("host", "other.test")
        .body(())
        .unwrap();
    assert_eq!(client.ask(two_hosts, &[]).await.0.status, 400);
    assert!(up.requests().is_empty());
}

#[tokio::test]
async fn expect_continue_is_relayed() {
    // UP-11
    let (up, door) = open().await;
    up.next(Act::Continue(ok("done")));
    let mut client = Raw::connect(door.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 100 "));
    client.send("hello").await;
    assert_eq!(client.response().await.text(), "done");
    assert_eq!(up.only().body, b"hello");
}

async fn h2_door() -> (Upstream, H2Door) {
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (plan, trusted) = Plan::to(up.address()).over_tls(folder.path());
    let door = plan.start().await;
    (
        up,
        H2Door {
            address: door.address,
            trusted,
            door,
        },
    )
}
