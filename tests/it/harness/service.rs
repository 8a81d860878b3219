//! `doorward run` as a service: in a folder of its own, started by a name that may come to stand for another program,
//! perhaps under a service manager.

use std::{
    fs,
    net::SocketAddr,
    os::{fd::OwnedFd, unix::fs::symlink, unix::net::UnixDatagram},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// Ended when dropped, with all that came in its place.
pub struct Service {
    child: Child,
    pub folder: TempDir,
}

/// A folder with a configuration and a name for the program.
pub fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), config);
    symlink(env!("CARGO_BIN_EXE_doorward"), folder.path().join("doorward")).unwrap();
    folder
}

/// Writes another configuration, as a whole.
pub fn write(folder: &Path, config: &str) {
    let config = config.replace("{folder}", folder.to_str().unwrap());
    fs::write(folder.join("new.yaml"), config).unwrap();
    fs::rename(folder.join("new.yaml"), folder.join("doorward.yaml")).unwrap();
}

impl Service {
    /// Starts it and waits until it listens.
    pub async fn start(config: &str) -> Self {
        let service = Self::begin(folder(config), |_| {});
        service.says("health and metrics", 1).await;
        service
    }

    /// Starts it, with something else about its start.
    pub fn begin(folder: TempDir, edit: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(folder.path().join("doorward"));
        command.args(["run", "--config", "doorward.yaml"]);
        Self::run(folder, command, edit)
    }

    /// Starts it as systemd does where it has the socket.
    pub fn begin_on(folder: TempDir, socket: impl Into<OwnedFd>) -> Self {
        let mut command = Command::new("sh");
        let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=doorward.socket \
                      exec ./doorward run --config doorward.yaml";
        command.args(["-c", script]).stdin(Stdio::from(socket.into()));
        Self::run(folder, command, |_| {})
    }

    fn run(folder: TempDir, mut command: Command, edit: impl FnOnce(&mut Command)) -> Self {
        let log = folder.path().join("log");
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        command
            .current_dir(folder.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        edit(&mut command);
        let child = command.spawn().unwrap();
        Self { child, folder }
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All that it wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// The lines of its log with this message.
    pub fn lines(&self, message: &str) -> Vec<Value> {
        let log = self.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines = lines.filter(|line| line["message"].as_str().is_some_and(|said| said.contains(message)));
        lines.collect()
    }

    /// Waits for so many lines with this message.
    pub async fn says(&self, message: &str, count: usize) -> Value {
        until(
            &format!("{message:?}, {count} times"),
            || self.log(),
            || self.lines(message).len() >= count,
        )
        .await;
        self.lines(message).swap_remove(count - 1)
    }

    /// Where it listens, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let address = |line: &Value| line["address"].as_str().unwrap().parse().unwrap();
        self.lines("listening").iter().map(address).collect()
    }

    /// Where operators reach it.
    pub fn admin(&self) -> SocketAddr {
        let line = self.lines("health and metrics").pop().unwrap();
        line["address"].as_str().unwrap().parse().unwrap()
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process that was started a signal.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// What the process that was started ended with.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        for _ in 0..3000 {
            status = self.child.try_wait().unwrap();
            if status.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        status.unwrap_or_else(|| panic!("it does not end: {}", self.log()))
    }

    /// Starts the program again, with the same log.
    pub fn again(&mut self) {
        let log = fs::OpenOptions::new().append(true).open(self.path("log")).unwrap();
        self.child = Command::new(self.path("doorward"))
            .args(["run", "--config", "doorward.yaml"])
            .current_dir(self.folder.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        for line in self.lines("took over from") {
            // Only what still runs in this folder is ours.
            let process = line["process"].as_u64().unwrap();
            let there = fs::read_link(format!("/proc/{process}/cwd"));
            if there.is_ok_and(|there| there == self.folder.path().canonicalize().unwrap()) {
                signal(u32::try_from(process).unwrap(), "KILL");
            }
        }
    }
}

/// Sends a process a signal.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(sent.unwrap().success(), "{name} to {process}");
}

/// A service manager, as far as it listens.
pub struct Manager {
    socket: tokio::net::UnixDatagram,
}

impl Manager {
    /// Listens in a folder.
    pub fn listen(folder: &Path) -> Self {
        let socket = UnixDatagram::bind(folder.join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = tokio::net::UnixDatagram::from_std(socket).unwrap();
        Self { socket }
    }

    /// The next message, without those for the watchdog.
    pub async fn hears(&self) -> String {
        loop {
            let message = self.hears_any().await;
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }

    /// Whether nothing was said so far.
    pub fn hears_nothing(&self) -> bool {
        self.socket.try_recv(&mut [0; 16]).is_err()
    }

    /// The next message.
    pub async fn hears_any(&self) -> String {
        let mut bytes = [0; 4096];
        let heard = tokio::time::timeout(Duration::from_secs(30), self.socket.recv(&mut bytes));
        let count = heard.await.expect("the service manager hears nothing").unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }
}

/// Waits for something, and says what there was instead.
pub async fn until(what: &str, instead: impl Fn() -> String, mut is_so: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {what}: {}", instead());
}
