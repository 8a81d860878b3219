//! Real Redis servers, sentinels and clusters, on loopback and in folders of their own.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use redis::{FromRedisValue, Value};
use tokio::process::{Child, Command};

use crate::{
    entropy::Entropy,
    secret::Secret,
    store::{Down, RedisAddress, RedisLogin, RedisServers, RedisSettings, RedisTls, redis::dial::Entrance},
};

/// Long enough for a busy machine; nothing waits for it to pass.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Server {
    pub(super) folder: tempfile::TempDir,
    pub(super) port: u16,
    arguments: Vec<String>,
    child: Child,
    entrance: Entrance,
    tls: bool,
}

/// Waits until the condition holds.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "never: {what}");
}

pub(super) fn free_port() -> u16 {
    // Below the ports that the kernel gives to connections, which might take it meanwhile.
    loop {
        let port = 10_000 + u16::from_be_bytes(Entropy::system().bytes()) % 20_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

pub(super) fn tcp(port: u16, tls: bool) -> RedisAddress {
    RedisAddress::Tcp {
        host: "127.0.0.1".to_owned(),
        port,
        tls,
    }
}

pub(super) fn settings(servers: RedisServers) -> RedisSettings {
    RedisSettings {
        servers,
        login: RedisLogin::default(),
        tls: None,
        database: 0,
        key_prefix: "test:".into(),
        timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(2),
    }
}

impl Server {
    pub(super) async fn start(arguments: &[&str]) -> Self {
        let entrance = Entrance {
            login: RedisLogin::default(),
            tls: None,
            database: 0,
            patience: Duration::from_secs(5),
        };
        Self::start_entered(arguments, entrance, false).await
    }

    pub(super) async fn start_entered(arguments: &[&str], entrance: Entrance, tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let child = spawn(&folder, port, &arguments, tls);
        let server = Self {
            folder,
            port,
            arguments,
            child,
            entrance,
            tls,
        };
        server.up().await;
        server
    }

    /// Answers, if only that it is busy.
    pub(super) async fn up(&self) {
        until("the server answers", || async {
            // An answer, a refusal, or a certificate that is not to be believed.
            match self.try_ask(&["PING"]).await {
                Err(Down::Unreachable(text)) => text.contains("certificate"),
                _ => true,
            }
        })
        .await;
    }

    pub(super) fn socket_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(super) fn address(&self) -> RedisAddress {
        tcp(self.port, self.tls)
    }

    pub(super) fn settings(&self) -> RedisSettings {
        settings(RedisServers::One(self.address()))
    }

    pub(super) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    pub(super) async fn restart(&mut self, more: &[&str]) {
        self.arguments
            .extend(more.iter().map(|argument| (*argument).to_owned()));
        self.child = spawn(&self.folder, self.port, &self.arguments, self.tls);
        self.up().await;
    }

    pub(super) async fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        let status = Command::new("kill").args([name, &pid]).status().await.unwrap();
        assert!(status.success());
    }

    pub(super) async fn try_ask(&self, words: &[&str]) -> Result<Value, Down> {
        let live = self.entrance.connect(&self.address()).await?;
        let mut command = redis::Cmd::new();
        command.arg(words);
        let answer = tokio::time::timeout(PATIENCE, live.ask(&command))
            .await
            .expect("an answer");
        answer.map_err(|error| Down::Refused(error.to_string()))
    }

    pub(super) async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let answer = self.try_ask(words).await;
        let answer = answer.unwrap_or_else(|down| panic!("{words:?}: {down}"));
        T::from_redis_value(answer).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// A field of `INFO` or `CLUSTER INFO`.
    pub(super) async fn field(&self, words: &[&str], name: &str) -> Option<String> {
        // Connections break when roles change.
        let text = String::from_redis_value(self.try_ask(words).await.ok()?).ok()?;
        let mut fields = text.lines().filter_map(|line| line.trim().split_once(':'));
        fields.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    }

    pub(super) async fn is(&self, words: &[&str], name: &str, value: &str) -> bool {
        self.field(words, name).await.as_deref() == Some(value)
    }

    /// A replica of it, in step.
    pub(super) async fn replica(&self) -> Self {
        Self::replica_of(self.port).await
    }

    pub(super) async fn replica_of(port: u16) -> Self {
        let port = port.to_string();
        let replica = Self::start(&["--replicaof", "127.0.0.1", &port]).await;
        until("the replica is in step", || {
            replica.is(&["INFO", "replication"], "master_link_status", "up")
        })
        .await;
        replica
    }
}

fn spawn(folder: &tempfile::TempDir, port: u16, arguments: &[String], tls: bool) -> Child {
    let port = port.to_string();
    let ports = if tls {
        ["--port", "0", "--tls-port", &port].to_vec()
    } else {
        ["--port", &port].to_vec()
    };
    Command::new("redis-server")
        .args(ports)
        .args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--repl-diskless-sync-delay",
            "0",
            "--dir",
        ])
        .arg(folder.path())
        .args(arguments)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("redis-server is needed: apt-get install redis-server")
}

