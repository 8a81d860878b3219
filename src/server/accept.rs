//! Takes connections and hands each to pingora's proxy application.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use pingora::{
    apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp as _},
    protocols::{
        ALPN,
        http::{ServerSession, v2::server::H2Options},
    },
    proxy::{HttpProxy, http_proxy},
    server::{ShutdownWatch, configuration::ServerConf},
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    Certificates,
    arrival::{Arrived, Closed, Entrance},
    crowd::Crowd,
    listen::Bound,
    polite::Polite,
    socket::{Accepted, Socket},
    watched::{Terms, Watch},
};
use crate::{
    flow::{Ending, Front},
    proxy::{
        Door, Listener,
        link::{Farewell, Line},
        upstream,
        watch::{self as under_watch, Connection},
    },
    task,
    telemetry::TurnedAway,
};

/// Pause after the system refused a connection, as it does when it is out of file descriptors (GW-08).
const PAUSE: Duration = Duration::from_millis(100);
/// How long after an exchange was ended for its client the connection is.
const AFTER: Duration = Duration::from_secs(1);
/// How long who was let in last has until idle connections are closed: a handshake or a request may be on the way.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Attempts that pingora allows for one request; ours end before.
const MOST_ATTEMPTS: usize = 8;

/// How far a listener's end has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Course {
    /// It serves.
    Serve,
    /// Another has its socket from now on, with what waits there. Idle connections stay for now, and end with their next
    /// answer: a request that crosses the end of its connection would be lost.
    Leave,
    /// It takes what waits at its socket as the last, and idle connections end.
    Close,
}

/// How a listener is told of the end, and how it tells that it is over.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// Whether answers from now on are the last of their connections: `Connection: close`, GOAWAY.
    pub(super) last_answers: watch::Receiver<bool>,
    pub(super) course: watch::Receiver<Course>,
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
    crowd: Crowd,
    told: Told,
}

impl<F: Front> Gatehouse<F> {
    pub(super) fn new(door: Door<F>, bound: &Bound, told: Told) -> Self {
        let limits = bound.listener().limits;
        let terms = Terms {
            head: limits.head_time,
            idle: limits.keepalive,
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
            crowd: bound.crowd(),
            told,
        }
    }

    /// Takes connections until its end, then lets go of the socket and closes the idle connections.
    pub(super) async fn run(self, socket: Arc<Socket>) {
        let mut course = self.told.course.clone();
        let mut welcomed = None;
        loop {
            tokio::select! {
                () = reached(&mut course, Course::Leave) => break,
                accepted = socket.accept() => match accepted {
                    Ok(accepted) => {
                        self.welcome(accepted);
                        welcomed = Some(Instant::now());
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        if *course.borrow() == Course::Close && self.take_the_last(&socket) {
            welcomed = Some(Instant::now());
        }
        let Self { proxy, told, .. } = self;
        // From here on there are its connections to wait for, and no longer the listener.
        drop((socket, told));
        reached(&mut course, Course::Close).await;
        if let Some(at) = welcomed {
            tokio::time::sleep_until(at + LAST_WORDS).await;
        }
        proxy.http_cleanup().await;
    }

    /// Who was let into the queue before the end is not turned away: to close over them would reset their connections.
    fn take_the_last(&self, socket: &Socket) -> bool {
        let mut taken = false;
        while let Some(accepted) = socket.accept_now() {
            self.welcome(accepted);
            taken = true;
        }
        taken
    }

    /// Serves a connection in a task of its own, where there is room for one more. Who finds none is closed at once: in a queue nobody
    /// would know of it, and a balancer could not go elsewhere.
    fn welcome(&self, accepted: Accepted) {
        let Some(ticket) = self.crowd.come_in(self.listener.limits.connections) else {
            let unheard = &self.terms.unheard;
            return unheard.turned_away(TurnedAway::TooMany, accepted.peer());
        };
        let (proxy, listening) = (Arc::clone(&self.proxy), self.told.clone());
        let terms = self.terms.clone();
        let entrance = Entrance {
            listener: Arc::clone(&self.listener),
            acceptor: self.certificates.as_ref().map(|certificates| certificates.acceptor()),
            crowd: self.crowd.clone(),
        };
        let keepalive = self.listener.limits.keepalive;
        drop(task::spawn("a connection", async move {
            let Told {
                last_answers,
                course,
                mut cut,
                alive,
            } = listening;
            let connection = Arc::new(Connection::default());
            let watch = |peer| Watch {
                connection: Arc::clone(&connection),
                terms: terms.clone(),
                peer,
            };
            let serving = async {
                match entrance.admit(accepted, watch).await {
                    Ok(Arrived { stream, far_end, place }) => {
                        let http2 = stream.selected_alpn_proto() == Some(ALPN::H2);
                        let farewell = Arc::new(Farewell::by(last_answers.clone()));
                        let stream = Polite::new(stream, Arc::clone(&farewell), alive.clone());
                        let app = Arc::new(App {
                            proxy,
                            line: Line::new(Arc::clone(&connection), far_end, farewell),
                            course,
                        });
                        // Pingora asks a client over HTTP/2 whether it heard of the end, and waits for its word for ever.
                        let deaf = async {
                            told(&mut last_answers.clone()).await;
                            connection.is_quiet(keepalive).await;
                        };
                        tokio::select! {
                            biased;
                            _ = app.process_new(Box::new(stream), &last_answers) => {}
                            () = task::only_when_woken(deaf), if http2 => {}
                        }
                        drop(place);
                    }
                    Err(Closed { why: Some(why), whose }) => terms.unheard.turned_away(why, whose),
                    Err(Closed { why: None, .. }) => {}
                }
            };
            Box::pin(connection.serve(serving, told(&mut cut))).await;
            drop((ticket, alive));
        }));
    }
}

/// Pingora's proxy on one connection, with what it does not watch itself; each of its exchanges is held: see [`Line`].
struct App<F: Front> {
    proxy: Arc<HttpProxy<Door<F>>>,
    line: Line,
    course: watch::Receiver<Course>,
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
        let exchange = if http2 {
            Box::pin(async move {
                let _stream = self.line.connection().stream_begins();
                under_watch::upload(serving).await.flatten()
            })
        } else {
            self.line.connection().head_begins();
            serving
        };
        let draining = || -> Ending {
            let mut course = self.course.clone();
            Box::pin(async move { reached(&mut course, Course::Leave).await })
        };
        Box::pin(async move { self.line.hold(exchange, draining).await.flatten() })
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

/// Waits until it has come so far.
async fn reached(course: &mut watch::Receiver<Course>, far: Course) {
    if course.wait_for(|course| *course >= far).await.is_err() {
        tracing::trace!("the listener is gone");
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
