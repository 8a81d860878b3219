//! An upstream that records every byte it gets and answers as told.
//!
//! ```ignore
//! let up = Upstream::start().await;
//! up.next(Act::Answer(ok("hello")));
//! assert!(up.requests()[0].head.starts_with("GET / HTTP/1.1\r\n"));
//! ```

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// A running upstream. Dropping it closes everything.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

/// What to do with the next request, once it was read in full.
#[derive(Clone, Debug)]
pub enum Act {
    /// Send these bytes and go on.
    Answer(Vec<u8>),
    /// Send each part when [`Upstream::release`] lets it go.
    Parts(Vec<Vec<u8>>),
    /// Send these bytes and close the connection.
    AnswerAndClose(Vec<u8>),
    /// Answer before the body was read.
    Early(Vec<u8>),
    /// Send `100 Continue` before reading the body, then answer.
    Continue(Vec<u8>),
    /// Send these bytes and reset the connection (RST).
    Reset(Vec<u8>),
    /// Never answer.
    Hang,
    /// Switch protocols and send every byte back.
    Echo,
}

/// A request as received.
#[derive(Clone, Debug)]
pub struct Received {
    /// From the request line to the empty line, as it came.
    pub head: String,
    /// The body as it came, with its chunk frames.
    pub body: Vec<u8>,
    /// Which connection, from 0.
    pub connection: usize,
}

struct Shared {
    default: Mutex<Act>,
    acts: Mutex<VecDeque<Act>>,
    received: Mutex<Vec<Received>>,
    /// All bytes by connection.
    bytes: Mutex<Vec<Vec<u8>>>,
    steps: Semaphore,
}

/// `200 OK` with this body.
pub fn ok(body: &str) -> Vec<u8> {
    response("200 OK", "", body)
}

/// A response with a status, further header lines (each with CRLF) and a body.
pub fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Upstream {
    /// Plain HTTP/1.1 on a free loopback port.
    pub async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), None)
    }

    /// HTTP/1.1 over TLS.
    pub async fn start_tls(config: Arc<rustls::ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, Some(TlsAcceptor::from(config)))
    }

    /// On this socket.
    pub fn on(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            default: Mutex::new(Act::Answer(ok("hello"))),
            acts: Mutex::default(),
            received: Mutex::default(),
            bytes: Mutex::default(),
            steps: Semaphore::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared), tls));
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to do with the next request that nothing was said about.
    pub fn next(&self, act: Act) {
        lock(&self.shared.acts).push_back(act);
    }

    /// What to do with all further requests.
    pub fn always(&self, act: Act) {
        *lock(&self.shared.default) = act;
    }

    /// Lets one part of [`Act::Parts`] go.
    pub fn release(&self) {
        self.shared.steps.add_permits(1);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// The one request there was.
    #[track_caller]
    pub fn only(&self) -> Received {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests.into_iter().next().unwrap()
    }

    /// Every byte of every connection.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        lock(&self.shared.bytes).clone()
    }

    /// Waits until so many requests were read.
    pub async fn wait_for(&self, count: usize) {
        for _ in 0..500 {
            if lock(&self.shared.received).len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} requests did not arrive: {:#?}", self.requests());
    }
}

impl Received {
    /// The values of a header, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// The request line.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        let index = {
            let mut all = lock(&shared.bytes);
            all.push(Vec::new());
            all.len() - 1
        };
        connections.spawn(async move {
            let ended = match tls {
                None => serve(stream, index, &shared).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => serve(stream, index, &shared).await,
                    Err(error) => Err(error),
                },
            };
            drop(ended);
        });
    }
}

/// A stream that can be reset.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    fn reset(self);
}