/// A master, a replica and three sentinels.
pub(super) struct Watched {
    pub(super) master: Server,
    pub(super) replica: Server,
    pub(super) sentinels: Vec<Sentinel>,
}

pub(super) struct Sentinel {
    _folder: tempfile::TempDir,
    _child: Child,
    port: u16,
}

impl Sentinel {
    pub(super) async fn watching(master: u16, quorum: u32, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut text = format!("port {port}\nbind 127.0.0.1\n{more}");
        writeln!(text, "sentinel monitor main 127.0.0.1 {master} {quorum}").unwrap();
        text.push_str("sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 3000\n");
        let config = folder.path().join("sentinel.conf");
        std::fs::write(&config, text).unwrap();
        let child = Command::new("redis-server")
            .arg(&config)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let sentinel = Self {
            _folder: folder,
            _child: child,
            port,
        };
        until("the sentinel answers", || async {
            sentinel.ask(&["PING"]).await.is_some()
        })
        .await;
        sentinel
    }

    pub(super) async fn ask(&self, words: &[&str]) -> Option<Value> {
        let entrance = Entrance {
            login: RedisLogin::default(),
            tls: None,
            database: 0,
            patience: Duration::from_secs(5),
        };
        let live = entrance.connect(&tcp(self.port, false)).await.ok()?;
        let mut command = redis::Cmd::new();
        command.arg(words);
        live.ask(&command).await.ok()
    }

    pub(super) async fn named(&self) -> Option<u16> {
        let answer = self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"]).await?;
        let (_, port) = <(String, u16)>::from_redis_value(answer).ok()?;
        Some(port)
    }

    /// Whether it knows the replica and both others.
    async fn knows_all(&self) -> bool {
        let Some(answer) = self.ask(&["SENTINEL", "MASTER", "main"]).await else {
            return false;
        };
        let fields = std::collections::HashMap::<String, String>::from_redis_value(answer).unwrap();
        fields.get("num-slaves").map(String::as_str) == Some("1")
            && fields.get("num-other-sentinels").map(String::as_str) == Some("2")
    }

    pub(super) fn address(&self) -> RedisAddress {
        tcp(self.port, false)
    }
}

impl Watched {
    pub(super) async fn start() -> Self {
        let master = Server::start(&[]).await;
        let replica = master.replica().await;
        Self::watch(master, replica).await
    }

