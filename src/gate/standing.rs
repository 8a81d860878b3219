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
    /// The store does not answer; the session stays.
    StoreDown,
}
