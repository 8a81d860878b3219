//! Where a caller stands.

use std::{sync::Arc, time::Duration};

use crate::session::Session;

/// What was found behind the request's cookie.
#[derive(Clone, Debug)]
pub enum Presence {
    /// No cookie, or nothing behind it.
    Nothing,
    /// A cookie or record that does not open: as nothing, and counted.
    Unreadable,
    /// The store does not answer: not the same as nothing.
    Down,
    /// A session.
    Session(Arc<Session>),
}

/// How a renewal that the request waited for came out.
#[derive(Clone, Debug)]
pub enum Renewal {
    /// With new tokens, ours or another replica's.
    Renewed(Arc<Session>),
    /// The session is over: refused by the provider, or signed out meanwhile.
    Ended,
    /// The provider does not answer; the session stays.
    ProviderDown {
        /// When to try again.
        retry_after: Option<Duration>,
    },
    /// Another replica began it and has not finished; the session stays.
    Elsewhere {
        /// When that replica's lease lapses, if it is not extended.
        retry_after: Option<Duration>,
    },
    /// The store does not answer; the session stays.
    StoreDown,
}

impl Renewal {
    /// When another try makes sense, where that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::ProviderDown { retry_after } | Self::Elsewhere { retry_after } => *retry_after,
            Self::Renewed(_) | Self::Ended | Self::StoreDown => None,
        }
    }
}
