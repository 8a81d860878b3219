//! What things are called in labels and log fields.

use crate::{
    gate::Outcome,
    telemetry::{Call, Eviction, KeyUse},
};

pub(in crate::telemetry) const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Renewed => "renewed",
        Outcome::RenewedElsewhere => "renewed_elsewhere",
        Outcome::Ended => "ended",
        Outcome::ProviderDown => "provider_down",
        Outcome::ClientRejected => "client_rejected",
        Outcome::StoreDown => "store_down",
    }
}

pub(in crate::telemetry) const fn call_name(call: Call) -> &'static str {
    match call {
        Call::Ok => "ok",
        Call::Refused => "refused",
        Call::TimedOut => "timed_out",
        Call::Failed => "failed",
    }
}

pub(super) const fn use_name(what: KeyUse) -> &'static str {
    match what {
        KeyUse::Seal => "seal",
        KeyUse::Open => "open",
        KeyUse::Sign => "sign",
    }
}

pub(super) const EVICTIONS: [(Eviction, &str); 3] = [
    (Eviction::Never, "never"),
    (Eviction::May, "may"),
    (Eviction::Unknown, "unknown"),
];
