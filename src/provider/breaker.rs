//! When to ask again after failures: a back-off with jitter, so that a provider that is down is not hammered, and gets
//! one probe at a time when it may be back. No clock and no chance in here.

use std::time::Duration;

use crate::time::UnixTime;

/// Longest wait that a provider's own `Retry-After` can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// Least time between two probes while no outcome is known.
const BETWEEN_PROBES: Duration = Duration::from_secs(1);

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Breaker {
    tolerated: u32,
    longest: Duration,
    failures: u32,
    closed_until: Option<UnixTime>,
}

impl Breaker {
    /// Lets `tolerated` failures in a row pass before it makes anybody wait, and then for at most `longest`.
    pub(super) const fn new(tolerated: u32, longest: Duration) -> Self {
        Self {
            tolerated,
            longest,
            failures: 0,
            closed_until: None,
        }
    }

    /// Whether to ask now; if so while failures last, the next probe is due a second later at the earliest.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn permit(&mut self, now: UnixTime) -> Result<(), Duration> {
        let Some(until) = self.closed_until else {
            return Ok(());
        };
        let wait = until.since(now);
        // A wait beyond what was ever set means that the clock was put back (GW-10).
        if !wait.is_zero() && wait <= LONGEST_ASKED.max(self.longest) {
            return Err(wait);
        }
        self.closed_until = Some(now + BETWEEN_PROBES);
        Ok(())
    }

    /// Ends the waiting.
    pub(super) const fn succeeded(&mut self) {
        self.failures = 0;
        self.closed_until = None;
    }

    /// Notes a failure. `asked` is the provider's `Retry-After`; `draw` is a random byte.
    pub(super) fn failed(&mut self, now: UnixTime, asked: Option<Duration>, draw: u8) {
        self.failures = self.failures.saturating_add(1);
        let beyond = self.failures.saturating_sub(self.tolerated);
        let own = (beyond > 0).then(|| self.delay(beyond, draw));
        let asked = asked.map(|asked| asked.min(LONGEST_ASKED));
        if let Some(wait) = own.max(asked) {
            self.closed_until = Some(now + wait);
        }
    }

    /// 1, 2, 4 … seconds, of which half is certain and half is chance; never less than one.
    fn delay(&self, beyond: u32, draw: u8) -> Duration {
        let whole = Duration::from_secs(1 << (beyond - 1).min(16)).min(self.longest);
        let jittered = whole / 2 + whole * u32::from(draw) / (2 * u32::from(u8::MAX));
        Duration::from_secs(jittered.as_secs().max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn at(secs: u64) -> UnixTime {
        NOW + Duration::from_secs(secs)
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn tolerated_failures_make_nobody_wait() {
        let mut breaker = Breaker::new(2, secs(30));
        for _ in 0..2 {
            breaker.failed(NOW, None, 255);
            assert_eq!(breaker.permit(NOW), Ok(()));
        }
        breaker.failed(NOW, None, 255);
        assert_eq!(breaker.permit(NOW), Err(secs(1)));
    }

    #[test]
    fn waits_grow_up_to_the_longest_and_success_ends_them() {
        // RF-07, IP-03
        let mut breaker = Breaker::new(0, secs(5));
        let waits: Vec<_> = (0..6)
            .map(|_| {
                breaker.failed(NOW, None, 255);
                breaker.permit(NOW).unwrap_err().as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 5, 5, 5]);
        breaker.failed(NOW, None, 0);
        assert_eq!(breaker.permit(NOW), Err(secs(2)), "half is chance");
        breaker.succeeded();
        assert_eq!(breaker.permit(NOW), Ok(()));
        breaker.failed(NOW, None, 255);
        assert_eq!(breaker.permit(NOW), Err(secs(1)));
    }

    #[test]
    fn one_probe_at_a_time_once_the_wait_is_over() {
        let mut breaker = Breaker::new(0, secs(5));
        breaker.failed(NOW, None, 255);
        assert_eq!(breaker.permit(at(1)), Ok(()));
        assert_eq!(breaker.permit(at(1)), Err(secs(1)));
        assert_eq!(breaker.permit(at(2)), Ok(()), "the probe was lost: another");
    }

    #[test]
    fn the_provider_can_ask_for_more_within_bounds() {
        // IP-03
        let mut breaker = Breaker::new(2, secs(30));
        breaker.failed(NOW, Some(secs(20)), 0);
        assert_eq!(breaker.permit(NOW), Err(secs(20)));
        breaker.failed(NOW, Some(secs(3600)), 0);
        assert_eq!(breaker.permit(NOW), Err(LONGEST_ASKED));
    }

    #[test]
    fn a_clock_put_back_does_not_close_for_long() {
        // GW-10
        let mut breaker = Breaker::new(0, secs(5));
        breaker.failed(at(86_400), None, 255);
        assert_eq!(breaker.permit(NOW), Ok(()));
    }
}
