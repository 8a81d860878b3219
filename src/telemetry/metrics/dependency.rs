//! The store, the providers and the upstreams.

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{count, counter, label::EVICTIONS, register, seconds};
use crate::telemetry::{Eviction, TargetChange};

/// The families.
#[derive(Debug)]
pub(super) struct Dependencies {
    pub(super) store_seconds: HistogramVec,
    pub(super) store_eviction: IntGaugeVec,
    pub(super) provider_seconds: HistogramVec,
    target_changes: IntCounterVec,
}

impl Dependencies {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            store_seconds: seconds(
                registry,
                "doorward_store_call_seconds",
                "Calls to the session store.",
                &["op", "call"],
            ),
            store_eviction: register(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "doorward_store_eviction",
                        "1 for what holds of the session store: it may drop sessions, never does, or does not say.",
                    ),
                    &["what"],
                ),
            ),
            provider_seconds: seconds(
                registry,
                "doorward_provider_call_seconds",
                "Calls to identity providers.",
                &["provider", "endpoint", "call"],
            ),
            target_changes: counter(
                registry,
                "doorward_upstream_target_changes_total",
                "Upstream targets ejected, found unhealthy or healthy.",
                &["upstream", "target", "what"],
            ),
        }
    }

    /// A target was left out, or is well again.
    pub(super) fn target(&self, change: &TargetChange<'_>) {
        let TargetChange {
            upstream,
            target,
            what,
            cause: _,
        } = *change;
        count(&self.target_changes, &[upstream, target, what]);
    }

    /// What the store says of dropping sessions by itself.
    pub(super) fn evicts(&self, what: Eviction) {
        for (known, name) in EVICTIONS {
            self.store_eviction
                .with_label_values(&[name])
                .set(i64::from(known == what));
        }
    }
}
