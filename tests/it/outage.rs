//! Dependencies that fail: 503, and nothing is lost.

use std::process::Stdio;

use http::StatusCode;
use tokio::process::{Child, Command};

use crate::harness::{
    browser::Browser,
    gateway::{Wishes, World},
};

/// A real Redis on a unix socket in a folder of its own.
pub struct Redis {
    pub folder: tempfile::TempDir,
    pub child: Child,
}

impl Redis {
    /// Starts it.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Self::spawn(&folder);
        let redis = Self { folder, child };
        redis.up().await;
        redis
    }

    pub fn spawn(folder: &tempfile::TempDir) -> Child {
        Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--unixsocket",
            ])
            .arg(folder.path().join("redis.sock"))
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is needed: apt-get install redis-server")
    }

    /// Kills it.
    pub async fn stop(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again, with the data that it had.
    pub async fn restart(&mut self) {
        self.child = Self::spawn(&self.folder);
        self.up().await;
    }

    /// Waits until it can be reached.
    pub async fn up(&self) {
        let socket = self.folder.path().join("redis.sock");
        while tokio::net::UnixStream::connect(&socket).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Lets it refuse whatever writes, or take it again. Reads are answered all the while.
    pub async fn refuses_writes(&self, refuses: bool) {
        let said = Command::new("redis-cli")
            .arg("-s")
            .arg(self.folder.path().join("redis.sock"))
            .args([
                "CONFIG",
                "SET",
                "min-replicas-to-write",
                if refuses { "1" } else { "0" },
            ])
            .output()
            .await
            .expect("redis-cli is needed: apt-get install redis-tools");
        assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "OK");
    }

    /// YAML below `session:`.
    pub fn yaml(&self) -> String {
        format!(
            "  store: redis\n  redis: {{ url: \"unix:{}\" }}\n  keys: [{{ id: one, key: \
             \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\" }}]\n",
            self.folder.path().join("redis.sock").display()
        )
    }
}

#[tokio::test]
async fn a_store_that_is_down_signs_nobody_out() {
    // RS-01, RS-03, I5
    let mut redis = Redis::start().await;
    let world = World::with(Wishes {
        session: redis.yaml(),
        ..Wishes::default()
    })
    .await;
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    redis.stop().await;

    let down = browser.fetch(&world.url("/")).await;
    assert_eq!(down.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!down.header("retry-after").is_empty());
    assert!(!down.headers.contains_key("set-cookie"));
    assert_eq!(
        browser.visit(&world.url("/")).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let out = browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    assert_eq!(
        out.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "a sign-out that cannot be done is not claimed"
    );
    assert_eq!(browser.fetch(&world.url("/open")).await.status, StatusCode::OK);
    assert_eq!(
        browser.fetch(&world.url("/hello")).await.status,
        StatusCode::OK,
        "anonymous"
    );
    assert!(
        world
            .upstream
            .requests()
            .pop()
            .unwrap()
            .header("x-forwarded-user")
            .is_empty()
    );
    let ready = Browser::new().fetch(&format!("{}/ready", world.admin)).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        Browser::new().fetch(&format!("{}/live", world.admin)).await.status,
        StatusCode::OK
    );

    redis.restart().await;
    loop {
        let again = browser.fetch(&world.url("/")).await;
        match again.status {
            StatusCode::OK => break,
            StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_a_page_and_sessions_go_on() {
    // IP-01, DJ-09, GW-11: what is ready with Redis alone
    let world = World::start().await;
    world.provider.down().await;
    let nobody = Browser::new();
    let page = nobody.visit(&world.url("/deep?x=1")).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body.contains("return_to=%2Fdeep%3Fx%3D1"), "{}", page.body);
    let full = Browser::new().fetch(&format!("{}/ready?full=1", world.admin)).await;
    assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        Browser::new().fetch(&format!("{}/ready", world.admin)).await.status,
        StatusCode::OK
    );

    world.provider.up().await;
    let browser = Browser::new();
    loop {
        let page = browser.open(&world.url("/deep?x=1")).await;
        if page.status == StatusCode::OK {
            break;
        }
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
        world.clock.advance(std::time::Duration::from_secs(10));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.provider.down().await;
    assert_eq!(browser.fetch(&world.url("/")).await.status, StatusCode::OK);
}
