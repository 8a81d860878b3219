//! Spans on their way to the collector.

use prometheus::{IntCounterVec, Registry};

use super::counter;
use crate::telemetry::trace::{Export, Fate};

/// The families.
#[derive(Debug)]
pub(super) struct Family {
    spans: IntCounterVec,
}

impl Family {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            spans: counter(
                registry,
                "doorward_trace_spans_total",
                "Spans of traces: exported, rejected or failed at the collector, dropped before it.",
                &["fate"],
            ),
        }
    }

    pub(super) fn record(&self, export: &Export<'_>) {
        match export {
            Export::Spans { count: 0, .. } | Export::Collector { .. } => {}
            Export::Spans { fate, count } => self.spans.with_label_values(&[name(*fate)]).inc_by(*count),
        }
    }
}

const fn name(fate: Fate) -> &'static str {
    match fate {
        Fate::Exported => "exported",
        Fate::Rejected => "rejected",
        Fate::Failed => "failed",
        Fate::Dropped => "dropped",
    }
}
