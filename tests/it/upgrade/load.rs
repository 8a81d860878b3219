//! A constant load that forgives nothing: every connection that is refused, and every request that has no whole answer,
//! is a failure. No client tries again.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use rustls::ClientConfig;
use tokio::{net::TcpStream, task::JoinSet};

use crate::harness::{raw::Raw, service::until, tls::Secured};

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n";

/// Clients at work.
pub struct Load {
    clients: JoinSet<()>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    answered: AtomicUsize,
    connections: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

/// What came of it.
#[derive(Debug)]
pub struct Tally {
    pub connections: usize,
    pub failures: Vec<String>,
}

impl Load {
    /// Nobody yet.
    pub fn new() -> Self {
        Self {
            clients: JoinSet::new(),
            shared: Arc::default(),
        }
    }

    /// Clients of HTTP/1.1 that keep their connections.
    #[must_use]
    pub fn http_1(mut self, address: SocketAddr, count: usize) -> Self {
        for _ in 0..count {
            let shared = Arc::clone(&self.shared);
            self.clients.spawn(async move {
                while shared.goes_on() {
                    shared.note(http_1(address, &shared).await);
                }
            });
        }
        self
    }

    /// Clients of HTTP/1.1 with a connection a request.
    #[must_use]
    pub fn connecting(mut self, address: SocketAddr, count: usize) -> Self {
        for _ in 0..count {
            let shared = Arc::clone(&self.shared);
            self.clients.spawn(async move {
                while shared.goes_on() {
                    shared.note(once(address, &shared).await);
                }
            });
        }
        self
    }

    /// Clients of HTTP/2 that keep their connections, with two requests at a time.
    #[must_use]
    pub fn http_2(mut self, address: SocketAddr, config: &Arc<ClientConfig>, count: usize) -> Self {
        for _ in 0..count {
            let (shared, config) = (Arc::clone(&self.shared), Arc::clone(config));
            self.clients.spawn(async move {
                while shared.goes_on() {
                    shared.note(http_2(address, Arc::clone(&config), &shared).await);
                }
            });
        }
        self
    }

    /// How many requests were answered so far.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Waits for so many answers more.
    pub async fn goes_on(&self, more: usize) {
        let enough = self.answered() + more;
        let failures = || format!("{:?}", self.shared.failures.lock().unwrap());
        until("more answers", failures, || self.answered() >= enough).await;
    }

    /// Ends it.
    pub async fn end(mut self) -> Tally {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        Tally {
            connections: self.shared.connections.load(Ordering::Relaxed),
            failures: std::mem::take(&mut self.shared.failures.lock().unwrap()),
        }
    }
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self, ended: Result<(), String>) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        if let Err(failure) = ended {
            self.failures.lock().unwrap().push(failure);
        }
    }
}

fn refused(error: io::Error) -> String {
    format!("no connection: {error}")
}

/// One connection, until the server says that it is the last answer.
async fn http_1(address: SocketAddr, shared: &Shared) -> Result<(), String> {
    let mut client = Raw::over(TcpStream::connect(address).await.map_err(refused)?);
    while shared.goes_on() {
        client.send(GET).await;
        let answer = client.response().await;
        if answer.status != 200 || !answer.whole || answer.body != b"hello" {
            return Err(format!("HTTP/1.1: {answer:?}"));
        }
        shared.answered();
        if answer
            .header("connection")
            .is_some_and(|said| said.eq_ignore_ascii_case("close"))
        {
            return Ok(());
        }
    }
    Ok(())
}

async fn once(address: SocketAddr, shared: &Shared) -> Result<(), String> {
    let mut client = Raw::over(TcpStream::connect(address).await.map_err(refused)?);
    client.send(GET).await;
    let answer = client.response().await;
    if answer.status != 200 || !answer.whole {
        return Err(format!("a connection for one request: {answer:?}"));
    }
    shared.answered();
    Ok(())
}

/// One connection, until the server says that it takes no more requests on it (GOAWAY).
async fn http_2(address: SocketAddr, config: Arc<ClientConfig>, shared: &Shared) -> Result<(), String> {
    let secured = Secured::connect(config, address, "localhost").await.map_err(refused)?;
    let (send, connection) = h2::client::handshake(secured.0)
        .await
        .map_err(|error| format!("HTTP/2: {error}"))?;
    let driver = tokio::spawn(connection);
    let (one, two) = tokio::join!(http_2_requests(&send, shared), http_2_requests(&send, shared));
    driver.abort();
    one.and(two)
}

async fn http_2_requests(send: &h2::client::SendRequest<Bytes>, shared: &Shared) -> Result<(), String> {
    let failed = |error: h2::Error| format!("HTTP/2: {error:?}");
    while shared.goes_on() {
        // Nothing was asked: the server said that it takes no more.
        let Ok(mut send) = send.clone().ready().await else {
            return Ok(());
        };
        let request = http::Request::get("https://app.test/a").body(()).unwrap();
        let Ok((response, _)) = send.send_request(request, true) else {
            return Ok(());
        };
        let (head, mut body) = response.await.map_err(failed)?.into_parts();
        let mut all = Vec::new();
        while let Some(part) = body.data().await {
            all.extend_from_slice(&part.map_err(failed)?);
        }
        if head.status != 200 || all != b"hello" {
            return Err(format!("HTTP/2: {head:?} {all:?}"));
        }
        shared.answered();
    }
    Ok(())
}
