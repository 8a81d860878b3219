//! Opened sessions in this process, and the feed of changes that keeps them good.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{count, counter, register};
use crate::telemetry::CacheEvent;

/// The families.
#[derive(Debug)]
pub(super) struct Family {
    lookups: IntCounterVec,
    /// Of them, what nearly every request is.
    hits: IntCounter,
    invalidations: IntCounterVec,
    sessions: IntGaugeVec,
    bytes: IntGaugeVec,
    feed_up: IntGaugeVec,
    feed_changes: IntCounterVec,
}

impl Family {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauge = |name, help| register(registry, IntGaugeVec::new(Opts::new(name, help), &[]));
        let lookups = counter(
            registry,
            "doorward_session_cache_lookups_total",
            "Look-ups of opened sessions in this process: hit, miss, bypassed while the feed is down.",
            &["what"],
        );
        Self {
            hits: lookups.with_label_values(&["hit"]),
            lookups,
            invalidations: counter(
                registry,
                "doorward_session_cache_invalidations_total",
                "Changes of sessions heard of.",
                &[],
            ),
            sessions: gauge(
                "doorward_session_cache_sessions",
                "Opened sessions kept in this process.",
            ),
            bytes: gauge("doorward_session_cache_bytes", "Their size, about."),
            feed_up: gauge(
                "doorward_session_feed_up",
                "1 while changes of sessions by other replicas are heard of; absent with the memory store.",
            ),
            feed_changes: counter(
                registry,
                "doorward_session_feed_changes_total",
                "Times that the feed came up or went down.",
                &["to"],
            ),
        }
    }

    pub(super) fn record(&self, event: &CacheEvent<'_>) {
        match event {
            CacheEvent::Lookup { what: "hit" } => self.hits.inc(),
            CacheEvent::Lookup { what } => self.looked_up(what),
            CacheEvent::Invalidated => self.invalidated(),
            CacheEvent::Size { sessions, bytes } => self.sized(*sessions, *bytes),
            CacheEvent::Feed { up, error: _ } => self.feed(*up),
        }
    }

    fn looked_up(&self, what: &str) {
        count(&self.lookups, &[what]);
    }

    fn invalidated(&self) {
        count(&self.invalidations, &[]);
    }

    fn sized(&self, sessions: u64, bytes: u64) {
        let set = |gauge: &IntGaugeVec, to: u64| {
            gauge
                .with_label_values(&[] as &[&str])
                .set(i64::try_from(to).unwrap_or(i64::MAX));
        };
        set(&self.sessions, sessions);
        set(&self.bytes, bytes);
    }

    fn feed(&self, up: bool) {
        self.feed_up.with_label_values(&[] as &[&str]).set(i64::from(up));
        count(&self.feed_changes, &[if up { "up" } else { "down" }]);
    }
}
