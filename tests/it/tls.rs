//! TLS of listeners: which certificate whom, how it changes, and when it ends.

use std::{fs, net::SocketAddr, path::Path};

use doorward::{proxy::Bind, server::Up, time::Clock};
use rustls::{ProtocolVersion, version};
use tempfile::TempDir;

use crate::harness::{
    gateway::serve,
    raw::Raw,
    tls::{Authority, Client},
    upstream::{Act, Upstream},
};
use crate::reload::Program;

/// A gateway with an https listener, and what its certificates are made with.
struct House {
    folder: TempDir,
    authority: Authority,
    up: Up,
}

impl House {
    /// `a.test` for all, and these for the names in them.
    async fn with(named: &[(&str, &[&str])]) -> Self {
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new("doorward test"));
        authority.issue(&["a.test"]).write(folder.path(), "default");
        for (file, names) in named {
            authority.issue(names).write(folder.path(), file);
        }
        let files: Vec<_> = named.iter().map(|(file, _)| *file).collect();
        let up = serve(&written(folder.path(), &files), &Clock::system()).await;
        Self { folder, authority, up }
    }

    fn address(&self) -> SocketAddr {
        tcp(&self.up.addresses()[0])
    }

    /// The file name of the certificate that a client which names this host is shown.
    async fn shown(&self, client: &Client, host: &str) -> String {
        let shown = client.connect(self.address(), host).await.unwrap().shown();
        let files = fs::read_dir(self.folder.path()).unwrap();
        let mut names = files.map(|file| file.unwrap().path()).filter(|path| {
            use rustls::pki_types::pem::PemObject as _;
            path.extension().unwrap() == "crt"
                && rustls::pki_types::CertificateDer::from_pem_file(path).unwrap() == shown
        });
        names.next().unwrap().file_stem().unwrap().to_str().unwrap().to_owned()
    }

    fn metrics(&self) -> String {
        self.up.telemetry().render()
    }

    /// When the metric says that the certificate in a file ends.
    fn ends(&self, file: &str) -> Option<i64> {
        let named = format!("{}\"", self.folder.path().join(file).display());
        let metrics = self.metrics();
        let mut lines = metrics.lines().filter(|line| {
            line.starts_with("doorward_certificate_not_after_timestamp_seconds{") && line.contains(&named)
        });
        let found = lines
            .next()
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap());
        assert_eq!(lines.next(), None);
        found
    }
}

fn tcp(bind: &Bind) -> SocketAddr {
    match bind {
        Bind::Tcp(address) => *address,
        Bind::Unix(path) => panic!("{}", path.display()),
    }
}

fn pair(folder: &Path, file: &str) -> String {
    let at = |extension: &str| folder.join(file).with_extension(extension).display().to_string();
    format!("certificate_file: {}, key_file: {}", at("crt"), at("key"))
}

fn written(folder: &Path, named: &[&str]) -> String {
    let more: Vec<_> = named
        .iter()
        .map(|file| format!("{{ {} }}", pair(folder, file)))
        .collect();
    format!(
        "listeners: [{{ address: \"127.0.0.1:0\", tls: {{ {}, certificates: [{}] }} }}]\nadmin: {{ enabled: false }}\n\
         routes: [{{ path: /, host: \"*\", upstream: \"http://127.0.0.1:1\", access: open }}]\n",
        pair(folder, "default"),
        more.join(", ")
    )
}

#[tokio::test]
async fn a_client_is_shown_the_certificate_for_the_host_that_it_names() {
    let house = House::with(&[("shops", &["*.shop.test"]), ("till", &["till.shop.test", "till.test"])]).await;
    let client = Client::trusting(&house.authority);
    for (host, expected) in [
        ("a.test", "default"),
        ("cart.shop.test", "shops"),
        ("till.shop.test", "till"),
        ("till.test", "till"),
    ] {
        assert_eq!(house.shown(&client, host).await, expected, "{host}");
    }
    // A name in large letters is the same name.
    assert_eq!(house.shown(&client, "TILL.test").await, "till");
    let nameless = Client::trusting(&house.authority).nameless();
    assert_eq!(house.shown(&nameless, "a.test").await, "default");
    for other in ["x.cart.shop.test", "shop.test"] {
        let refused = client.connect(house.address(), other).await.err().unwrap();
        assert!(refused.to_string().contains("not valid for name"), "{other}: {refused}");
    }
}