impl Wire for TcpStream {
    fn reset(self) {
        let socket = self.into_std().unwrap();
        let socket = TcpStream::from_std(socket).unwrap();
        #[expect(deprecated, reason = "a zero linger is the portable way to send RST")]
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl Wire for tokio_rustls::server::TlsStream<TcpStream> {
    fn reset(self) {
        self.into_inner().0.reset();
    }
}

async fn serve<S: Wire>(mut stream: S, index: usize, shared: &Shared) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(head) = read_until(&mut stream, &mut buffer, index, shared, b"\r\n\r\n").await? else {
            return Ok(());
        };
        let head = String::from_utf8_lossy(&head).into_owned();
        let next = lock(&shared.acts).pop_front();
        let act = next.unwrap_or_else(|| lock(&shared.default).clone());
        if let Act::Early(bytes) = &act {
            note(shared, &head, Vec::new(), index);
            stream.write_all(bytes).await?;
        }
        if let Act::Continue(_) = &act {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = read_body(&mut stream, &mut buffer, index, shared, &head).await?;
        if !matches!(act, Act::Early(_)) {
            note(shared, &head, body, index);
        }
        match act {
            Act::Answer(bytes) | Act::Continue(bytes) => stream.write_all(&bytes).await?,
            Act::AnswerAndClose(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Act::Parts(parts) => {
                for part in parts {
                    shared.steps.acquire().await.unwrap().forget();
                    stream.write_all(&part).await?;
                    stream.flush().await?;
                }
            }
            Act::Early(_) => {}
            Act::Reset(bytes) => {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
                stream.reset();
                return Ok(());
            }
            Act::Hang => std::future::pending().await,
            Act::Echo => return echo(stream, buffer, index, shared).await,
        }
        stream.flush().await?;
    }
}

fn note(shared: &Shared, head: &str, body: Vec<u8>, connection: usize) {
    lock(&shared.received).push(Received {
        head: head.to_owned(),
        body,
        connection,
    });
}

async fn echo<S: Wire>(mut stream: S, mut buffer: Vec<u8>, index: usize, shared: &Shared) -> io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await?;
    loop {
        stream.write_all(&std::mem::take(&mut buffer)).await?;
        stream.flush().await?;
        if more(&mut stream, &mut buffer, index, shared).await? == 0 {
            return Ok(());
        }
    }
}

/// Reads on; 0 at the end.
async fn more<S: Wire>(stream: &mut S, buffer: &mut Vec<u8>, index: usize, shared: &Shared) -> io::Result<usize> {
    let before = buffer.len();
    let read = stream.read_buf(buffer).await?;
    lock(&shared.bytes)[index].extend_from_slice(&buffer[before..]);
    Ok(read)
}

async fn read_until<S: Wire>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    index: usize,
    shared: &Shared,
    end: &[u8],
) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(at) = buffer.windows(end.len()).position(|window| window == end) {
            let rest = buffer.split_off(at + end.len());
            return Ok(Some(std::mem::replace(buffer, rest)));
        }
        if more(stream, buffer, index, shared).await? == 0 {
            return Ok(None);
        }
    }
}

async fn read_body<S: Wire>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    index: usize,
    shared: &Shared,
    head: &str,
) -> io::Result<Vec<u8>> {
    let lower = head.to_ascii_lowercase();
    let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
    if lower.contains("\r\ntransfer-encoding:") {
        let mut body = Vec::new();
        loop {
            let line = read_until(stream, buffer, index, shared, b"\r\n").await?;
            let line = line.ok_or_else(gone)?;
            let size = String::from_utf8_lossy(&line);
            let size = usize::from_str_radix(size.trim().split(';').next().unwrap(), 16).unwrap();
            body.extend_from_slice(&line);
            while buffer.len() < size + 2 {
                if more(stream, buffer, index, shared).await? == 0 {
                    return Err(gone());
                }
            }
            body.extend(buffer.drain(..size + 2));
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |value| value.trim().parse().unwrap());
    while buffer.len() < length {
        if more(stream, buffer, index, shared).await? == 0 {
            return Err(gone());
        }
    }
    Ok(buffer.drain(..length).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
