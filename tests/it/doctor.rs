//! `doorward doctor`: the program itself, beside dependencies that are well and that are not.

use std::{net::TcpListener, path::PathBuf, process::Stdio, time::Duration};

use chrono::Datelike as _;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::harness::{
    collector::{Collector, Mood},
    gateway::World,
    provider::{CLIENT_SECRET, Fault, Provider},
    upstream::Upstream,
};

/// A configuration in a folder, with what it needs.
struct Practice {
    folder: tempfile::TempDir,
    provider: Provider,
    upstream: Upstream,
    /// YAML below the provider, below `session`, and of further routes.
    more: [String; 3],
    listener: String,
}

impl Practice {
    async fn new() -> Self {
        Self::with(Provider::start().await).await
    }

    async fn with(provider: Provider) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            upstream: Upstream::start().await,
            provider,
            more: Default::default(),
            listener: "127.0.0.1:0".to_owned(),
        }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let [provider, session, routes] = &self.more;
        let session = if session.is_empty() {
            "  store: memory\n"
        } else {
            session
        };
        let yaml = format!(
            "listeners: [{{ address: \"{listener}\", public_port: 8080 }}]\nadmin: {{ enabled: false }}\nproviders:\n  op:\n    issuer: \"{issuer}\"\n    \
             insecure_http_issuer: {http}\n    client_id: doorward\n    client_secret: \"{CLIENT_SECRET}\"\n{provider}session:\n{session}\
             routes:\n  - {{ host: app.test, path: /, upstream: \"http://{upstream}\", access: signed_in }}\n{routes}",
            listener = self.listener,
            issuer = self.provider.issuer(),
            http = self.provider.ca_pem().is_none(),
            upstream = self.upstream.address(),
        );
        self.file("doorward.yaml", yaml.as_bytes());
        let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(["doctor", "--config", "doorward.yaml"])
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(err, "", "{yaml}");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    /// The findings, as JSON, and the exit code held against them.
    async fn findings(&self) -> Vec<Value> {
        let (code, out) = self.run(&["--format", "json", "--timeout", "2"]).await;
        let told: Value = serde_json::from_str(&out).unwrap();
        let fails = told["worst"] == "fail";
        assert_eq!(code, Some(i32::from(fails)), "{out}");
        assert!(!out.contains(CLIENT_SECRET) && !out.contains("hunter"), "{out}");
        let findings = told["findings"].as_array().unwrap().clone();
        let helps = |finding: &Value| finding["verdict"] == "ok" || finding["advice"].is_string();
        assert!(findings.iter().all(helps), "what is not well says what to do: {out}");
        findings
    }
}

/// Verdict and words of the one finding of a check.
fn one(findings: &[Value], check: &str) -> (String, String) {
    let of_check: Vec<_> = findings.iter().filter(|finding| finding["check"] == check).collect();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(of_check.len(), 1, "{check}: {findings:#?}");
    (
        text(of_check[0], "verdict"),
        format!("{} / {}", text(of_check[0], "seen"), text(of_check[0], "advice")),
    )
}

fn is(findings: &[Value], check: &str, verdict: &str, words: &str) {
    let (found, seen) = one(findings, check);
    assert!(
        found == verdict && seen.contains(words),
        "{check} is {found}: {seen}, not {verdict} with {words:?}"
    );
}

