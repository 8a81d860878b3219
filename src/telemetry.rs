//! Seeing it run: one typed event makes one log line and one metric.

pub mod event;
pub mod log;
pub mod metrics;
pub mod trace;

pub use self::{
    event::{Call, Event, Eviction, KeyUse, RequestLine},
    log::LogFormat,
};

use std::sync::Arc;

/// How logs are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// JSON lines or text.
    pub format: LogFormat,
    /// A filter in `tracing-subscriber`'s syntax, such as `info` or `doorward=debug`.
    pub filter: String,
    /// Whether each request makes an access line.
    pub access_log: bool,
}

/// The handle that every effect room emits events through. Clones share everything.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: metrics::Metrics,
    access_log: bool,
}

impl Telemetry {
    /// A handle with its own metrics registry.
    #[must_use]
    pub fn new(access_log: bool) -> Self {
        Self(Arc::new(Inner {
            metrics: metrics::Metrics::new(),
            access_log,
        }))
    }

    /// Records the event: one metric and, where it has one, a log line. Never blocks.
    pub fn emit(&self, event: &Event<'_>) {
        self.0.metrics.record(event);
        log::write(event, self.0.access_log);
    }

    /// The metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.metrics.render()
    }
}
