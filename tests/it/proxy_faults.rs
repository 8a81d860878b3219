//! Upstreams that fail, and what passes through them when they do not.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use doorward::{
    policy::{Balance, Ejection, HealthCheck, Protocol, upstream::Address},
    proxy::Upstreams,
    telemetry::Telemetry,
};
use http::HeaderMap;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::harness::{
    door::{Door, Plan, certificate, route, target, upstream},
    raw::{H2, Raw, Response},
    upstream::{Act, Upstream, ok, response},
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello";
const WEB_SOCKET: &[u8] =
    b"GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

async fn open() -> (Upstream, Door) {
    let up = Upstream::start().await;
    let door = Plan::to(up.address()).start().await;
    (up, door)
}

/// An address where nobody listens.
async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[track_caller]
fn says(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, response.text()), (status, code), "{}", response.head);
    assert_eq!(response.header("x-request-id").map(str::len), Some(32));
}

#[tokio::test]
async fn a_refused_connection_is_502() {
    // UP-01
    let door = Plan::to(nowhere().await).start().await;
    says(&Raw::ask(door.address, GET).await, 502, "upstream_unreachable");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_502() {
    let mut up = upstream(&[]);
    up.targets = vec![doorward::policy::UpstreamTarget {
        protocol: Protocol::Http,
        address: Address::Tcp {
            host: "no-such-host.invalid".to_owned(),
            port: 80,
        },
    }];
    let door = Plan::routes(vec![route("/", up)]).start().await;
    says(&Raw::ask(door.address, GET).await, 502, "upstream_unreachable");
}

#[tokio::test]
async fn a_silent_upstream_is_504() {
    // UP-03
    let up = Upstream::start().await;
    up.always(Act::Hang);
    let plan = Plan::to(up.address()).upstreams(|up| up.timeouts.read = Some(Duration::from_millis(200)));
    let door = plan.start().await;
    says(&Raw::ask(door.address, GET).await, 504, "upstream_slow");
}

#[tokio::test]
async fn an_upstream_that_takes_no_more_of_a_body_is_504() {
    // UP-03: while it is written to it is not read from, so `write` alone ends that, and `read` what comes after.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = deaf.local_addr().unwrap();
    let _held = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok(one) = deaf.accept().await {
            kept.push(one);
        }
    });
    let plan = Plan::to(address).upstreams(|up| {
        up.timeouts.write = Duration::from_millis(200);
        up.timeouts.read = Some(Duration::from_millis(200));
    });
    let door = plan.start().await;
    let (mut answer, mut upload) = TcpStream::connect(door.address).await.unwrap().into_split();
    tokio::spawn(async move {
        let head = "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 67108864\r\n\r\n";
        upload.write_all(head.as_bytes()).await.unwrap();
        // More than all buffers on the way hold: it ends with the connection.
        upload.write_all(&vec![b'x'; 64 << 20]).await.ok();
    });
    let mut said = [0; 12];
    timeout(Duration::from_secs(20), answer.read_exact(&mut said))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&said, b"HTTP/1.1 504");
}

#[tokio::test]
async fn a_connection_that_never_comes_about_is_504() {
    // UP-02: a socket whose backlog is full drops what knocks.
    let full = socket_with_full_backlog().await;
    let plan = Plan::to(full.0).upstreams(|up| up.timeouts.connect = Duration::from_millis(300));
    let door = plan.start().await;
    says(&Raw::ask(door.address, GET).await, 504, "upstream_slow");
}

#[tokio::test]
async fn an_idle_connection_to_an_upstream_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plan = Plan::to(listener.local_addr().unwrap());
    let door = plan
        .upstreams(|up| up.timeouts.idle = Duration::from_millis(200))
        .start()
        .await;
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut raw = Raw::over(stream);
        raw.head().await;
        raw.send(ok("once")).await;
        raw.rest().await
    });
    assert_eq!(Raw::ask(door.address, GET).await.text(), "once");
    assert!(serving.await.unwrap().is_empty());
}

#[tokio::test]
async fn nonsense_is_502() {
    // UP-07
    let (up, door) = open().await;
    for nonsense in [
        &b"nonsense\r\n\r\n"[..],
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    ] {
        up.next(Act::AnswerAndClose(nonsense.to_vec()));
        let response = Raw::ask(door.address, GET).await;
        says(&response, 502, "upstream_invalid");
    }
}

