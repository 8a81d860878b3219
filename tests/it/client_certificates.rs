//! What clients show in the handshake, and what access rules make of it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use doorward::{proxy::Bind, server::Up, time::Clock};
use http::StatusCode;
use rcgen::{DnType, SanType};
use rustls::version;
use tempfile::TempDir;

use crate::harness::{
    browser::Browser,
    gateway::{World, serve},
    raw::Raw,
    tls::{Authority, Client, Issued, Secured},
    upstream::{Act, Upstream, ok},
};

/// A gateway that asks for certificates, an app behind it, and the authorities.
struct House {
    folder: TempDir,
    server: Authority,
    devices: Authority,
    upstream: Upstream,
    clock: Clock,
    up: Up,
}

const ROUTES: [(&str, &str); 7] = [
    ("/any", "{ client_certificate: any }"),
    ("/till", "{ client_certificate: { subject_dn: \"CN=till-1,O=Shop\" } }"),
    ("/dns", "{ client_certificate: { san_dns: till-1.shop.test } }"),
    ("/email", "{ client_certificate: { san_email: till@shop.test } }"),
    (
        "/uri",
        "{ client_certificate: { san_uri: \"spiffe://shop.test/till\" } }",
    ),
    ("/not", "{ not: { client_certificate: { san_dns: lost.shop.test } } }"),
    (
        "/other",
        "{ all: [{ client_certificate: any }, { not: { client_certificate: { san_dns: lost.shop.test } } }] }",
    ),
];

impl House {
    async fn new(mode: &str) -> Self {
        let (folder, server, devices) = (
            tempfile::tempdir().unwrap(),
            Authority::new("server"),
            Authority::new("devices"),
        );
        server.issue(&["app.test"]).write(folder.path(), "tls");
        std::fs::write(folder.path().join("devices.crt"), &devices.pem).unwrap();
        let upstream = Upstream::start().await;
        upstream.always(Act::Answer(ok("hello")));
        let clock = Clock::system();
        let up = serve(&Self::yaml(&folder, mode, &upstream), &clock).await;
        Self {
            folder,
            server,
            devices,
            upstream,
            clock,
            up,
        }
    }

    fn yaml(folder: &TempDir, mode: &str, upstream: &Upstream) -> String {
        let routes = ROUTES.map(|(path, access)| {
            let to = upstream.address();
            format!("  - {{ host: app.test, path: {path}, upstream: \"http://{to}\", access: {access} }}\n")
        });
        format!(
            "listeners: [{}]\nadmin: {{ enabled: false }}\nproviders:\n  op: {{ issuer: \"https://id.test\", client_id: a, \
             client_secret: a-secret-of-this-test }}\nroutes:\n  - {{ host: app.test, path: /open, upstream: \"http://{}\", \
             access: open }}\n{}",
            listener(folder, mode),
            upstream.address(),
            routes.concat(),
        )
    }

    fn address(&self) -> SocketAddr {
        tcp(&self.up.addresses()[0])
    }

    fn client(&self) -> Client {
        Client::trusting(&self.server)
    }

    fn till(&self) -> Issued {
        device(&self.devices, "till-1")
    }

    /// The status of a request, or 0 where there was no connection for it.
    async fn status(&self, client: &Client, path: &str) -> u16 {
        self.status_with(client, path, "").await
    }

    async fn status_with(&self, client: &Client, path: &str, headers: &str) -> u16 {
        let request = format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n{headers}\r\n");
        let response = client.ask(self.address(), "app.test", &request).await;
        response.map_or(0, |response| response.status)
    }
}

fn listener(folder: &TempDir, mode: &str) -> String {
    let at = |name: &str| folder.path().join(name).display().to_string();
    format!(
        "{{ address: \"127.0.0.1:0\", tls: {{ certificate_file: {}, key_file: {}, client_ca: {{ file: {}, mode: {mode} }} }} }}",
        at("tls.crt"),
        at("tls.key"),
        at("devices.crt")
    )
}

fn tcp(bind: &Bind) -> SocketAddr {
    match bind {
        Bind::Tcp(address) => *address,
        Bind::Unix(path) => panic!("{}", path.display()),
    }
}

/// The certificate of a device: named in its subject and in every kind of name.
fn device(authority: &Authority, name: &str) -> Issued {
    authority.issue_with(&[], |params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Shop");
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = vec![
            SanType::DnsName(format!("{name}.shop.test").try_into().unwrap()),
            SanType::Rfc822Name("till@shop.test".try_into().unwrap()),
            SanType::URI("spiffe://shop.test/till".try_into().unwrap()),
        ];
    })
}

