//! `HAProxy` itself, passing TCP on with the PROXY protocol.

use std::{
    fmt::Write as _,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

/// A running `HAProxy`.
pub struct HaProxy {
    fronts: Vec<SocketAddr>,
    _folder: tempfile::TempDir,
    _child: Child,
}

impl HaProxy {
    /// One way in for each way out: where to, and the words behind it, such as `send-proxy-v2`.
    pub async fn start(ways: &[(SocketAddr, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut text =
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n".to_owned();
        let mut fronts = Vec::new();
        for (index, (to, words)) in ways.iter().enumerate() {
            let front = free();
            write!(text, "listen way{index}\n  bind {front}\n  server door {to} {words}\n").unwrap();
            fronts.push(front);
        }
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, text).unwrap();
        let child = Command::new(program())
            .args(["-db", "-q", "-f"])
            .arg(&file)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("haproxy is needed: apt-get install haproxy");
        let started = Self {
            fronts,
            _folder: folder,
            _child: child,
        };
        started.wait().await;
        started
    }

    /// Where the way of this number begins.
    pub fn front(&self, index: usize) -> SocketAddr {
        self.fronts[index]
    }

    /// Connections that say nothing are only a look whether somebody listens.
    async fn wait(&self) {
        for front in &self.fronts {
            for attempt in 0.. {
                if TcpStream::connect(front).await.is_ok() {
                    break;
                }
                assert!(attempt < 500, "haproxy does not listen on {front}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// The program, which is not on everybody's path.
pub fn program() -> &'static str {
    ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or("haproxy")
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
