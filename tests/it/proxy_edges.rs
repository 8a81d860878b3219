//! Requests that take too long, and those that pingora answers by itself.

use std::time::Duration;

use bytes::Bytes;
use doorward::proxy::Limits;
use tokio::{net::TcpStream, time::timeout};

use crate::harness::{
    door::{Door, Plan, certificate},
    raw::{H2, Raw},
    upstream::{Act, Upstream, ok},
};

const SHORT: Duration = Duration::from_millis(150);

/// A door whose every deadline for clients is short.
async fn hasty(up: &Upstream) -> Door {
    let mut plan = Plan::to(up.address());
    plan.limits = Limits {
        head_time: SHORT,
        read: SHORT,
        ..Limits::default()
    };
    plan.start().await
}

/// The same with TLS, whose upstream has all the time there is, and a client over HTTP/2.
async fn hasty_h2(up: &Upstream) -> (Door, H2) {
    let folder = tempfile::tempdir().unwrap();
    let (files, trusted, _) = certificate(folder.path());
    let mut plan = Plan::to(up.address()).upstreams(|up| {
        up.timeouts.read = None;
        up.timeouts.write = SHORT;
    });
    plan.limits.read = SHORT;
    plan.tls = Some(files.into());
    let door = plan.start().await;
    let client = H2::connect(door.address, &trusted).await;
    (door, client)
}

/// Waits until so many requests ended with this outcome.
async fn counted(door: &Door, outcome: &str, count: usize) {
    let label = format!("outcome=\"{outcome}\"");
    for _ in 0..500 {
        let page = door.telemetry.render();
        let mut lines = page.lines().filter(|line| line.starts_with("doorward_requests_total"));
        if lines.any(|line| line.contains(&label) && line.ends_with(&format!(" {count}"))) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not {count} times {outcome}: {}", door.telemetry.render());
}

#[tokio::test]
async fn a_head_that_trickles_is_408() {
    let up = Upstream::start().await;
    let door = hasty(&up).await;
    let mut client = Raw::connect(door.address).await;
    client.send("GET / HTTP/1.1\r\nHost: app.test\r\nX-Slow: ").await;
    let trickle = async {
        loop {
            tokio::time::sleep(SHORT / 10).await;
            client.send("a").await;
            if let Ok(head) = tokio::time::timeout(SHORT / 10, client.head()).await {
                return head;
            }
        }
    };
    let head = trickle.await;
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert!(client.rest().await.is_empty());
    counted(&door, "head_timeout", 1).await;
    assert!(up.bytes().is_empty());
}

#[tokio::test]
async fn a_head_that_trickles_over_tls_is_408_and_a_preface_that_does_is_cut() {
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut plan, trusted) = Plan::to(up.address()).over_tls(folder.path());
    plan.limits.head_time = SHORT;
    let door = plan.start().await;
    let mut client = Raw::connect_tls(door.address, &trusted, &["http/1.1"]).await;
    client.send("GET / HTTP/1.1\r\n").await;
    assert_eq!(client.response().await.status, 408);
    let mut client = Raw::connect_tls(door.address, &trusted, &["h2"]).await;
    client.send("PRI * HT").await;
    // The server's settings, and no more.
    assert!(!client.rest().await.starts_with(b"HTTP"));
}

#[tokio::test]
async fn a_body_that_stops_is_408() {
    let up = Upstream::start().await;
    let door = hasty(&up).await;
    for framing in [
        "Content-Length: 10\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: app.test\r\n{framing}");
        let mut client = Raw::connect(door.address).await;
        client.send(request).await;
        let response = client.response().await;
        assert_eq!(
            (response.status, response.text()),
            (408, "request_slow"),
            "{}",
            response.head
        );
        assert_eq!(response.header("connection"), Some("close"));
        assert!(client.rest().await.is_empty());
    }
    counted(&door, "request_slow", 2).await;
    assert!(up.requests().is_empty(), "half a body looks whole");
}

#[tokio::test]
async fn an_h2_upload_that_stops_is_cut_though_the_upstream_may_take_for_ever() {
    let up = Upstream::start().await;
    let (door, client) = hasty_h2(&up).await;
    let mut send = client.send.clone().ready().await.unwrap();
    let request = http::Request::post("https://localhost/up").body(()).unwrap();
    let (response, mut body) = send.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"start"), false).unwrap();
    let error = response.await.unwrap_err();
    assert!(error.is_reset(), "{error}");
    counted(&door, "request_slow", 1).await;
    assert!(up.requests().is_empty());
}