#[tokio::test]
async fn what_is_well_is_seen_to_be_well() {
    let practice = Practice::new().await;
    let (code, out) = practice.run(&[]).await;
    assert_eq!(code, Some(0), "{out}");
    assert!(!out.contains("FAIL") && !out.contains("warn "), "{out}");
    for line in [
        "ok    doorward.yaml, configuration: 1 route, 1 provider, 1 listener, sessions in memory, a key drawn at start\n",
        "ok    provider op, pkce: S256 is supported\n",
        "ok    provider op, callback: http://app.test:8080/.doorward/callback is known there\n",
        "ok    provider op, clock: the provider's clock and ours agree\n",
        "\n0 failed, 0 to watch, ",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert_eq!(practice.provider.count("token"), 0, "nothing is spent");
    let silent = practice.provider.requests("authorize");
    assert_eq!(
        silent.iter().map(|request| request.query("prompt")).collect::<Vec<_>>(),
        [Some("none")]
    );
}

#[tokio::test]
async fn a_collector_is_asked_to_take_a_batch_of_nothing() {
    let mut practice = Practice::new().await;
    let collector = Collector::start().await;
    let url = collector.url();
    let to = |url: &str| format!("tracing: {{ endpoint: \"{url}\", headers: {{ X-Token: hunter2 }} }}\n");
    practice.more[2] = to(&url);
    is(&practice.findings().await, "otlp", "ok", "/v1/traces takes spans");
    let posts = collector.posts();
    let token = posts[0].headers.get("x-token").unwrap();
    assert_eq!((posts.len(), token.to_str().unwrap()), (1, "hunter2"));
    assert_eq!(posts[0].body, b"");
    for (mood, verdict, words) in [
        (
            Mood::Answers(401),
            "fail",
            "401 Unauthorized / give it what it asks for in `tracing.headers`",
        ),
        (Mood::Answers(404), "fail", "its path is mostly /v1/traces"),
        (Mood::Answers(503), "warn", "its own log says which"),
        (Mood::IsNone, "fail", "something else listens there"),
        (Mood::Hangs, "fail", "is it overloaded?"),
    ] {
        collector.mood(mood);
        is(&practice.findings().await, "otlp", verdict, words);
    }
    drop(collector);
    practice.more[2] = to("http://127.0.0.1:1");
    let findings = practice.findings().await;
    let refused = findings.iter().find(|finding| finding["of"] == "collector").unwrap();
    assert_eq!(
        (&refused["check"], &refused["verdict"]),
        (&json!("connect"), &json!("fail"))
    );
}

// AR-18, AR-19
#[tokio::test]
async fn a_provider_that_takes_other_requests_only_is_told_with_what_to_do() {
    let practice = Practice::new().await;
    for (member, told) in [
        ("require_pushed_authorization_requests", "pushed (RFC 9126)"),
        ("require_signed_request_object", "signed (RFC 9101)"),
    ] {
        practice.provider.script(|script| {
            script.metadata(move |document| drop(document.insert(member.to_owned(), json!(true))));
        });
        let findings = practice.findings().await;
        is(&findings, "discovery", "fail", told);
        is(&findings, "discovery", "fail", "switch the demand off at the provider");
        // Renewals need them all the same.
        is(&findings, "keys", "ok", "RS256");
        assert!(
            findings.iter().all(|finding| finding["check"] != "callback"),
            "{findings:#?}"
        );
    }
    assert_eq!(practice.provider.count("authorize"), 0);
}

// IP-07, AR-03, IP-02, IP-06
#[tokio::test]
async fn a_provider_that_misbehaves_is_told_with_what_to_do() {
    let practice = Practice::new().await;
    let provider = &practice.provider;
    provider.script(|script| {
        script.metadata(|document| drop(document.insert("issuer".to_owned(), json!("https://evil.test"))));
    });
    is(&practice.findings().await, "discovery", "fail", "evil.test");
    provider.script(|script| {
        script.metadata(|document| {
            drop(document.insert("code_challenge_methods_supported".to_owned(), json!(["plain"])));
        });
    });
    is(&practice.findings().await, "pkce", "fail", "switch PKCE with S256 on");
    provider.script(|script| script.metadata(|document| drop(document.remove("code_challenge_methods_supported"))));
    is(&practice.findings().await, "pkce", "unseen", "it does not say");
    provider.script(|script| {
        script.metadata(|document| {
            drop(document.insert("id_token_signing_alg_values_supported".to_owned(), json!(["ES384"])));
        });
    });
    is(
        &practice.findings().await,
        "algorithms",
        "fail",
        "it signs ID tokens by ES384",
    );
    provider.script(|script| {
        script.metadata(|_| ());
        script.jwks.status = 500;
    });
    is(&practice.findings().await, "keys", "fail", "status 500");
    provider.script(|script| {
        script.jwks.status = 0;
        script.jwks_document(|document| drop(document.insert("keys".to_owned(), json!([]))));
    });
    is(
        &practice.findings().await,
        "keys",
        "fail",
        "none of its 0 usable keys is for RS256",
    );
    provider.script(|script| {
        script.jwks_document(|_| ());
        script.jwks.fault = Fault::Hang;
    });
    is(&practice.findings().await, "keys", "fail", "no answer within 2s");
    provider.script(|script| {
        script
            .discovery
            .answer(200, "text/html", "<html>Please pay for the Wi-Fi</html>");
    });
    is(
        &practice.findings().await,
        "discovery",
        "fail",
        "is a proxy or a sign-in page in between?",
    );
    provider.down().await;
    let findings = practice.findings().await;
    is(&findings, "discovery", "fail", "nobody can sign in");
    let refused = findings
        .iter()
        .filter(|finding| finding["check"] == "connect" && finding["verdict"] == "fail");
    assert_eq!(refused.count(), 1, "{findings:#?}");
}

// IP-06
#[tokio::test]
async fn a_clock_that_is_off_is_measured() {
    let practice = Practice::new().await;
    for (off, verdict, words) in [
        (
            300,
            "fail",
            "ahead of ours, and clock_skew is 60 s: its ID tokens are refused",
        ),
        (-300, "fail", "behind ours"),
        (40, "warn", "chronyc"),
        (0, "ok", "the provider's clock"),
    ] {
        let now = doorward::time::Clock::system().now().secs();
        let date = chrono::DateTime::from_timestamp(now, 0).unwrap() + chrono::TimeDelta::seconds(off);
        practice.provider.script(|script| {
            script.discovery.headers = vec![("date".to_owned(), date.format("%a, %d %b %Y %H:%M:%S GMT").to_string())];
        });
        is(&practice.findings().await, "clock", verdict, words);
    }
}

#[tokio::test]
async fn a_callback_is_never_taken_for_known_unless_it_is_seen() {
    let practice = Practice::new().await;
    let provider = &practice.provider;
    let authorize = |status: u16, content: &str, location: Option<&str>| {
        let (content, location) = (content.to_owned(), location.map(ToOwned::to_owned));
        provider.script(|script| {
            script.authorize.answer(status, "text/html", &content);
            script.authorize.headers = location.into_iter().map(|to| ("location".to_owned(), to)).collect();
        });
    };
    authorize(400, "<h1>invalid redirect_uri</h1>", None);
    is(
        &practice.findings().await,
        "callback",
        "fail",
        "register http://app.test:8080/.doorward/callback as a redirect URI",
    );
    authorize(401, "invalid_client", None);
    is(&practice.findings().await, "callback", "fail", "look at `client_id`");
    authorize(200, "<form>", None);
    is(
        &practice.findings().await,
        "callback",
        "unseen",
        "it answered with a page",
    );
    authorize(
        302,
        "",
        Some("https://login.test/error?redirect_uri=http://app.test:8080/.doorward/callback"),
    );
    is(
        &practice.findings().await,
        "callback",
        "unseen",
        "a redirect to https://login.test",
    );
    authorize(
        302,
        "",
        Some("http://app.test:8080/.doorward/callback?error=invalid_scope"),
    );
    is(
        &practice.findings().await,
        "callback",
        "warn",
        "refused with invalid_scope",
    );
    authorize(
        302,
        "",
        Some("http://app.test:8080/.doorward/callback?error=login_required"),
    );
    is(&practice.findings().await, "callback", "ok", "is known there");
    authorize(503, "", None);
    is(&practice.findings().await, "callback", "unseen", "status 503");
}

// IP-12
#[tokio::test]
async fn a_certificate_is_believed_by_the_named_ca_only() {
    let clock = doorward::time::Clock::system();
    let mut practice = Practice::with(Provider::start_with(clock, "", true).await).await;
    is(&practice.findings().await, "tls", "fail", "name that CA in `ca_file`");
    let pem = practice.provider.ca_pem().unwrap();
    practice.file("ca.pem", &pem);
    practice.more[0] = "    ca_file: ca.pem\n".to_owned();
    is(
        &practice.findings().await,
        "tls",
        "ok",
        "its certificate is for localhost and valid until",
    );
}

/// An https server with a certificate for these names that ends in so many days, and its certificate in PEM.
async fn https(names: &[&str], days: i64) -> (u16, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    let end =
        chrono::DateTime::from_timestamp(doorward::time::Clock::system().now().secs() + days * 86_400, 0).unwrap();
    let part = |part: u32| u8::try_from(part).unwrap();
    params.not_after = rcgen::date_time_ymd(end.year(), part(end.month()), part(end.day()));
    let made = params.self_signed(&key).unwrap();
    let der = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], der)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(doorward::task::spawn("https", async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    }));
    (port, made.pem())
}

