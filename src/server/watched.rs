//! A connection's stream, watched where pingora has no hook: how long a request's head takes to come in, and what
//! pingora answers before any hook. How long an idle connection is kept is watched here too, with one timer for all of its
//! pauses: pingora sets one for each.

mod through;

use std::{
    future::Future as _,
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use pingora::protocols::{ALPN, IO, Peek, Shutdown};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Instant, Sleep},
};

use crate::{
    proxy::{
        unheard::{Cause, Unheard},
        watch::Connection,
    },
    task::Alarm,
};

/// What a client gets whose head takes too long (RFC 9110 section 15.5.9).
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
const TOO_SLOW_STATUS: u16 = 408;
/// The connection preface that an HTTP/2 client begins with (RFC 9113 section 3.4).
const PREFACE: usize = 24;

/// What the watch over a stream needs.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Longest time from the first byte of a head to its last.
    pub(super) head: Duration,
    /// How long a connection is kept that brings no request. That over HTTP/2 is pingora's to end.
    pub(super) idle: Duration,
    /// Longest time that the client takes nothing of what is written.
    pub(super) write: Duration,
    /// Who is told.
    pub(super) unheard: Unheard,
}

/// A watch over one connection.
pub(super) struct Watch {
    pub(super) connection: Arc<Connection>,
    pub(super) terms: Terms,
    pub(super) peer: Option<IpAddr>,
}

/// A stream above TLS, so that what is read and written is HTTP.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    connection: Arc<Connection>,
    terms: Terms,
    peer: Option<IpAddr>,
    phase: Phase,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when there is no request.
    idle_since: Option<Instant>,
    idle: Alarm,
    /// Runs while what is written finds no room.
    blocked: Option<Pin<Box<Sleep>>>,
}

/// Where the watch stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// HTTP/1, and nothing of a head is there: between requests, or within one.
    Quiet,
    /// HTTP/1, and a head is coming in; since when, once there was a wait for more of it.
    Head(Option<Instant>),
    /// HTTP/2, and so many bytes of its preface are missing since then.
    Preface(Instant, usize),
    /// HTTP/2 that takes care of itself.
    Frames,
    /// Nothing more is read.
    Over,
}

impl Watch {
    /// The stream, watched.
    pub(super) fn over<S: IO>(self, stream: S) -> Watched<S> {
        let phase = if stream.selected_alpn_proto() == Some(ALPN::H2) {
            Phase::Preface(Instant::now(), PREFACE)
        } else {
            Phase::Quiet
        };
        let Self {
            connection,
            terms,
            peer,
        } = self;
        Watched {
            stream,
            connection,
            terms,
            peer,
            phase,
            timer: None,
            idle_since: None,
            idle: Alarm::default(),
            blocked: None,
        }
    }
}

