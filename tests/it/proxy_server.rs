//! Listeners, TLS, panics and the end of a process.

use std::{sync::atomic::Ordering, time::Duration};

use doorward::{proxy::Limits, server::Drained, time::Clock};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{
    door::{Door, Plan, certificate},
    raw::{H2, Raw},
    upstream::{Act, Upstream, ok},
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n";
const WEB_SOCKET: &[u8] = b"GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

async fn open() -> (Upstream, Door) {
    let up = Upstream::start().await;
    let door = Plan::to(up.address()).start().await;
    (up, door)
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way() {
    // GW-01
    let (up, door) = open().await;
    up.next(Act::Parts(vec![ok("late")]));
    let address = door.address;
    let mut idle = Raw::connect(address).await;
    idle.send(b"GET /a/../b HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    assert_eq!(idle.response().await.status, 400);
    let mut busy = Raw::connect(address).await;
    busy.send(GET).await;
    up.wait_for(1).await;
    let draining = tokio::spawn(door.shutdown(Duration::from_secs(10)));
    assert!(idle.rest().await.is_empty(), "an idle connection stays");
    assert!(TcpStream::connect(address).await.is_err(), "new connections are taken");
    up.release();
    let response = busy.response().await;
    assert_eq!((response.status, response.text()), (200, "late"));
    assert!(busy.rest().await.is_empty());
    assert_eq!(draining.await.unwrap(), Drained::Whole);
}

#[tokio::test]
async fn who_waits_to_be_let_in_is_answered_before_the_end() {
    // GW-01
    let (_up, door) = open().await;
    let address = door.address;
    // The system lets it in; the door, on this thread, has not seen it.
    let mut early = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut early, GET).unwrap();
    let draining = door.shutdown(Duration::from_secs(10));
    early.set_nonblocking(true).unwrap();
    let answered = async {
        let mut early = Raw::over(TcpStream::from_std(early).unwrap());
        let answer = early.response().await;
        (answer.status, answer.header("connection").map(str::to_owned))
    };
    let (drained, answered) = tokio::join!(draining, answered);
    assert_eq!(answered, (200, Some("close".to_owned())));
    assert_eq!(drained, Drained::Whole);
}

#[tokio::test]
async fn who_was_just_let_in_is_answered_before_the_end() {
    // GW-01
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (plan, trusted) = Plan::to(up.address()).over_tls(folder.path());
    let door = plan.start().await;
    // The door has seen it, and its first request is on the way.
    let mut client = Raw::connect_tls(door.address, &trusted, &["http/1.1"]).await;
    let (drained, answer) = tokio::join!(door.shutdown(Duration::from_secs(10)), async {
        client.send(GET).await;
        client.response().await
    });
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(drained, Drained::Whole);
}

#[tokio::test]
async fn a_drain_ends_at_its_deadline() {
    let (up, door) = open().await;
    up.always(Act::Hang);
    let mut stuck = Raw::connect(door.address).await;
    stuck.send(GET).await;
    up.wait_for(1).await;
    assert_eq!(door.shutdown(Duration::from_millis(100)).await, Drained::Cut);
    assert!(stuck.rest().await.is_empty());
}

#[tokio::test]
async fn a_drain_does_not_wait_for_web_sockets() {
    // GW-01
    let (up, door) = open().await;
    up.always(Act::Echo);
    let mut client = Raw::connect(door.address).await;
    client.send(WEB_SOCKET).await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    let draining = tokio::spawn(door.shutdown(Duration::from_secs(10)));
    assert_eq!(client.rest().await, b"\x88\x02\x03\xe9", "going away");
    drop(client);
    assert_eq!(draining.await.unwrap(), Drained::Whole);
}

#[tokio::test]
async fn h2_requests_under_way_finish_in_a_drain() {
    let up = Upstream::start().await;
    up.next(Act::Parts(vec![ok("late")]));
    let folder = tempfile::tempdir().unwrap();
    let (plan, trusted) = Plan::to(up.address()).over_tls(folder.path());
    let door = plan.start().await;
    let mut client = H2::connect(door.address, &trusted).await;
    let asking = tokio::spawn(async move {
        let request = http::Request::get("https://localhost/").body(()).unwrap();
        client.ask(request, &[]).await
    });
    up.wait_for(1).await;
    let draining = tokio::spawn(door.shutdown(Duration::from_secs(10)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    up.release();
    assert_eq!(&asking.await.unwrap().1[..], b"late");
    assert_eq!(draining.await.unwrap(), Drained::Whole);
}

#[tokio::test]
async fn a_panic_while_deciding_is_a_500() {
    // GW-08
    let (up, door) = open().await;
    door.stub.panic.store(true, Ordering::SeqCst);
    let mut client = Raw::connect(door.address).await;
    client.send(GET).await;
    let response = client.response().await;
    assert_eq!((response.status, response.text()), (500, "internal"));
    client.send(GET).await;
    assert_eq!(client.response().await.status, 200);
    assert_eq!(up.requests().len(), 1);
}

#[tokio::test]
async fn a_panic_later_ends_one_connection_and_is_counted() {
    // GW-08
    let (_up, door) = open().await;
    door.stub.panic_late.store(true, Ordering::SeqCst);
    let mut client = Raw::connect(door.address).await;
    client.send(GET).await;
    assert!(client.rest().await.is_empty());
    assert_eq!(Raw::ask(door.address, GET).await.status, 200);
    let metrics = door.telemetry.render();
    assert!(metrics.contains("internal"), "{metrics}");
    assert_eq!(door.shutdown(Duration::from_secs(5)).await, Drained::Whole);
}

#[tokio::test]
async fn a_certificate_changes_without_a_restart() {
    // GW-06
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (plan, first) = Plan::to(up.address()).over_tls(folder.path());
    let door = plan.start().await;
    let mut before = Raw::connect_tls(door.address, &first, &["http/1.1"]).await;
    assert_eq!(before.certificate(), first);

    let (_, second, _) = certificate(folder.path());
    assert!(door.running.reload_certificates(Clock::system().now()).is_empty());
    let after = Raw::connect_tls(door.address, &second, &["http/1.1"]).await;
    assert_eq!(after.certificate(), second);
    before.send(GET).await;
    assert_eq!(before.response().await.text(), "hello");
}

#[tokio::test]
async fn a_silent_handshake_is_closed() {
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut plan, _) = Plan::to(up.address()).over_tls(folder.path());
    plan.limits = Limits {
        handshake: Duration::from_millis(200),
        ..Limits::default()
    };
    let door = plan.start().await;
    let mut silent = Raw::connect(door.address).await;
    assert!(silent.rest().await.is_empty());
    let mut plain = Raw::connect(door.address).await;
    plain.send(GET).await;
    let answer = plain.rest().await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_and_counted() {
    let up = Upstream::start().await;
    let mut plan = Plan::to(up.address());
    plan.limits = Limits {
        connections: Some(1),
        ..Limits::default()
    };
    let door = plan.start().await;
    let mut first = Raw::connect(door.address).await;
    first.send(GET).await;
    assert_eq!(first.response().await.status, 200);
    let mut second = Raw::connect(door.address).await;
    assert!(second.rest().await.is_empty());
    door.turned_away("too_many", 1).await;
    assert_eq!(up.requests().len(), 1);
    drop(first);
    // There is room again once the gateway has seen the end of the first.
    for attempt in 0.. {
        let mut again = TcpStream::connect(door.address).await.unwrap();
        let mut answer = [0; 12];
        let asked = again.write_all(GET).await;
        if asked.is_ok() && again.read_exact(&mut answer).await.is_ok() {
            assert_eq!(&answer, b"HTTP/1.1 200");
            return;
        }
        assert!(attempt < 500, "its room is not free");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_slow_body_does_not_hold_a_connection_for_ever() {
    let (_up, door) = {
        let up = Upstream::start().await;
        let mut plan = Plan::to(up.address());
        plan.limits = Limits {
            read: Duration::from_millis(200),
            ..Limits::default()
        };
        let door = plan.start().await;
        (up, door)
    };
    let mut client = Raw::connect(door.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 10\r\n\r\nfirst")
        .await;
    assert_eq!(client.response().await.status, 408);
    assert!(client.rest().await.is_empty());
}
