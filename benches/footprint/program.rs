//! The program itself: how long from its start to its first answer, and how much memory it holds when nothing happens.
//!
//! `doorward run` with a small configuration: a provider, a memory store, an open and a protected route, the admin
//! listener. The first answer is the origin's, through the open route.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use doorward::task;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use super::process::{free_port, resident};

const STARTS: usize = 30;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Starts the program again and again.
pub(crate) async fn measure() {
    let folder = tempfile::tempdir().expect("a folder");
    let origin = origin().await;
    let (mut times, mut idle, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (port, file) = (free_port(), folder.path().join("doorward.yaml"));
        fs::write(&file, config(port, free_port(), origin)).expect("a file for the configuration");
        let began = Instant::now();
        let mut process = start(&file);
        let mut stream = answered(port).await;
        times.push(began.elapsed().as_micros());
        idle.push(resident(process.id()).into());
        for _ in 0..1000 {
            ask(&mut stream).await.expect("an answer");
        }
        used.push(resident(process.id()).into());
        process.kill().expect("its end");
        process.wait().expect("its end");
    }
    println!("{STARTS} starts of `doorward run`\n");
    println!("| what | budget | median | largest |");
    println!("|---|---|---|---|");
    let row = |what, budget, mut values: Vec<u128>, unit, scale: u128| {
        values.sort_unstable();
        let shown = |value: Option<&u128>| value.map_or(0, |value| value * 10 / scale);
        let (median, most) = (shown(values.get(values.len() / 2)), shown(values.last()));
        println!(
            "| {what} | ≤ {budget} {unit} | {}.{} {unit} | {}.{} {unit} |",
            median / 10,
            median % 10,
            most / 10,
            most % 10
        );
    };
    row("start to first answer", 200, times, "ms", 1000);
    row("resident, idle after one request", 30, idle, "MiB", 1024);
    row("resident, after 1,000 more", 30, used, "MiB", 1024);
}

fn start(file: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["run", "--config"])
        .arg(file)
        .stdout(Stdio::null())
        .spawn()
        .expect("the program")
}

/// The first connection that gets an answer.
async fn answered(port: u16) -> TcpStream {
    loop {
        if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await
            && ask(&mut stream).await.is_some()
        {
            return stream;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn ask(stream: &mut TcpStream) -> Option<()> {
    let request = b"GET /robots.txt HTTP/1.1\r\nHost: app.test\r\nAccept: */*\r\n\r\n";
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        if stream.read_buf(&mut answer).await.ok()? == 0 {
            return None;
        }
    }
    Some(())
}

async fn origin() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    drop(task::spawn("the origin", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(task::spawn("a connection", async move {
                let mut read = Vec::new();
                while stream.read_buf(&mut read).await? > 0 {
                    if read.ends_with(b"\r\n\r\n") {
                        read.clear();
                        stream.write_all(ANSWER).await?;
                    }
                }
                std::io::Result::Ok(())
            }));
        }
    }));
    address
}

fn config(port: u16, admin: u16, origin: SocketAddr) -> String {
    format!(
        r#"
listeners: [{{ address: "127.0.0.1:{port}" }}]
admin: {{ address: "127.0.0.1:{admin}" }}
providers:
  corporate: {{ issuer: "https://id.test", client_id: doorward, client_secret: "a-secret-for-benches" }}
routes:
  - {{ host: app.test, path: /, upstream: "http://{origin}", access: signed_in }}
  - {{ host: app.test, path: {{ exact: /robots.txt }}, upstream: "http://{origin}", access: open }}
"#
    )
}