#[tokio::test]
async fn rules_look_at_what_the_handshake_verified() {
    let house = House::new("optional").await;
    let (till, lost) = (house.till(), device(&house.devices, "lost"));
    for version in [&version::TLS12, &version::TLS13] {
        let client = || house.client().version(version);
        // The till, another device, and nobody.
        for (path, expected) in [
            ("/open", [200, 200, 200]),
            ("/any", [200, 200, 403]),
            ("/till", [200, 403, 403]),
            ("/dns", [200, 403, 403]),
            ("/email", [200, 200, 403]),
            ("/uri", [200, 200, 403]),
            // `not` alone lets nobody in: they sign in.
            ("/not", [401, 403, 401]),
            ("/other", [200, 403, 403]),
        ] {
            let [with, other, without] = [client().shows(&till), client().shows(&lost), client()];
            let found = [
                house.status(&with, path).await,
                house.status(&other, path).await,
                house.status(&without, path).await,
            ];
            assert_eq!(found, expected, "{path}");
        }
    }
    let metrics = house.up.telemetry().render();
    assert!(metrics.contains("verdict=\"certificate_needed\""), "{metrics}");
    let forwarded = house.upstream.requests();
    assert!(
        forwarded
            .iter()
            .all(|request| request.header("x-forwarded-user").is_empty())
    );
}

