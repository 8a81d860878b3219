//! Takes connections and hands each to pingora's proxy application.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use pingora::{
    apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp as _},
    protocols::http::{ServerSession, v2::server::H2Options},
    proxy::{HttpProxy, http_proxy},
    server::{ShutdownWatch, configuration::ServerConf},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::{
    Certificates,
    arrival::{Arrived, Closed, Entrance},
    crowd::Crowd,
    listen::{Bound, Socket},
    polite::Polite,
    stream::Accepted,
    watched::{Terms, Watch},
};
use crate::{
    flow::Front,
    proxy::{
        Door, FarEnd, Listener,
        link::{self, Farewell, Spare},
        upstream,
        watch::{self as under_watch, Connection},
    },
    task,
};

/// Pause after the system refused a connection, as it does when it is out of file descriptors (GW-08).
const PAUSE: Duration = Duration::from_millis(100);
/// How long after an exchange was ended for its client the connection is.
const AFTER: Duration = Duration::from_secs(1);
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
    proxy: Arc<HttpProxy<Door<F>>>,
    certificates: Option<Arc<Certificates>>,
    listener: Arc<Listener>,
    terms: Terms,
    crowd: Option<Crowd>,
    room: Option<Arc<Semaphore>>,
    told: Told,
}

impl<F: Front> Gatehouse<F> {
    pub(super) fn new(door: Door<F>, bound: &Bound, told: Told) -> Self {
        let limits = bound.listener().limits;
        let terms = Terms {
            head: limits.head_time,
            // Pingora's own, which ends an exchange with a word in its access line, comes first.
            write: limits.write + AFTER,
            unheard: door.unheard(),
        };
        let mut proxy = http_proxy(&Arc::new(conf()), door);
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(limits.keepalive);
        // The gate refuses CONNECT; pingora would do it before any hook, unseen.
        options.allow_connect_method_proxying = true;
        proxy.server_options = Some(options);
        Self {
            proxy: Arc::new(proxy),
            certificates: bound.certificates().cloned(),
            listener: Arc::clone(bound.listener()),
            terms,
            crowd: limits.connections_per_address.map(Crowd::new),
            room: limits.connections.map(|most| Arc::new(Semaphore::new(most))),
            told,
        }
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
        self.proxy.http_cleanup().await;
    }

    /// Waits for room, where connections are limited.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(self.room.as_ref()?);
        room.acquire_owned().await.ok()
    }

    fn welcome(&self, accepted: Accepted, permit: Option<OwnedSemaphorePermit>) {
        let (proxy, listening) = (Arc::clone(&self.proxy), self.told.clone());
        let terms = self.terms.clone();
        let entrance = Entrance {
            listener: Arc::clone(&self.listener),
            acceptor: self.certificates.as_ref().map(|certificates| certificates.acceptor()),
            crowd: self.crowd.clone(),
        };
        drop(task::spawn("a connection", async move {
            let Told { drain, mut cut, alive } = listening;
            let connection = Arc::new(Connection::default());
            let watch = |peer| Watch {
                connection: Arc::clone(&connection),
                terms: terms.clone(),
                peer,
            };
            let serving = async {
                match entrance.admit(accepted, watch).await {
                    Ok(Arrived { stream, far_end, place }) => {
                        let farewell = Arc::new(Farewell::default());
                        let stream = Polite::new(stream, Arc::clone(&farewell), alive.clone());
                        let spare = Spare::default();
                        let app = Arc::new(App {
                            proxy,
                            far_end,
                            farewell,
                            spare,
                        });
                        app.process_new(Box::new(stream), &drain).await;
                        drop(place);
                    }
                    Err(Closed { why: Some(why), whose }) => terms.unheard.turned_away(why, whose),
                    Err(Closed { why: None, .. }) => {}
                }
            };
            Box::pin(connection.serve(serving, told(&mut cut))).await;
            drop((permit, alive));
        }));
    }
}

/// Pingora's proxy on one connection, with what it does not watch itself; each of its exchanges is held: see [`link`].
struct App<F: Front> {
    proxy: Arc<HttpProxy<Door<F>>>,
    far_end: FarEnd,
    farewell: Arc<Farewell>,
    spare: Spare,
}

impl<F: Front> HttpServerApp for App<F> {
    /// As `async_trait` would write it, but the session goes into pingora's box at once, and is not copied from future to
    /// future on its way there.
    fn process_new_http<'life0, 'life1, 'async_trait>(
        self: &'life0 Arc<Self>,
        session: ServerSession,
        shutdown: &'life1 ShutdownWatch,
    ) -> Pin<Box<dyn Future<Output = Option<ReusedHttpStream>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
    {
        let http2 = session.is_http2();
        let serving = self.proxy.process_new_http(session, shutdown);
        Box::pin(async move {
            let draining = async {
                told(&mut shutdown.clone()).await;
            };
            let exchange = async {
                if http2 {
                    under_watch::upload(serving).await.flatten()
                } else {
                    under_watch::head_begins();
                    serving.await
                }
            };
            let (far_end, farewell) = (self.far_end.clone(), Arc::clone(&self.farewell));
            link::hold(exchange, draining, far_end, farewell, &self.spare)
                .await
                .flatten()
        })
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.proxy.h2_options()
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.proxy.server_options()
    }
}

/// Waits until told; a closed channel means that nobody is left who could tell.
async fn told(signal: &mut watch::Receiver<bool>) {
    if signal.wait_for(|told| *told).await.is_err() {
        tracing::trace!("nobody is left to tell");
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
