//! A connection's stream with its writes coalesced.
//!
//! Pingora gives buffers only to streams that its own listeners accept. Reads need none (its parsers read into buffers
//! of their own), which also spares 64 KiB for each idle connection; without one for writes, head and body of a
//! response would be two system calls.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use bytes::BufMut as _;
use futures_util::FutureExt as _;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType,
    l4::{socket::SocketAddr as PeerAddress, stream::Stream},
    raw_connect::ProxyDigest,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufWriter, ReadBuf},
    net::{TcpStream, UnixStream},
};

/// One TCP segment on Ethernet, about.
const WRITE_BUFFER: usize = 1460;

/// A connection as accepted.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Accepted {
    /// Who connected; nobody that has an address, over a unix socket.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(_, peer) => Some(peer.ip().to_canonical()),
            Self::Unix(_) => None,
        }
    }

    /// Reads what is there, until so many bytes are.
    pub(super) async fn read(&mut self, bytes: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        let mut room = bytes.limit(most.saturating_sub(bytes.len()));
        match self {
            Self::Tcp(stream, _) => stream.read_buf(&mut room).await,
            Self::Unix(stream) => stream.read_buf(&mut room).await,
        }
    }
}

/// A stream whose small writes go out together.
#[derive(Debug)]
pub(super) struct Coalesced(BufWriter<Stream>);

impl Coalesced {
    /// A connection of which these bytes were read already.
    pub(super) fn new(accepted: Accepted, read: &[u8]) -> Self {
        let mut stream = match accepted {
            Accepted::Tcp(stream, peer) => {
                use std::os::fd::AsRawFd as _;
                let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
                // Known already, so nobody asks the system again.
                if digest.peer_addr.set(Some(PeerAddress::Inet(peer))).is_err() {
                    tracing::trace!("a new digest has an address");
                }
                let mut stream = Stream::from(stream);
                stream.set_socket_digest(digest);
                stream
            }
            Accepted::Unix(stream) => Stream::from(stream),
        };
        stream.rewind(read);
        Self(BufWriter::with_capacity(WRITE_BUFFER, stream))
    }
}

impl Drop for Coalesced {
    fn drop(&mut self) {
        // What fits into the socket's buffer still goes out; nothing more can be done here.
        if !self.0.buffer().is_empty() && self.0.flush().now_or_never().is_none() {
            tracing::trace!("a connection was dropped with bytes unsent");
        }
    }
}

impl AsyncRead for Coalesced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Coalesced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Coalesced {
    async fn shutdown(&mut self) {
        if let Err(error) = self.0.shutdown().await {
            tracing::trace!(%error, "a connection was closed by its peer first");
        }
    }
}

#[async_trait]
impl Peek for Coalesced {}

impl Ssl for Coalesced {}

impl UniqueID for Coalesced {
    fn id(&self) -> UniqueIDType {
        self.0.get_ref().id()
    }
}

impl GetTimingDigest for Coalesced {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.0.get_ref().get_timing_digest()
    }
}

impl GetProxyDigest for Coalesced {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for Coalesced {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.0.get_ref().get_socket_digest()
    }
}
