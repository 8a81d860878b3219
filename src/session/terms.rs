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

/// A token that the provider gave no life counts as good for this long, so that renewals stay apart (RF-08).
const LEAST_LIFE: Duration = Duration::from_secs(1);

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
    /// Expired, and nothing to renew it with: the session lives by its own terms.
    Spent,
}

impl Terms {
    /// Whether the session lives at `now`.
    #[must_use]
    pub fn life(&self, record: &Record, now: UnixTime) -> Life {
        if now >= record.created + self.absolute {
            Life::Over
        } else if now >= record.seen + self.idle {
            Life::Idle
        } else {
            Life::Live
        }
    }

    /// When the store may forget the session: the sooner of idle and absolute end.
    #[must_use]
    pub fn ends(&self, record: &Record) -> UnixTime {
        (record.created + self.absolute).min(record.seen + self.idle)
    }

    /// Whether `seen` is old enough to be worth a write: a tenth of the idle time, between one second and one
    /// minute. That it was used on a route for the first time is always worth one.
    #[must_use]
    pub fn touch_due(&self, record: &Record, now: UnixTime, route: &str) -> bool {
        let due = (self.idle / 10).clamp(Duration::from_secs(1), Duration::from_secs(60));
        now >= record.seen + due || !record.routes.may_have(route)
    }
}

impl Freshness {
    /// Where the record's access token stands. The window opens at `exp − max(60 s, 10 % of life)`, but never
    /// earlier than half the life (RF-08), plus a jitter of at most half the window, taken from the session's identifier,
    /// so that sessions made together are not renewed together.
    #[must_use]
    pub fn of(record: &Record, now: UnixTime) -> Self {
        let tokens = &record.tokens;
        let Some(expires) = tokens.access_expires else {
            return Self::Fresh;
        };
        let expires = expires.max(tokens.received + LEAST_LIFE);
        match (now >= expires, tokens.refresh_token.is_some()) {
            (true, true) => Self::Expired,
            (true, false) => Self::Spent,
            (false, true) if in_window(record, expires, now) => Self::Due,
            (false, _) => Self::Fresh,
        }
    }
}

fn in_window(record: &Record, expires: UnixTime, now: UnixTime) -> bool {
    let life = expires.since(record.tokens.received);
    let window = (life / 10).max(Duration::from_secs(60)).min(life / 2);
    let opens = expires - window;
    now >= opens && now >= opens + jitter(&record.id, window / 2)
}

/// Between nothing and `most`, in whole seconds, the same for the same identifier.
fn jitter(id: &str, most: Duration) -> Duration {
    // FNV-1a: spread is all that is asked for, on the way of every request.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Duration::from_secs((hash >> 7) % most.as_secs().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{SessionTokens, record::tests::record};

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    const TERMS: Terms = Terms {
        idle: HOUR,
        absolute: Duration::from_secs(10 * 3600),
    };
    const START: UnixTime = UnixTime::from_secs(1_000_000);

    fn at(secs: u64) -> UnixTime {
        START + Duration::from_secs(secs)
    }

    fn with_token(life: Option<u64>, refresh: bool) -> Record {
        let mut record = record(START);
        record.tokens.access_expires = life.map(at);
        record.tokens.refresh_token = refresh.then(|| "rt".into());
        record
    }

    #[test]
    fn a_session_ends_unused_or_at_its_absolute_end() {
        let mut record = record(START);
        assert_eq!(TERMS.life(&record, START), Life::Live);
        assert_eq!(TERMS.life(&record, at(3599)), Life::Live);
        assert_eq!(TERMS.life(&record, at(3600)), Life::Idle);
        assert_eq!(TERMS.ends(&record), at(3600));
        record.seen = at(35_000);
        assert_eq!(TERMS.life(&record, at(35_999)), Life::Live);
        assert_eq!(TERMS.life(&record, at(36_000)), Life::Over);
        assert_eq!(TERMS.ends(&record), at(36_000));
        // GW-10: a clock that steps back ends nothing.
        assert_eq!(TERMS.life(&record, UnixTime::from_secs(0)), Life::Live);
    }

    #[test]
    fn no_renewal_extends_the_absolute_end() {
        let mut record = record(START);
        for hour in 1..=20 {
            let now = at(hour * 1800);
            let tokens = SessionTokens {
                access_expires: Some(now + HOUR),
                received: now,
                ..record.tokens.clone()
            };
            record = record.renewed(tokens, record.identity.clone(), now);
        }
        assert_eq!(record.renewals, 20);
        assert_eq!(TERMS.ends(&record), at(36_000));
        assert_eq!(TERMS.life(&record, at(36_000)), Life::Over);
    }

    #[test]
    fn touch_is_coarse() {
        for (idle, due) in [(5, 1), (10, 1), (100, 10), (600, 60), (86_400, 60)] {
            let terms = Terms {
                idle: Duration::from_secs(idle),
                ..TERMS
            };
            let record = record(START).used("wiki", START);
            assert!(!terms.touch_due(&record, at(due - 1), "wiki"), "{idle}");
            assert!(terms.touch_due(&record, at(due), "wiki"), "{idle}");
            assert!(terms.touch_due(&record, at(0), "mail"), "{idle}");
        }
    }

    #[test]
    fn freshness_by_table() {
        use Freshness::{Due, Expired, Fresh, Spent};
        // life, refresh token, seconds since received, answer. The jitter is at most half the window.
        let table = [
            (None, true, 1_000_000, Fresh),
            (None, false, 1_000_000, Fresh),
            (Some(3600), true, 0, Fresh),
            (Some(3600), true, 3239, Fresh),
            (Some(3600), true, 3420, Due),
            (Some(3600), true, 3599, Due),
            (Some(3600), true, 3600, Expired),
            (Some(3600), false, 3599, Fresh),
            (Some(3600), false, 3600, Spent),
            (Some(300), true, 239, Fresh),
            (Some(300), true, 270, Due),
            // RF-08: a tiny life is not in its window from the start.
            (Some(60), true, 29, Fresh),
            (Some(60), true, 45, Due),
            (Some(10), true, 4, Fresh),
            (Some(10), true, 8, Due),
            (Some(2), true, 0, Fresh),
            (Some(1), true, 0, Fresh),
            (Some(1), true, 1, Expired),
            (Some(0), true, 0, Fresh),
            (Some(0), true, 1, Expired),
            (Some(0), false, 1, Spent),
        ];
        for (life, refresh, secs, answer) in table {
            let record = with_token(life, refresh);
            assert_eq!(Freshness::of(&record, at(secs)), answer, "{life:?} {refresh} {secs}");
        }
    }

    #[test]
    fn the_window_opens_at_a_moment_of_the_sessions_own() {
        let opens = |id: &str| {
            let mut record = with_token(Some(3600), true);
            record.id = id.to_owned();
            (0..=3600)
                .find(|secs| Freshness::of(&record, at(*secs)) == Freshness::Due)
                .unwrap()
        };
        let moments: Vec<u64> = (0..200).map(|n| opens(&format!("session-{n}"))).collect();
        assert!(moments.iter().all(|moment| (3240..=3420).contains(moment)));
        let mut different = moments.clone();
        different.sort_unstable();
        different.dedup();
        assert!(different.len() > 60, "{}", different.len());
        assert_eq!(opens("session-7"), moments[7]);
        assert!(jitter("x", Duration::ZERO) == Duration::ZERO && jitter("x", MINUTE) <= MINUTE);
    }
}
