//! The whole process: bind first, serve, wait to be asked to end, drain.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    AssembleError, BindError, Bound, Drained, House, Running, Shared, TlsError, assemble, bind, serve, shutdown,
};
use crate::{
    admin::Admin,
    config::Plan,
    entropy::Entropy,
    proxy::{Bind, Listener},
    task,
    telemetry::log::{self, LogError},
    time::Clock,
};

/// How long requests under way may take to end when the process is asked to.
const DRAIN: Duration = Duration::from_secs(30);

/// Why the process does not serve.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration compiled, and something in it cannot be made.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// A listener.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A listener's certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The admin listener.
    #[error("the admin listener cannot listen on {address}: {source}; change admin.address or switch it off")]
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
    admin: Option<Bind>,
    draining: Arc<AtomicBool>,
}

impl Up {
    /// Where people reach it, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[Bind] {
        self.running.addresses()
    }

    /// Where operators reach it.
    #[must_use]
    pub const fn admin(&self) -> Option<&Bind> {
        self.admin.as_ref()
    }

    /// Turns readiness off, takes no more connections, and lets requests under way finish until `deadline`.
    pub async fn stop(self, deadline: Duration) -> Drained {
        self.draining.store(true, Ordering::Relaxed);
        self.running.shutdown(deadline).await
    }
}

/// Binds every listener, then serves. Within a tokio runtime.
///
/// # Errors
/// An address or certificate that cannot be used: nothing serves then.
pub async fn start(house: House) -> Result<Up, RunError> {
    let bound = house.listeners.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let draining = Arc::new(AtomicBool::new(false));
    let admin = match house.admin {
        Some(settings) => {
            let admin = Admin::new(house.gateway.clone(), house.telemetry.clone(), Arc::clone(&draining));
            let admin = admin.guarded_by(settings.token.as_ref());
            Some(serve_admin(&settings.bind, admin).await?)
        }
        None => None,
    };
    let shared = Shared {
        front: Arc::new(house.gateway),
        upstreams: house.upstreams,
        telemetry: house.telemetry,
        entropy: house.entropy,
    };
    Ok(Up {
        running: serve(bound, &shared)?,
        admin,
        draining,
    })
}

/// Binds, and where the operator left the public port to the system, takes the one it gave.
fn open(listener: Listener) -> Result<Bound, BindError> {
    let mut public = listener.public;
    let mut bound = bind(listener)?;
    if let (0, Bind::Tcp(address)) = (public.port, bound.address()) {
        public.port = address.port();
        bound.set_public(public);
    }
    Ok(bound)
}

async fn serve_admin(at: &Bind, admin: Admin) -> Result<Bind, RunError> {
    let failed = |source| RunError::Admin {
        address: at.to_string(),
        source,
    };
    match at {
        Bind::Tcp(address) => {
            let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            drop(task::spawn("admin", async move {
                axum::serve(listener, admin.router()).await
            }));
            Ok(Bind::Tcp(address))
        }
        Bind::Unix(path) => {
            let listener = tokio::net::UnixListener::bind(path).map_err(failed)?;
            drop(task::spawn("admin", async move {
                axum::serve(listener, admin.router()).await
            }));
            Ok(at.clone())
        }
    }
}

/// Serves a configuration until the process is asked to end, then drains.
///
/// # Errors
/// Why it does not serve.
pub fn run(plan: Plan) -> Result<(), RunError> {
    let _writes_at_the_end = log::install(&plan.telemetry)?;
    runtime()?.block_on(async {
        let up = start(assemble(plan, &Clock::system(), &Entropy::system())?).await?;
        announce(&up);
        shutdown::asked().await?;
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
