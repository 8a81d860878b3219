//! The words that label samples: closed lists.

use crate::{
    gate::Outcome,
    telemetry::{Call, Channel, Eviction, KeyUse, News, Reload},
};

pub(super) const fn class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "none",
    }
}

pub(in crate::telemetry) const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Renewed => "renewed",
        Outcome::RenewedElsewhere => "renewed_elsewhere",
        Outcome::RenewingElsewhere => "renewing_elsewhere",
        Outcome::Ended => "ended",
        Outcome::ProviderDown => "provider_down",
        Outcome::ClientRejected => "client_rejected",
        Outcome::ProviderError => "provider_error",
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

pub(in crate::telemetry) const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Back => "back",
        Channel::Front => "front",
    }
}

pub(super) const fn use_name(what: KeyUse) -> &'static str {
    match what {
        KeyUse::Seal => "seal",
        KeyUse::Open => "open",
        KeyUse::Sign => "sign",
        KeyUse::Find => "find",
    }
}

pub(super) const fn reload_name(reload: Reload<'_>) -> &'static str {
    match reload {
        Reload::InForce {
            news: News::Another, ..
        } => "in_force",
        Reload::InForce { news: News::None, .. } => "unchanged",
        Reload::Refused { why: _ } => "refused",
        Reload::CertificateRefused { error: _ } => "certificate_refused",
    }
}

pub(super) const EVICTIONS: [(Eviction, &str); 3] = [
    (Eviction::Never, "never"),
    (Eviction::May, "may"),
    (Eviction::Unknown, "unknown"),
];