    pub(super) async fn watch(master: Server, replica: Server) -> Self {
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(Sentinel::watching(master.port, 2, "").await);
        }
        let watched = Self {
            master,
            replica,
            sentinels,
        };
        for sentinel in &watched.sentinels {
            until("the sentinel knows all", || sentinel.knows_all()).await;
        }
        watched
    }

    pub(super) fn settings(&self) -> RedisSettings {
        Self::settings_with(self.sentinels.iter().map(Sentinel::address).collect())
    }

    pub(super) fn settings_with(nodes: Vec<RedisAddress>) -> RedisSettings {
        settings(RedisServers::Sentinel {
            nodes,
            service: Arc::from("main"),
            login: RedisLogin::default(),
            tls: None,
        })
    }

    /// Until the replica is in step with everything that was written.
    pub(super) async fn in_step(&self) {
        let acknowledged: u64 = {
            let live = self.master.entrance.connect(&self.master.address()).await.unwrap();
            let mut write = redis::cmd("SET");
            write.arg("other:mark").arg(1);
            live.ask(&write).await.unwrap();
            let mut wait = redis::cmd("WAIT");
            wait.arg(1).arg(30_000);
            u64::from_redis_value(live.ask(&wait).await.unwrap()).unwrap()
        };
        assert_eq!(acknowledged, 1);
    }
}

/// Three masters, and a replica of the first.
pub(super) struct Slotted {
    pub(super) masters: Vec<Server>,
    pub(super) replica: Server,
}

impl Slotted {
    pub(super) async fn start() -> Self {
        let mut masters = Vec::new();
        for _ in 0..3 {
            masters.push(member().await);
        }
        let replica = member().await;
        for (master, range) in masters
            .iter()
            .zip([("0", "5460"), ("5461", "10922"), ("10923", "16383")])
        {
            let _: () = master.ask(&["CLUSTER", "ADDSLOTSRANGE", range.0, range.1]).await;
        }
        let slotted = Self { masters, replica };
        for (epoch, server) in slotted.all().enumerate() {
            let _: () = server
                .ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(epoch + 1).to_string()])
                .await;
        }
        for server in slotted.all().skip(1) {
            let (port, bus) = (server.port.to_string(), server.bus());
            let first = &slotted.masters[0];
            let _: () = first.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
        }
        for server in slotted.all() {
            until("all know all", || {
                server.is(&["CLUSTER", "INFO"], "cluster_known_nodes", "4")
            })
            .await;
            until("the cluster is up", || {
                server.is(&["CLUSTER", "INFO"], "cluster_state", "ok")
            })
            .await;
        }
        let id: String = slotted.masters[0].ask(&["CLUSTER", "MYID"]).await;
        let _: () = slotted.replica.ask(&["CLUSTER", "REPLICATE", &id]).await;
        until("the replica is in step", || {
            slotted.replica.is(&["INFO", "replication"], "master_link_status", "up")
        })
        .await;
        slotted
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Server> {
        self.masters.iter().chain([&self.replica])
    }

    pub(super) fn settings(&self) -> RedisSettings {
        settings(RedisServers::Cluster {
            nodes: vec![self.masters[1].address(), self.masters[2].address()],
        })
    }
}

impl Server {
    fn bus(&self) -> String {
        let at = self
            .arguments
            .iter()
            .position(|argument| argument == "--cluster-port")
            .unwrap();
        self.arguments[at + 1].clone()
    }
}

async fn member() -> Server {
    let bus = free_port().to_string();
    Server::start(&[
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "1000",
        "--cluster-replica-validity-factor",
        "0",
        "--cluster-port",
        &bus,
    ])
    .await
}

/// Certificates for tests: an authority, and what it signed.
pub(super) struct Authority {
    certificate: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

pub(super) struct Signed {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, "an authority");
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).unwrap();
        let issuer = rcgen::Issuer::new(parameters, key);
        Self { certificate, issuer }
    }

    pub(super) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// For a name or address, and until a year.
    pub(super) fn sign(&self, name: &str, until: i32) -> Signed {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters.not_before = rcgen::date_time_ymd(2000, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Signed {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// What a client goes in with.
    pub(super) fn tls(&self, client: Option<&Signed>) -> RedisTls {
        RedisTls {
            ca_pem: Some(self.pem().into_bytes()),
            client: client.map(|signed| {
                let key = Secret::new(signed.key.clone().into_bytes());
                (signed.certificate.clone().into_bytes(), key)
            }),
        }
    }
}

pub(super) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
