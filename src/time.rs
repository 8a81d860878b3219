//! Time as an argument: [`UnixTime`] for moments, [`Clock`] to read them at the edge.

use std::{
    fmt,
    ops::{Add, Sub},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A moment: whole seconds since 1970-01-01T00:00:00Z (the `NumericDate` of RFC 7519 section 2, floored).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The moment `secs` seconds after the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for UnixTime {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(rhs.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for UnixTime {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(rhs.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match chrono::DateTime::from_timestamp(self.0, 0) {
            Some(moment) => write!(f, "{}", moment.format("%Y-%m-%dT%H:%M:%SZ")),
            None => write!(f, "@{}", self.0),
        }
    }
}

/// Where the time comes from. Clones share the offset, so a test that moves one moves all.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_secs: Arc<AtomicI64>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        let secs = i64::try_from(system().as_secs()).unwrap_or(i64::MAX);
        UnixTime(secs.saturating_add(self.offset_secs.load(Ordering::Relaxed)))
    }

    /// Now, as the time since the epoch, with its fraction of a second.
    #[must_use]
    pub fn since_epoch(&self) -> Duration {
        let offset = self.offset_secs.load(Ordering::Relaxed);
        let by = Duration::from_secs(offset.unsigned_abs());
        if offset < 0 {
            system().saturating_sub(by)
        } else {
            system().saturating_add(by)
        }
    }

    /// Moves this clock and every clone of it forward, for tests.
    pub fn advance(&self, by: Duration) {
        let secs = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        self.offset_secs.fetch_add(secs, Ordering::Relaxed);
    }

    /// Moves this clock and every clone of it back, for tests: as when somebody sets a machine's clock.
    pub fn set_back(&self, by: Duration) {
        let secs = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        self.offset_secs.fetch_sub(secs, Ordering::Relaxed);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the system's clock is read"
)]
fn system() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_never_goes_below_zero() {
        let (early, late) = (UnixTime::from_secs(10), UnixTime::from_secs(25));
        assert_eq!(late.since(early), Duration::from_secs(15));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn sums_saturate_and_go_past_2038() {
        // GW-10
        let past_2038 = UnixTime::from_secs(i64::from(i32::MAX)) + Duration::from_secs(1);
        assert_eq!(past_2038.to_string(), "2038-01-19T03:14:08Z");
        assert_eq!((past_2038 + Duration::MAX).secs(), i64::MAX);
    }

    #[test]
    fn clones_of_a_clock_move_together() {
        let clock = Clock::system();
        let clone = clock.clone();
        let before = clone.now();
        clock.advance(Duration::from_secs(3600));
        assert!(clone.now().since(before) >= Duration::from_secs(3600));
        assert_eq!(clock.since_epoch().as_secs(), clock.now().secs().unsigned_abs());
        clock.set_back(Duration::from_secs(7200));
        assert!(before.since(clone.now()) >= Duration::from_secs(3500));
    }
}
