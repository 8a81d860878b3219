//! What `docs/behind-a-proxy.md` says of nginx, through that very configuration, with only ports, addresses and files changed.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};

use doorward::{proxy::Bind, server::Up, time::Clock};
use tempfile::TempDir;
use tokio::{
    net::{TcpSocket, TcpStream},
    process::{Child, Command},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    harness::{
        gateway::serve,
        provider::{CLIENT_ID, CLIENT_SECRET, Provider},
        raw::Raw,
        tls::{Authority, Client},
        upstream::{Act, Upstream, ok},
    },
    page::Page,
};

/// nginx, a gateway behind it, an app behind that.
struct House {
    authority: Authority,
    upstream: Upstream,
    front: SocketAddr,
    up: Up,
    _provider: Provider,
    _nginx: Child,
    _folder: TempDir,
}

impl House {
    async fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let page = Page::read("docs/behind-a-proxy.md");
        let block = |heading: &str, language: &str| {
            let mut blocks = page.blocks.iter();
            let found = blocks.find(|block| block.heading == heading && block.language == language);
            found.expect("the block").text.clone()
        };
        let clock = Clock::system();
        let provider = Provider::start_with(clock.clone(), "", false).await;
        let upstream = Upstream::start().await;
        upstream.always(Act::Answer(ok("hello")));
        let yaml = gateway_yaml(&block("Behind a proxy or load balancer", "yaml"), &provider, &upstream);
        let up = serve(&yaml, &clock).await;
        let Bind::Tcp(gateway) = up.addresses()[0] else {
            panic!("a port")
        };
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new("front"));
        authority.issue(&["apps.example.com"]).write(folder.path(), "apps");
        let front = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let nginx = nginx(&block("nginx", "nginx"), folder.path(), front, gateway).await;
        Self {
            authority,
            upstream,
            front,
            up,
            _provider: provider,
            _nginx: nginx,
            _folder: folder,
        }
    }

    /// A connection to nginx from an address that is not the proxy's.
    async fn client(&self) -> Raw<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let stream = socket.connect(self.front).await.unwrap();
        let connector = TlsConnector::from(Client::trusting(&self.authority).config());
        let name = "apps.example.com".try_into().unwrap();
        Raw::over(connector.connect(name, stream).await.unwrap())
    }

    async fn stop(self) {
        self.up.stop(Duration::from_secs(5)).await;
    }
}

fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is in the page");
        text.replace(from, to)
    })
}

fn gateway_yaml(page: &str, provider: &Provider, upstream: &Upstream) -> String {
    let (before, after) = page.split_once("session:\n").unwrap();
    let (_, routes) = after.split_once("routes:\n").unwrap();
    let app = format!("http://{}", upstream.address());
    let text = changed(
        &format!("{before}routes:\n{routes}"),
        &[
            ("0.0.0.0:8080", "127.0.0.1:0"),
            ("127.0.0.1:9090", "127.0.0.1:0"),
            ("10.0.3.0/24", "127.0.0.1/32"),
            ("http://127.0.0.1:3000", &app),
            (
                "https://id.example.com/realms/staff",
                &format!("{}\n    insecure_http_issuer: true", provider.issuer()),
            ),
            ("client_id: doorward", &format!("client_id: {CLIENT_ID}")),
            (
                "client_secret_file: client.secret",
                &format!("client_secret: \"{CLIENT_SECRET}\""),
            ),
        ],
    );
    format!("{text}  - {{ path: /open, upstream: \"{app}\", access: open }}\n")
}