#[tokio::test]
async fn an_h2_upload_that_stops_after_its_answer_is_cut_too() {
    let up = Upstream::start().await;
    let (door, client) = hasty_h2(&up).await;
    up.next(Act::Early(ok("early")));
    let mut send = client.send.clone().ready().await.unwrap();
    let request = http::Request::post("https://localhost/up").body(()).unwrap();
    let (response, mut body) = send.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"start"), false).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    counted(&door, "request_slow", 1).await;
}

#[tokio::test]
async fn an_h2_client_may_be_silent_while_it_is_being_answered() {
    let up = Upstream::start().await;
    let (door, client) = hasty_h2(&up).await;
    up.next(Act::Early(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n".to_vec(),
    ));
    let mut send = client.send.clone().ready().await.unwrap();
    let request = http::Request::post("https://localhost/watch").body(()).unwrap();
    let (response, mut body) = send.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"start"), false).unwrap();
    let mut answer = response.await.unwrap().into_body();
    assert_eq!(answer.data().await.unwrap().unwrap(), "event");
    tokio::time::sleep(SHORT * 5).await;
    body.send_data(Bytes::from_static(b"on"), true).unwrap();
    for _ in 0..500 {
        if up.bytes()[0].ends_with(b"0\r\n\r\n") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{}", door.telemetry.render());
}

#[tokio::test]
async fn a_body_that_trickles_is_408() {
    let up = Upstream::start().await;
    let mut plan = Plan::to(up.address());
    plan.limits.read = SHORT;
    plan.limits.body_rate = Some(1000);
    let door = plan.start().await;
    for head in ["Content-Length: 9999\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"] {
        let mut client = Raw::connect(door.address).await;
        client
            .send(format!("POST / HTTP/1.1\r\nHost: app.test\r\n{head}"))
            .await;
        let piece = if head.starts_with('C') { "a" } else { "1\r\na\r\n" };
        let status = loop {
            tokio::time::sleep(SHORT / 10).await;
            client.send(piece).await;
            if let Ok(head) = tokio::time::timeout(SHORT / 10, client.head()).await {
                break head;
            }
        };
        assert!(status.starts_with("HTTP/1.1 408 "), "{status}");
        assert!(
            status.contains("connection: close") || status.contains("Connection: close"),
            "{status}"
        );
    }
    counted(&door, "request_slow", 2).await;
    assert!(up.requests().is_empty(), "half a body looks whole");
    // Whoever sends what is wanted is not cut, however long it takes.
    let mut client = Raw::connect(door.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5000\r\n\r\n")
        .await;
    for _ in 0..10 {
        client.send([b'a'; 500]).await;
        tokio::time::sleep(SHORT / 5).await;
    }
    assert_eq!(client.response().await.status, 200);
}

#[tokio::test]
async fn an_h2_body_that_trickles_is_408_and_one_that_is_answered_may() {
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut plan, trusted) = Plan::to(up.address()).over_tls(folder.path());
    plan.limits.read = SHORT;
    plan.limits.body_rate = Some(1000);
    let door = plan.start().await;
    let client = H2::connect(door.address, &trusted).await;
    let begin = async || {
        let mut send = client.send.clone().ready().await.unwrap();
        let request = http::Request::post("https://localhost/up").body(()).unwrap();
        send.send_request(request, false).unwrap()
    };
    let (mut response, mut body) = begin().await;
    let mut answer = None;
    for _ in 0..500 {
        body.send_data(Bytes::from_static(b"a"), false).unwrap();
        if let Ok(response) = tokio::time::timeout(SHORT / 10, &mut response).await {
            answer = Some(response.unwrap());
            break;
        }
    }
    assert_eq!(answer.expect("an answer").status(), 408);
    counted(&door, "request_slow", 1).await;
    up.next(Act::Early(ok("early")));
    let (response, mut body) = begin().await;
    assert_eq!(response.await.unwrap().status(), 200);
    for _ in 0..30 {
        tokio::time::sleep(SHORT / 10).await;
        body.send_data(Bytes::from_static(b"a"), false).unwrap();
    }
    body.send_data(Bytes::new(), true).unwrap();
    counted(&door, "forwarded", 1).await;
}

