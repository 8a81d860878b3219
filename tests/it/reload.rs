//! Another configuration in force, without a restart.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
};

use doorward::proxy::Bind;
use http::StatusCode;

use crate::harness::{
    browser::Browser,
    gateway::{Wishes, World},
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
struct Program {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Program {
    fn start(file: &Path) -> Self {
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
    fn says(&mut self, words: &str) -> serde_json::Value {
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

    fn hang_up(&self) {
        let sent = Command::new("kill")
            .args(["-HUP", &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn written(path: &str) -> String {
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
    fs::write(folder.path().join("v2/doorward.yaml"), written("/three")).unwrap();
    program.says("another configuration is in force");
    assert_eq!(status(port, "/three").await, StatusCode::BAD_GATEWAY);
}
