//! A gateway at work: opened, reloaded and stopped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    AssembleError, Bound, Drained, House, RunError, Running, Shared, TlsError,
    admin::{Desk, Office},
    assemble::{Fixed, Kind},
    given::Sockets,
    listen::bind_among,
    serve,
    socket::{Socket, UnixPath},
    successor::succeed,
};
use crate::{
    admin::{Admin, Guard},
    config::{Plan, Shutdown},
    flow::Live,
    proxy::Bind,
    task,
    telemetry::{Event, Telemetry},
};

/// How long the session store of a new process may take to answer.
const STORE_PATIENCE: Duration = Duration::from_secs(5);
const STORE_PAUSE: Duration = Duration::from_millis(200);

/// A gateway at work.
#[derive(Debug)]
pub struct Up {
    running: Running,
    shared: Shared<Live>,
    fixed: Fixed,
    shutdown: Shutdown,
    admin: Option<Office>,
    guard: Guard,
    draining: Arc<AtomicBool>,
}

/// What came of a reload.
#[derive(Debug)]
pub struct Reloaded {
    /// Keys of the configuration that changed and wait for a restart.
    pub waits: Vec<&'static str>,
    /// Certificates that cannot be used: the ones before stay in force (GW-06).
    pub certificates: Vec<TlsError>,
}

impl Up {
    /// Where people reach it, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[Bind] {
        self.running.addresses()
    }

    /// Where operators reach it.
    #[must_use]
    pub fn admin(&self) -> Option<&Bind> {
        self.admin.as_ref().map(Office::address)
    }

    /// Events.
    #[must_use]
    pub const fn telemetry(&self) -> &Telemetry {
        &self.shared.telemetry
    }

    /// Puts another configuration in force, as a whole: requests under way end as they began, sessions, sign-ins and
    /// renewals under way go on. Within the runtime that it serves on.
    ///
    /// # Errors
    /// What cannot be made or bound; nothing is changed then (GW-05).
    pub fn reload(&mut self, plan: Plan) -> Result<Reloaded, RunError> {
        let live = &self.shared.front;
        let successor = succeed(plan, &live.gateway(), &self.fixed)?;
        let admin = self.admin.as_ref().map(Office::address);
        let parts = successor.gateway.parts();
        let now = parts.clock.now();
        let change = self.running.prepare(successor.listeners, admin, now, &self.shared)?;
        // The last that can fail: from here on the upstreams of the new site are tended, and no others.
        let arranged = self.shared.upstreams.arrange(&parts.site);
        arranged.map_err(AssembleError::Upstreams)?;
        if let Some(ring) = successor.ring {
            if !ring.is_like(&parts.ring.load()) {
                self.shared.telemetry.emit(&Event::Ring { ring: &ring, at: now });
            }
            parts.ring.store(Arc::new(ring));
        }
        parts.sessions.set_terms(parts.terms);
        live.put(successor.gateway);
        // Of a listener that is to go with the next restart, the token stays.
        successor
            .admin
            .iter()
            .for_each(|admin| self.guard.set(admin.token.as_ref()));
        self.shutdown = successor.shutdown;
        self.running.rearrange(change, self.shutdown.deadline / 2);
        self.shared.tell_configuration(&successor.digest);
        Ok(Reloaded {
            waits: successor.waits,
            certificates: self.reload_certificates(),
        })
    }

    /// Reads the certificates of the listeners again and says which cannot be used: whatever becomes of a configuration,
    /// a renewed certificate is served (GW-06).
    #[must_use]
    pub fn reload_certificates(&self) -> Vec<TlsError> {
        let now = self.shared.front.gateway().parts().clock.now();
        let errors = self.running.reload_certificates(now);
        self.tell_certificates();
        errors
    }

    /// Tells when the certificates in force end.
    fn tell_certificates(&self) {
        let in_force: Vec<_> = self.running.certificates_in_force().collect();
        self.shared.telemetry.emit(&Event::Certificates(&in_force));
    }

    /// Whether sessions end with this process.
    pub(super) fn keeps_sessions_in_memory(&self) -> bool {
        match self.fixed.store {
            Kind::Memory { .. } => true,
            Kind::Redis => false,
        }
    }

    /// How it is to end.
    #[must_use]
    pub const fn shutdown(&self) -> Shutdown {
        self.shutdown
    }

    /// Its sockets, each with where it was asked to listen and where it does.
    pub(super) fn sockets(&self) -> Vec<(Bind, Bind, Arc<Socket>)> {
        let admin = self.admin.as_ref().map(Office::socket);
        self.running.sockets().chain(admin).collect()
    }

    /// Turns readiness off and goes on serving. Every answer is the last of its connection from now on.
    pub fn turn_away(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.running.answer_for_the_last_time();
    }

    /// Turns readiness off, takes no more connections, and lets requests, renewals and revocations under way finish until
    /// `deadline`.
    pub async fn stop(self, deadline: Duration) -> Drained {
        self.draining.store(true, Ordering::Relaxed);
        let until = tokio::time::Instant::now() + deadline;
        let drained = self.running.shutdown(deadline).await;
        settled(&self.shared, until, drained).await
    }

    /// The same where another process has its sockets already. The service as a whole stays ready.
    pub(super) async fn leave(self, deadline: Duration) -> Drained {
        let until = tokio::time::Instant::now() + deadline;
        let admin = async {
            if let Some(admin) = self.admin {
                drop(tokio::time::timeout_at(until, admin.leave()).await);
            }
        };
        let (drained, ()) = tokio::join!(self.running.leave(deadline), admin);
        settled(&self.shared, until, drained).await
    }
}

