//! TLS towards upstreams: who they are, who we are, and health checks that do the same.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use doorward::{
    policy::{HealthCheck, Protocol, Upstream as Policy, UpstreamTarget, upstream::Address},
    secret::Secret,
};
use rustls::{RootCertStore, pki_types::PrivateKeyDer, server::WebPkiClientVerifier};
use tokio::net::{TcpListener, UnixListener};

use crate::harness::{
    door::{Plan, certificate, route, target, upstream},
    raw::Raw,
    upstream::{Upstream, ok},
};
use crate::proxy_faults::server_config;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n";

type Made = rcgen::CertifiedKey<rcgen::KeyPair>;

fn made() -> Made {
    certificate(tempfile::tempdir().unwrap().path()).2
}

/// A server that lets in only who has the client's certificate.
fn asking_for(client: &Made, server: &Made) -> Arc<rustls::ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(client.cert.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = PrivateKeyDer::try_from(server.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![server.cert.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

fn secure(up: &Upstream, server: &Made, client: Option<&Made>) -> Policy {
    let mut secure = upstream(&[]);
    secure.targets = vec![target(Protocol::Https, up.address())];
    secure.tls.ca_pem = Some(server.cert.pem().into_bytes());
    secure.tls.client = client.map(|client| {
        let key = client.signing_key.serialize_pem().into_bytes();
        (client.cert.pem().into_bytes(), Secret::new(key))
    });
    secure
}

fn check() -> HealthCheck {
    HealthCheck {
        path: "/healthz".to_owned(),
        host: None,
        interval: Duration::from_millis(30),
        timeout: Duration::from_secs(2),
        unhealthy_after: 1,
        healthy_after: 1,
    }
}

// UP-09
#[tokio::test]
async fn an_upstream_that_asks_gets_our_certificate() {
    let (server, ours, others) = (made(), made(), made());
    let up = Upstream::start_tls(asking_for(&ours, &server)).await;
    for (client, status) in [(Some(&ours), 200), (Some(&others), 502), (None, 502)] {
        let door = Plan::routes(vec![route("/", secure(&up, &server, client))])
            .start()
            .await;
        let response = Raw::ask(door.address, GET).await;
        assert_eq!(response.status, status, "{}", response.text());
    }
    assert_eq!(up.requests().len(), 1);
}

#[tokio::test]
async fn two_upstreams_at_one_address_share_no_connection() {
    let (server, ours) = (made(), made());
    let up = Upstream::start_tls(asking_for(&ours, &server)).await;
    let mut anonymous = secure(&up, &server, None);
    anonymous.name = "anonymous".into();
    let routes = vec![
        route("/", secure(&up, &server, Some(&ours))),
        route("/anonymous", anonymous),
    ];
    let door = Plan::routes(routes).start().await;
    assert_eq!(Raw::ask(door.address, GET).await.status, 200);
    let other = Raw::ask(door.address, b"GET /anonymous HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    assert_eq!(other.status, 502, "it went by the other's connection");
}

#[tokio::test]
async fn a_health_check_shows_our_certificate_too() {
    let (server, ours) = (made(), made());
    let up = Upstream::start_tls(asking_for(&ours, &server)).await;
    let plan = Plan::routes(vec![route("/", secure(&up, &server, Some(&ours)))]);
    let door = plan.upstreams(|up| up.health = Some(check())).start().await;
    up.wait_for(2).await;
    assert!(
        up.requests()
            .iter()
            .all(|request| request.line() == "GET /healthz HTTP/1.1")
    );
    assert_eq!(Raw::ask(door.address, GET).await.status, 200);
}

#[tokio::test]
async fn a_health_check_refuses_whom_requests_would_refuse() {
    let (server, stranger) = (made(), made());
    let up = Upstream::start_tls(asking_for(&server, &server)).await;
    let well = Upstream::start().await;
    let mut both = secure(&up, &stranger, None);
    both.targets.push(target(Protocol::Http, well.address()));
    let plan = Plan::routes(vec![route("/", both)]);
    let door = plan.upstreams(|up| up.health = Some(check())).start().await;
    unhealthy(&door.telemetry).await;
    for _ in 0..4 {
        assert_eq!(Raw::ask(door.address, GET).await.status, 200);
    }
    assert!(up.requests().is_empty());
}

#[tokio::test]
async fn health_checks_speak_h2c() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut plain = upstream(&[]);
    plain.targets = vec![target(Protocol::H2c, listener.local_addr().unwrap())];
    plain.health = Some(check());
    let _door = Plan::routes(vec![route("/", plain)]).start().await;
    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let (request, _) = connection.accept().await.unwrap().unwrap();
    assert_eq!((request.method().as_str(), request.uri().path()), ("GET", "/healthz"));
}

#[tokio::test]
async fn health_checks_go_by_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut by_file = upstream(&[]);
    by_file.targets = vec![UpstreamTarget {
        protocol: Protocol::Http,
        address: Address::Unix(path),
    }];
    by_file.health = Some(check());
    let _door = Plan::routes(vec![route("/", by_file)]).start().await;
    let (stream, _) = listener.accept().await.unwrap();
    let mut raw = Raw::over(stream);
    assert!(raw.head().await.starts_with("GET /healthz HTTP/1.1\r\n"));
    raw.send(ok("well")).await;
}

/// Requests go by HTTP/2 where it is negotiated, side by side on one connection; a tunnel is HTTP/1.1 there too.
#[tokio::test]
async fn an_https_upstream_is_spoken_to_in_http2_and_takes_web_sockets() {
    let server = made();
    let (address, connections) = of_both_versions(&server).await;
    let mut secure = upstream(&[]);
    secure.targets = vec![target(Protocol::Https, address)];
    secure.tls.ca_pem = Some(server.cert.pem().into_bytes());
    let door = Plan::routes(vec![route("/", secure)]).start().await;
    assert_eq!(Raw::ask(door.address, GET).await.text(), "by h2");
    let all = tokio::join!(
        Raw::ask(door.address, GET),
        Raw::ask(door.address, GET),
        Raw::ask(door.address, GET)
    );
    for response in [all.0, all.1, all.2] {
        assert_eq!((response.status, response.text()), (200, "by h2"));
    }
    assert_eq!(*connections.lock().unwrap(), ["h2"], "one for all");

    let mut client = Raw::connect(door.address).await;
    client
        .send(
            "GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(client.exactly(5).await, b"first");
    assert_eq!(*connections.lock().unwrap(), ["h2", "http/1.1"]);
}

/// A server of HTTP/2 and, for tunnels, of HTTP/1.1: where it listens, and what was negotiated for each connection.
async fn of_both_versions(server: &Made) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let mut config = (*server_config(server)).clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let version = stream.get_ref().1.alpn_protocol().unwrap_or_default();
            let version = String::from_utf8(version.to_vec()).unwrap();
            seen.lock().unwrap().push(version.clone());
            if version == "h2" {
                tokio::spawn(by_h2(stream));
            } else {
                tokio::spawn(switching(stream));
            }
        }
    });
    (address, connections)
}

async fn by_h2(stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let mut body = respond.send_response(http::Response::new(()), false).unwrap();
        body.send_data(bytes::Bytes::from_static(b"by h2"), true).unwrap();
    }
}

async fn switching(stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>) {
    let mut raw = Raw::over(stream);
    raw.head().await;
    raw.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
        .await;
    raw.rest().await;
}

async fn unhealthy(telemetry: &doorward::telemetry::Telemetry) {
    for _ in 0..500 {
        if telemetry.render().contains("unhealthy") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it counts as healthy: {}", telemetry.render());
}
