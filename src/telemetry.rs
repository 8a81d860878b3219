//! Seeing it run: one typed event makes one log line and one metric.

pub mod access;
pub mod audit;
pub mod event;
pub mod log;
pub mod metrics;
mod reload;
pub mod share;
pub mod trace;
mod turned_away;

pub use self::{
    access::{AccessLog, AccessSettings},
    audit::{Act, Audit, Naming, Whose},
    event::{CacheEvent, Call, CertificateInForce, Channel, Event, Eviction, KeyUse, RequestLine, TargetChange},
    log::LogFormat,
    reload::{News, Reload},
    share::Share,
    turned_away::TurnedAway,
};

use std::{path::PathBuf, sync::Arc, time::Duration};

use http::HeaderMap;

use crate::entropy::Entropy;

use self::trace::{Entrance, RequestTrace, Tracer};

/// How logs are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// JSON lines or text.
    pub format: LogFormat,
    /// A filter in `tracing-subscriber`'s syntax, such as `info` or `doorward=debug`.
    pub filter: String,
    /// The access lines; `None` when there are none.
    pub access: Option<AccessSettings>,
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

/// How long the end of the process waits for spans to be sent.
const LAST_SPANS: Duration = Duration::from_secs(5);

/// The handle that every effect room emits events through. Clones share everything.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: metrics::Metrics,
    access: Option<AccessLog>,
    naming: Naming,
    tracer: Option<Arc<Tracer>>,
}

impl Telemetry {
    /// A handle with its own metrics registry.
    #[must_use]
    pub fn new(access_log: bool) -> Self {
        let access = access_log.then(|| AccessLog::new(AccessSettings::default(), &Entropy::system(), None));
        Self::with(access, Naming::default(), None)
    }

    /// The same, with these access lines, with people named so in the audit trail, and with traces.
    #[must_use]
    pub fn with(access: Option<AccessLog>, naming: Naming, tracer: Option<Arc<Tracer>>) -> Self {
        Self(Arc::new(Inner {
            metrics: metrics::Metrics::new(),
            access,
            naming,
            tracer,
        }))
    }

    /// Records the event: one metric and, where it has one, a log line and a span. Never blocks.
    pub fn emit(&self, event: &Event<'_>) {
        self.0.metrics.record(event);
        log::write(event, self.0.access.as_ref(), self.0.naming);
        if self.0.tracer.is_some() {
            trace::note(event);
        }
    }

    /// Whether anybody reads of a request who sent it and how long its parts took: an access line or a trace.
    #[must_use]
    pub fn is_told_of_requests(&self) -> bool {
        self.0.access.is_some() || self.0.tracer.is_some()
    }

    /// The trace of a request that begins; `None` where nothing is traced.
    #[must_use]
    pub fn trace(&self, headers: &HeaderMap, entrance: Entrance) -> Option<RequestTrace> {
        let tracer = self.0.tracer.as_ref()?;
        Some(RequestTrace::new(tracer, headers, entrance))
    }

    /// Resolves when every span that ended before was sent, or given up, for which there are a few seconds. For the end of the
    /// process: nothing is sent afterwards.
    pub async fn finish(&self) {
        if let Some(tracer) = &self.0.tracer {
            // Later than this they are lost, like everything that a collector does not take.
            tokio::time::timeout(LAST_SPANS, tracer.finish()).await.ok();
        }
    }

    /// The metrics in OpenMetrics 1.0, with exemplars where requests are traced.
    #[must_use]
    pub fn render_open(&self) -> String {
        self.0.metrics.render_open()
    }

    /// The metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.metrics.render()
    }
}