/// Waits for renewals and revocations after the requests, which begin them. A refresh token may be spent already (RF-04).
async fn settled(shared: &Shared<Live>, until: tokio::time::Instant, drained: Drained) -> Drained {
    let gateway = shared.front.gateway();
    let settled = tokio::time::timeout_at(until, gateway.settled()).await;
    // Last, and for a few seconds only: spans of what ended just now.
    shared.telemetry.finish().await;
    match settled {
        Ok(()) => drained,
        Err(_) => Drained::Cut,
    }
}

/// Everything is bound, and nobody is let in yet.
#[derive(Debug)]
pub(super) struct Opened {
    house: House,
    bound: Vec<Bound>,
    desk: Option<Desk>,
    /// Of sockets of the process before that are in use no more.
    files: Vec<UnixPath>,
}

/// Binds every listener, then serves. Within a tokio runtime.
///
/// # Errors
/// An address or certificate that cannot be used: nothing serves then.
pub fn start(house: House) -> Result<Up, RunError> {
    open(house, Sockets::default()).map(Opened::serve)
}

/// Binds every listener, on the sockets that were given where they are for one. Within a tokio runtime.
///
/// # Errors
/// As [`start`].
pub(super) fn open(mut house: House, mut given: Sockets) -> Result<Opened, RunError> {
    let listeners = std::mem::take(&mut house.listeners);
    let admin = house.fixed.admin.as_ref();
    for address in given.unasked(listeners.iter().map(|listener| &listener.bind).chain(admin)) {
        tracing::warn!(
            %address,
            "no listener of the configuration is at this address, whose socket was passed to this process: nobody is \
             answered there. If somebody should be, write the address below `listeners`; if a .socket unit names it, take it \
             out there; of the process before an upgrade it is closed now"
        );
    }
    let ours = given.addresses();
    let bound = listeners
        .into_iter()
        .map(|listener| bind_among(listener, &mut given).map_err(|error| error.among(ours.iter())))
        .collect::<Result<_, _>>()?;
    let desk = admin.map(|at| Desk::open(at, &mut given)).transpose()?;
    let files = given.files_left();
    Ok(Opened {
        house,
        bound,
        desk,
        files,
    })
}

impl Opened {
    /// Waits until the session store answers. Who starts with nothing before it serves without; in place of a gateway that
    /// has its store it would be no gain.
    ///
    /// # Errors
    /// Why it does not, for the operator.
    pub(super) async fn store_answers(&self) -> Result<(), String> {
        let until = tokio::time::Instant::now() + STORE_PATIENCE;
        loop {
            match self.house.gateway.store_ready().await {
                Ok(()) => return Ok(()),
                Err(cause) if tokio::time::Instant::now() >= until => return Err(cause),
                Err(_) => tokio::time::sleep(STORE_PAUSE).await,
            }
        }
    }

    /// Lets everybody in. From here on the files of unix sockets are this process's: until now the one before might have
    /// had to go on.
    pub(super) fn serve(self) -> Up {
        let Self {
            house,
            bound,
            desk,
            files,
        } = self;
        let sockets = bound.iter().map(Bound::socket);
        for socket in sockets.chain(desk.as_ref().map(Desk::socket)) {
            socket.take_file();
        }
        files.iter().for_each(UnixPath::take);
        drop(files);
        let draining = Arc::new(AtomicBool::new(false));
        let live = Arc::new(Live::new(house.gateway));
        let admin = desk.map(|desk| {
            let admin = Admin::new(Arc::clone(&live), house.telemetry.clone(), Arc::clone(&draining));
            desk.serve(admin.guarded_by(&house.guard))
        });
        let gateway = live.gateway();
        // What cannot be reached is in the log at once, and no reason not to serve: it may come.
        drop(task::spawn("first look at the store", async move {
            drop(gateway.store_ready().await);
        }));
        if let Some(exporter) = house.exporter {
            drop(task::spawn("export of traces", exporter.run(house.telemetry.clone())));
        }
        let shared = Shared {
            front: live,
            upstreams: house.upstreams,
            telemetry: house.telemetry,
            entropy: house.entropy,
        };
        shared.tell_configuration(&house.digest);
        let up = Up {
            running: serve(bound, &shared),
            shared,
            fixed: house.fixed,
            shutdown: house.shutdown,
            admin,
            guard: house.guard,
            draining,
        };
        up.tell_certificates();
        up
    }
}
