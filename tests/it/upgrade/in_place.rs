//! One process hands its sockets to the next, under load.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use super::{config, free_port, load::Load};
use crate::harness::{
    raw::Raw,
    service::{Manager, Service, folder, signal, until, write},
    tls::{Authority, Client},
    upstream::{Act, Upstream, ok},
};

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n";
const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// With a second listener that speaks TLS.
fn with_tls(config: &str) -> String {
    config.replace(
        "behind_tls_proxy: true }]",
        "behind_tls_proxy: true }, { address: \"127.0.0.1:0\", tls: { certificate_file: one.crt, key_file: one.key } }]",
    )
}

/// With a second listener and the admin listener on unix sockets.
fn with_unix(config: &str) -> String {
    config
        .replace(
            "behind_tls_proxy: true }]",
            "behind_tls_proxy: true }, { address: \"unix:{folder}/door.sock\", behind_tls_proxy: true }]",
        )
        .replace(
            "admin: { address: \"127.0.0.1:0\" }",
            "admin: { address: \"unix:{folder}/admin.sock\" }",
        )
}

/// Whoever comes to those sockets by their files is answered.
async fn sockets_answer(service: &Service) {
    let live: &[u8] = b"GET /live HTTP/1.1\r\nHost: admin\r\n\r\n";
    for (name, request) in [("door.sock", GET), ("admin.sock", live)] {
        let stream = tokio::net::UnixStream::connect(service.path(name)).await;
        let mut client = Raw::over(stream.unwrap_or_else(|error| panic!("{name}: {error}\n{}", service.log())));
        client.send(request).await;
        assert_eq!(client.response().await.status, 200, "{name}: {}", service.log());
    }
}

/// What the admin listener, at its unix socket, answers.
async fn admin_answers(service: &Service, path: &str) -> String {
    let socket = tokio::net::UnixStream::connect(service.path("admin.sock"))
        .await
        .unwrap();
    let mut client = Raw::over(socket);
    client
        .send(format!(
            "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"
        ))
        .await;
    String::from_utf8(client.response().await.body).unwrap()
}

// GW-01
#[tokio::test]
async fn no_request_fails_while_one_process_takes_the_place_of_another() {
    let up = Upstream::start().await;
    let authority = Authority::new("ca");
    // Ports that the system gave stay the same, too.
    let folder = folder(&with_tls(&config([0, 0], &up, "")));
    authority.issue(&["localhost"]).write(folder.path(), "one");
    let mut service = Service::begin(folder, |_| {});
    service.says("health and metrics", 1).await;
    let [plain, secure] = service.addresses()[..] else {
        panic!("{}", service.log())
    };
    let admin = service.admin();
    let mut idle = Raw::connect(plain).await;
    idle.send(GET).await;
    assert_eq!(idle.response().await.status, 200);
    let mut tunnel = Raw::connect(plain).await;
    up.next(Act::Echo);
    tunnel.send(UPGRADE).await;
    assert!(tunnel.head().await.starts_with("HTTP/1.1 101 "));

    let tls = Client::trusting(&authority).alpn(&["h2"]).config();
    let load = Load::new()
        .http_1(plain, 3)
        .connecting(plain, 2)
        .http_2(secure, &tls, 2);
    load.goes_on(200).await;
    // Answers under way when the old one is told, which come when it takes no more.
    let asked = up.requests().len();
    for _ in 0..3 {
        up.next(Act::Parts(vec![ok("hello")]));
    }
    up.wait_for(asked + 3).await;
    service.signal("USR2");
    service.says("in place of this one", 1).await;
    assert_eq!(tunnel.rest().await, [0x88, 2, 0x03, 0xe9], "going away (1001)");
    load.goes_on(200).await;
    (0..3).for_each(|_| up.release());
    // Who was idle asks once more, and is answered for the last time.
    idle.send(GET).await;
    let last = idle.response().await;
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    assert_eq!(service.ended().await.code(), Some(0), "{}", service.log());
    assert_eq!(
        service.lines("ended").pop().unwrap()["whole"],
        true,
        "{}",
        service.log()
    );
    load.goes_on(200).await;
    let tally = load.end().await;
    assert!(tally.failures.is_empty(), "{tally:?}");
    assert!(tally.connections > 9, "nobody had to come again: {tally:?}");

    let next = service.says("took over from", 1).await["process"].as_u64().unwrap();
    assert_ne!(next, u64::from(service.process()));
    assert_eq!(service.addresses(), [plain, secure, plain, secure]);
    assert_eq!(service.admin(), admin, "health and metrics are where they were");
    let health = b"GET /ready HTTP/1.1\r\nHost: admin\r\n\r\n";
    assert_eq!(Raw::ask(admin, health).await.status, 200);
    // And once more, from there.
    signal(u32::try_from(next).unwrap(), "USR2");
    service.says("took over from", 2).await;
    assert_eq!(Raw::ask(plain, GET).await.status, 200);
}

