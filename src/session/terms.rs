//! Lifetimes: idle, absolute, and the token's own.

use std::time::Duration;

use super::Record;
use crate::time::UnixTime;

/// How long sessions live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Without use.
    pub idle: Duration,
    /// In all, whatever is renewed.
    pub absolute: Duration,
}

/// Whether a session still is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// It is.
    Live,
    /// Unused for too long.
    Idle,
    /// Past its absolute lifetime.
    Over,
}

/// Where the access token stands in its life.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Freshness {
    /// Good, or never expiring.
    Fresh,
    /// Good, inside its renewal window, and there is a refresh token.
    Due,
    /// Expired, and there is a refresh token.
    Expired,
    /// Expired, and nothing to renew it with: the session ends with it.
    Spent,
}

impl Terms {
    /// Whether the session lives at `now`.
    #[must_use]
    pub fn life(&self, record: &Record, now: UnixTime) -> Life {
        let _ = (record, now);
        todo!()
    }

    /// When the store may forget the session: the sooner of idle and absolute end.
    #[must_use]
    pub fn ends(&self, record: &Record) -> UnixTime {
        let _ = record;
        todo!()
    }

    /// Whether `seen` is old enough to be worth a write: a tenth of the idle time, between one second and one
    /// minute.
    #[must_use]
    pub fn touch_due(&self, record: &Record, now: UnixTime) -> bool {
        let _ = (record, now);
        todo!()
    }
}

impl Freshness {
    /// Where the record's access token stands. The window opens at `exp − max(60 s, 10 % of life)`, but never
    /// earlier than half the life (RF-08), plus a jitter taken from the session's identifier, so that sessions made together
    /// are not renewed together.
    #[must_use]
    pub fn of(record: &Record, now: UnixTime) -> Self {
        let _ = (record, now);
        todo!()
    }
}
