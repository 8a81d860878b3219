//! Takes connections and hands each to pingora's proxy application.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use pingora::{
    apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp as _},
    listeners::tls::Acceptor,
    protocols::{Stream, http::ServerSession},
    proxy::{HttpProxy, http_proxy},
    server::{ShutdownWatch, configuration::ServerConf},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::{
    TlsError, background,
    listen::{Accepted, Bound, Socket},
    stream::Coalesced,
    tls,
    watched::{Terms, Watch},
};
use crate::{
    flow::Front,
    proxy::{
        Door, link, upstream,
        watch::{self as under_watch, Connection},
    },
};

/// Pause after the system refused a connection, as it does when it is out of file descriptors (GW-08).
const PAUSE: Duration = Duration::from_millis(100);
/// Attempts that pingora allows for one request; ours end before.
const MOST_ATTEMPTS: usize = 8;

/// How a listener is told of the end, and how it tells that it is over.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) drain: watch::Receiver<bool>,
    pub(super) cut: watch::Receiver<bool>,
    /// Held as long as there is something to wait for.
    pub(super) alive: mpsc::Sender<()>,
}

/// One listener's way in.
pub(super) struct Gatehouse<F: Front> {
    app: Arc<App<F>>,
    acceptor: Option<Arc<Acceptor>>,
    handshake: Duration,
    terms: Terms,
    room: Option<Arc<Semaphore>>,
    told: Told,
}

impl<F: Front> Gatehouse<F> {
    /// # Errors
    /// TLS material that cannot be used.
    pub(super) fn new(door: Door<F>, bound: &Bound, told: Told) -> Result<Self, TlsError> {
        let limits = bound.listener().limits;
        let terms = Terms {
            head: limits.head_time,
            unheard: door.unheard(),
        };
        let mut proxy = http_proxy(&Arc::new(conf()), door);
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(limits.keepalive);
        // The gate refuses CONNECT; pingora would do it before any hook, unseen.
        options.allow_connect_method_proxying = true;
        proxy.server_options = Some(options);
        let acceptor = match bound.certificates() {
            Some(certificates) => {
                let config = tls::config(Arc::clone(certificates))?;
                Some(Arc::new(Acceptor::from_server_config(config)))
            }
            None => None,
        };
        Ok(Self {
            app: Arc::new(App(Arc::new(proxy))),
            acceptor,
            handshake: limits.handshake,
            terms,
            room: limits.connections.map(|most| Arc::new(Semaphore::new(most))),
            told,
        })
    }

    /// Takes connections until told to drain, then closes the socket and the idle connections.
    pub(super) async fn run(self, socket: Arc<Socket>) {
        let mut drain = self.told.drain.clone();
        loop {
            let next = async {
                let permit = self.permit().await;
                (socket.accept().await, permit)
            };
            tokio::select! {
                () = told(&mut drain) => break,
                (accepted, permit) = next => match accepted {
                    Ok(accepted) => self.welcome(accepted, permit),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        drop(socket);
        self.app.http_cleanup().await;
    }

    /// Waits for room, where connections are limited.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(self.room.as_ref()?);
        room.acquire_owned().await.ok()
    }

    fn welcome(&self, accepted: Accepted, permit: Option<OwnedSemaphorePermit>) {
        let (app, listening) = (Arc::clone(&self.app), self.told.clone());
        let (acceptor, handshake, terms) = (self.acceptor.clone(), self.handshake, self.terms.clone());
        let peer = accepted.peer();
        background::spawn("a connection", async move {
            let Told {
                mut drain,
                mut cut,
                alive,
            } = listening;
            let shutdown = drain.clone();
            let connection = Arc::new(Connection::default());
            let watch = Watch {
                connection: Arc::clone(&connection),
                terms,
                peer,
            };
            let serving = async {
                if let Some(stream) = secure(accepted.into(), acceptor, handshake, watch).await {
                    app.process_new(stream, &shutdown).await;
                }
            };
            tokio::select! {
                () = link::hold(connection.serve(serving), told(&mut drain)) => {}
                () = link::only_when_woken(told(&mut cut)) => {}
            }
            drop((permit, alive));
        });
    }
}

/// Pingora's proxy with what it does not watch itself.
struct App<F: Front>(Arc<HttpProxy<Door<F>>>);

#[async_trait]
impl<F: Front> HttpServerApp for App<F> {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        if session.is_http2() {
            return under_watch::upload(self.0.process_new_http(session, shutdown))
                .await
                .flatten();
        }
        under_watch::head_begins();
        self.0.process_new_http(session, shutdown).await
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.0.server_options()
    }

    async fn http_cleanup(&self) {
        self.0.http_cleanup().await;
    }
}

/// Waits until told; a closed channel means that nobody is left who could tell.
async fn told(signal: &mut watch::Receiver<bool>) {
    if signal.wait_for(|told| *told).await.is_err() {
        tracing::trace!("nobody is left to tell");
    }
}

/// Does the TLS handshake, where there is TLS, within its deadline.
async fn secure(
    stream: Coalesced,
    acceptor: Option<Arc<Acceptor>>,
    deadline: Duration,
    watch: Watch,
) -> Option<Stream> {
    let Some(acceptor) = acceptor else {
        return Some(Box::new(watch.over(stream)));
    };
    match tokio::time::timeout(deadline, acceptor.tls_handshake(stream)).await {
        Ok(Ok(stream)) => Some(Box::new(watch.over(stream))),
        Ok(Err(error)) => {
            tracing::debug!(error = error.etype().as_str(), "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("a TLS handshake was too slow");
            None
        }
    }
}

fn conf() -> ServerConf {
    ServerConf {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        max_retries: MOST_ATTEMPTS,
        ca_file: upstream::roots_instead(),
        ..ServerConf::default()
    }
}
