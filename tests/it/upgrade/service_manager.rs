//! A real process beside a service manager that listens, and on a socket that it passed (`sd_notify(3)`, `sd_listen_fds(3)`).

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, process::Stdio};

use super::config;
use crate::harness::{
    raw::Raw,
    service::{Manager, Service, folder, write},
    upstream::Upstream,
};

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n";

#[tokio::test]
async fn the_service_manager_is_told_of_start_reload_and_end() {
    let up = Upstream::start().await;
    let config = config([0, 0], &up, "");
    let folder = folder(&config);
    let manager = Manager::listen(folder.path());
    let notify = folder.path().join("notify");
    let mut service = Service::begin(folder, |command| {
        command.env("NOTIFY_SOCKET", notify);
    });
    let ready = manager.hears().await;
    service.says("health and metrics", 1).await;
    let address = service.addresses()[0];
    assert_eq!(ready, format!("READY=1\nSTATUS=serving at {address}\n"));
    // What it says is so: nothing is waited for.
    assert_eq!(Raw::ask(address, GET).await.status, 200);

    service.signal("HUP");
    let reloading = manager.hears().await;
    let (first, rest) = reloading.split_once('\n').unwrap();
    assert_eq!(first, "RELOADING=1");
    let now = rest.strip_prefix("MONOTONIC_USEC=").unwrap().trim();
    assert!(now.parse::<u64>().unwrap() > 0, "{reloading}");
    assert_eq!(manager.hears().await, ready);

    write(service.folder.path(), &config.replace("access:", "acces:"));
    service.signal("HUP");
    assert!(manager.hears().await.starts_with("RELOADING=1\n"));
    let refused = manager.hears().await;
    assert!(
        refused.starts_with("READY=1\n") && refused.contains("the last reload was refused"),
        "{refused}"
    );

    service.signal("TERM");
    assert_eq!(stopping(&manager).await, "STOPPING=1\nSTATUS=draining\n");
    assert_eq!(service.ended().await.code(), Some(0));
}

/// What is said of the end; the file that changed may be read once more before.
async fn stopping(manager: &Manager) -> String {
    loop {
        let said = manager.hears().await;
        if said.contains("STOPPING") {
            return said;
        }
    }
}

#[tokio::test]
async fn the_watchdog_is_told_again_and_again() {
    let up = Upstream::start().await;
    let folder = folder(&config([0, 0], &up, ""));
    let manager = Manager::listen(folder.path());
    let notify = folder.path().join("notify");
    let _service = Service::begin(folder, |command| {
        command.env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", "50000");
    });
    assert!(manager.hears_any().await.starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(manager.hears_any().await, "WATCHDOG=1");
    }
}

#[tokio::test]
async fn a_service_manager_that_does_not_listen_holds_nobody_up() {
    let up = Upstream::start().await;
    let folder = folder(&config([0, 0], &up, ""));
    let manager = Manager::listen(folder.path());
    let notify = folder.path().join("notify");
    let service = Service::begin(folder, |command| {
        // As the smallest machine has it: one thread for everything.
        command.env("TOKIO_WORKER_THREADS", "1");
        command.env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", "2000");
    });
    service.says("health and metrics", 1).await;
    let address = service.addresses()[0];
    // The queue of a socket that nobody reads is full after eleven messages on most systems.
    for _ in 0..200 {
        assert_eq!(Raw::ask(address, GET).await.status, 200);
    }
    drop(manager);
}

#[tokio::test]
async fn what_does_not_start_is_never_ready() {
    let up = Upstream::start().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (written, code) in [
        (config([0, 0], &up, "nonsense: 1\n"), 2),
        (config([port, 0], &up, ""), 1),
        (config([0, port], &up, ""), 1),
    ] {
        let folder = folder(&written);
        let manager = Manager::listen(folder.path());
        let notify = folder.path().join("notify");
        let mut service = Service::begin(folder, |command| {
            command.env("NOTIFY_SOCKET", notify).stdin(Stdio::null());
        });
        assert_eq!(service.ended().await.code(), Some(code), "{}", service.log());
        assert!(manager.hears_nothing(), "{}", service.log());
    }
}

#[tokio::test]
async fn a_listener_is_on_the_socket_that_was_passed_for_its_address() {
    let up = Upstream::start().await;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // Whoever connects before the program is there waits.
    let mut early = Raw::connect(address).await;
    early.send(GET).await;
    let kept = socket.try_clone().unwrap();
    let mut service = Service::begin_on(folder(&config([address.port(), 0], &up, "")), socket);
    assert_eq!(early.response().await.status, 200, "{}", service.log());
    service.says("listening", 1).await;
    assert_eq!(service.addresses(), [address]);
    service.signal("TERM");
    assert_eq!(service.ended().await.code(), Some(0));
    // The manager has the socket still: who connects now waits for the next one.
    let mut late = Raw::connect(address).await;
    late.send(GET).await;
    let next = Service::begin_on(folder(&config([address.port(), 0], &up, "")), kept);
    assert_eq!(late.response().await.status, 200, "{}", next.log());
}

#[tokio::test]
async fn a_passed_socket_that_no_listener_is_for_is_told() {
    let up = Upstream::start().await;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let service = Service::begin_on(folder(&config([0, 0], &up, "")), socket);
    let told = service
        .says("no listener of the configuration is at this address", 1)
        .await;
    assert_eq!(told["address"], address.to_string());
    service.says("health and metrics", 1).await;
    assert_eq!(Raw::ask(service.addresses()[0], GET).await.status, 200);
}

#[tokio::test]
async fn a_passed_unix_socket_is_used_and_its_file_stays() {
    let up = Upstream::start().await;
    let config = config([0, 0], &up, "").replace("127.0.0.1:0\", behind", "unix:{folder}/door.sock\", behind");
    let folder = folder(&config);
    let path = folder.path().join("door.sock");
    let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut service = Service::begin_on(folder, std::os::fd::OwnedFd::from(socket));
    let mut client = Raw::over(tokio::net::UnixStream::connect(&path).await.unwrap());
    client.send(GET).await;
    assert_eq!(client.response().await.status, 200, "{}", service.log());
    assert!(service.lines("every program on this machine").is_empty());
    service.signal("TERM");
    assert_eq!(service.ended().await.code(), Some(0));
    assert!(fs::exists(&path).unwrap(), "it is the manager's");
}

#[tokio::test]
async fn a_passed_unix_socket_that_everybody_may_open_is_told() {
    let up = Upstream::start().await;
    let config = config([0, 0], &up, "").replace("127.0.0.1:0\", behind", "unix:{folder}/door.sock\", behind");
    let folder = folder(&config);
    let path = folder.path().join("door.sock");
    let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    // As systemd makes it by itself.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let service = Service::begin_on(folder, std::os::fd::OwnedFd::from(socket));
    let told = service.says("every program on this machine may connect", 1).await;
    assert_eq!(
        (&told["level"], &told["path"]),
        (&"WARN".into(), &path.to_str().unwrap().into())
    );
}