#[tokio::test]
async fn a_reset_before_the_head_is_502_and_tried_once() {
    // UP-04
    for request in [GET, POST] {
        let (up, door) = open().await;
        up.always(Act::Reset(Vec::new()));
        says(&Raw::ask(door.address, request).await, 502, "upstream_unreachable");
        assert_eq!(up.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_for_get_only() {
    // UP-06: the upstream resets the connection when the second request arrives on it.
    for (request, status, tries) in [(GET, 200, 3), (POST, 502, 2)] {
        let (up, door) = open().await;
        assert_eq!(Raw::ask(door.address, GET).await.status, 200);
        up.next(Act::Reset(Vec::new()));
        assert_eq!(Raw::ask(door.address, request).await.status, status);
        assert_eq!(up.requests().len(), tries);
    }
}

#[tokio::test]
async fn a_reset_mid_body_cuts_the_client_short() {
    // UP-05
    let (up, door) = open().await;
    for part in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
    ] {
        up.next(Act::Reset(part.as_bytes().to_vec()));
        let response = Raw::ask(door.address, GET).await;
        assert_eq!(response.status, 200);
        assert!(!response.whole, "a broken answer looks whole");
    }
}

#[tokio::test]
async fn the_next_target_is_tried_when_one_cannot_be_reached() {
    // UP-08
    let up = Upstream::start().await;
    let targets = [nowhere().await, nowhere().await, up.address()];
    for balance in [Balance::RoundRobin, Balance::LeastConnections] {
        let plan = Plan::routes(vec![route("/", upstream(&targets))]).upstreams(|up| up.balance = balance);
        let door = plan.start().await;
        for request in [GET, POST, GET] {
            assert_eq!(Raw::ask(door.address, request).await.status, 200, "{balance:?}");
        }
    }
}

#[tokio::test]
async fn targets_take_turns() {
    let ups = [Upstream::start().await, Upstream::start().await];
    let door = Plan::routes(vec![route("/", upstream(&ups.each_ref().map(Upstream::address)))])
        .start()
        .await;
    for _ in 0..6 {
        assert_eq!(Raw::ask(door.address, GET).await.status, 200);
    }
    assert_eq!(ups.each_ref().map(|up| up.requests().len()), [3, 3]);
}

#[tokio::test]
async fn the_least_busy_target_is_taken() {
    let ups = [Upstream::start().await, Upstream::start().await];
    ups[0].always(Act::Hang);
    let plan = Plan::routes(vec![route("/", upstream(&ups.each_ref().map(Upstream::address)))]);
    let door = plan
        .upstreams(|up| up.balance = Balance::LeastConnections)
        .start()
        .await;
    let mut hanging = Raw::connect(door.address).await;
    hanging.send(GET).await;
    if tokio::time::timeout(Duration::from_millis(100), hanging.response())
        .await
        .is_ok()
    {
        hanging.send(GET).await;
    }
    ups[0].wait_for(1).await;
    for _ in 0..5 {
        assert_eq!(Raw::ask(door.address, GET).await.status, 200);
    }
    assert_eq!(ups[0].requests().len(), 1);
}

#[tokio::test]
async fn a_failing_target_rests() {
    let ups = [Upstream::start().await, Upstream::start().await];
    ups[0].always(Act::Answer(response("503 Service Unavailable", "", "down")));
    let plan = Plan::routes(vec![route("/", upstream(&ups.each_ref().map(Upstream::address)))]);
    let ejection = Ejection {
        failures: 2,
        rest: Duration::from_secs(60),
    };
    let door = plan.upstreams(|up| up.ejection = Some(ejection)).start().await;
    for _ in 0..20 {
        Raw::ask(door.address, GET).await;
    }
    assert_eq!(ups[0].requests().len(), 2);
    assert!(
        door.telemetry.render().contains("ejected"),
        "{}",
        door.telemetry.render()
    );
}

#[tokio::test]
async fn an_unhealthy_target_is_left_alone_until_it_is_well() {
    let ups = [Upstream::start().await, Upstream::start().await];
    ups[0].always(Act::AnswerAndClose(response("500 Internal Server Error", "", "")));
    ups[1].always(Act::Answer(ok("well")));
    let check = HealthCheck {
        path: "/healthz".to_owned(),
        host: Some("check.test".to_owned()),
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(1),
        unhealthy_after: 2,
        healthy_after: 2,
    };
    let plan = Plan::routes(vec![route("/", upstream(&ups.each_ref().map(Upstream::address)))]);
    let door = plan.upstreams(|up| up.health = Some(check.clone())).start().await;
    ups[0].wait_for(3).await;
    for _ in 0..4 {
        assert_eq!(Raw::ask(door.address, GET).await.text(), "well");
    }
    let checks = ups[0].requests();
    assert_eq!(
        (checks[0].line(), checks[0].header("host")),
        ("GET /healthz HTTP/1.1", vec!["check.test"])
    );
    ups[0].always(Act::Answer(ok("back")));
    let before = ups[0].requests().len();
    ups[0].wait_for(before + 3).await;
    let mut bodies = Vec::new();
    for _ in 0..4 {
        bodies.push(Raw::ask(door.address, GET).await.text().to_owned());
    }
    assert!(bodies.contains(&"back".to_owned()), "{bodies:?}");
}

#[tokio::test]
async fn an_upstreams_own_refusals_pass_through() {
    // UP-12
    let (up, door) = open().await;
    for status in ["401 Unauthorized", "403 Forbidden", "407 Proxy Authentication Required"] {
        up.next(Act::Answer(response(status, "WWW-Authenticate: Basic\r\n", "theirs")));
        let response = Raw::ask(door.address, GET).await;
        assert_eq!(response.head.split_once(' ').unwrap().1.lines().next(), Some(status));
        assert_eq!(response.text(), "theirs");
    }
}

#[tokio::test]
async fn events_stream_without_buffering() {
    // UP-10
    let (up, door) = open().await;
    up.next(Act::Parts(vec![
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        b"9\r\ndata: 1\n\n\r\n".to_vec(),
        b"9\r\ndata: 2\n\n\r\n".to_vec(),
        b"0\r\n\r\n".to_vec(),
    ]));
    let mut client = Raw::connect(door.address).await;
    client.send(GET).await;
    up.release();
    assert!(client.head().await.contains("text/event-stream"));
    for event in ["9\r\ndata: 1\n\n\r\n", "9\r\ndata: 2\n\n\r\n", "0\r\n\r\n"] {
        up.release();
        assert_eq!(client.exactly(event.len()).await, event.as_bytes());
    }
}

#[tokio::test]
async fn uploads_stream_without_buffering() {
    let (up, door) = open().await;
    let mut client = Raw::connect(door.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 10\r\n\r\nfirst")
        .await;
    for _ in 0..500 {
        if up.bytes().first().is_some_and(|bytes| bytes.ends_with(b"first")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(up.bytes()[0].ends_with(b"first"), "the upload waits to be whole");
    client.send("later").await;
    assert_eq!(client.response().await.status, 200);
}

#[tokio::test]
async fn large_bodies_pass_in_constant_memory() {
    // UP-10
    const SIZE: usize = 64 * 1024 * 1024;
    let (up, door) = open().await;
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + SIZE, b'x');
    up.next(Act::Answer(answer));
    let mut client = Raw::connect(door.address).await;
    client.send(GET).await;
    client.head().await;
    up.wait_for(1).await;
    let before = resident();
    // A client that does not read must not make the gateway hold the rest.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 24 * 1024 * 1024, "{grown} bytes more in memory");
    assert_eq!(client.exactly(SIZE).await.len(), SIZE);
}

#[tokio::test]
async fn web_sockets_pass_both_ways_and_may_be_silent() {
    let up = Upstream::start().await;
    up.always(Act::Echo);
    let plan = Plan::to(up.address()).upstreams(|up| up.timeouts.read = Some(Duration::from_millis(300)));
    let door = plan.start().await;
    let mut client = Raw::connect(door.address).await;
    client.send(WEB_SOCKET).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.to_ascii_lowercase().contains("upgrade: websocket"), "{head}");
    let received = up.only();
    assert_eq!(
        (received.header("upgrade"), received.header("x-auth-user")),
        (vec!["websocket"], vec!["ada"])
    );
    for round in ["one", "two"] {
        client.send(round).await;
        assert_eq!(client.exactly(3).await, round.as_bytes());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn a_web_socket_closes_when_its_session_ends() {
    // RFC 6455 section 7.4.1: 1008, between frames; in the middle of one nothing can be said.
    let frame: &[u8] = b"\x82\x05hello";
    for (sent, last_words) in [
        (frame, &b"\x88\x02\x03\xf0"[..]),
        (&frame[..4], b""),
        (b"", b"\x88\x02\x03\xf0"),
    ] {
        let (up, door) = open().await;
        up.always(Act::Echo);
        let mut client = Raw::connect(door.address).await;
        client.send(WEB_SOCKET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 101 "));
        client.send(sent).await;
        assert_eq!(client.exactly(sent.len()).await, sent);
        door.stub.sign_out.notify_one();
        assert_eq!(client.rest().await, last_words, "after {sent:?}");
    }
}

#[tokio::test]
async fn a_stream_is_cut_when_its_session_ends() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let event = || format!("{head}9\r\ndata: 1\n\n\r\n").into_bytes();
    let (up, door) = open().await;
    up.next(Act::Parts(vec![event(), b"0\r\n\r\n".to_vec()]));
    let mut client = Raw::connect(door.address).await;
    client.send(GET).await;
    up.release();
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(client.exactly(14).await, b"9\r\ndata: 1\n\n\r\n");
    door.stub.sign_out.notify_one();
    assert!(client.rest().await.is_empty(), "not even its proper end");
}

#[tokio::test]
async fn an_h2_stream_is_cut_alone_when_its_session_ends() {
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (plan, trusted) = Plan::to(up.address()).over_tls(folder.path());
    let door = plan.start().await;
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n".to_vec();
    up.next(Act::Parts(vec![head, b"0\r\n\r\n".to_vec()]));
    let mut client = H2::connect(door.address, &trusted).await;
    let get = || http::Request::get("https://localhost/").body(()).unwrap();
    let (response, _) = client
        .send
        .clone()
        .ready()
        .await
        .unwrap()
        .send_request(get(), true)
        .unwrap();
    up.wait_for(1).await;
    up.release();
    let mut body = response.await.unwrap().into_body();
    assert_eq!(&body.data().await.unwrap().unwrap()[..], b"x");
    door.stub.sign_out.notify_one();
    assert!(body.data().await.unwrap().is_err(), "reset");
    assert_eq!(&client.ask(get(), &[]).await.1[..], b"hello", "the connection goes on");
}

#[tokio::test]
async fn a_web_socket_whose_upstream_dies_is_closed() {
    // UP-13
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    for dies in [Act::AnswerAndClose(switch.to_vec()), Act::Reset(switch.to_vec())] {
        let (up, door) = open().await;
        up.next(dies);
        let mut client = Raw::connect(door.address).await;
        client.send(WEB_SOCKET).await;
        // A reset may overtake the head.
        if client.head().await.starts_with("HTTP/1.1 101 ") {
            let rest = client.rest().await;
            assert!(rest.is_empty(), "in the tunnel: {}", String::from_utf8_lossy(&rest));
        }
    }
}

#[tokio::test]
async fn an_upgrade_where_the_route_allows_none_is_no_upgrade() {
    let up = Upstream::start().await;
    let door = Plan::to(up.address())
        .each(|route| route.forward.websocket = false)
        .start()
        .await;
    assert_eq!(Raw::ask(door.address, WEB_SOCKET).await.text(), "hello");
    assert!(up.only().header("upgrade").is_empty());
}

#[tokio::test]
async fn a_web_socket_handshake_without_answer_is_cut() {
    let up = Upstream::start().await;
    up.always(Act::Hang);
    let plan = Plan::to(up.address()).upstreams(|up| up.timeouts.read = Some(Duration::from_millis(200)));
    let door = plan.start().await;
    let mut client = Raw::connect(door.address).await;
    client.send(WEB_SOCKET).await;
    assert!(client.rest().await.is_empty());
}

#[tokio::test]
async fn an_https_upstream_is_verified() {
    // UP-09
    let folder = tempfile::tempdir().unwrap();
    let (_, trusted, made) = certificate(folder.path());
    let up = Upstream::start_tls(server_config(&made)).await;
    let secure = |ca: Option<String>, sni: Option<&str>, skip: bool| {
        let mut secure = upstream(&[]);
        secure.targets = vec![target(Protocol::Https, up.address())];
        secure.tls.ca_pem = ca.map(String::into_bytes);
        secure.tls.sni = sni.map(str::to_owned);
        secure.tls.insecure_skip_verify = skip;
        Plan::routes(vec![route("/", secure)])
    };
    let pem = made.cert.pem();
    for (plan, status) in [
        (secure(Some(pem.clone()), None, false), 200),
        (secure(Some(pem.clone()), Some("localhost"), false), 200),
        (secure(Some(pem), Some("other.test"), false), 502),
        (secure(None, None, false), 502),
        (secure(None, None, true), 200),
    ] {
        let door = plan.start().await;
        let response = Raw::ask(door.address, GET).await;
        assert_eq!(response.status, status, "{}", response.text());
    }
    drop(trusted);
}

#[tokio::test]
async fn an_upstream_without_a_name_to_verify_is_refused_at_once() {
    let mut nameless = upstream(&[]);
    nameless.targets = vec![target(Protocol::Https, nowhere().await)];
    nameless.tls.sni = Some(String::new());
    let site = doorward::policy::Site::new(vec![route("/", nameless)]).unwrap();
    let errors = Upstreams::new(Telemetry::new(false)).arrange(&site).unwrap_err();
    assert!(errors[0].to_string().contains("sni"), "{}", errors[0]);
}

#[tokio::test]
async fn a_unix_socket_is_an_upstream() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut raw = Raw::over(stream);
        let head = raw.head().await;
        raw.send(ok("by file")).await;
        head
    });
    let mut by_file = upstream(&[]);
    by_file.targets = vec![doorward::policy::UpstreamTarget {
        protocol: Protocol::Http,
        address: Address::Unix(path),
    }];
    let door = Plan::routes(vec![route("/", by_file)]).start().await;
    assert_eq!(Raw::ask(door.address, GET).await.text(), "by file");
    assert!(serving.await.unwrap().starts_with("GET / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn grpc_passes_with_its_trailers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(grpc(listener));
    let mut service = upstream(&[]);
    service.targets = vec![target(Protocol::H2c, address)];
    let folder = tempfile::tempdir().unwrap();
    let (plan, trusted) = Plan::routes(vec![route("/", service)]).over_tls(folder.path());
    let door = plan.start().await;
    let mut client = H2::connect(door.address, &trusted).await;
    let request = http::Request::post("https://localhost/pkg.Service/Method")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("x-auth-user", "mallory")
        .body(())
        .unwrap();
    let (head, body, trailers) = client.ask(request, &["ping"]).await;
    assert_eq!((head.status.as_u16(), &body[..]), (200, &b"pong"[..]));
    assert_eq!(trailers.unwrap()["grpc-status"], "0");
    let seen = serving.await.unwrap();
    assert_eq!(
        (&seen["te"], &seen["x-auth-user"]),
        (&"trailers".parse().unwrap(), &"ada".parse().unwrap())
    );
}

#[tokio::test]
async fn a_post_that_an_h2_upstream_breaks_off_is_sent_once() {
    for reason in [
        h2::Reason::HTTP_1_1_REQUIRED,
        h2::Reason::PROTOCOL_ERROR,
        h2::Reason::INTERNAL_ERROR,
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut service = upstream(&[]);
        service.targets = vec![target(Protocol::H2c, listener.local_addr().unwrap())];
        let seen = Arc::new(AtomicUsize::new(0));
        let serving = tokio::spawn(breaking_off(listener, reason, Arc::clone(&seen)));
        let door = Plan::routes(vec![route("/", service)]).start().await;
        assert_eq!(Raw::ask(door.address, POST).await.status, 502, "{reason}");
        // Whatever was sent again would have been taken before this one.
        assert_eq!(Raw::ask(door.address, POST).await.status, 502, "{reason}");
        assert_eq!(seen.load(Ordering::Relaxed), 2, "{reason}");
        serving.abort();
    }
}

/// Resets every stream, and counts them.
async fn breaking_off(listener: TcpListener, reason: h2::Reason, seen: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                seen.fetch_add(1, Ordering::Relaxed);
                respond.send_reset(reason);
            }
        });
    }
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_upstream() {
    // UP-15
    let (up, door) = open().await;
    up.always(Act::Parts(vec![ok("late")]));
    let mut client = Raw::connect(door.address).await;
    client.send(GET).await;
    up.wait_for(1).await;
    drop(client);
    for _ in 0..500 {
        if door.telemetry.render().contains("client_gone") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{}", door.telemetry.render());
}

/// One gRPC answer; the headers it saw.
async fn grpc(listener: TcpListener) -> HeaderMap {
    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let (request, mut respond) = connection.accept().await.unwrap().unwrap();
    tokio::spawn(async move { while connection.accept().await.is_some() {} });
    let (head, mut body) = request.into_parts();
    while let Some(part) = body.data().await {
        body.flow_control().release_capacity(part.unwrap().len()).unwrap();
    }
    let answer = http::Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let mut stream = respond.send_response(answer, false).unwrap();
    stream.send_data(Bytes::from_static(b"pong"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    stream.send_trailers(trailers).unwrap();
    head.headers
}

pub fn server_config(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Arc<rustls::ServerConfig> {
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

/// A listening socket whose backlog is full, and the connections that fill it.
async fn socket_with_full_backlog() -> (SocketAddr, TcpListener, Vec<tokio::task::JoinHandle<()>>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut fill = Vec::new();
    for _ in 0..4 {
        fill.push(tokio::spawn(async move {
            let held = tokio::net::TcpStream::connect(address).await;
            std::future::pending::<()>().await;
            drop(held);
        }));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    (address, listener, fill)
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}