async fn nginx(page: &str, folder: &Path, front: SocketAddr, gateway: SocketAddr) -> Child {
    let servers = changed(
        page,
        &[
            ("listen 443 ", &format!("listen {front} ")),
            ("server 10.0.0.11:8080;", &format!("server {gateway};")),
            ("    server 10.0.0.12:8080;\n", ""),
            ("/etc/nginx/apps.crt", &folder.join("apps.crt").to_string_lossy()),
            ("/etc/nginx/apps.key", &folder.join("apps.key").to_string_lossy()),
        ],
    );
    let text = format!(
        "daemon off; master_process off; pid nginx.pid; events {{}}\nhttp {{ access_log off; client_body_temp_path body; proxy_temp_path \
         proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n{servers}}}\n"
    );
    fs::write(folder.join("nginx.conf"), text).unwrap();
    let known = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let child = Command::new(known.unwrap_or("nginx"))
        .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
        .arg(folder)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("nginx is needed: .ci/need nginx");
    for attempt in 0.. {
        if TcpStream::connect(front).await.is_ok() {
            break;
        }
        assert!(attempt < 500, "nginx does not listen on {front}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn address_scheme_and_host_arrive_as_documented() {
    let house = House::new().await;
    let mut client = house.client().await;
    let head = "Host: apps.example.com\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.test\r\n\
                X-Forwarded-Prefix: /evil\r\nForwarded: host=evil.test\r\nX-Real-IP: 6.6.6.6\r\nClient-Cert: :evil:\r\n\
                X-Request-Id: evil\r\n\r\n";
    client.send(format!("GET /open/a//b%20c?d HTTP/1.1\r\n{head}")).await;
    assert_eq!(
        client.response().await.status,
        400,
        "no slash is merged on the way, so Doorward sees both"
    );
    client.send(format!("GET /open/b%20c?d HTTP/1.1\r\n{head}")).await;
    assert_eq!(client.response().await.status, 200);
    let received = house.upstream.only();
    assert_eq!(received.line(), "GET /open/b%20c?d HTTP/1.1");
    assert_eq!(received.header("x-forwarded-for"), ["127.0.0.2, 127.0.0.1"]);
    assert_eq!(received.header("x-real-ip"), ["127.0.0.2"]);
    assert!(
        !received.head.contains("evil") && !received.head.contains("6.6.6.6"),
        "{}",
        received.head
    );
    assert_eq!(received.header("x-forwarded-proto"), ["https"]);
    assert_eq!(received.header("x-forwarded-host"), ["apps.example.com"]);
    assert_eq!(received.header("host"), ["apps.example.com"]);

    client
        .send("GET / HTTP/1.1\r\nHost: apps.example.com\r\nAccept: text/html\r\n\r\n")
        .await;
    let sent = client.response().await;
    assert_eq!(sent.status, 302);
    let location = sent.header("location").unwrap();
    assert!(
        location.contains("redirect_uri=https%3A%2F%2Fapps.example.com%2F.doorward%2Fcallback"),
        "{location}"
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn web_sockets_and_event_streams_pass() {
    let house = House::new().await;
    let mut socket = house.client().await;
    house.upstream.next(Act::Echo);
    socket
        .send(
            "GET /open/ws HTTP/1.1\r\nHost: apps.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .await;
    assert!(socket.head().await.starts_with("HTTP/1.1 101 "));
    socket.send("\x01\x02there").await;
    assert_eq!(socket.exactly(7).await, b"\x01\x02there");

    let mut events = house.client().await;
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    house.upstream.next(Act::Parts(vec![
        head,
        b"d\r\ndata: first\n\n\r\n".to_vec(),
        b"0\r\n\r\n".to_vec(),
    ]));
    events
        .send("GET /open/events HTTP/1.1\r\nHost: apps.example.com\r\n\r\n")
        .await;
    house.upstream.release();
    house.upstream.release();
    // The last part is not let go until the first event is here.
    assert!(events.head().await.starts_with("HTTP/1.1 200 "));
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("data: first") {
        let more = events.some().await;
        assert!(!more.is_empty(), "the stream ended with {seen:?}");
        seen.extend(more);
    }
    house.upstream.release();
    drop((events, socket));
    house.stop().await;
}
