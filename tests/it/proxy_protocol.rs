//! Who the client is behind a proxy that passes TCP on.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use doorward::proxy::{Limits, proxy_protocol::LONGEST};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
};

use crate::harness::{
    door::{Door, Plan, certificate},
    haproxy::HaProxy,
    raw::{H2, Raw, tls_connector},
    upstream::Upstream,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
const LINE: &str = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";

/// A door behind a proxy at this address.
async fn behind(proxy: &str, edit: impl FnOnce(&mut Plan)) -> (Upstream, Door) {
    let up = Upstream::start().await;
    let mut plan = Plan::to(up.address());
    plan.trusted = vec![proxy.parse().unwrap()];
    plan.proxy_protocol = true;
    edit(&mut plan);
    let door = plan.start().await;
    (up, door)
}

fn v2(command: u8, family: u8, said: &[u8]) -> Vec<u8> {
    let length = u16::try_from(said.len()).unwrap();
    [
        b"\r\n\r\n\0\r\nQUIT\n",
        &[command, family][..],
        &length.to_be_bytes(),
        said,
    ]
    .concat()
}

fn four(source: &str) -> Vec<u8> {
    let source: Ipv4Addr = source.parse().unwrap();
    let said = [&source.octets()[..], &[198, 51, 100, 1, 0xdc, 4, 1, 0xbb]].concat();
    v2(0x21, 0x11, &said)
}

/// The client's address that the gate was told of, and the list that the upstream got.
fn seen(up: &Upstream, door: &Door) -> (String, String) {
    let client = door.stub.client.lock().unwrap().take();
    let list = up.requests().last().unwrap().header("x-forwarded-for").join("|");
    (client.map_or_else(|| "nobody".to_owned(), |ip| ip.to_string()), list)
}

#[tokio::test]
async fn both_versions_name_the_client_and_what_it_claims_itself_is_not_believed() {
    let (up, door) = behind("127.0.0.1/32", |_| {}).await;
    let six: Ipv6Addr = "2001:db8::7".parse().unwrap();
    let extended = [&[192, 0, 2, 9, 198, 51, 100, 1, 0, 1, 0, 2][..], &[0xee, 0, 3, 1, 2, 3]].concat();
    for (header, client) in [
        (LINE.as_bytes().to_vec(), "192.0.2.1"),
        (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(), "2001:db8::1"),
        (four("192.0.2.2"), "192.0.2.2"),
        (v2(0x21, 0x11, &extended), "192.0.2.9"),
        (v2(0x21, 0x21, &[&six.octets()[..], &[0; 20]].concat()), "2001:db8::7"),
    ] {
        let mut raw = Raw::connect(door.address).await;
        // In one piece: what is behind the header is HTTP.
        raw.send([&header, GET.as_bytes()].concat()).await;
        assert_eq!(raw.response().await.status, 200, "{client}");
        assert_eq!(seen(&up, &door), (client.to_owned(), client.to_owned()));
        // The next request of the connection is the same client's.
        raw.send(GET).await;
        assert_eq!(raw.response().await.status, 200);
        assert_eq!(seen(&up, &door).0, client);
    }
}

#[tokio::test]
async fn a_header_may_come_byte_by_byte() {
    let (up, door) = behind("127.0.0.1/32", |_| {}).await;
    for header in [LINE.as_bytes().to_vec(), four("192.0.2.1")] {
        let mut raw = Raw::connect(door.address).await;
        for byte in [&header, GET.as_bytes()].concat() {
            raw.send([byte]).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(raw.response().await.status, 200);
        assert_eq!(seen(&up, &door).0, "192.0.2.1");
    }
}

#[tokio::test]
async fn the_right_most_unlisted_hop_counts_behind_the_header_too() {
    let (up, door) = behind("127.0.0.1/32", |plan| plan.trusted.push("10.0.0.0/8".parse().unwrap())).await;
    let get = "GET / HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.3\r\n\r\n";
    let mut raw = Raw::connect(door.address).await;
    raw.send([&four("10.0.0.2"), get.as_bytes()].concat()).await;
    assert_eq!(raw.response().await.status, 200);
    let list = "1.2.3.4, 10.0.0.3, 10.0.0.2";
    assert_eq!(seen(&up, &door), ("1.2.3.4".to_owned(), list.to_owned()));
}

#[tokio::test]
async fn a_proxy_that_names_nobody_vouches_for_nothing() {
    let (up, door) = behind("127.0.0.1/32", |_| {}).await;
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n".to_vec(),
        v2(0x20, 0x11, &[9; 12]),
        v2(0x20, 0x00, &[]),
        v2(0x21, 0x00, &[]),
        v2(0x21, 0x31, &[b'/'; 216]),
    ] {
        let mut raw = Raw::connect(door.address).await;
        raw.send([&header, GET.as_bytes()].concat()).await;
        assert_eq!(raw.response().await.status, 200);
        assert_eq!(seen(&up, &door), ("127.0.0.1".to_owned(), "127.0.0.1".to_owned()));
    }
}

#[tokio::test]
async fn a_listed_proxy_must_send_a_header() {
    let (up, door) = behind("127.0.0.1/32", |_| {}).await;
    let long = v2(0x21, 0x11, &[0; LONGEST]);
    let endless = format!("PROXY UNKNOWN {}", "a".repeat(200));
    for (index, (bytes, reason)) in [
        (GET.as_bytes(), "no_proxy_header"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "no_proxy_header"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n", "bad_proxy_header"),
        (endless.as_bytes(), "bad_proxy_header"),
        (&long, "bad_proxy_header"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut raw = Raw::connect(door.address).await;
        raw.send(bytes).await;
        assert!(raw.rest().await.is_empty(), "{reason}");
        let count = if index < 2 { index + 1 } else { index - 1 };
        door.turned_away(reason, count).await;
    }
    // Half a header, and the end.
    let mut raw = Raw::connect(door.address).await;
    raw.send("PROXY TCP4 192.0.2.1").await;
    drop(raw);
    door.turned_away("bad_proxy_header", 4).await;
    // Whoever only looks whether somebody listens is no event.
    drop(Raw::connect(door.address).await);
    assert!(up.bytes().is_empty());
    door.turned_away("no_proxy_header", 2).await;
}

#[tokio::test]
async fn a_peer_that_is_not_listed_has_no_connection() {
    let (up, door) = behind("192.0.2.0/24", |_| {}).await;
    for bytes in [LINE.as_bytes().to_vec(), four("192.0.2.1"), GET.as_bytes().to_vec()] {
        let mut raw = Raw::connect(door.address).await;
        raw.send(&bytes).await;
        assert!(raw.rest().await.is_empty());
    }
    door.turned_away("not_a_trusted_proxy", 3).await;
    assert!(up.bytes().is_empty());
    let told = door.telemetry.render();
    assert!(!told.contains("doorward_requests_total"), "{told}");
}

#[tokio::test]
async fn without_the_option_a_header_is_no_request() {
    let up = Upstream::start().await;
    let mut plan = Plan::to(up.address());
    plan.trusted = vec!["127.0.0.1/32".parse().unwrap()];
    let door = plan.start().await;
    for header in [LINE.as_bytes().to_vec(), four("192.0.2.1")] {
        let response = Raw::ask(door.address, &[&header, GET.as_bytes()].concat()).await;
        assert_eq!(response.status, 400, "{}", response.head);
    }
    assert!(up.bytes().is_empty());
}

#[tokio::test]
async fn a_header_that_does_not_come_is_not_waited_for() {
    let (_up, door) = behind("127.0.0.1/32", |plan| {
        plan.limits = Limits {
            handshake: Duration::from_millis(100),
            ..Limits::default()
        };
    })
    .await;
    let mut silent = Raw::connect(door.address).await;
    let mut halting = Raw::connect(door.address).await;
    halting.send(&LINE[..20]).await;
    assert!(silent.rest().await.is_empty());
    assert!(halting.rest().await.is_empty());
    door.turned_away("slow_proxy_header", 2).await;
}

#[tokio::test]
async fn the_header_comes_before_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (files, trusted, _) = certificate(folder.path());
    let (up, door) = behind("127.0.0.1/32", |plan| plan.tls = Some(files.into())).await;
    for (index, header) in [LINE.as_bytes().to_vec(), four("192.0.2.1")].into_iter().enumerate() {
        let mut raw = Raw::connect(door.address).await;
        raw.send(&header).await;
        let connector = tls_connector(&trusted, &["http/1.1"]);
        let stream = connector
            .connect("localhost".try_into().unwrap(), raw.into_stream())
            .await
            .unwrap();
        let mut raw = Raw::over(stream);
        raw.send(GET).await;
        assert_eq!(raw.response().await.status, 200);
        assert_eq!(seen(&up, &door).0, "192.0.2.1", "{index}");
    }
    // Without it there is no handshake.
    let stream = TcpStream::connect(door.address).await.unwrap();
    let connector = tls_connector(&trusted, &["http/1.1"]);
    assert!(
        connector
            .connect("localhost".try_into().unwrap(), stream)
            .await
            .is_err()
    );
    door.turned_away("no_proxy_header", 1).await;
    // A balancer's check says who it is, or that it is nobody, and no more: no handshake was tried, so none failed.
    for header in [LINE.as_bytes().to_vec(), v2(0x20, 0x00, &[])] {
        let mut raw = Raw::connect(door.address).await;
        raw.send(&header).await;
        let mut stream = raw.into_stream();
        stream.shutdown().await.unwrap();
        assert!(Raw::over(stream).rest().await.is_empty());
    }
    let mut raw = Raw::connect(door.address).await;
    raw.send([LINE, GET].concat()).await;
    drop(raw.rest().await);
    door.turned_away("handshake", 1).await;
}

/// A connection to there from another address of this machine than the proxy's.
async fn from(source: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test]
async fn haproxy_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let (files, trusted, _) = certificate(folder.path());
    let (up, plain) = behind("127.0.0.1/32", |_| {}).await;
    let (secure_up, secure) = behind("127.0.0.1/32", |plan| plan.tls = Some(files.into())).await;
    let extended = "send-proxy-v2 proxy-v2-options unique-id,crc32c check check-send-proxy inter 20ms";
    let haproxy = HaProxy::start(&[
        (plain.address, "send-proxy"),
        (plain.address, "send-proxy-v2"),
        (plain.address, extended),
        (secure.address, "send-proxy"),
        (secure.address, "send-proxy-v2"),
    ])
    .await;
    for way in 0..3 {
        let mut raw = Raw::over(from("127.0.0.5", haproxy.front(way)).await);
        raw.send(GET).await;
        assert_eq!(raw.response().await.status, 200, "{way}");
        let client = "127.0.0.5".to_owned();
        assert_eq!(seen(&up, &plain), (client.clone(), client), "{way}");
    }
    for way in 3..5 {
        let stream = from("127.0.0.6", haproxy.front(way)).await;
        let mut client = H2::over(stream, &trusted).await;
        let request = http::Request::get("https://localhost/").body(()).unwrap();
        assert_eq!(client.ask(request, &[]).await.0.status, 200);
        assert_eq!(seen(&secure_up, &secure).0, "127.0.0.6", "{way}");
    }
    // Its own checks name nobody, and are no event either.
    for reason in ["bad_proxy_header", "no_proxy_header", "not_a_trusted_proxy"] {
        plain.turned_away(reason, 0).await;
    }
}

#[tokio::test]
async fn connections_of_one_address_are_limited_and_a_proxy_is_not() {
    let limits = Limits {
        connections_per_address: Some(1),
        ..Limits::default()
    };
    let (_up, door) = behind("127.0.0.1/32", |plan| plan.limits = limits).await;
    let mut first = Raw::connect(door.address).await;
    first.send([&four("192.0.2.1"), GET.as_bytes()].concat()).await;
    assert_eq!(first.response().await.status, 200);
    let mut second = Raw::connect(door.address).await;
    second.send([&four("192.0.2.1"), GET.as_bytes()].concat()).await;
    assert!(second.rest().await.is_empty());
    door.turned_away("too_many_of_address", 1).await;
    // Others may, as may the proxy itself.
    let mut others = Vec::new();
    for header in [four("192.0.2.2"), v2(0x20, 0, &[]), v2(0x20, 0, &[])] {
        let mut other = Raw::connect(door.address).await;
        other.send([&header, GET.as_bytes()].concat()).await;
        assert_eq!(other.response().await.status, 200);
        others.push(other);
    }
    drop(first);
    // And again when the first is gone.
    for attempt in 0.. {
        let mut again = Raw::connect(door.address).await;
        again.send([&four("192.0.2.1"), GET.as_bytes()].concat()).await;
        if again.response().await.status == 200 {
            return;
        }
        assert!(attempt < 500, "its place is not free");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
