//! Seeing it run: one typed event makes one log line and one metric.

pub mod audit;
pub mod event;
pub mod log;
pub mod metrics;
pub mod trace;
mod turned_away;

pub use self::{
    audit::{Act, Audit, Naming, Whose},
    event::{CacheEvent, Call, CertificateInForce, Channel, Event, Eviction, KeyUse, Reload, RequestLine},
    log::LogFormat,
    turned_away::TurnedAway,
};

use std::{path::PathBuf, sync::Arc};

/// How logs are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// JSON lines or text.
    pub format: LogFormat,
    /// A filter in `tracing-subscriber`'s syntax, such as `info` or `doorward=debug`.
    pub filter: String,
    /// Whether each request makes an access line.
    pub access_log: bool,
    /// The audit trail; `None` when it is switched off.
    pub audit: Option<AuditSettings>,
}

/// Where the audit trail goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditSettings {
    /// A file that lines are added to; `None` for standard output, among the other lines.
    pub file: Option<PathBuf>,
    /// How people are named.
    pub naming: Naming,
}

/// The handle that every effect room emits events through. Clones share everything.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: metrics::Metrics,
    access_log: bool,
    naming: Naming,
}

impl Telemetry {
    /// A handle with its own metrics registry.
    #[must_use]
    pub fn new(access_log: bool) -> Self {
        Self::naming(access_log, Naming::default())
    }

    /// The same, with people named so in the audit trail.
    #[must_use]
    pub fn naming(access_log: bool, naming: Naming) -> Self {
        Self(Arc::new(Inner {
            metrics: metrics::Metrics::new(),
            access_log,
            naming,
        }))
    }

    /// Records the event: one metric and, where it has one, a log line. Never blocks.
    pub fn emit(&self, event: &Event<'_>) {
        self.0.metrics.record(event);
        log::write(event, self.0.access_log, self.0.naming);
    }

    /// The metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.metrics.render()
    }
}
