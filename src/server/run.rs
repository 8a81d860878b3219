//! The whole process: bind first, serve, wait to be asked to end, drain.

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    AssembleError, BindError, Drained, House, Running, Shared, TlsError,
    admin::Office,
    assemble::{Fixed, assemble},
    bind,
    files::Watched,
    listen::advice,
    reload::Reloader,
    serve, shutdown,
    successor::succeed,
};
use crate::{
    admin::Admin,
    config::{self, Plan, Report},
    entropy::Entropy,
    flow::Live,
    proxy::Bind,
    task,
    telemetry::{
        Event, Telemetry,
        log::{self, LogError},
    },
    time::Clock,
};

/// How long requests under way may take to end when the process is asked to.
const DRAIN: Duration = Duration::from_secs(30);

/// Why the process does not serve.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration does not compile.
    #[error(transparent)]
    Config(#[from] Report),
    /// The configuration compiled, and something in it cannot be made.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// A listener.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The admin listener.
    #[error(
        "the admin listener cannot listen on {address}: {source}; change admin.address or switch it off{}",
        advice(source)
    )]
    Admin {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The system gives no threads or signals.
    #[error("the runtime cannot start: {0}")]
    Runtime(#[from] io::Error),
}

/// A gateway at work.
#[derive(Debug)]
pub struct Up {
    running: Running,
    shared: Shared<Live>,
    fixed: Fixed,
    admin: Option<Office>,
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
        let change = self.running.prepare(successor.listeners, admin, &self.shared)?;
        let parts = successor.gateway.parts();
        // The last that can fail: from here on the upstreams of the new site are tended, and no others.
        let arranged = self.shared.upstreams.arrange(&parts.site);
        arranged.map_err(AssembleError::Upstreams)?;
        let now = parts.clock.now();
        if let Some(ring) = successor.ring {
            if !ring.is_like(&parts.ring.load()) {
                self.shared.telemetry.emit(&Event::Ring { ring: &ring, at: now });
            }
            parts.ring.store(Arc::new(ring));
        }
        parts.sessions.set_terms(parts.terms);
        live.put(successor.gateway);
        self.running.rearrange(change);
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

    /// Turns readiness off, takes no more connections, and lets requests, renewals and revocations under way finish until
    /// `deadline`.
    pub async fn stop(self, deadline: Duration) -> Drained {
        self.draining.store(true, Ordering::Relaxed);
        let until = tokio::time::Instant::now() + deadline;
        let drained = self.running.shutdown(deadline).await;
        // After the requests, which begin them. A refresh token may be spent already (RF-04).
        let gateway = self.shared.front.gateway();
        let settled = tokio::time::timeout_at(until, gateway.settled()).await;
        // Last, and for a few seconds only: spans of what ended just now.
        self.shared.telemetry.finish().await;
        match settled {
            Ok(()) => drained,
            Err(_) => Drained::Cut,
        }
    }
}

/// Binds every listener, then serves. Within a tokio runtime.
///
/// # Errors
/// An address or certificate that cannot be used: nothing serves then.
pub fn start(house: House) -> Result<Up, RunError> {
    let bound = house.listeners.into_iter().map(bind).collect::<Result<Vec<_>, _>>()?;
    let draining = Arc::new(AtomicBool::new(false));
    let live = Arc::new(Live::new(house.gateway));
    let admin = match &house.fixed.admin {
        Some(settings) => {
            let admin = Admin::new(Arc::clone(&live), house.telemetry.clone(), Arc::clone(&draining));
            let admin = admin.guarded_by(settings.token.as_ref());
            Some(Office::open(&settings.bind, admin)?)
        }
        None => None,
    };
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
    let up = Up {
        running: serve(bound, &shared),
        shared,
        fixed: house.fixed,
        admin,
        draining,
    };
    up.tell_certificates();
    Ok(up)
}

/// Serves a configuration file until the process is asked to end, then drains. On the way it follows the file.
///
/// # Errors
/// Why it does not serve.
pub fn run(file: &Path) -> Result<(), RunError> {
    let mut watched = Watched::new(&BTreeSet::from([file.to_owned()]));
    let (plan, files) = config::load_watched(file);
    let plan = plan?;
    watched.read_again(&files);
    let _writes_at_the_end = log::install(&plan.telemetry)?;
    runtime()?.block_on(async {
        let mut reloader = Reloader::new(file, watched)?;
        let mut up = start(assemble(plan, &Clock::system(), &Entropy::system())?)?;
        announce(&up);
        tokio::select! {
            asked = shutdown::asked() => asked?,
            () = reloader.run(&mut up) => {}
        }
        tracing::info!("asked to end: draining");
        let drained = up.stop(DRAIN).await;
        tracing::info!(whole = drained == Drained::Whole, "ended");
        Ok(())
    })
}

/// One runtime for listeners, store and provider, sized to the cores.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Says in the log where it listens.
pub fn announce(up: &Up) {
    for address in up.addresses() {
        tracing::info!(%address, "listening");
    }
    if let Some(address) = up.admin() {
        tracing::info!(%address, "health and metrics");
    }
}
