//! Another configuration in force, without a restart.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use doorward::proxy::Bind;
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{
    browser::Browser,
    door::certificate,
    gateway::{Wishes, World},
    provider::Provider,
    raw::Raw,
    upstream::{Act, Upstream, ok},
};

#[tokio::test]
async fn routes_change_and_nobody_is_signed_out() {
    let mut world = World::start().await;
    let person = Browser::new();
    assert_eq!(person.open(&world.url("/")).await.status, StatusCode::OK);
    let asked = world.provider.count("discovery");
    assert_eq!(person.fetch(&world.url("/hello")).await.status, StatusCode::OK);
    let closed = world.yaml.replace(
        "path: /hello, upstream: \"",
        "path: /hello, methods: [POST], upstream: \"",
    );
    assert_ne!(closed, world.yaml);
    let reloaded = world.reload(&closed).unwrap();
    assert!(reloaded.waits.is_empty(), "{reloaded:?}");
    let refused = person.fetch(&world.url("/hello")).await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(person.fetch(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(world.provider.count("token"), 1, "nobody signed in again");
    let other = Browser::new();
    assert_eq!(other.open(&world.url("/")).await.status, StatusCode::OK);
    assert_eq!(
        world.provider.count("discovery"),
        asked,
        "what is known of the provider is kept"
    );
}

// GW-12
#[tokio::test]
async fn the_metrics_tell_replicas_of_one_configuration_from_those_of_another() {
    let mut world = World::start().await;
    let before = digests(&world).await;
    assert!(matches!(&before[..], [one] if one.len() == 16), "{before:?}");
    let other = format!("{}# another text\n", world.yaml);
    world.reload(&other).unwrap();
    let after = digests(&world).await;
    assert_eq!(after.len(), 1, "{after:?}");
    assert_ne!(after, before);
}

async fn digests(world: &World) -> Vec<String> {
    let page = Browser::new().fetch(&format!("{}/metrics", world.admin)).await;
    let lines = page
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("doorward_config_info{sha256=\""));
    lines
        .map(|rest| rest.strip_suffix("\"} 1").unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn sessions_of_a_provider_that_is_not_there_any_more_have_ended() {
    for elsewhere in [true, false] {
        let mut world = World::start().await;
        let other = Provider::start_with(world.clock.clone(), "", false).await;
        let person = Browser::new();
        assert_eq!(person.open(&world.url("/")).await.status, StatusCode::OK);
        let changed = if elsewhere {
            world.yaml.replace(world.provider.issuer(), other.issuer())
        } else {
            world.yaml.replace("  op:\n", "  renamed:\n")
        };
        assert_ne!(changed, world.yaml);
        world.reload(&changed).unwrap();
        world.clock.advance(std::time::Duration::from_secs(4000));
        assert_eq!(person.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
        let signed_out = person.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
        assert!(!signed_out.status.is_client_error(), "{}", signed_out.body);
        let asked = [&world.provider, &other].map(|one| one.count("refresh") + one.count("revoke"));
        assert_eq!(asked, [0, 0], "elsewhere: {elsewhere}");
        assert_eq!(person.open(&world.url("/")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_is_known_of_a_provider_outlives_other_terms_of_sign_in() {
    let mut world = World::start().await;
    let person = Browser::new();
    assert_eq!(person.open(&world.url("/")).await.status, StatusCode::OK);
    let asked = (world.provider.count("discovery"), world.provider.count("keys"));
    let claimed = world.yaml.replace(
        "access: signed_in }",
        "access: signed_in, headers: { claims: { X-Department: department } } }",
    );
    assert_ne!(claimed, world.yaml);
    world.reload(&claimed).unwrap();
    let other = Browser::new();
    assert_eq!(other.open(&world.url("/")).await.status, StatusCode::OK);
    let again = (world.provider.count("discovery"), world.provider.count("keys"));
    assert_eq!(again, asked);
}

#[tokio::test]
async fn headers_prepared_before_are_not_sent_after() {
    let mut world = World::start().await;
    let person = Browser::new();
    person.open(&world.url("/token")).await;
    person.fetch(&world.url("/token")).await;
    assert_eq!(world.upstream.requests().last().unwrap().header("x-token").len(), 1);
    let without = world.yaml.replace("access_token: X-Token", "access_token: X-Other");
    world.reload(&without).unwrap();
    person.fetch(&world.url("/token")).await;
    let seen = world.upstream.requests();
    assert!(seen.last().unwrap().header("x-token").is_empty());
    assert_eq!(seen.last().unwrap().header("x-other").len(), 1);
}

#[tokio::test]
async fn a_sign_in_under_way_is_finished() {
    // GW-05
    let mut world = World::start().await;
    let person = Browser::new();
    let away = person.visit(&world.url("/deep?x=1")).await.location().unwrap();
    let changed = world.yaml.replace("scopes: [email]", "scopes: [email, profile]");
    world.reload(&changed).unwrap();
    let back = person.open(away.as_str()).await;
    assert_eq!(back.status, StatusCode::OK);
    assert!(back.url.path().ends_with("/deep"), "{}", back.url);
}

#[tokio::test]
async fn what_cannot_be_bound_changes_nothing() {
    // GW-05
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut world = World::start().await;
    let address = taken.local_addr().unwrap();
    let bad = world.yaml.replace("path: /hello,", "path: /other,").replace(
        "127.0.0.1:0\" }]",
        &format!("127.0.0.1:0\" }}, {{ address: \"{address}\" }}]"),
    );
    let refused = world.reload(&bad).unwrap_err().to_string();
    assert!(refused.contains(&format!("cannot listen on {address}")), "{refused}");
    let hello = Browser::new().fetch(&world.url("/hello")).await;
    assert_eq!(hello.status, StatusCode::OK, "the routes are those of before");
}

#[tokio::test]
async fn listeners_come_go_and_change_on_their_socket() {
    let mut world = World::start().await;
    let one = "listeners: [{ address: \"127.0.0.1:0\" }]";
    let two = "listeners: [{ address: \"127.0.0.1:0\" }, { address: \"127.0.0.1:0\" }]";
    let more = world.yaml.replace(one, two);
    let first = world.addresses();
    world.reload(&more).unwrap();
    let both = world.addresses();
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], first[0], "the first stays");
    let Bind::Tcp(second) = both[1] else { panic!("tcp") };
    let url = format!("http://app.test:{}/open", second.port());
    assert_eq!(Browser::new().fetch(&url).await.status, StatusCode::OK);

    let limited = world.yaml.clone() + "limits: { target: 64B }\n";
    world.reload(&limited).unwrap();
    assert_eq!(world.addresses(), first, "the same socket with other limits");
    let long = format!("/open/{}", "x".repeat(100));
    let answer = Browser::new().fetch(&world.url(&long)).await;
    assert_eq!(answer.status, StatusCode::URI_TOO_LONG);
    // The accept loop of the second ends on its own time.
    while TcpStream::connect(second).is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn connections_stay_counted_when_their_listener_changes() {
    let mut world = World::start().await;
    let address = ([127, 0, 0, 1], world.port()).into();
    let mut first = Raw::connect(address).await;
    first.send("GET /open HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    assert_eq!(first.response().await.status, 200);
    for (limits, reason) in [
        ("connections: 1", "too_many"),
        ("connections: 9, connections_per_address: 1", "too_many_of_address"),
    ] {
        world
            .reload(&format!("{}limits: {{ {limits} }}\n", world.yaml))
            .unwrap();
        // The accept loop of before ends on its own time, and may still take one or two.
        let mut taken = 0;
        while is_answered(address).await {
            taken += 1;
            assert!(taken < 50, "{limits}: the first was forgotten");
        }
        let page = Browser::new().fetch(&format!("{}/metrics", world.admin)).await.body;
        let none = format!("doorward_connections_turned_away_total{{reason=\"{reason}\"}} 0");
        assert!(!page.contains(&none), "{limits}: {page}");
    }
}

/// Whether a new connection has an answer.
async fn is_answered(address: SocketAddr) -> bool {
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    let asked = client.write_all(b"GET /open HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n");
    asked.await.is_ok() && client.read_u8().await.is_ok()
}

#[tokio::test]
async fn an_idle_connection_of_a_listener_that_changed_is_used_once_more() {
    let mut world = World::start().await;
    let address = ([127, 0, 0, 1], world.port()).into();
    let request = "GET /open HTTP/1.1\r\nHost: app.test\r\n\r\n";
    let mut idle = Raw::connect(address).await;
    let mut unused = Raw::connect(address).await;
    for client in [&mut idle, &mut unused] {
        client.send(request).await;
        assert_eq!(client.response().await.status, 200);
    }
    let limited = world.yaml.clone() + "limits: { target: 64B }\nshutdown: { deadline: 4s }\n";
    world.reload(&limited).unwrap();
    // Whoever comes now comes to the listener as it is written now, and the one before has heard that it is to go.
    let long = format!("/open/{}", "x".repeat(100));
    let answer = Browser::new().fetch(&world.url(&long)).await;
    assert_eq!(answer.status, StatusCode::URI_TOO_LONG);
    idle.send(request).await;
    let last = idle.response().await;
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    assert!(unused.rest().await.is_empty(), "idle connections end in time");
}

#[tokio::test]
async fn who_waits_at_a_listener_that_goes_is_answered() {
    let mut world = World::start().await;
    let one = "listeners: [{ address: \"127.0.0.1:0\" }]";
    let two = "listeners: [{ address: \"127.0.0.1:0\" }, { address: \"127.0.0.1:0\" }]";
    let less = world.yaml.clone();
    world.reload(&less.replace(one, two)).unwrap();
    let Bind::Tcp(second) = world.addresses()[1] else {
        panic!("tcp")
    };
    // The system lets it in; the listener, on this thread, has not seen it.
    let mut early = TcpStream::connect(second).unwrap();
    let request = b"GET /open HTTP/1.1\r\nHost: app.test\r\n\r\n";
    std::io::Write::write_all(&mut early, request).unwrap();
    early.set_nonblocking(true).unwrap();
    world.reload(&less).unwrap();
    let mut early = Raw::over(tokio::net::TcpStream::from_std(early).unwrap());
    assert_eq!(early.response().await.status, 200);
}

#[tokio::test]
async fn an_address_that_this_process_holds_is_named() {
    let mut world = World::start().await;
    let port = world.port();
    let all = world.yaml.replace(
        "listeners: [{ address: \"127.0.0.1:0\" }]",
        &format!("listeners: [{{ address: \"0.0.0.0:{port}\", insecure_public_http: true }}]"),
    );
    assert_ne!(all, world.yaml);
    let refused = world.reload(&all).unwrap_err().to_string();
    let expected = format!("cannot listen on 0.0.0.0:{port}: this process itself listens on 127.0.0.1:{port};");
    assert!(refused.starts_with(&expected), "{refused}");
    assert!(refused.contains("restart"), "{refused}");
    assert_eq!(Browser::new().fetch(&world.url("/open")).await.status, StatusCode::OK);
}

/// Nothing that was opened stays in the process for long, so that the store is asked.
const SMALL_CACHE: &str = "  store: memory\n  cache: { max_sessions: 1 }\n";
const KEYS: &str = "  keys: [{ id: one, key: \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\" }]\n";

async fn two_people(world: &World) -> [Browser; 2] {
    let people = [Browser::new(), Browser::new()];
    for person in &people {
        assert_eq!(person.open(&world.url("/")).await.status, StatusCode::OK);
    }
    people
}

async fn are_signed_in(world: &World, people: &[Browser]) {
    for person in people {
        assert_eq!(person.fetch(&world.url("/")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn keys_of_a_store_that_waits_wait_with_it() {
    let mut world = World::with(Wishes {
        session: SMALL_CACHE.to_owned(),
        ..Wishes::default()
    })
    .await;
    let people = two_people(&world).await;
    let redis = format!("  store: redis\n  redis: {{ url: \"redis://127.0.0.1:1\" }}\n{KEYS}");
    let waits = world.yaml.replace("  store: memory\n", &redis);
    let reloaded = world.reload(&waits).unwrap();
    assert_eq!(reloaded.waits, ["session.store", "session.keys"]);
    are_signed_in(&world, &people).await;
}

#[tokio::test]
async fn a_key_drawn_at_start_opens_beside_keys_that_are_configured_later() {
    let mut world = World::with(Wishes {
        session: SMALL_CACHE.to_owned(),
        ..Wishes::default()
    })
    .await;
    let people = two_people(&world).await;
    let keyed = world.yaml.replace(SMALL_CACHE, &format!("{SMALL_CACHE}{KEYS}"));
    let reloaded = world.reload(&keyed).unwrap();
    assert!(reloaded.waits.is_empty(), "{reloaded:?}");
    are_signed_in(&world, &people).await;
    world.reload(&keyed.replace("id: one", "id: two")).unwrap();
    are_signed_in(&world, &people).await;
}

#[tokio::test]
async fn an_upstream_of_no_route_is_checked_no_more() {
    let next = Upstream::start().await;
    next.always(Act::Answer(ok("well")));
    let health = "upstream: { targets: \"{upstream}\", health: { path: /well, interval: 10ms } }";
    let mut world = World::with(Wishes {
        routes: format!("  - {{ host: app.test, path: /open, {health}, access: open }}\n"),
        ..Wishes::default()
    })
    .await;
    world.upstream.wait_for(1).await;
    // A request that is under way for long, as a WebSocket is.
    world.upstream.next(Act::Hang);
    world.upstream.next(Act::Hang);
    let under_way = Browser::new();
    let url = world.url("/open");
    let under_way = tokio::spawn(async move { under_way.fetch(&url).await.status });
    while !world
        .upstream
        .requests()
        .iter()
        .any(|seen| seen.line().contains("/open"))
    {
        tokio::task::yield_now().await;
    }
    let moved = world
        .yaml
        .replace(&world.upstream.address().to_string(), &next.address().to_string());
    assert_ne!(moved, world.yaml);

    // A reload that is refused tends nothing.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let bad = moved.replace(
        "127.0.0.1:0\" }]",
        &format!("127.0.0.1:0\" }}, {{ address: \"{}\" }}]", taken.local_addr().unwrap()),
    );
    world.reload(&bad).unwrap_err();
    let before = world.upstream.requests().len();
    world.upstream.wait_for(before + 5).await;
    assert!(next.requests().is_empty(), "it was checked, and never in force");

    world.reload(&moved).unwrap();
    next.wait_for(2).await;
    let before = world.upstream.requests().len();
    next.wait_for(30).await;
    let after = world.upstream.requests().len();
    assert!(after <= before + 1, "{} more checks", after - before);
    under_way.abort();
}

#[tokio::test]
async fn other_lifetimes_hold_for_sessions_that_are_there() {
    let mut world = World::with(Wishes {
        session: "  store: memory\n  idle_timeout: 8h\n".to_owned(),
        ..Wishes::default()
    })
    .await;
    let person = Browser::new();
    person.open(&world.url("/")).await;
    let shorter = world.yaml.replace("idle_timeout: 8h", "idle_timeout: 5m");
    world.reload(&shorter).unwrap();
    assert_eq!(person.fetch(&world.url("/")).await.status, StatusCode::OK);
    world.clock.advance(std::time::Duration::from_secs(400));
    assert_eq!(person.fetch(&world.url("/")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_waits_for_a_restart_is_said() {
    let mut world = World::start().await;
    let other = world
        .yaml
        .replace("  store: memory\n", "  store: memory\n  memory: { max_sessions: 7 }\n")
        .replace("admin: { address: \"127.0.0.1:0\" }", "admin: { enabled: false }");
    let reloaded = world.reload(&other).unwrap();
    assert_eq!(reloaded.waits, ["admin", "session.store"]);
}

/// The program with a configuration in a folder, and the lines that it logs.
pub struct Program {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Program {
    /// Runs it.
    pub fn start(file: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(["run", "--config"])
            .arg(file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that says so.
    pub fn says(&mut self, words: &str) -> serde_json::Value {
        let mut before = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if line.contains(words) {
                return serde_json::from_str(&line).unwrap();
            }
            before.push(line);
        }
        panic!("it ended without saying {words:?}: {before:#?}");
    }

    /// Waits for a line that has these words, whatever its format.
    pub fn mentions(&mut self, words: &str) {
        let found = self.lines.by_ref().any(|line| line.unwrap().contains(words));
        assert!(found, "it ended without saying {words:?}");
    }

    /// Ends it, and gives what it says until then as it is.
    pub fn rest_as_text(&mut self) -> String {
        self.end();
        self.lines.by_ref().map(|line| line.unwrap() + "\n").collect()
    }

    fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it, and gives what it says until then.
    pub fn rest(&mut self) -> Vec<serde_json::Value> {
        self.end();
        let lines = self.lines.by_ref().map(|line| serde_json::from_str(&line.unwrap()));
        lines.collect::<Result<_, _>>().unwrap()
    }

    /// Asks it to end, and waits.
    pub fn end(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn written(path: &str) -> String {
    format!(
        "listeners: [{{ address: \"127.0.0.1:0\" }}]\nadmin: {{ enabled: false }}\nroutes:\n  - {{ host: app.test, path: \
         {path}, upstream: \"http://127.0.0.1:1\", access: open }}\n"
    )
}

async fn status(port: &str, path: &str) -> StatusCode {
    Browser::new()
        .fetch(&format!("http://app.test:{port}{path}"))
        .await
        .status
}

#[tokio::test]
async fn the_program_follows_its_file_and_the_signal() {
    // GW-05
    let folder = tempfile::tempdir().unwrap();
    for (version, path) in [("v1", "/one"), ("v2", "/two")] {
        fs::create_dir(folder.path().join(version)).unwrap();
        fs::write(folder.path().join(version).join("doorward.yaml"), written(path)).unwrap();
    }
    let swap = |to: &str| {
        // As Kubernetes does it for a ConfigMap.
        symlink(to, folder.path().join("..tmp")).unwrap();
        fs::rename(folder.path().join("..tmp"), folder.path().join("..data")).unwrap();
    };
    swap("v1");
    let file = folder.path().join("doorward.yaml");
    symlink("..data/doorward.yaml", &file).unwrap();
    let mut program = Program::start(&file);
    let address = program.says("listening")["address"].as_str().unwrap().to_owned();
    let port = address.rsplit(':').next().unwrap();
    assert_eq!(
        status(port, "/one").await,
        StatusCode::BAD_GATEWAY,
        "there is such a route"
    );
    assert_eq!(status(port, "/two").await, StatusCode::NOT_FOUND);

    program.hang_up();
    program.says("it is what is in force");
    swap("v2");
    program.says("another configuration is in force");
    assert_eq!(status(port, "/one").await, StatusCode::NOT_FOUND);
    assert_eq!(status(port, "/two").await, StatusCode::BAD_GATEWAY);

    fs::write(
        folder.path().join("v2/doorward.yaml"),
        written("/two").replace("access", "acces"),
    )
    .unwrap();
    let refused = program.says("cannot be used");
    assert!(refused["problems"].as_str().unwrap().contains("acces"), "{refused}");
    assert_eq!(status(port, "/two").await, StatusCode::BAD_GATEWAY, "still in force");

    program.hang_up();
    program.says("cannot be used");
    // Taken back.
    fs::write(folder.path().join("v2/doorward.yaml"), written("/two")).unwrap();
    program.says("it is what is in force");
    fs::write(folder.path().join("v2/doorward.yaml"), written("/three")).unwrap();
    program.says("another configuration is in force");
    assert_eq!(status(port, "/three").await, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn a_renewed_certificate_is_served_whatever_became_of_the_configuration() {
    // GW-06
    let folder = tempfile::tempdir().unwrap();
    let (_, old, _) = certificate(folder.path());
    let file = folder.path().join("doorward.yaml");
    let written = written("/one").replace(
        "\"127.0.0.1:0\"",
        "\"127.0.0.1:0\", tls: { certificate_file: cert.pem, key_file: key.pem }",
    );
    fs::write(&file, &written).unwrap();
    let mut program = Program::start(&file);
    let address = program.says("listening")["address"].as_str().unwrap().parse().unwrap();
    assert_eq!(Raw::connect_tls(address, &old, &[]).await.certificate(), old);

    fs::write(&file, "listeners: [").unwrap();
    program.says("cannot be used");
    let (_, new, _) = certificate(folder.path());
    program.says("cannot be used");
    assert_eq!(Raw::connect_tls(address, &new, &[]).await.certificate(), new);
}

#[tokio::test]
async fn what_is_said_beforehand_is_what_a_reload_does() {
    use doorward::{
        config,
        server::difference::{Outcome, Outlook, Takes},
    };
    let port = |world: &World| world.port().to_string();
    let changes: [(&str, &str); 8] = [
        ("path: /open,", "path: /opened,"),
        ("scopes: [email]", "scopes: [email, profile]"),
        ("store: memory", "store: memory\n  memory: { max_sessions: 7 }"),
        ("store: memory", "store: memory\n  cache: { max_sessions: 7 }"),
        (
            "store: memory",
            "store: redis\n  redis: { url: \"redis://127.0.0.1:1\" }\n  keys: [{ id: a, key: \"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\" }]",
        ),
        (
            "store: memory",
            "store: memory\n  keys: [{ id: a, key: \"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\" }]",
        ),
        ("routes:", "logging: { level: debug }\nroutes:"),
        (
            "{ address: \"127.0.0.1:PORT\" }",
            "{ address: \"0.0.0.0:PORT\", insecure_public_http: true }",
        ),
    ];
    for (from, to) in changes {
        let mut world = World::start().await;
        // As an operator writes it, with the port that it has.
        let fixed = world
            .yaml
            .replacen("127.0.0.1:0", &format!("127.0.0.1:{}", port(&world)), 1);
        let own = [from, to].map(|text| text.replace("PORT", &port(&world)));
        let changed = fixed.replace(&own[0], &own[1]);
        assert_ne!(changed, fixed, "{from}");
        let plan =
            |yaml: &str| config::from_text("test.yaml", yaml).unwrap_or_else(|report| panic!("{report}\n{yaml}"));
        let outlook = Outlook::between(&plan(&fixed), &plan(&changed)).unwrap();
        // The one at work was asked for as port 0.
        let changed = changed.replacen(&format!("127.0.0.1:{}", port(&world)), "127.0.0.1:0", 1);
        let done = world.reload(&changed);
        let mut said: Vec<_> = outlook
            .changes
            .iter()
            .filter(|one| one.takes == Takes::Restart)
            .map(|one| one.part)
            .collect();
        said.sort_unstable();
        match done {
            Ok(reloaded) => {
                let mut waits = reloaded.waits;
                waits.sort_unstable();
                assert_eq!(said, waits, "{to}: {outlook:?}");
                assert_ne!(outlook.outcome, Outcome::Refused, "{to}");
                assert_eq!(outlook.outcome == Outcome::Restart, !waits.is_empty(), "{to}");
            }
            Err(refused) => {
                assert!(refused.to_string().contains("by a restart only"), "{refused}");
                assert_eq!(outlook.outcome, Outcome::Refused, "{to}");
            }
        }
        world.stop().await;
    }
}
