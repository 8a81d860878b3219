//! A connection's stream that does not leave a WebSocket's client without a word: when the gateway closes a tunnel, it
//! says so in a close frame (RFC 6455 section 5.5.1), if what was sent so far ends with a frame.

mod frames;

use std::{
    io::{self, Cursor},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_trait::async_trait;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
    raw_connect::ProxyDigest,
    tls::{SslDigest, TlsRef},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::mpsc,
    time::timeout,
};

use self::frames::Frames;
use crate::{proxy::link::Farewell, task};

/// How long the client may take to hear it and close its side.
const PATIENCE: Duration = Duration::from_secs(1);

/// The stream of one connection.
#[derive(Debug)]
pub(super) struct Polite {
    stream: Stream,
    farewell: Arc<Farewell>,
    frames: Frames,
    /// Held until the last word is said.
    alive: mpsc::Sender<()>,
}

impl Polite {
    pub(super) fn new(stream: Stream, farewell: Arc<Farewell>, alive: mpsc::Sender<()>) -> Self {
        Self {
            stream,
            farewell,
            frames: Frames::default(),
            alive,
        }
    }

    /// From the head of a `101` on, follows the frames that are sent.
    fn sent(&mut self, bytes: &[u8]) {
        if self.farewell.is_tunnel() {
            self.frames.follow(bytes);
        }
    }
}

impl Drop for Polite {
    fn drop(&mut self) {
        let Some(code) = self.farewell.code().filter(|_| self.frames.is_between()) else {
            return;
        };
        if tokio::runtime::Handle::try_current().is_ok() {
            let stream = std::mem::replace(&mut self.stream, Box::new(Cursor::new(Vec::new())));
            let alive = self.alive.clone();
            drop(task::spawn("closing a WebSocket", async move {
                let closed = timeout(PATIENCE, close(stream, code)).await;
                tracing::trace!(whole = matches!(closed, Ok(Ok(()))), "closed a WebSocket");
                drop(alive);
            }));
        }
    }
}

/// Says goodbye, and hears the client out: to close over bytes unread would reset the connection, and what was said last
/// would be lost.
async fn close(mut stream: Stream, code: u16) -> io::Result<()> {
    let [high, low] = code.to_be_bytes();
    stream.write_all(&[0x88, 2, high, low]).await?;
    stream.flush().await?;
    AsyncWriteExt::shutdown(&mut stream).await?;
    let mut rest = [0; 512];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

impl AsyncRead for Polite {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Polite {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.sent(buf.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        let mut left = written;
        for buf in bufs {
            let part = buf.get(..left.min(buf.len())).unwrap_or_default();
            self.sent(part);
            left -= part.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Polite {
    async fn shutdown(&mut self) {
        Shutdown::shutdown(&mut *self.stream).await;
    }
}

#[async_trait]
impl Peek for Polite {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(buf).await
    }
}

impl Ssl for Polite {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl UniqueID for Polite {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl GetTimingDigest for Polite {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }
}

impl GetProxyDigest for Polite {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl GetSocketDigest for Polite {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}
