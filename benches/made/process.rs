//! Other processes: where they can listen, how much memory they hold, and a Redis.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

/// What was written behind the program's name, without the word that cargo adds.
pub(crate) fn words() -> Vec<String> {
    // The first word is the program itself.
    std::env::args().skip(1).filter(|word| word != "--bench").collect()
}

/// A user of Redis who may not subscribe, and its password.
pub(crate) const DEAF: (&str, &str) = ("deaf", "may-not-subscribe");

/// A Redis that keeps nothing on disk. Ends with this value.
pub(crate) struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    /// Starts `redis-server` by `command`, which may say more than its name, and waits until it takes connections.
    pub(crate) fn start(mut command: Command, folder: &Path) -> Self {
        let (port, (user, password)) = (free_port(), DEAF);
        let process = command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args([
                "--user",
                user,
                "on",
                &format!(">{password}"),
                "~*",
                "&*",
                "+@all",
                "-subscribe",
            ])
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server in the path");
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            std::thread::yield_now();
        }
        Self { process, port }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.local_addr().expect("its address").port()
}

/// A process's resident memory in KiB.
pub(crate) fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.expect("its resident memory")
}
