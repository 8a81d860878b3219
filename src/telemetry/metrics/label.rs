//! Words for labels.

use crate::telemetry::KeyUse;

/// A status by its class.
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

/// What a key was used for.
pub(super) const fn use_name(what: KeyUse) -> &'static str {
    match what {
        KeyUse::Seal => "seal",
        KeyUse::Open => "open",
        KeyUse::Sign => "sign",
    }
}
