//! The process: listeners, connections, background tasks and the end of them all.

mod accept;
pub mod assemble;
pub mod background;
pub mod listen;
pub mod run;
pub mod shutdown;
mod stream;
pub mod tls;

pub use self::{
    assemble::{AssembleError, House, assemble},
    listen::{BindError, Bound, bind},
    run::{RunError, Up, start},
    shutdown::Drained,
    tls::{Certificates, TlsError},
};

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    entropy::Entropy,
    flow::Front,
    proxy::{Bind, Door, Upstreams},
    telemetry::Telemetry,
};

/// What every listener's door shares.
#[derive(Debug)]
pub struct Shared<F> {
    /// Decides.
    pub front: Arc<F>,
    /// Arranged for the site already.
    pub upstreams: Arc<Upstreams>,
    /// Events.
    pub telemetry: Telemetry,
    /// Chance.
    pub entropy: Entropy,
}

/// Listeners at work. Dropping it closes everything at once; [`Running::shutdown`] does it gently.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<Bind>,
    certificates: Vec<Arc<Certificates>>,
    signals: Signals,
    /// Ends when the last accept loop and connection let go of their senders.
    over: mpsc::Receiver<()>,
    tending: JoinHandle<()>,
}

/// How accept loops and connections are told.
#[derive(Debug)]
struct Signals {
    /// Take no more, finish what is under way.
    drain: watch::Sender<bool>,
    /// Drop what is left.
    cut: watch::Sender<bool>,
}

/// Serves on sockets that are bound already. Must be called in a runtime, which everything then runs on.
///
/// # Errors
/// TLS material that cannot be used.
pub fn serve<F: Front>(bound: Vec<Bound>, shared: &Shared<F>) -> Result<Running, TlsError> {
    let (drain, draining) = watch::channel(false);
    let (cut, cutting) = watch::channel(false);
    let (alive, over) = mpsc::channel(1);
    let (mut addresses, mut certificates) = (Vec::new(), Vec::new());
    for bound in bound {
        addresses.push(bound.address().clone());
        certificates.extend(bound.certificates().cloned());
        let door = Door::new(
            Arc::clone(&shared.front),
            Arc::clone(&shared.upstreams),
            shared.telemetry.clone(),
            &shared.entropy,
            Arc::clone(bound.listener()),
        );
        let told = accept::Told {
            drain: draining.clone(),
            cut: cutting.clone(),
            alive: alive.clone(),
        };
        let gate = accept::Gatehouse::new(door, &bound, told)?;
        background::spawn("accepting connections", gate.run(bound));
    }
    let upstreams = Arc::clone(&shared.upstreams);
    let tending = background::supervise("tending upstreams", move || {
        let upstreams = Arc::clone(&upstreams);
        async move { upstreams.tend().await }
    });
    Ok(Running {
        addresses,
        certificates,
        signals: Signals { drain, cut },
        over,
        tending,
    })
}

impl Running {
    /// Where each listener listens, in the order given, with the port that port 0 became.
    #[must_use]
    pub fn addresses(&self) -> &[Bind] {
        &self.addresses
    }

    /// The certificates of the TLS listeners, for reloading.
    #[must_use]
    pub fn certificates(&self) -> &[Arc<Certificates>] {
        &self.certificates
    }

    /// Takes no more connections, closes idle ones and tunnels, lets requests under way finish until `deadline`, then
    /// drops what is left.
    pub async fn shutdown(mut self, deadline: Duration) -> Drained {
        self.signals.drain.send_replace(true);
        let ended = tokio::time::timeout(deadline, self.over.recv()).await;
        self.signals.cut.send_replace(true);
        if ended.is_ok() {
            Drained::Whole
        } else {
            // Connections that were cut end as soon as they are polled.
            self.over.recv().await;
            Drained::Cut
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tending.abort();
    }
}
