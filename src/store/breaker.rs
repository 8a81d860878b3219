//! The circuit breaker in front of Redis: after a few failures in a row, requests are answered at once instead of each
//! waiting for its own timeout, and one of them tries again after every pause (RS-04).

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: u32 = 3;
/// How long it stays open between tries.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// Closed, or open until a moment.
#[derive(Debug)]
pub(super) struct Breaker {
    began: Instant,
    failures: AtomicU32,
    // Milliseconds since `began`; 0 while closed.
    open_until: AtomicU64,
    cause: Mutex<String>,
}

impl Breaker {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            failures: AtomicU32::new(0),
            open_until: AtomicU64::new(0),
            cause: Mutex::default(),
        }
    }

    /// Whether to try now.
    ///
    /// # Errors
    /// Not now, and the last failure that is why.
    pub(super) fn admit(&self, now: Instant) -> Result<(), String> {
        let until = self.open_until.load(Ordering::Acquire);
        if until == 0 {
            return Ok(());
        }
        let now = self.millis(now);
        // Whoever moves the moment on is the one that tries.
        let ours = now >= until
            && self
                .open_until
                .compare_exchange(until, now + millis(PAUSE), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if ours {
            Ok(())
        } else {
            Err(self.cause.lock().unwrap_or_else(PoisonError::into_inner).clone())
        }
    }

    /// It answered.
    pub(super) fn succeeded(&self) {
        // Read before written: a shared line that is only read stays in every core's cache.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Release);
            self.open_until.store(0, Ordering::Release);
        }
    }

    /// It did not; whether that opens the breaker, or keeps it open.
    pub(super) fn failed(&self, now: Instant, cause: String) -> bool {
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
        let opens = self.failures.fetch_add(1, Ordering::AcqRel) + 1 >= FAILURES;
        if opens {
            let until = self.millis(now) + millis(PAUSE);
            self.open_until.store(until, Ordering::Release);
        }
        opens
    }

    fn millis(&self, now: Instant) -> u64 {
        // Never 0, which means closed.
        millis(now.duration_since(self.began)).saturating_add(1)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RS-04
    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_try_after_each_pause() {
        let start = Instant::now();
        let breaker = Breaker::new(start);
        for _ in 0..5 {
            assert!(!breaker.failed(start, "a".to_owned()));
            assert!(!breaker.failed(start, "a".to_owned()));
            breaker.succeeded();
        }
        for n in 1..=3 {
            assert_eq!(breaker.admit(start), Ok(()));
            assert_eq!(breaker.failed(start, format!("cause {n}")), n == 3);
        }
        assert_eq!(breaker.admit(start), Err("cause 3".to_owned()));
        let later = start + PAUSE;
        assert_eq!(breaker.admit(later), Ok(()));
        assert!(breaker.admit(later).is_err(), "only one tries");
        assert!(breaker.failed(later, "still".to_owned()));
        assert_eq!(breaker.admit(later + PAUSE / 2), Err("still".to_owned()));
        assert_eq!(breaker.admit(later + PAUSE), Ok(()));
        breaker.succeeded();
        for _ in 0..3 {
            assert_eq!(breaker.admit(later + PAUSE), Ok(()));
        }
    }
}