#[tokio::test]
async fn both_versions_of_tls_and_both_of_http_are_spoken_for_every_name() {
    let house = House::with(&[("till", &["till.test"])]).await;
    for (version, expected) in [
        (&version::TLS12, ProtocolVersion::TLSv1_2),
        (&version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        for host in ["a.test", "till.test"] {
            for (offered, spoken) in [
                (&["h2", "http/1.1"][..], Some(&b"h2"[..])),
                (&["http/1.1"], Some(b"http/1.1")),
                (&[], None),
            ] {
                let client = Client::trusting(&house.authority).version(version).alpn(offered);
                let connection = client.connect(house.address(), host).await.unwrap();
                assert_eq!(connection.spoken(), (expected, spoken), "{host} {offered:?}");
            }
        }
    }
}

#[tokio::test]
async fn each_pair_changes_by_itself_and_a_bad_one_stays_as_it_was() {
    // GW-05, GW-06
    let house = House::with(&[("till", &["till.test"]), ("cart", &["cart.test"])]).await;
    let folder = house.folder.path();
    let client = Client::trusting(&house.authority);
    let show = async |host: &str| client.connect(house.address(), host).await.unwrap().shown();
    let (default, till, cart) = (show("a.test").await, show("till.test").await, show("cart.test").await);

    // New names come with a new certificate; the other pair's key is another's.
    house.authority.issue(&["till.test", "desk.test"]).write(folder, "till");
    let key = fs::read(folder.join("cart.key")).unwrap();
    fs::copy(folder.join("till.key"), folder.join("cart.key")).unwrap();
    let errors = house.up.reload_certificates();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].to_string().contains("cart.key"), "{errors:?}");
    assert_ne!(show("till.test").await, till);
    assert_eq!(show("desk.test").await, show("till.test").await);
    assert_eq!([show("a.test").await, show("cart.test").await], [default, cart.clone()]);

    fs::write(folder.join("cart.key"), key).unwrap();
    let expired = house.authority.issue_with(&["cart.test"], |params| {
        params.not_after = rcgen::date_time_ymd(2026, 1, 1);
    });
    expired.write(folder, "cart");
    let errors = house.up.reload_certificates();
    assert!(errors[0].to_string().contains("valid from"), "{errors:?}");
    assert_eq!(show("cart.test").await, cart);
    house.authority.issue(&["cart.test"]).write(folder, "cart");
    assert!(house.up.reload_certificates().is_empty());
    assert_ne!(show("cart.test").await, cart);
}

#[tokio::test]
async fn when_each_certificate_ends_is_a_metric() {
    // GW-06
    let mut house = House::with(&[("till", &["till.test"])]).await;
    let folder = house.folder.path().to_owned();
    let renew = |house: &House, file: &str, year| {
        let issued = house.authority.issue_with(&["till.test"], |params| {
            params.not_after = rcgen::date_time_ymd(year, 5, 6);
        });
        issued.write(&folder, file);
    };
    renew(&house, "till", 2040);
    assert!(house.up.reload_certificates().is_empty());
    let ends = |year| Some(rcgen::date_time_ymd(year, 5, 6).unix_timestamp());
    assert_eq!(house.ends("till.crt"), ends(2040));
    assert!(house.ends("default.crt").is_some());
    let metrics = house.metrics();
    let listener = format!("listener=\"{}\"", house.address());
    assert_eq!(metrics.matches(&listener).count(), 4, "{metrics}");

    // What is in force counts, not what is in the file.
    renew(&house, "till", 2020);
    assert_eq!(house.up.reload_certificates().len(), 1);
    assert_eq!(house.ends("till.crt"), ends(2040));
    renew(&house, "till", 2041);
    let without = doorward::config::from_text("test.yaml", &written(&folder, &[])).unwrap();
    house.up.reload(without).unwrap();
    assert_eq!(house.ends("till.crt"), None, "it is not shown any more");
    assert!(house.ends("default.crt").is_some());
}

