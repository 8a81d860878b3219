//! Takes connections and hands each to pingora's proxy application.

use std::{sync::Arc, time::Duration};

use pingora::{
    apps::{HttpServerApp as _, HttpServerOptions, ServerApp as _},
    listeners::tls::Acceptor,
    protocols::Stream,
    proxy::{HttpProxy, http_proxy},
    server::configuration::ServerConf,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::{
    TlsError, background,
    listen::{Accepted, Bound},
    stream::Coalesced,
    tls,
};
use crate::{
    flow::Front,
    proxy::{Door, link},
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
    app: Arc<HttpProxy<Door<F>>>,
    acceptor: Option<Arc<Acceptor>>,
    handshake: Duration,
    room: Option<Arc<Semaphore>>,
    told: Told,
}

impl<F: Front> Gatehouse<F> {
    /// # Errors
    /// TLS material that cannot be used.
    pub(super) fn new(door: Door<F>, bound: &Bound, told: Told) -> Result<Self, TlsError> {
        let limits = bound.listener().limits;
        let mut app = http_proxy(&Arc::new(conf()), door);
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(limits.keepalive);
        app.server_options = Some(options);
        let acceptor = match bound.certificates() {
            Some(certificates) => {
                let config = tls::config(Arc::clone(certificates))?;
                Some(Arc::new(Acceptor::from_server_config(config)))
            }
            None => None,
        };
        Ok(Self {
            app: Arc::new(app),
            acceptor,
            handshake: limits.handshake,
            room: limits.connections.map(|most| Arc::new(Semaphore::new(most))),
            told,
        })
    }

    /// Takes connections until told to drain, then closes the socket and the idle connections.
    pub(super) async fn run(self, bound: Bound) {
        let mut drain = self.told.drain.clone();
        loop {
            let next = async {
                let permit = self.permit().await;
                (bound.socket.accept().await, permit)
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
        drop(bound);
        self.app.http_cleanup().await;
    }

    /// Waits for room, where connections are limited.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(self.room.as_ref()?);
        room.acquire_owned().await.ok()
    }

    fn welcome(&self, accepted: Accepted, permit: Option<OwnedSemaphorePermit>) {
        let (app, listening) = (Arc::clone(&self.app), self.told.clone());
        let (acceptor, handshake) = (self.acceptor.clone(), self.handshake);
        background::spawn("a connection", async move {
            let Told {
                mut drain,
                mut cut,
                alive,
            } = listening;
            let shutdown = drain.clone();
            let serving = async {
                if let Some(stream) = secure(accepted.into(), acceptor, handshake).await {
                    app.process_new(stream, &shutdown).await;
                }
            };
            tokio::select! {
                () = link::hold(serving, told(&mut drain)) => {}
                () = link::only_when_woken(told(&mut cut)) => {}
            }
            drop((permit, alive));
        });
    }
}

/// Waits until told; a closed channel means that nobody is left who could tell.
async fn told(signal: &mut watch::Receiver<bool>) {
    if signal.wait_for(|told| *told).await.is_err() {
        tracing::trace!("nobody is left to tell");
    }
}

/// Does the TLS handshake, where there is TLS, within its deadline.
async fn secure(stream: Coalesced, acceptor: Option<Arc<Acceptor>>, deadline: Duration) -> Option<Stream> {
    let Some(acceptor) = acceptor else {
        return Some(Box::new(stream));
    };
    match tokio::time::timeout(deadline, acceptor.tls_handshake(stream)).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
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
        ..ServerConf::default()
    }
}