// UP-09
#[tokio::test]
async fn an_upstreams_certificate_is_looked_at() {
    let mut practice = Practice::new().await;
    for (names, days, verdict, words) in [
        (&["localhost"][..], 100, "ok", "valid until"),
        (&["localhost"], 5, "warn", "renew it: two weeks or less"),
        (&["localhost"], -5, "fail", "renew the certificate there"),
        (
            &["other.test"],
            100,
            "fail",
            "write the name that the certificate is for",
        ),
    ] {
        let (port, pem) = https(names, days).await;
        practice.file("up.pem", pem.as_bytes());
        practice.more[2] = format!(
            "  - {{ host: up.test, path: /, access: open, upstream: {{ targets: \"https://localhost:{port}\", tls: {{ ca_file: up.pem }} }} }}\n"
        );
        is(&practice.findings().await, "tls", verdict, words);
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_told() {
    let mut practice = Practice::new().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    practice.more[2] = format!(
        "  - {{ host: up.test, path: /, access: open, upstream: \"http://{free}\" }}\n  \
         - {{ host: ghost.test, path: /, access: open, upstream: \"http://no-such-host.invalid\" }}\n"
    );
    let findings = practice.findings().await;
    is(&findings, "dns", "fail", "no-such-host.invalid cannot be looked up");
    let refused: Vec<_> = findings
        .iter()
        .filter(|one| one["check"] == "connect" && one["verdict"] == "fail")
        .collect();
    assert_eq!(refused.len(), 1, "{findings:#?}");
    assert_eq!(refused[0]["of"], "upstream up.test/");
}

#[tokio::test]
async fn an_address_in_use_is_told_apart_from_a_free_one() {
    let mut practice = Practice::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    practice.listener = taken.local_addr().unwrap().to_string();
    is(
        &practice.findings().await,
        "listen",
        "fail",
        "another program listens there",
    );
    drop(taken);
    is(&practice.findings().await, "listen", "ok", "is free");
}

#[tokio::test]
async fn a_doorward_that_runs_is_known_by_its_admin_listener() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let admin = world.admin.trim_start_matches("http://");
    let yaml = world
        .yaml
        .replacen("127.0.0.1:0", &format!("127.0.0.1:{}", world.port()), 1)
        .replacen("127.0.0.1:0", admin, 1);
    std::fs::write(folder.path().join("d.yaml"), yaml).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["doctor", "--config", "d.yaml"])
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(
        out.contains(&format!(
            "ok    admin listener, listen: {admin} is in use, by a Doorward that runs\n"
        )),
        "{out}"
    );
    assert!(
        out.contains("?     listener 127.0.0.1:") && out.contains("a Doorward runs here, but"),
        "{out}"
    );
    assert_eq!(output.status.code(), Some(0), "{out}");
}

