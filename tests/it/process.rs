//! The program itself, as a process of its own: what only shows there.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use http::StatusCode;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Take},
    net::{TcpListener, UnixStream},
    task::JoinSet,
};

use crate::{
    harness::{
        browser::Browser,
        raw::Raw,
        upstream::{Act, Upstream, ok},
    },
    reload::{Program, written},
};

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n";

/// `doorward run` with one open route, ended when dropped.
struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Listens at `address` and forwards to `upstream`. `limit` is how many files it may have open.
    async fn start(address: &str, upstream: std::net::SocketAddr, limit: Option<u32>) -> Self {
        Self::start_in(
            tempfile::tempdir().unwrap(),
            "{ enabled: false }",
            address,
            upstream,
            limit,
        )
        .await
    }

    /// In a folder of its own, and with an admin listener as written.
    async fn start_in(
        folder: TempDir,
        admin: &str,
        address: &str,
        upstream: std::net::SocketAddr,
        limit: Option<u32>,
    ) -> Self {
        let [address, admin] =
            [address, admin].map(|written| written.replace("{folder}", folder.path().to_str().unwrap()));
        let config = format!(
            "public_url: https://app.test\nlisteners: [{{ address: \"{address}\", behind_tls_proxy: true }}]\n\
             admin: {admin}\nlogging: {{ access_log: false, format: json }}\n\
             routes: [{{ host: \"*\", path: /, upstream: \"http://{upstream}\", access: open }}]\n"
        );
        fs::write(folder.path().join("doorward.yaml"), config).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let limit = limit.map_or_else(String::new, |limit| format!("ulimit -n {limit}; "));
        let child = Command::new("sh")
            .args(["-c", &format!("{limit}exec \"$0\" run --config doorward.yaml")])
            .arg(env!("CARGO_BIN_EXE_doorward"))
            .current_dir(folder.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let process = Self { child, folder };
        until("it listens", || process.log().contains("\"listening\"")).await;
        process
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The port that the system gave.
    fn address(&self) -> std::net::SocketAddr {
        let log = self.log();
        let (_, rest) = log.split_once("127.0.0.1:").unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        format!("127.0.0.1:{digits}").parse().unwrap()
    }

    /// Most memory that it ever held, in bytes.
    fn peak(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    }

    fn terminate(&self) {
        let sent = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("it ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain: {what}");
}

#[tokio::test]
async fn a_unix_socket_is_a_listener() {
    let up = Upstream::start().await;
    let mut process = Process::start("unix:{folder}/door.sock", up.address(), None).await;
    let socket = process.path("door.sock");
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "owner and group");
    let mut client = Raw::over(UnixStream::connect(&socket).await.unwrap());
    client
        .send(b"GET /a HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n")
        .await;
    assert_eq!(client.response().await.text(), "hello");
    let received = up.only();
    assert!(
        received.header("x-forwarded-for").is_empty(),
        "nobody has an address there: {}",
        received.head
    );
    assert_eq!(received.header("x-forwarded-proto"), ["https"]);
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0));
    assert!(!Path::new(&socket).exists(), "the socket's file stays behind");
}

#[tokio::test]
async fn the_admin_listener_on_a_unix_socket_is_opened_like_every_other() {
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    // As a crash leaves it.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let admin = "{ address: \"unix:{folder}/admin.sock\" }";
    let mut process = Process::start_in(folder, admin, "127.0.0.1:0", up.address(), None).await;
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "owner and group");
    let mut client = Raw::over(UnixStream::connect(&socket).await.unwrap());
    client.send(b"GET /live HTTP/1.1\r\nHost: admin\r\n\r\n").await;
    assert_eq!(client.response().await.status, 200);
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0));
    assert!(!Path::new(&socket).exists(), "the socket's file stays behind");
}

/// A C library that gives no random bytes to whom they must be good for keys. Those that scatter hash tables
/// (`GRND_INSECURE`, `GRND_NONBLOCK`) it gives, or the standard library would end the program before we could.
const NO_ENTROPY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/syscall.h>
long syscall(long number, long a, long b, long c, long d, long e, long f) {
    if (number == SYS_getrandom && c == 0) {
        errno = EIO;
        return -1;
    }
    return ((long (*)(long, ...))dlsym(RTLD_NEXT, "syscall"))(number, a, b, c, d, e, f);
}
"#;

// GW-14
#[tokio::test]
async fn without_random_bytes_nothing_starts() {
    let up = Upstream::start().await;
    let healthy = Process::start("127.0.0.1:0", up.address(), None).await;
    fs::write(healthy.path("no_entropy.c"), NO_ENTROPY).unwrap();
    let library = healthy.path("no_entropy.so");
    let compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &healthy.path("no_entropy.c")])
        .status();
    assert!(compiler.unwrap().success());
    let log = fs::File::create(healthy.path("said")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["run", "--config", "doorward.yaml"])
        .current_dir(healthy.folder.path())
        .env("LD_PRELOAD", library)
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut weak = Process { child, folder };
    let ended = weak.ended().await;
    let said = fs::read_to_string(healthy.path("said")).unwrap();
    assert_eq!(ended.signal(), Some(ABORTED), "{said}");
    assert!(said.contains("the system gives no random bytes"), "{said}");
    assert!(!said.contains("\"listening\""), "{said}");
}

const ABORTED: i32 = 6;

