//! The application behind the proxies: one small answer, as fast as can be.

use std::{io, net::SocketAddr};

use doorward::task;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 132\r\n\
Date: Mon, 23 Nov 2026 12:00:00 GMT\r\nCache-Control: private, max-age=0\r\nETag: \"5f-3c1a\"\r\nVary: Accept-Encoding\r\n\r\n\
<!doctype html><html lang=\"en\"><title>Wiki</title><h1>Wiki</h1><p>One small page, the same for everybody who asks for it.</p></html>";

/// Serves as long as the runtime, in which this must be called. Gives its address.
pub(crate) async fn open() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    drop(task::spawn("the origin", async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            drop(task::spawn("a connection", answer(stream)));
        }
    }));
    address
}

/// Answers whatever ends in an empty line, until the connection closes.
async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::with_capacity(8192);
    while stream.read_buf(&mut read).await? > 0 {
        if read.ends_with(b"\r\n\r\n") {
            read.clear();
            stream.write_all(ANSWER).await?;
        }
    }
    Ok(())
}