#[tokio::test]
async fn an_h2_body_over_the_limit_is_413_announced_or_not() {
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (plan, trusted) = Plan::to(up.address())
        .each(|route| route.forward.max_body = Some(10))
        .over_tls(folder.path());
    let door = plan.start().await;
    let mut client = H2::connect(door.address, &trusted).await;
    let request = |length: Option<&str>| {
        let mut request = http::Request::post("https://localhost/up");
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        request.body(()).unwrap()
    };
    for (length, parts) in [(Some("11"), &["12345678901"][..]), (None, &["123456", "78901"])] {
        let (head, body, _) = client.ask(request(length), parts).await;
        assert_eq!(
            (head.status.as_u16(), &body[..]),
            (413, &b"body_too_large"[..]),
            "{length:?}"
        );
    }
    assert!(up.requests().is_empty());
    assert_eq!(client.ask(request(None), &["12345", "67890"]).await.0.status, 200);
}

/// An answer that fills every buffer on the way.
fn large() -> Vec<u8> {
    ok(&"a".repeat(16 << 20))
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go() {
    let up = Upstream::start().await;
    up.always(Act::Answer(large()));
    let mut plan = Plan::to(up.address());
    plan.limits.write = SHORT;
    let door = plan.start().await;
    let mut client = Raw::connect(door.address).await;
    client.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    counted(&door, "broken_off", 1).await;
    let response = client.response().await;
    assert!(response.status == 200 && !response.whole, "{}", response.head);
}

#[tokio::test]
async fn an_h2_client_that_gives_no_window_or_does_not_read_is_let_go() {
    let up = Upstream::start().await;
    up.always(Act::Answer(large()));
    let folder = tempfile::tempdir().unwrap();
    let (mut plan, trusted) = Plan::to(up.address()).over_tls(folder.path());
    plan.limits.write = SHORT;
    plan.limits.keepalive = SHORT;
    let door = plan.start().await;
    let client = H2::connect(door.address, &trusted).await;
    let mut send = client.send.clone().ready().await.unwrap();
    let request = || http::Request::get("https://localhost/").body(()).unwrap();
    let (response, _) = send.send_request(request(), true).unwrap();
    // Nothing is taken, so no window is given beyond the first.
    let body = response.await.unwrap().into_body();
    counted(&door, "broken_off", 1).await;
    drop(body);
    // Nor does this one read its socket, with all the window there can be.
    let mut deaf = Raw::connect_tls(door.address, &trusted, &["h2"]).await;
    deaf.send(DEAF_HELLO).await;
    for stream in [1_u8, 3, 5] {
        deaf.send(
            [
                &[0, 0, 14, 1, 5, 0, 0, 0, stream][..],
                &[0x82, 0x87, 0x84, 0x41, 9],
                b"localhost",
            ]
            .concat(),
        )
        .await;
    }
    counted(&door, "broken_off", 4).await;
    let deadline = door.shutdown(Duration::from_secs(8)).await;
    assert_eq!(
        deadline,
        doorward::server::Drained::Whole,
        "it is gone before the drain's end"
    );
}

#[tokio::test]
async fn an_h2_client_that_never_says_that_it_heard_of_the_end_is_let_go() {
    let up = Upstream::start().await;
    up.next(Act::Parts(vec![ok("hello")]));
    let folder = tempfile::tempdir().unwrap();
    let (mut plan, trusted) = Plan::to(up.address()).over_tls(folder.path());
    plan.limits.keepalive = SHORT;
    let door = plan.start().await;
    // It reads what comes, and answers no PING.
    let mut deaf = Raw::connect_tls(door.address, &trusted, &["h2"]).await;
    deaf.send(DEAF_HELLO).await;
    deaf.send(
        [
            &[0, 0, 14, 1, 5, 0, 0, 0, 1, 0x82, 0x87, 0x84, 0x41, 9][..],
            b"localhost",
        ]
        .concat(),
    )
    .await;
    while up.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    // The drain begins while its request is under way, so it is told of the end.
    let going_away = [0, 0, 8, 7, 0, 0, 0, 0, 0];
    let reading = async {
        let (mut heard, mut told) = (Vec::new(), false);
        loop {
            match deaf.some().await {
                bytes if bytes.is_empty() => return told,
                bytes => heard.extend(bytes),
            }
            if !told && heard.windows(going_away.len()).any(|part| part == going_away) {
                told = true;
                up.release();
            }
        }
    };
    let (drained, told) = tokio::join!(door.shutdown(Duration::from_secs(8)), reading);
    assert!(told);
    assert_eq!(
        drained,
        doorward::server::Drained::Whole,
        "it is gone before the drain's end"
    );
}

/// The preface, SETTINGS with the largest initial window, and `WINDOW_UPDATE` of the connection to the most.
const DEAF_HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff\
    \0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0";

#[tokio::test]
async fn an_h2_head_that_never_ends_does_not_hold_a_connection_for_ever() {
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut plan, trusted) = Plan::to(up.address()).over_tls(folder.path());
    plan.limits.keepalive = SHORT;
    let door = plan.start().await;
    let mut client = Raw::connect_tls(door.address, &trusted, &["h2"]).await;
    client.send(DEAF_HELLO).await;
    // HEADERS without END_HEADERS, and then a byte of its CONTINUATION at a time.
    client.send([0, 0, 1, 1, 1, 0, 0, 0, 1, 0x82]).await;
    client.send([0, 0x40, 0, 9, 0, 0, 0, 0, 1]).await;
    let begun = tokio::time::Instant::now();
    let ended = async {
        loop {
            client.send([0x82]).await;
            match tokio::time::timeout(SHORT / 10, client.some()).await {
                Ok(bytes) if bytes.is_empty() => return,
                Ok(_) | Err(_) => {}
            }
            assert!(begun.elapsed() < Duration::from_secs(9), "it is still open");
        }
    };
    ended.await;
}