/// A Redis on a port of its own.
struct Redis {
    _child: Child,
    _folder: tempfile::TempDir,
    port: u16,
}

impl Redis {
    async fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
            ])
            .arg(folder.path())
            .args(args)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is needed: apt-get install redis-server");
        let redis = Self {
            _child: child,
            _folder: folder,
            port,
        };
        let up = async {
            while !redis.say(&["PING"]).await.contains("PONG") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), up)
            .await
            .expect("Redis is up");
        redis
    }

    async fn say(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .await;
        String::from_utf8(output.expect("redis-cli").stdout).unwrap()
    }

    fn session(&self, login: &str) -> String {
        format!(
            "  store: redis\n  redis: {{ url: \"redis://127.0.0.1:{}\"{login} }}\n  keys: [{{ id: a, key: \
             \"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\" }}]\n",
            self.port
        )
    }
}

// RS-06, RS-07, RS-12
#[tokio::test]
async fn redis_is_looked_at_and_not_touched() {
    let mut practice = Practice::new().await;
    let redis = Redis::start(&[]).await;
    practice.more[1] = redis.session("");
    let before = redis.say(&["INFO", "keyspace"]).await;
    let findings = practice.findings().await;
    for check in ["version", "role", "eviction", "latency", "permission", "pub/sub"] {
        assert_eq!(one(&findings, check).0, "ok", "{check}: {findings:#?}");
    }
    assert_eq!(redis.say(&["INFO", "keyspace"]).await, before);
    assert!(
        redis
            .say(&["INFO", "memory"])
            .await
            .contains("number_of_cached_scripts:0")
    );
    redis.say(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
    is(&practice.findings().await, "permission", "fail", "NOREPLICAS");
    redis.say(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await;
    redis.say(&["CONFIG", "SET", "maxmemory", "100mb"]).await;
    redis.say(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    is(
        &practice.findings().await,
        "eviction",
        "warn",
        "allkeys-lru may drop sessions",
    );
    let master = Redis::start(&[]).await;
    redis.say(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]).await;
    let findings = practice.findings().await;
    let told = findings
        .iter()
        .any(|one| one["verdict"] == "fail" && one["seen"].as_str().unwrap().contains("replica"));
    assert!(told, "{findings:#?}");
    redis.say(&["CONFIG", "SET", "requirepass", "hunter33"]).await;
    practice.more[1] = redis.session(", password: hunter22");
    is(&practice.findings().await, "store", "fail", "user and password");
}

/// What the documentation gives the user.
fn documented() -> Vec<String> {
    let page = include_str!("../../docs/redis.md");
    let line = page
        .lines()
        .find(|line| line.starts_with("ACL SETUSER doorward"))
        .unwrap();
    line.split(' ').skip(4).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn each_permission_that_the_documentation_names_is_enough_and_needed() {
    let mut practice = Practice::new().await;
    let redis = Redis::start(&[]).await;
    practice.more[1] = redis.session(", username: doorward, password: hunter22");
    let rules = documented();
    let set = async |rules: &[&str]| {
        let words = [&["ACL", "SETUSER", "doorward", "reset", "on", ">hunter22"], rules].concat();
        assert_eq!(redis.say(&words).await, "OK\n", "{words:?}");
    };
    let all: Vec<&str> = rules.iter().map(String::as_str).collect();
    set(&all).await;
    let findings = practice.findings().await;
    is(&findings, "permission", "ok", "every command");
    is(&findings, "pub/sub", "ok", "heard");
    for gone in all.iter().filter(|rule| rule.starts_with('+') && **rule != "+info") {
        let rest: Vec<&str> = all.iter().copied().filter(|rule| rule != gone).collect();
        set(&rest).await;
        let name = gone.trim_start_matches('+').replace('|', " ").to_uppercase();
        let findings = practice.findings().await;
        // Without these, one cannot ask for the others, or hears nothing.
        let elsewhere = [("+ping", "store"), ("+subscribe", "pub/sub")];
        if let Some((_, check)) = elsewhere.iter().find(|(rule, _)| rule == gone) {
            assert_eq!(one(&findings, check).0, "fail", "{gone}: {findings:#?}");
            continue;
        }
        let (verdict, seen) = one(&findings, "permission");
        assert_eq!(verdict, "fail", "{gone}: {seen}");
        assert!(seen.starts_with(&format!("refused: {name} (")), "{gone}: {seen}");
    }
    let deaf: Vec<&str> = all.iter().copied().filter(|rule| !rule.starts_with('&')).collect();
    set(&deaf).await;
    assert_eq!(one(&practice.findings().await, "pub/sub").0, "fail");
    let blind: Vec<&str> = all.iter().copied().filter(|rule| *rule != "+info").collect();
    set(&blind).await;
    is(
        &practice.findings().await,
        "eviction",
        "unseen",
        "it did not answer INFO / is it up? Then allow the user `+info`",
    );
}

/// The command of the documentation that finds a request.
fn documented_search() -> &'static str {
    let page = include_str!("../../docs/doctor.md");
    let line = page.lines().find(|line| line.starts_with("    grep -F 'REQUEST-ID' "));
    line.unwrap().trim()
}

#[tokio::test]
async fn the_id_of_an_error_page_finds_its_request_in_the_log() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let yaml = format!(
        "public_url: https://app.test\nlisteners: [{{ address: \"{address}\", behind_tls_proxy: true }}]\nadmin: {{ enabled: false }}\n\
         logging: {{ access_log: true, format: json }}\nroutes: [{{ host: app.test, path: /there, upstream: \"http://127.0.0.1:1\", access: open }}]\n"
    );
    std::fs::write(folder.path().join("doorward.yaml"), yaml).unwrap();
    let log = std::fs::File::create(folder.path().join("doorward.log")).unwrap();
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["run", "--config", "doorward.yaml"])
        .current_dir(folder.path())
        .stdout(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ask = async |path: &str, accept: &str| {
        let mut stream = loop {
            match tokio::net::TcpStream::connect(address).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: app.test\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let id_in = |answer: &str| {
        let digits = answer.split(|c: char| !c.is_ascii_hexdigit());
        digits
            .rev()
            .find(|part| part.len() == 32)
            .map(ToOwned::to_owned)
            .expect("an id")
    };
    let asked = tokio::time::timeout(Duration::from_secs(10), async {
        [
            ask("/nowhere", "text/html").await,
            ask("/there", "application/json").await,
        ]
    });
    let [page, problem] = asked.await.unwrap();
    assert!(page.contains("<html") && page.starts_with("HTTP/1.1 404"), "{page}");
    assert!(
        problem.contains("urn:request-id:") && problem.starts_with("HTTP/1.1 502"),
        "{problem}"
    );
    // The log is whole once the process has ended.
    let pid = gateway.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
    tokio::time::timeout(Duration::from_secs(20), gateway.wait())
        .await
        .unwrap()
        .unwrap();
    for (answer, status) in [(page, 404), (problem, 502)] {
        let command = documented_search().replace("REQUEST-ID", &id_in(&answer));
        let found = Command::new("sh")
            .args(["-c", &command])
            .current_dir(folder.path())
            .output()
            .await
            .unwrap();
        let out = String::from_utf8(found.stdout).unwrap();
        assert!(!out.is_empty(), "{command}: {answer}");
        let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let access = lines.iter().find(|line| line["target"] == "access");
        let access = access.unwrap_or_else(|| panic!("{out}"));
        assert!(access.to_string().contains(&status.to_string()), "{access}");
    }
}
