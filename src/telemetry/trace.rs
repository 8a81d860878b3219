//! Traces: what a request did and how long each part of it took, told to an OpenTelemetry collector.
//!
//! The proxy holds a [`RequestTrace`] for each request and runs what it asks of the house within it. Whatever emits an
//! event there (a call to the store or to a provider, a decision, a renewal) leaves a span, without knowing of it: the
//! [`Stage`] it happens in is a value of the task. A task that is begun on the way is taken along by [`along`].
//!
//! Without a collector nothing here exists; a request that is not sampled costs its identifiers.

mod context;
mod export;
mod otlp;
mod request;
mod span;
mod stage;
mod tracer;
mod try_out;

pub use self::{
    context::{Context, Hex, SpanId, TraceId, parent, trace_id},
    export::{BadCollector, Exporter},
    request::{Entrance, RequestTrace},
    stage::{Stage, along, renewal},
    tracer::Tracer,
    try_out::{Taken, try_out},
};

pub(super) use self::stage::note;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};
use tokio::sync::mpsc;
use url::Url;

use super::Share;
use crate::{entropy::Entropy, time::Clock};

/// Where traces go, and which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Where batches are posted (OTLP over HTTP, protobuf), path included.
    pub endpoint: Url,
    /// Headers of each post, such as one that authenticates.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// CA certificates in PEM; `None` for the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Deadline of one post.
    pub timeout: Duration,
    /// The share of requests that are traced.
    pub sample: Share,
    /// Whose decision to trace or not is followed instead.
    pub follow: Follow,
    /// `service.name`.
    pub service: String,
    /// Further attributes of this installation.
    pub resource: BTreeMap<String, String>,
}

/// Whose `traceparent` says whether a request is traced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// That of a trusted proxy.
    Trusted,
    /// Everybody's: any client can have any request traced.
    Always,
    /// Nobody's.
    Never,
}

/// What became of spans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The collector took them.
    Exported,
    /// It answered that it does not want them.
    Rejected,
    /// It did not answer, or answered with an error, several times.
    Failed,
    /// There was no room for them: the collector is slower than what is to be told.
    Dropped,
}

/// What the exporter tells of itself.
#[derive(Clone, Copy, Debug)]
pub enum Export<'a> {
    /// Spans came to an end.
    Spans {
        /// Which end.
        fate: Fate,
        /// How many.
        count: u64,
    },
    /// The collector takes spans again, or does not any more.
    Collector {
        /// Why not; `None` when it does.
        error: Option<&'a str>,
    },
}

/// A tracer, and what brings its spans to the collector: to be run by a task.
///
/// # Errors
/// CA certificates that cannot be used.
pub fn begin(settings: &Settings, clock: &Clock, entropy: &Entropy) -> Result<(Arc<Tracer>, Exporter), BadCollector> {
    let (sender, receiver) = mpsc::channel(tracer::ROOM);
    let tracer = Arc::new(Tracer::new(settings, sender, clock.clone(), entropy));
    let exporter = Exporter::new(settings, receiver, Arc::clone(&tracer))?;
    Ok((tracer, exporter))
}