#[tokio::test]
async fn what_pingora_refuses_by_itself_is_counted() {
    let up = Upstream::start().await;
    let door = Plan::to(up.address()).start().await;
    let malformed = [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : app.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: app.test\r\n folded\r\n\r\n",
    ];
    for head in malformed {
        assert_eq!(Raw::ask(door.address, head.as_bytes()).await.status, 400, "{head:?}");
    }
    counted(&door, "malformed_head", malformed.len()).await;
    // On a kept connection too.
    let mut client = Raw::connect(door.address).await;
    client.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    assert_eq!(client.response().await.status, 200);
    client.send("nonsense\r\n\r\n").await;
    assert_eq!(client.response().await.status, 400);
    counted(&door, "malformed_head", malformed.len() + 1).await;
    counted(&door, "forwarded", 1).await;
}

#[tokio::test]
async fn connect_is_refused_by_the_gate_and_counted() {
    let up = Upstream::start().await;
    let door = Plan::to(up.address()).start().await;
    for line in ["CONNECT app.test:443", "CONNECT /"] {
        let mut client = Raw::connect(door.address).await;
        client
            .send(format!(
                "{line} HTTP/1.1\r\nHost: app.test:443\r\n\r\nGET / HTTP/1.1\r\nHost: app.test\r\n\r\n"
            ))
            .await;
        let response = client.response().await;
        assert_eq!(
            (response.status, response.header("connection")),
            (405, Some("close")),
            "{line}"
        );
        assert!(client.rest().await.is_empty(), "{line}");
    }
    counted(&door, "method_not_allowed", 2).await;
    assert!(up.bytes().is_empty());
}

#[tokio::test]
async fn an_h2_client_that_makes_malformed_requests_is_let_go_after_some() {
    // A `Host` that contradicts the authority: pingora refuses such requests before any hook, and 32 of a connection are enough.
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (files, trusted, _) = certificate(folder.path());
    let mut plan = Plan::to(up.address());
    plan.tls = Some(files.into());
    let door = plan.start().await;
    let wire = H2::wire(TcpStream::connect(door.address).await.unwrap(), &trusted).await;
    let (send, connection) = h2::client::handshake(wire).await.unwrap();
    let ended = tokio::spawn(connection);
    let mut refused = 0;
    while let Ok(mut ready) = send.clone().ready().await {
        let request = http::Request::get("https://localhost/").header("host", "elsewhere");
        let Ok((answer, _)) = ready.send_request(request.body(()).unwrap(), true) else {
            break;
        };
        // The last is cut off with the connection.
        assert!(
            answer.await.is_ok_and(|answer| answer.status() == 400) || refused >= 31,
            "{refused}"
        );
        refused += 1;
        assert!(refused < 100, "for ever");
    }
    timeout(Duration::from_secs(20), ended).await.unwrap().unwrap().ok();
    assert!(refused >= 31, "after {refused}");
    assert!(up.requests().is_empty(), "nothing of it goes on");
    let mut client = H2::connect(door.address, &trusted).await;
    let request = http::Request::get("https://localhost/").body(()).unwrap();
    assert_eq!(client.ask(request, &[]).await.0.status, 200, "others are served");
}
