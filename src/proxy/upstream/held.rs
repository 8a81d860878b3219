//! Connections for tunnels, whose first answer waits until pingora has seen the end of the handshake's (empty) body.
//!
//! Pingora takes that end for the end of the tunnel when it sees the 101 first, which an upstream that is quick, or a
//! machine that is busy, makes happen (pingora issue 946). So the order is kept here: nothing is read from the upstream
//! between the request's head and the end of its body.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use async_trait::async_trait;
use futures_util::task::AtomicWaker;
use pingora::{
    Error, ErrorType, Result,
    connectors::L4Connect,
    protocols::l4::{
        socket::SocketAddr,
        stream::Stream,
        virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

/// Holds the answer back.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Hold {
    state: AtomicU8,
    reader: AtomicWaker,
}

const FREE: u8 = 0;
const HELD: u8 = 1;
/// Free after one more turn, in which pingora takes what the hook left in its channel.
const NEARLY: u8 = 2;

impl Hold {
    /// From now on nothing is read.
    pub(in crate::proxy) fn hold(&self) {
        self.state.store(HELD, Ordering::Release);
    }

    /// Lets the answer in, if it was held back.
    pub(in crate::proxy) fn release(&self) {
        let held = self
            .state
            .compare_exchange(HELD, NEARLY, Ordering::AcqRel, Ordering::Acquire);
        if held.is_ok() {
            self.reader.wake();
        }
    }

    fn poll_free(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state.load(Ordering::Acquire) == FREE {
            return Poll::Ready(());
        }
        self.reader.register(cx.waker());
        if self.state.load(Ordering::Acquire) == NEARLY {
            self.state.store(FREE, Ordering::Release);
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// Connects as pingora would. The deadline is the peer's total one.
#[derive(Debug)]
pub(super) struct Connect(pub(super) Arc<Hold>);

#[async_trait]
impl L4Connect for Connect {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let hold = Arc::clone(&self.0);
        let socket: Box<dyn VirtualSocket> = match address {
            SocketAddr::Inet(address) => {
                let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
                stream.set_nodelay(true).map_err(|error| failed(&error))?;
                Box::new(Held { stream, hold })
            }
            SocketAddr::Unix(address) => {
                let path = address
                    .as_pathname()
                    .ok_or_else(|| Error::explain(ErrorType::ConnectError, "a unix socket without a path"))?;
                let stream = UnixStream::connect(path).await.map_err(|error| failed(&error))?;
                Box::new(Held { stream, hold })
            }
        };
        Ok(Stream::from(VirtualSocketStream::new(socket)))
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
fn failed(error: &io::Error) -> Box<Error> {
    let kind = if error.kind() == io::ErrorKind::ConnectionRefused {
        ErrorType::ConnectRefused
    } else {
        ErrorType::ConnectError
    };
    Error::explain(kind, error.to_string())
}

#[derive(Debug)]
struct Held<S> {
    stream: S,
    hold: Arc<Hold>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug> VirtualSocket for Held<S> {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        // No delay is set already, and keep-alive is not configured.
        tracing::trace!(?option, "a tunnel's socket");
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Held<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.hold.poll_free(cx).is_pending() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