impl<S: IO> Watched<S> {
    /// Whether what was to come in time is late. Arms a timer, so that a silent client is found out too.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let since = match &mut self.phase {
            Phase::Head(since) => *since.get_or_insert_with(Instant::now),
            Phase::Preface(since, _) => *since,
            Phase::Quiet | Phase::Frames | Phase::Over => return false,
        };
        let due = since + self.terms.head;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        timer.as_mut().poll(cx).is_ready()
    }

    /// Whether it was kept idle for as long as it is.
    fn is_idle(&mut self, cx: &mut Context<'_>) -> bool {
        if self.phase != Phase::Quiet || !self.connection.is_reading_head() {
            return false;
        }
        let due = *self.idle_since.get_or_insert_with(Instant::now) + self.terms.idle;
        self.idle.is_past(due, cx)
    }

    /// Answers where an answer is due and possible, tells of it, and lets the connection go.
    fn give_up(&mut self, cx: &mut Context<'_>) {
        if let Phase::Head(since) = self.phase {
            // Nothing was written since the last answer, so this finds room. If not, the client goes without.
            let written = Pin::new(&mut self.stream).poll_write(cx, TOO_SLOW);
            let flushed = Pin::new(&mut self.stream).poll_flush(cx);
            tracing::trace!(?written, ?flushed, "a slow head");
            let took = since.map_or(Duration::ZERO, |since| since.elapsed());
            self.terms.unheard.tell(Cause::Slow, TOO_SLOW_STATUS, self.peer, took);
        }
        self.phase = Phase::Over;
        self.connection.end();
    }

    /// Lets the connection go when the client takes nothing for too long. Pingora bounds each write of a response, but over HTTP/2
    /// not what it says for the connection as a whole: the end of a stream, and of the connection itself.
    fn written<T>(&mut self, cx: &mut Context<'_>, polled: Poll<T>) -> Poll<T> {
        if polled.is_ready() {
            self.blocked = None;
            return polled;
        }
        let longest = self.terms.write;
        let timer = self
            .blocked
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(longest)));
        if timer.as_mut().poll(cx).is_ready() {
            self.phase = Phase::Over;
            self.connection.end();
        }
        polled
    }

    /// Moves on by so many bytes read.
    fn advance(&mut self, count: usize) {
        self.idle_since = None;
        self.phase = match self.phase {
            Phase::Quiet if count > 0 && self.connection.is_reading_head() => Phase::Head(None),
            Phase::Preface(since, missing) if count < missing => Phase::Preface(since, missing - count),
            Phase::Preface(..) => Phase::Frames,
            Phase::Quiet | Phase::Head(_) | Phase::Frames | Phase::Over => return,
        };
        if self.phase == Phase::Frames {
            self.timer = None;
        }
    }

    /// Forgets the head once a hook has it.
    fn settle(&mut self) {
        if matches!(self.phase, Phase::Head(_)) && !self.connection.is_reading_head() {
            self.phase = Phase::Quiet;
            self.timer = None;
        }
    }

    /// What is written while no hook knows of the request is pingora's own answer to a head that it could not read.
    fn overhear(&mut self, bytes: &[u8]) {
        self.settle();
        let Phase::Head(since) = self.phase else {
            return;
        };
        self.phase = Phase::Over;
        let status = status(bytes).unwrap_or_default();
        let took = since.map_or(Duration::ZERO, |since| since.elapsed());
        self.terms.unheard.tell(Cause::Malformed, status, self.peer, took);
    }
}

/// The status of a response head.
fn status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

impl<S: IO> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.settle();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        match &polled {
            Poll::Ready(Ok(())) => this.advance(buf.filled().len() - before),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                if this.is_late(cx) || this.is_idle(cx) {
                    this.give_up(cx);
                }
            }
        }
        polled
    }
}