/// A gateway on `app.test` by https, and a listener beside it that redirects there.
async fn redirecting() -> (House, SocketAddr) {
    let mut house = House::with(&[]).await;
    house
        .authority
        .issue(&["app.test"])
        .write(house.folder.path(), "default");
    let yaml = written(house.folder.path(), &[])
        .replace(
            "}]\nadmin",
            &format!("}}, {} ]\nadmin", redirect(house.address().port())),
        )
        .replace("host: \"*\"", "host: app.test");
    house
        .up
        .reload(doorward::config::from_text("test.yaml", &yaml).unwrap())
        .unwrap();
    let plain = tcp(&house.up.addresses()[1]);
    (house, plain)
}

fn redirect(port: u16) -> String {
    format!("{{ address: \"127.0.0.1:0\", redirect_to_https: true, https_port: {port} }}")
}

#[tokio::test]
async fn a_redirect_keeps_method_host_path_and_query() {
    let (house, plain) = redirecting().await;
    let base = format!("https://app.test:{}", house.address().port());
    for (request, place) in [
        (
            "GET /a%20b?x=1&to=//evil.test HTTP/1.1\r\nHost: app.test\r\n\r\n",
            "/a%20b?x=1&to=//evil.test",
        ),
        ("GET / HTTP/1.1\r\nHost: APP.test:80\r\n\r\n", "/"),
        (
            "POST /form HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3\r\n\r\na=b",
            "/form",
        ),
        (
            "POST /.doorward/backchannel-logout/op HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3\r\n\r\na=b",
            "/.doorward/backchannel-logout/op",
        ),
        ("DELETE /thing HTTP/1.1\r\nHost: app.test\r\n\r\n", "/thing"),
    ] {
        let response = Raw::ask(plain, request.as_bytes()).await;
        assert_eq!(response.status, 308, "{request}");
        assert_eq!(
            response.header("location"),
            Some(&*format!("{base}{place}")),
            "{request}"
        );
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("x-request-id").unwrap().len(), 32);
        assert_eq!(response.headers("set-cookie"), [""; 0]);
    }
    let metrics = house.metrics();
    let counted = r#"doorward_requests_total{class="3xx",outcome="to_https",route="none"} 5"#;
    assert!(metrics.contains(counted), "{metrics}");

    let mut kept = Raw::connect(plain).await;
    for _ in 0..2 {
        kept.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
        assert_eq!(kept.response().await.status, 308);
    }

    // There, the request goes on: its upstream does not answer.
    let secured = Client::trusting(&house.authority);
    let there = secured
        .ask(house.address(), "app.test", "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
        .await;
    assert_eq!(there.unwrap().status, 502);
}

#[tokio::test]
async fn a_redirect_leads_nowhere_else() {
    let (_house, plain) = redirecting().await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: app.test.evil.test\r\n\r\n", 404),
        (
            "GET / HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: app.test\r\n\r\n",
            404,
        ),
        ("GET / HTTP/1.1\r\nHost: app.test@evil.test\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: app.test\r\nHost: evil.test\r\n\r\n", 400),
        ("GET http://evil.test/ HTTP/1.1\r\nHost: app.test\r\n\r\n", 400),
        ("GET //evil.test/ HTTP/1.1\r\nHost: app.test\r\n\r\n", 400),
        ("GET /\\evil.test HTTP/1.1\r\nHost: app.test\r\n\r\n", 400),
        ("CONNECT app.test:443 HTTP/1.1\r\nHost: app.test\r\n\r\n", 405),
        ("TRACE / HTTP/1.1\r\nHost: app.test\r\n\r\n", 405),
    ] {
        let response = Raw::ask(plain, request.as_bytes()).await;
        assert_eq!(
            (response.status, response.header("location")),
            (status, None),
            "{request}"
        );
    }
    let named = "GET / HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: https\r\n\r\n";
    let response = Raw::ask(plain, named.as_bytes()).await;
    let location = response.header("location").unwrap();
    assert!(location.starts_with("https://app.test:"), "{location}");
}