// GW-01
#[tokio::test]
async fn every_request_that_arrived_before_the_end_is_answered() {
    let up = Upstream::start().await;
    up.always(Act::Answer(ok("hello")));
    let mut process = Process::start("127.0.0.1:0", up.address(), None).await;
    let address = process.address();
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        clients.spawn(async move {
            let mut answered = 0_usize;
            loop {
                let Ok(stream) = tokio::net::TcpStream::connect(address).await else {
                    return answered;
                };
                let mut client = Raw::over(stream);
                loop {
                    client.send(GET).await;
                    let head = client.head().await;
                    if head.is_empty() {
                        // Closed while idle: the request crossed the end of the connection, and a client asks again.
                        break;
                    }
                    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                    assert_eq!(client.exactly(5).await, b"hello");
                    answered += 1;
                    if head.to_ascii_lowercase().contains("connection: close") {
                        break;
                    }
                }
            }
        });
    }
    up.wait_for(200).await;
    process.terminate();
    let mut answered = 0;
    while let Some(client) = clients.join_next().await {
        answered += client.unwrap();
    }
    assert_eq!(process.ended().await.code(), Some(0));
    assert_eq!(answered, up.requests().len(), "asked upstream and not answered");
    assert!(process.log().contains("\"whole\":true"), "{}", process.log());
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_nobody_up() {
    // GW-13
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.yaml");
    fs::write(&file, written("/one")).unwrap();
    let mut program = Program::start(&file);
    let address = program.says("listening")["address"].as_str().unwrap().to_owned();
    let url = format!("http://app.test:{}/one", address.rsplit(':').next().unwrap());
    // A pipe holds 64 KiB, and each of these leaves more than 200 bytes.
    let browser = Browser::new();
    for _ in 0..1000 {
        assert_eq!(browser.fetch(&url).await.status, StatusCode::BAD_GATEWAY);
    }
    assert!(program.end().success(), "nor does it hold the end up");
}

#[tokio::test]
async fn a_disk_that_takes_no_more_of_the_log_holds_nobody_up() {
    // GW-08
    let up = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("door.sock");
    let config = format!(
        "public_url: https://app.test\nlisteners: [{{ address: \"unix:{}\", behind_tls_proxy: true }}]\n\
         admin: {{ enabled: false }}\nroutes: [{{ host: \"*\", path: /, upstream: \"http://{}\", access: open }}]\n",
        socket.display(),
        up.address()
    );
    fs::write(folder.path().join("doorward.yaml"), config).unwrap();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["run", "--config", "doorward.yaml"])
        .current_dir(folder.path())
        .stdout(full())
        .stderr(full())
        .spawn()
        .unwrap();
    let mut process = Process { child, folder };
    until("it listens", || socket.exists()).await;
    let mut client = Raw::over(UnixStream::connect(&socket).await.unwrap());
    for _ in 0..100 {
        client.send(GET).await;
        assert_eq!(client.response().await.status, 200);
    }
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test]
async fn out_of_files_new_connections_wait_and_the_rest_goes_on() {
    // GW-08
    let up = Upstream::start().await;
    let process = Process::start("127.0.0.1:0", up.address(), Some(64)).await;
    let address = process.address();
    let mut kept = Raw::connect(address).await;
    kept.send(GET).await;
    assert_eq!(kept.response().await.status, 200);
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(Raw::connect(address).await);
    }
    until("it is out of files", || process.log().contains("could not be taken")).await;
    kept.send(GET).await;
    assert_eq!(kept.response().await.status, 200, "who is in goes on");
    let mut waiting = Raw::connect(address).await;
    waiting.send(GET).await;
    drop(crowd);
    assert_eq!(waiting.response().await.status, 200, "who waited gets in");
    assert_eq!(Raw::ask(address, GET).await.status, 200);
    let log = process.log();
    assert!(
        log.matches("could not be taken").count() < 1000,
        "{} lines",
        log.lines().count()
    );
}

#[tokio::test]
async fn bodies_of_200_megabytes_pass_both_ways_in_constant_memory() {
    // GW-08, UP-10
    const SIZE: u64 = 200 * 1024 * 1024;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let process = Process::start("127.0.0.1:0", listener.local_addr().unwrap(), None).await;
    let upstream = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.split();
        let mut upload = body(BufReader::new(read), SIZE).await;
        let received = tokio::io::copy(&mut upload, &mut tokio::io::sink()).await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        write.write_all(head.as_bytes()).await.unwrap();
        tokio::io::copy(&mut tokio::io::repeat(b'x').take(SIZE), &mut write)
            .await
            .unwrap();
        received
    });
    let before = process.peak();
    let mut stream = tokio::net::TcpStream::connect(process.address()).await.unwrap();
    let (read, mut write) = stream.split();
    let head = format!("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: {SIZE}\r\n\r\n");
    write.write_all(head.as_bytes()).await.unwrap();
    tokio::io::copy(&mut tokio::io::repeat(b'x').take(SIZE), &mut write)
        .await
        .unwrap();
    let mut download = body(BufReader::new(read), SIZE).await;
    assert_eq!(
        tokio::io::copy(&mut download, &mut tokio::io::sink()).await.unwrap(),
        SIZE
    );
    assert_eq!(upstream.await.unwrap(), SIZE);
    let grown = process.peak() - before;
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes more in memory");
}

/// What follows the head.
async fn body<R: AsyncRead + Unpin>(mut read: BufReader<R>, size: u64) -> Take<BufReader<R>> {
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(read.read_line(&mut line).await.unwrap() > 0, "ended in the head");
    }
    read.take(size)
}
