//! Sign-ins, renewals and everything else that happens to people's sessions.

use prometheus::{IntCounterVec, Registry};

use super::{count, counter};

/// The families.
#[derive(Debug)]
pub(super) struct People {
    pub(super) sign_ins_begun: IntCounterVec,
    pub(super) sign_ins: IntCounterVec,
    pub(super) renewals: IntCounterVec,
    pub(super) sign_outs: IntCounterVec,
    pub(super) provider_logouts: IntCounterVec,
    pub(super) sessions: IntCounterVec,
    pub(super) audit: IntCounterVec,
}

impl People {
    pub(super) fn new(registry: &Registry) -> Self {
        let ended = &["provider", "outcome"];
        Self {
            sign_ins_begun: counter(
                registry,
                "doorward_sign_ins_begun_total",
                "Browsers sent to a provider.",
                &["provider"],
            ),
            sign_ins: counter(registry, "doorward_sign_ins_total", "Sign-ins that came back.", ended),
            renewals: counter(registry, "doorward_renewals_total", "Silent renewals.", ended),
            sign_outs: counter(
                registry,
                "doorward_sign_outs_total",
                "Sign-outs at this gateway.",
                &["provider"],
            ),
            provider_logouts: counter(
                registry,
                "doorward_provider_logouts_total",
                "Logouts that a provider asked for, by channel and outcome.",
                &["provider", "channel", "outcome"],
            ),
            sessions: counter(
                registry,
                "doorward_sessions_total",
                "Sessions made and ended, by cause.",
                &["what"],
            ),
            audit: counter(
                registry,
                "doorward_audit_events_total",
                "Events of the audit trail.",
                &["act", "outcome"],
            ),
        }
    }

    /// A logout that a provider asked for.
    pub(super) fn logged_out(&self, labels: &[&str; 3], ended: usize) {
        count(&self.provider_logouts, labels);
        let sessions = self.sessions.with_label_values(&["ended_by_provider"]);
        sessions.inc_by(u64::try_from(ended).unwrap_or(u64::MAX));
    }
}