#[tokio::test]
async fn a_redirect_has_its_access_line() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new("doorward test")
        .issue(&["app.test"])
        .write(folder.path(), "default");
    let yaml = written(folder.path(), &[]).replace("[{ address", &format!("[{}, {{ address", redirect(443)));
    let file = folder.path().join("doorward.yaml");
    fs::write(&file, yaml).unwrap();
    let mut program = Program::start(&file);
    let address = program.says("listening")["address"].clone();
    let address: SocketAddr = address.as_str().unwrap().parse().unwrap();
    let response = Raw::ask(address, b"GET /a?secret=1 HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    let line = program.says("to_https");
    assert_eq!(line["request_id"].as_str(), response.header("x-request-id"), "{line}");
    let told = ["host", "path", "method"].map(|field| line[field].as_str().unwrap().to_owned());
    assert_eq!(told, ["app.test", "/a", "GET"]);
    assert_eq!(line["status"], 308);
}

#[tokio::test]
async fn browsers_are_told_of_https_in_every_answer() {
    let upstream = Upstream::start().await;
    let theirs = "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nstrict-transport-security: max-age=2\r\n\
                  Content-Length: 2\r\n\r\nok";
    upstream.always(Act::Answer(theirs.as_bytes().to_vec()));
    let mut house = House::with(&[]).await;
    let route = |more: &str| format!("upstream: \"http://{}\", access: open{more}", upstream.address());
    let down = "upstream: \"http://127.0.0.1:1\", access: open";
    let routes = format!(
        "routes: [{{ path: /, host: \"*\", {} }}, {{ path: /down, host: \"*\", {down} }}, {{ path: /own, host: \"*\", {} }}, \
         {{ path: /none, host: \"*\", {} }}]\n",
        route(""),
        route(", response_headers: { set: { Strict-Transport-Security: max-age=3 } }"),
        route(", response_headers: { remove: [Strict-Transport-Security] }"),
    );
    let written = written(house.folder.path(), &[]);
    let yaml = written.split("routes:").next().unwrap().to_owned() + &routes;
    let told = async |house: &House, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let client = Client::trusting(&house.authority);
        let response = client.ask(house.address(), "a.test", &request).await.unwrap();
        let told = response.headers("strict-transport-security").join(" | ");
        format!("{} {told}", response.status)
    };
    let table = |all: &str, through: &str| {
        [
            ("/", format!("200 {through}")),
            ("/own", "200 max-age=3".to_owned()),
            ("/none", "200 ".to_owned()),
            ("/down", format!("502 {all}")),
            ("/.doorward/none", format!("404 {all}")),
            ("/a//b", format!("400 {all}")),
            ("/.doorward/jwks.json", format!("200 {all}")),
        ]
    };
    let load = |yaml: &str| doorward::config::from_text("test.yaml", yaml).unwrap();
    house.up.reload(load(&yaml)).unwrap();
    for (path, expected) in table("", "max-age=1 | max-age=2") {
        assert_eq!(told(&house, path).await, expected, "without: {path}");
    }
    let hsts = ", hsts: { max_age: 1h, include_subdomains: true } }]\nadmin";
    house.up.reload(load(&yaml.replace(" }]\nadmin", hsts))).unwrap();
    let all = "max-age=3600; includeSubDomains";
    for (path, expected) in table(all, all) {
        assert_eq!(told(&house, path).await, expected, "with: {path}");
    }
}

/// The pieces of YAML in documents, each with what it leaves out.
#[test]
fn what_the_document_shows_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("doorward test");
    for file in ["tls", "ledger"] {
        authority.issue(&["ledger.example.com"]).write(folder.path(), file);
    }
    fs::write(folder.path().join("devices-ca.crt"), &authority.pem).unwrap();
    for document in [include_str!("../../docs/tls.md"), include_str!("../../docs/upgrade.md")] {
        let snippets: Vec<_> = document.split("```yaml\n").skip(1).collect();
        assert!(!snippets.is_empty());
        for snippet in snippets {
            let mut text = snippet.split("```").next().unwrap().to_owned();
            if !text.contains("listeners:") {
                text += "listeners: [{ address: \"127.0.0.1:1\" }]\n";
            }
            if !text.contains("routes:") {
                text += "routes: [{ upstream: \"http://a:1\", access: open }]\n";
            }
            let source = doorward::config::Source::system(folder.path());
            if let Err(report) = doorward::config::from_source("a document", &text, &source) {
                panic!("{report}\n{text}");
            }
        }
    }
}