impl<S: IO> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.overhear(buf);
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = bufs.iter().find(|part| !part.is_empty()) {
            self.overhear(first);
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[async_trait]
impl<S: IO> Shutdown for Watched<S> {
    /// As any write: what was not sent yet goes out before, and TLS has a last word of its own.
    async fn shutdown(&mut self) {
        if let Err(error) = AsyncWriteExt::shutdown(self).await {
            tracing::trace!(%error, "a connection was closed by its peer first");
        }
    }
}

#[async_trait]
impl<S: IO> Peek for Watched<S> {}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, DuplexStream};

    use super::*;
    use crate::server::{socket::Accepted, stream::Coalesced};
    use crate::{entropy::Entropy, telemetry::Telemetry};

    const HEAD: Duration = Duration::from_secs(15);
    const IDLE: Duration = Duration::from_secs(75);
    const WRITE: Duration = Duration::from_secs(60);

    struct Pair {
        client: DuplexStream,
        server: Watched<DuplexStream>,
        connection: Arc<Connection>,
        telemetry: Telemetry,
    }

    fn watch(connection: &Arc<Connection>, telemetry: &Telemetry) -> Watch {
        Watch {
            connection: Arc::clone(connection),
            terms: Terms {
                head: HEAD,
                idle: IDLE,
                write: WRITE,
                unheard: Unheard::new(telemetry.clone(), &Entropy::system()),
            },
            peer: None,
        }
    }

    fn pair() -> Pair {
        let (client, stream) = tokio::io::duplex(1024);
        let telemetry = Telemetry::new(false);
        let connection = Arc::new(Connection::default());
        let watch = watch(&connection, &telemetry);
        Pair {
            client,
            server: watch.over(stream),
            connection,
            telemetry,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_is_answered_with_408_at_its_deadline() {
        let mut pair = pair();
        let begun = Instant::now();
        let trickle = async {
            let mut answer = [0; 12];
            loop {
                pair.client.write_all(b"x").await.unwrap();
                let second = Duration::from_secs(1);
                if let Ok(read) = tokio::time::timeout(second, pair.client.read_exact(&mut answer)).await {
                    read.unwrap();
                    return answer;
                }
            }
        };
        let serving = pair.connection.serve(
            async {
                pair.connection.head_begins();
                while pair.server.read_u8().await.is_ok() {}
            },
            std::future::pending(),
        );
        let (answer, ()) = tokio::join!(trickle, serving);
        assert_eq!(&answer, b"HTTP/1.1 408");
        assert!(begun.elapsed() <= HEAD + Duration::from_secs(1));
        let told = pair.telemetry.render();
        assert!(told.contains(r#"outcome="head_timeout",route="none"} 1"#), "{told}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_head_may_wait() {
        let mut pair = pair();
        let waits = pair.connection.serve(
            async {
                pair.connection.head_begins();
                assert!(tokio::time::timeout(HEAD * 3, pair.server.read_u8()).await.is_err());
                // And a request under way may take its time.
                pair.client.write_all(b"GET").await.unwrap();
                assert_eq!(pair.server.read_u8().await.unwrap(), b'G');
                pair.connection.head_is_read();
                pair.server.read_u16().await.unwrap();
                assert!(tokio::time::timeout(HEAD * 3, pair.server.read_u8()).await.is_err());
            },
            std::future::pending(),
        );
        waits.await;
        assert!(!pair.telemetry.render().contains("head_timeout"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_kept_idle_for_so_long_after_each_request() {
        let mut pair = pair();
        let begun = Instant::now();
        let serving = pair.connection.serve(
            async {
                for _ in 0..3 {
                    pair.connection.head_begins();
                    assert!(tokio::time::timeout(IDLE / 2, pair.server.read_u8()).await.is_err());
                    pair.client.write_all(b"G").await.unwrap();
                    assert_eq!(pair.server.read_u8().await.unwrap(), b'G');
                    pair.connection.head_is_read();
                    assert!(tokio::time::timeout(IDLE, pair.server.read_u8()).await.is_err());
                }
                pair.connection.head_begins();
                pair.server.read_u8().await.unwrap();
            },
            std::future::pending(),
        );
        serving.await;
        assert_eq!(begun.elapsed(), IDLE / 2 * 9 + IDLE);
        assert!(!pair.telemetry.render().contains("head_timeout"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_let_go_and_one_that_takes_a_little_is_not() {
        let mut pair = pair();
        let begun = Instant::now();
        let serving = pair.connection.serve(
            async {
                let endless = vec![0; 1 << 20];
                while pair.server.write_all(&endless).await.is_ok() {}
            },
            std::future::pending(),
        );
        let reading = async {
            for _ in 0..5 {
                tokio::time::sleep(WRITE / 2).await;
                pair.client.read_u8().await.unwrap();
            }
        };
        let ((), ()) = tokio::join!(serving, reading);
        assert_eq!(begun.elapsed(), WRITE / 2 * 5 + WRITE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_of_the_end_is_let_go() {
        let (_client, stream) = tokio::net::UnixStream::pair().unwrap();
        let connection = Arc::new(Connection::default());
        let watch = watch(&connection, &Telemetry::new(false));
        let mut server = watch.over(Coalesced::new(Accepted::Unix(stream), &[]));
        // Until the socket is full, and there is something behind it to send before the end.
        while tokio::time::timeout(WRITE / 4, server.write_all(&[0; 1000]))
            .await
            .is_ok()
        {}
        let begun = Instant::now();
        let serving = connection.serve(
            async {
                Shutdown::shutdown(&mut server).await;
            },
            std::future::pending(),
        );
        tokio::time::timeout(WRITE * 2, serving).await.expect("it never ends");
        assert!(begun.elapsed() <= WRITE);
    }

    #[tokio::test]
    async fn what_is_written_before_a_hook_is_told_once() {
        let mut pair = pair();
        pair.client.write_all(b"nonsense").await.unwrap();
        let serving = pair.connection.serve(
            async {
                pair.connection.head_begins();
                pair.server.read_u64().await.unwrap();
                pair.server.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
                pair.server.write_all(b"Content-Length: 0\r\n\r\n").await.unwrap();
            },
            std::future::pending(),
        );
        serving.await;
        let told = pair.telemetry.render();
        assert!(
            told.contains(r#"{class="4xx",outcome="malformed_head",route="none"} 1"#),
            "{told}"
        );
    }
}
