//! `WebSocket` handshakes that leave no time between one step and the next.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::harness::{
    door::{Door, Plan},
    raw::Raw,
};

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst";
/// Enough that a coin which decides cannot always fall on the same side.
const ROUNDS: usize = 300;

/// When an upstream says 101 and its first frame, in one segment.
#[derive(Clone, Copy)]
enum When {
    /// Before it has read anything: earlier than that no answer can be.
    AtOnce,
    /// When the request is there.
    Asked,
}

/// A door to an upstream that switches, then sends back what it gets.
async fn door(when: When) -> Door {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(tunnel(stream, when));
        }
    });
    Plan::to(address).start().await
}

async fn tunnel(mut stream: TcpStream, when: When) -> std::io::Result<()> {
    if matches!(when, When::AtOnce) {
        stream.write_all(SWITCH).await?;
    }
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if matches!(when, When::Asked) {
        stream.write_all(SWITCH).await?;
    }
    let (mut from, mut to) = stream.split();
    tokio::io::copy(&mut from, &mut to).await.map(|_| ())
}

async fn rounds(when: When) -> usize {
    let door = door(when).await;
    let mut whole = 0;
    for _ in 0..ROUNDS {
        let mut client = Raw::connect(door.address).await;
        client.send(ASK).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client.send("hello").await;
        let mut got = Vec::new();
        while got.len() < 10 {
            let some = client.some().await;
            if some.is_empty() {
                break;
            }
            got.extend(some);
        }
        whole += usize::from(got == b"firsthello");
    }
    whole
}

#[tokio::test]
async fn a_frame_in_the_segment_of_the_101_is_not_lost() {
    assert_eq!(rounds(When::Asked).await, ROUNDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_101_that_is_there_before_the_request_makes_a_tunnel() {
    assert_eq!(rounds(When::AtOnce).await, ROUNDS);
}

#[tokio::test]
async fn a_frame_in_the_segment_of_the_request_is_no_request() {
    let door = door(When::Asked).await;
    let mut client = Raw::connect(door.address).await;
    client.send(format!("{ASK}hello")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    let got = String::from_utf8_lossy(&client.exactly(5).await).into_owned();
    assert_eq!(got, "first");
    let got = String::from_utf8_lossy(&client.exactly(5).await).into_owned();
    assert_eq!(got, "hello");
}
