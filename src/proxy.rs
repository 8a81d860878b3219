//! To and from pingora: requests in normal form to the gate, admitted ones to an upstream, responses back.
//!
//! Nothing else of the house (but `server`) names pingora. The way out to an upstream is an [`Admission`]: without one
//! there is no peer. A request passes `request` (limits, normal form, client address), the [`Front`], `outbound`
//! (strip, then set) and `inbound` (what an upstream may say to a client); every response of our own is written by
//! `reply`.
//!
//! [`Admission`]: crate::gate::Admission

mod asking;
mod context;
pub mod far_end;
mod fault;
mod hooks;
mod inbound;
pub mod link;
mod outbound;
pub mod proxy_protocol;
mod reply;
mod request;
pub mod settings;
pub mod unheard;
pub mod upstream;
pub mod watch;

pub use self::{
    context::Ctx,
    far_end::{FarEnd, Peer},
    settings::{Bind, ClientCa, Limits, Listener, ListenerTls, TlsFiles},
    upstream::{UpstreamError, Upstreams},
};

use std::sync::Arc;

use self::{request::Serial, unheard::Unheard};
use crate::{entropy::Entropy, flow::Front, telemetry::Telemetry};

/// What one listener's connections go through: reads requests, asks the [`Front`], forwards or replies.
#[derive(Debug)]
pub struct Door<F> {
    front: Arc<F>,
    upstreams: Arc<Upstreams>,
    telemetry: Telemetry,
    unheard: Unheard,
    serial: Serial,
    listener: Arc<Listener>,
}

impl<F: Front> Door<F> {
    /// A door for one listener. All doors of a process share front, upstreams and telemetry.
    #[must_use]
    pub fn new(
        front: Arc<F>,
        upstreams: Arc<Upstreams>,
        telemetry: Telemetry,
        entropy: &Entropy,
        listener: Arc<Listener>,
    ) -> Self {
        Self {
            front,
            upstreams,
            unheard: Unheard::new(telemetry.clone(), entropy),
            telemetry,
            serial: Serial::new(entropy),
            listener,
        }
    }

    /// Who is told of requests that no hook sees.
    #[must_use]
    pub fn unheard(&self) -> Unheard {
        self.unheard.clone()
    }
}
