//! Lines about the store, the providers and the collector of traces.

use std::time::Duration;

use crate::{
    gate::Outcome,
    telemetry::{
        Call, Eviction,
        metrics::label::{call_name, outcome_name},
    },
};

pub(super) fn write_store_call(op: &str, call: Call, took: Duration, error: &str) {
    tracing::warn!(
        op,
        call = call_name(call),
        took_ms = took.as_millis(),
        error,
        "the session store did not do what was asked"
    );
}

pub(super) fn write_feed(up: bool, error: &str) {
    if up {
        tracing::info!("changes of sessions by other replicas are heard of");
    } else {
        tracing::warn!(
            error,
            "changes of sessions by other replicas are not heard of: until they are, every request asks Redis"
        );
    }
}

pub(super) fn write_eviction(what: Eviction, policy: &str) {
    match what {
        Eviction::Never => tracing::debug!(policy, "Redis drops no sessions when its memory is full"),
        Eviction::May => tracing::warn!(
            policy,
            "Redis may drop sessions when its memory is full, and signs people out by that: set maxmemory-policy to noeviction"
        ),
        Eviction::Unknown => tracing::warn!(
            "Redis does not say whether it may drop sessions when its memory is full: see that its maxmemory-policy is noeviction, or allow this user INFO"
        ),
    }
}

pub(super) fn write_renewal(provider: &str, outcome: Outcome, retry_after: Option<Duration>) {
    let outcome_text = outcome_name(outcome);
    let seconds = retry_after.map(|wait| wait.as_secs());
    match outcome {
        Outcome::ClientRejected => tracing::error!(
            provider,
            outcome = outcome_text,
            "the provider refuses this client's credentials: check client_id and client_secret; sessions are kept"
        ),
        Outcome::ProviderError => tracing::error!(
            provider,
            outcome = outcome_text,
            "the provider answers renewals with an error: the line before names it; sessions are kept until their token expires"
        ),
        Outcome::RenewingElsewhere => tracing::warn!(
            provider,
            outcome = outcome_text,
            retry_after_seconds = seconds,
            "another gateway began to renew this session and has not finished: it stopped, or its call to the provider takes long; \
             the session is kept, and once that gateway's lease has lapsed the next request renews it"
        ),
        Outcome::ProviderDown | Outcome::StoreDown => {
            tracing::warn!(
                provider,
                outcome = outcome_text,
                retry_after_seconds = seconds,
                "a renewal did not go through; the session is kept"
            );
        }
        Outcome::Ended => tracing::info!(provider, outcome = outcome_text, "the provider ended a session"),
        Outcome::Renewed | Outcome::RenewedElsewhere => {
            tracing::debug!(provider, outcome = outcome_text, "tokens renewed");
        }
    }
}

pub(super) fn write_collector(error: Option<&str>) {
    match error {
        None => tracing::info!("the collector of traces takes spans again"),
        Some(error) => tracing::warn!(
            error,
            "the collector of traces takes no spans: they are lost until it does, and counted in \
             doorward_trace_spans_total; nothing else is held up. See that it runs, and tracing.endpoint"
        ),
    }
}