#[tokio::test]
async fn who_stays_idle_is_let_go_and_what_stays_under_way_is_cut() {
    let up = Upstream::start().await;
    let mut service = Service::start(&config([0, 0], &up, "shutdown: { deadline: 2s }\n")).await;
    let address = service.addresses()[0];
    let mut idle = Raw::connect(address).await;
    idle.send(GET).await;
    assert_eq!(idle.response().await.status, 200);
    let mut scrape = Raw::connect(service.admin()).await;
    scrape.send("GET /metrics HTTP/1.1\r\nHost: admin\r\n\r\n").await;
    assert_eq!(scrape.response().await.status, 200);
    up.next(Act::Hang);
    let mut slow = Raw::connect(address).await;
    slow.send(GET).await;
    up.wait_for(2).await;
    service.signal("USR2");
    service.says("in place of this one", 1).await;
    assert!(scrape.rest().await.is_empty(), "whoever scrapes comes to the new one");
    assert!(idle.rest().await.is_empty());
    assert!(
        service.lines("ended").is_empty(),
        "something is under way: {}",
        service.log()
    );
    assert!(slow.head().await.is_empty());
    assert_eq!(service.ended().await.code(), Some(0));
    assert_eq!(service.says("ended", 1).await["whole"], false);
}

#[tokio::test]
async fn what_cannot_serve_changes_nothing_and_says_why() {
    let up = Upstream::start().await;
    let good = with_unix(&config([0, 0], &up, ""));
    let mut service = Service::start(&good).await;
    let address = service.lines("listening")[0]["address"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let load = Load::new().http_1(address, 2).connecting(address, 1);
    let program = service.path("doorward");

    // It is no program; it ends without a word; it does not know what it is to do; its configuration does not compile; an
    // address is taken; its store is away.
    fs::remove_file(&program).unwrap();
    fs::write(&program, "").unwrap();
    service.signal("USR2");
    let failed = service.says("the upgrade failed", 1).await;
    assert!(
        failed["error"].as_str().unwrap().contains("cannot be started"),
        "{failed}"
    );
    let script = |text: &str| {
        fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    };
    script("echo no such library >&2; exit 127");
    service.signal("USR2");
    let failed = service.says("the upgrade failed", 2).await;
    assert!(
        failed["error"].as_str().unwrap().contains("exit status: 127"),
        "{failed}"
    );
    assert!(service.log().contains("no such library"));
    script("echo '\"serving\"' >&0; cat >/dev/null");
    service.signal("USR2");
    service.says("the upgrade failed", 3).await;
    fs::remove_file(&program).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_doorward"), &program).unwrap();
    write(service.folder.path(), &good.replace("access:", "acces:"));
    service.signal("USR2");
    let failed = service.says("the upgrade failed", 4).await;
    assert!(failed["error"].as_str().unwrap().contains("acces"), "{failed}");
    sockets_answer(&service).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = taken.local_addr().unwrap();
    write(
        service.folder.path(),
        &good.replace(
            "door.sock\", behind_tls_proxy: true }]",
            &format!("door.sock\", behind_tls_proxy: true }}, {{ address: \"{elsewhere}\" }}]"),
        ),
    );
    service.signal("USR2");
    let failed = service.says("the upgrade failed", 5).await;
    let why = failed["error"].as_str().unwrap();
    assert!(why.contains(&format!("cannot listen on {elsewhere}")), "{failed}");
    let key = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
    let session = format!(
        "session: {{ store: redis, redis: {{ url: \"redis://127.0.0.1:1\" }}, keys: [{{ id: a, key: \"{key}\" }}] }}\n"
    );
    write(service.folder.path(), &format!("{good}{session}"));
    service.signal("USR2");
    let failed = service.says("the upgrade failed", 6).await;
    assert!(
        failed["error"]
            .as_str()
            .unwrap()
            .contains("the session store does not answer"),
        "{failed}"
    );

    let metrics = admin_answers(&service, "/metrics").await;
    assert!(metrics.contains("\ndoorward_upgrades_failed_total 6\n"), "{metrics}");
    sockets_answer(&service).await;
    load.goes_on(50).await;
    let tally = load.end().await;
    assert!(tally.failures.is_empty(), "{tally:?}");
    // It is the same process, and it still ends as asked.
    write(service.folder.path(), &good);
    service.signal("TERM");
    assert_eq!(service.ended().await.code(), Some(0));
    assert!(service.lines("took over from").is_empty());
}

#[tokio::test]
async fn the_service_manager_knows_the_process_that_serves() {
    let up = Upstream::start().await;
    let folder = folder(&config([0, 0], &up, ""));
    let manager = Manager::listen(folder.path());
    let notify = folder.path().join("notify");
    let mut service = Service::begin(folder, |command| {
        let command = command.env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", "50000");
        // As systemd says it, of the first process alone.
        command.env("LISTEN_FDNAMES", "left over");
    });
    let ready = manager.hears().await;
    assert!(ready.starts_with("READY=1\n"));
    service.signal("USR2");
    let main = manager.hears().await;
    let next: u32 = main.strip_prefix("MAINPID=").unwrap().trim().parse().unwrap();
    // From then on the next one speaks, and the one before says nothing of its end.
    assert_eq!(manager.hears().await, ready);
    assert_eq!(service.ended().await.code(), Some(0));
    for _ in 0..3 {
        assert_eq!(manager.hears_any().await, "WATCHDOG=1");
    }
    signal(next, "TERM");
    assert_eq!(manager.hears().await, "STOPPING=1\nSTATUS=draining\n");
}

#[tokio::test]
async fn a_unix_socket_and_its_file_pass_on() {
    let up = Upstream::start().await;
    let config = config([0, 0], &up, "").replace("127.0.0.1:0\", behind", "unix:{folder}/door.sock\", behind");
    let mut service = Service::start(&config).await;
    let path = service.path("door.sock");
    service.signal("USR2");
    let next = service.says("took over from", 1).await["process"].as_u64().unwrap();
    assert_eq!(service.ended().await.code(), Some(0));
    let mut client = Raw::over(tokio::net::UnixStream::connect(&path).await.unwrap());
    client.send(GET).await;
    assert_eq!(client.response().await.status, 200, "{}", service.log());
    signal(u32::try_from(next).unwrap(), "TERM");
    until("its file goes", || service.log(), || !path.exists()).await;
}

#[tokio::test]
async fn the_file_of_a_socket_that_is_written_no_more_goes() {
    let up = Upstream::start().await;
    let plain = config([0, 0], &up, "");
    let mut service = Service::start(&with_unix(&plain)).await;
    sockets_answer(&service).await;
    write(
        service.folder.path(),
        &plain.replace("admin: ", "shutdown: { deadline: 2s }\nadmin: "),
    );
    service.signal("USR2");
    service.says("took over from", 1).await;
    assert_eq!(service.ended().await.code(), Some(0));
    for name in ["door.sock", "admin.sock"] {
        assert!(!service.path(name).exists(), "{name}: {}", service.log());
    }
}

#[tokio::test]
async fn a_listener_is_never_wider_than_written_after_an_upgrade() {
    let up = Upstream::start().await;
    let port = free_port();
    let wide = config([port, 0], &up, "")
        .replace("127.0.0.1:", "[::]:")
        .replace("http://[::]", "http://127.0.0.1");
    let wide = wide.replace("admin: { address: \"[::]", "admin: { address: \"127.0.0.1");
    let service = Service::start(&wide).await;
    // What listens on every address of IPv6 takes those of IPv4 along, and does not become what listens on these alone.
    write(service.folder.path(), &wide.replace("[::]", "0.0.0.0"));
    service.signal("USR2");
    let failed = service.says("the upgrade failed", 1).await;
    let why = failed["error"].as_str().unwrap();
    assert!(why.contains("by a restart only"), "{failed}");
    let loopback = (std::net::Ipv6Addr::LOCALHOST, port).into();
    assert_eq!(Raw::ask(loopback, GET).await.status, 200);
}

#[tokio::test]
async fn nobody_takes_over_by_hand() {
    let up = Upstream::start().await;
    let folder = folder(&config([free_port(), 0], &up, ""));
    let ran = Command::new(folder.path().join("doorward"))
        .args(["run", "--config", "doorward.yaml", "--take-over"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("send it SIGUSR2"), "{said}");
}