#[tokio::test]
async fn no_header_stands_for_a_certificate() {
    // MT-01
    let house = House::new("optional").await;
    let claimed = "Client-Cert: :MIIB:\r\nClient-Cert-Chain: :MIIB:\r\nX-Forwarded-Client-Cert: \
                   Hash=1;Subject=\"CN=till-1,O=Shop\";URI=spiffe://shop.test/till\r\nX-SSL-Client-Verify: SUCCESS\r\n\
                   X-SSL-Client-S-DN: CN=till-1,O=Shop\r\nX-Client-Cert: x\r\nclient_cert: :MIIB:\r\n";
    for (path, _) in ROUTES.iter().filter(|(path, _)| *path != "/not") {
        assert_eq!(house.status_with(&house.client(), path, claimed).await, 403, "{path}");
    }
    // Nor is an upstream told of one by the client.
    assert_eq!(house.status_with(&house.client(), "/open", claimed).await, 200);
    let seen = house.upstream.requests();
    for name in [
        "client-cert",
        "client-cert-chain",
        "x-forwarded-client-cert",
        "client_cert",
    ] {
        assert!(seen[0].header(name).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn what_does_not_verify_has_no_connection() {
    let stranger = Authority::new("stranger");
    for (mode, without) in [("optional", 200), ("required", 0)] {
        let house = House::new(mode).await;
        let expired = house.devices.issue_with(&["till-1.shop.test"], |params| {
            params.not_after = rcgen::date_time_ymd(2026, 1, 1);
        });
        for version in [&version::TLS12, &version::TLS13] {
            let client = || house.client().version(version);
            let status = async |client: Client| house.status(&client, "/open").await;
            assert_eq!(status(client().shows(&house.till())).await, 200, "{mode}");
            assert_eq!(status(client()).await, without, "{mode}");
            for bad in [&device(&stranger, "till-1"), &expired] {
                assert_eq!(status(client().shows(bad)).await, 0, "{mode}");
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_counts_over_http2_and_only_on_its_own_connection() {
    let house = House::new("optional").await;
    for (client, expected) in [
        (house.client().shows(&house.till()), StatusCode::OK),
        (house.client(), StatusCode::FORBIDDEN),
    ] {
        let connection = client.alpn(&["h2"]).connect(house.address(), "app.test").await.unwrap();
        let (send, driving) = h2::client::handshake(connection.0).await.unwrap();
        let driver = tokio::spawn(driving);
        let mut send = send.ready().await.unwrap();
        let request = || http::Request::get("https://app.test/till").body(()).unwrap();
        let both = [send.send_request(request(), true).unwrap().0, {
            send = send.ready().await.unwrap();
            send.send_request(request(), true).unwrap().0
        }];
        for response in both {
            assert_eq!(response.await.unwrap().status(), expected);
        }
        driver.abort();
    }
}

#[tokio::test]
async fn a_connection_that_outlives_its_certificate_has_none() {
    let house = House::new("optional").await;
    let ends = u64::try_from(house.clock.now().secs()).unwrap() + 3600;
    let till = house.devices.issue_with(&["till-1.shop.test"], |params| {
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(ends);
    });
    let client = house.client().shows(&till);
    let mut raw = Raw::over(client.connect(house.address(), "app.test").await.unwrap().0);
    let ask = "GET /any HTTP/1.1\r\nHost: app.test\r\n\r\n";
    raw.send(ask).await;
    assert_eq!(raw.response().await.status, 200);
    house.clock.advance(Duration::from_secs(3700));
    raw.send(ask).await;
    assert_eq!(raw.response().await.status, 403);
}

#[tokio::test]
async fn other_authorities_are_in_force_at_once_and_nothing_is_resumed() {
    // GW-06
    let house = House::new("required").await;
    let till = house.till();
    for version in [&version::TLS12, &version::TLS13] {
        // The same configuration each time: it resumes where it may.
        let config = house.client().version(version).shows(&till).config();
        for _ in 0..3 {
            let mut raw = Raw::over(connected(&config, house.address()).await);
            raw.send("GET /till HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
            assert_eq!(raw.response().await.status, 200);
            let stream = raw.into_stream();
            let kind = stream.get_ref().1.handshake_kind().unwrap();
            assert_eq!(kind, rustls::HandshakeKind::Full);
        }
    }
    let file = house.folder.path().join("devices.crt");
    let others = Authority::new("others");
    std::fs::write(&file, "nonsense").unwrap();
    let errors = house.up.reload_certificates();
    assert!(
        errors.len() == 1 && errors[0].to_string().contains("devices.crt"),
        "{errors:?}"
    );
    assert_eq!(house.status(&house.client().shows(&till), "/till").await, 200);
    std::fs::write(&file, &others.pem).unwrap();
    assert!(house.up.reload_certificates().is_empty());
    assert_eq!(house.status(&house.client().shows(&till), "/till").await, 0);
    let new = device(&others, "till-1");
    assert_eq!(house.status(&house.client().shows(&new), "/till").await, 200);
}

async fn connected(
    config: &Arc<rustls::ClientConfig>,
    address: SocketAddr,
) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    Secured::connect(Arc::clone(config), address, "app.test")
        .await
        .unwrap()
        .0
}

#[tokio::test]
async fn a_person_and_a_device_are_asked_for_together() {
    let routes = "  - { host: app.test, path: /both, upstream: \"{upstream}\", access: { all: [{ client_certificate: any }, { \
                  group: staff }] } }\n  - { host: app.test, path: /either, upstream: \"{upstream}\", access: { any: [{ \
                  client_certificate: { san_dns: till-1.shop.test } }, { group: staff }] } }\n";
    let folder = tempfile::tempdir().unwrap();
    let (server, devices) = (Authority::new("server"), Authority::new("devices"));
    server.issue(&["app.test"]).write(folder.path(), "tls");
    std::fs::write(folder.path().join("devices.crt"), &devices.pem).unwrap();
    // The rules need a listener that asks; the plain one goes.
    let mut world = World::start().await;
    let to = format!("http://{}", world.upstream.address());
    let yaml =
        world.yaml.split("routes:").next().unwrap().to_owned() + "routes:\n" + &routes.replace("{upstream}", &to);
    let plain = "listeners: [{ address: \"127.0.0.1:0\" }]";
    assert!(yaml.contains(plain));
    let yaml = yaml.replace(plain, &format!("listeners: [{}]", listener(&folder, "optional")));
    world.reload(&yaml).unwrap();
    world
        .provider
        .login_as("ada", serde_json::json!({ "groups": ["staff"] }));
    let base = format!("https://app.test:{}", world.port());

    let browser = |client: Client| Browser::with_tls(Arc::unwrap_or_clone(client.config()));
    let till = device(&devices, "till-1");
    let with = || browser(Client::trusting(&server).shows(&till));
    let without = || browser(Client::trusting(&server));

    // Nobody signs in in vain.
    let page = without().visit(&format!("{base}/both")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("This needs a certificate"), "{}", page.body);
    assert_eq!(world.provider.count("authorize"), 0);

    let person = with();
    assert_eq!(person.open(&format!("{base}/both")).await.status, StatusCode::OK);
    let seen = world.upstream.requests();
    assert_eq!(
        seen.last().unwrap().header("x-forwarded-user").len(),
        1,
        "the person is told"
    );
    // The device alone: nobody is signed in, and none is asked to.
    assert_eq!(with().fetch(&format!("{base}/either")).await.status, StatusCode::OK);
    let seen = world.upstream.requests();
    assert!(seen.last().unwrap().header("x-forwarded-user").is_empty());
    // Both, where either would do.
    assert_eq!(person.fetch(&format!("{base}/either")).await.status, StatusCode::OK);
    let seen = world.upstream.requests();
    assert_eq!(seen.last().unwrap().header("x-forwarded-user").len(), 1);
    // The person alone.
    let alone = without();
    assert_eq!(alone.open(&format!("{base}/either")).await.status, StatusCode::OK);
    assert_eq!(alone.fetch(&format!("{base}/both")).await.status, StatusCode::FORBIDDEN);
}
