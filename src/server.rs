//! The process: listeners, connections, background tasks and the end of them all.

mod accept;
mod admin;
mod arrival;
pub mod assemble;
mod change;
mod crowd;
pub mod difference;
mod doors;
mod ending;
mod files;
mod given;
mod handover;
pub mod listen;
mod manager;
mod polite;
mod reload;
pub mod run;
pub mod shutdown;
mod socket;
mod stream;
mod successor;
pub mod tls;
mod up;
mod watched;

pub use self::{
    assemble::{AssembleError, House, assemble},
    doors::{Running, serve},
    listen::{BindError, Bound, bind},
    run::RunError,
    shutdown::Drained,
    tls::{Certificates, TlsError},
    up::{Reloaded, Up, start},
};

use std::sync::Arc;

use crate::{
    entropy::Entropy,
    flow::Live,
    proxy::Upstreams,
    telemetry::{Event, Telemetry},
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

impl Shared<Live> {
    /// Says which configuration is in force from now on: that with this digest.
    fn tell_configuration(&self, digest: &str) {
        let gateway = self.front.gateway();
        let site = &gateway.parts().site;
        self.telemetry.emit(&Event::Configuration { digest, site });
    }
}
