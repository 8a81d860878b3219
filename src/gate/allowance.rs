//! What is allowed in a stretch of time, and to whom it is counted.
//!
//! The generic cell rate algorithm (ITU-T I.371): all that is kept of a caller is one moment, at which nothing of what they did
//! counts any more. Each request moves it on by an interval, and may not move it further ahead than all that is allowed at once.

use std::{num::NonZeroU32, time::Duration};

use super::{Presence, Source};
use crate::{
    policy::{Rate, RateBy},
    session::Session,
};

/// So many at once, and one more after each interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Nanoseconds.
    interval: u64,
    /// Nanoseconds that all at once are ahead.
    ahead: u64,
}

/// How much of an allowance is used: the moment at which nothing counts any more, in nanoseconds since the epoch. The default is a
/// caller of whom nothing is known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Used(pub u64);

/// What came of taking one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Take {
    /// It was there, and so much is used now.
    Granted(Used),
    /// There was none.
    Refused {
        /// How much is used all the same: less than was said, where that was ahead of the clock.
        used: Used,
        /// How long until there is one again.
        wait: Duration,
    },
}

impl Allowance {
    /// `count` in `time`, steadily, and `at_once` after a pause.
    #[must_use]
    pub fn new(count: NonZeroU32, time: Duration, at_once: NonZeroU32) -> Self {
        let interval = (nanos(time) / u64::from(count.get())).max(1);
        Self {
            interval,
            ahead: interval.saturating_mul(u64::from(at_once.get())),
        }
    }

    /// That of a route.
    #[must_use]
    pub fn of(rate: &Rate) -> Self {
        Self::new(rate.requests, rate.per, rate.burst)
    }

    /// Takes one. `now` is the time since the epoch; where the clock was set back nobody waits longer than one interval.
    #[must_use]
    pub fn take(self, used: Used, now: Duration) -> Take {
        let (now, latest) = self.bounds(now);
        let used = used.0.clamp(now, latest);
        let next = used.saturating_add(self.interval);
        if next > latest {
            let wait = Duration::from_nanos(next - latest);
            return Take::Refused { used: Used(used), wait };
        }
        Take::Granted(Used(next))
    }

    /// Gives one back.
    #[must_use]
    pub fn give_back(self, used: Used, now: Duration) -> Used {
        let (now, latest) = self.bounds(now);
        Used(used.0.clamp(now, latest).saturating_sub(self.interval))
    }

    fn bounds(self, now: Duration) -> (u64, u64) {
        let now = nanos(now);
        (now, now.saturating_add(self.ahead))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// To whom a request is counted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Counted {
    /// To where it comes from.
    Source(Source),
    /// To a person, by a hash of issuer and subject under a key of the counting process. Not that of logs: its key changes with the ring.
    Person(u64),
}

/// To whom a request to a route is counted, at the one point where it is: before its session is looked for (`None`) where
/// the address is all that matters, else right after, whatever came of that.
#[must_use]
pub fn counted(
    by: RateBy,
    presence: Option<&Presence>,
    source: Source,
    person: impl FnOnce(&Session) -> u64,
) -> Option<Counted> {
    match (by, presence) {
        (RateBy::Address, None) => Some(Counted::Source(source)),
        (RateBy::Address, Some(_)) | (RateBy::Person, None) => None,
        (RateBy::Person, Some(Presence::Session(session))) => Some(Counted::Person(person(session))),
        (RateBy::Person, Some(Presence::Nothing | Presence::Unreadable | Presence::Down)) => {
            Some(Counted::Source(source))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Duration = Duration::from_secs(1_800_000_000);

    fn allowance(count: u32, time: Duration, at_once: u32) -> Allowance {
        Allowance::new(count.try_into().unwrap(), time, at_once.try_into().unwrap())
    }

    /// A caller.
    struct Caller(Allowance, Used);

    impl Caller {
        fn of(allowance: Allowance) -> Self {
            Self(allowance, Used::default())
        }

        /// How long to wait, if at all.
        fn take(&mut self, now: Duration) -> Option<Duration> {
            let (used, wait) = match self.0.take(self.1, now) {
                Take::Granted(used) => (used, None),
                Take::Refused { used, wait } => (used, Some(wait)),
            };
            self.1 = used;
            wait
        }

        fn give_back(&mut self, now: Duration) {
            self.1 = self.0.give_back(self.1, now);
        }
    }

    #[test]
    fn all_at_once_and_then_one_an_interval() {
        let mut caller = Caller::of(allowance(10, Duration::from_secs(1), 3));
        let tenth = Duration::from_millis(100);
        let at = |millis| START + Duration::from_millis(millis);
        let waits = [0, 0, 0, 0].map(|millis| caller.take(at(millis)));
        assert_eq!(waits, [None, None, None, Some(tenth)]);
        assert_eq!(caller.take(at(99)), Some(Duration::from_millis(1)));
        assert_eq!([100, 100].map(|millis| caller.take(at(millis))), [None, Some(tenth)]);
        // Whoever comes back after a pause has all of it, and no more.
        let waits = [3_600_000; 4].map(|millis| caller.take(at(millis)));
        assert_eq!(waits, [None, None, None, Some(tenth)]);
    }

    #[test]
    fn what_is_given_back_is_there_again_and_nobody_saves_it_up() {
        let ten_minutes = Duration::from_secs(600);
        let mut caller = Caller::of(allowance(1, ten_minutes, 1));
        assert_eq!([START; 2].map(|now| caller.take(now)), [None, Some(ten_minutes)]);
        caller.give_back(START);
        assert_eq!([START; 2].map(|now| caller.take(now)), [None, Some(ten_minutes)]);
        for _ in 0..5 {
            caller.give_back(START);
        }
        assert_eq!([START; 2].map(|now| caller.take(now)), [None, Some(ten_minutes)]);
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        // GW-10
        let mut caller = Caller::of(allowance(10, Duration::from_secs(1), 5));
        assert_eq!(caller.take(START), None);
        let before = Duration::from_secs(1_799_900_000);
        let tenth = Duration::from_millis(100);
        assert_eq!(caller.take(before), Some(tenth));
        assert_eq!(caller.take(before + tenth), None);
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_burst_and_the_rate(
            count in 1_u32..50, at_once in 1_u32..20,
            pauses in prop::collection::vec(0_u64..400, 1..200),
        ) {
            let second = Duration::from_secs(1);
            let mut caller = Caller::of(allowance(count, second, at_once));
            let (mut now, mut granted) = (START, Vec::new());
            for pause in pauses {
                now += Duration::from_millis(pause);
                match caller.take(now) {
                    None => granted.push(now),
                    Some(wait) => {
                        prop_assert!(wait <= second / count);
                        prop_assert!(matches!(caller.0.take(caller.1, now + wait), Take::Granted(_)));
                    }
                }
            }
            for (first, from) in granted.iter().enumerate() {
                for (last, to) in granted.iter().enumerate().skip(first) {
                    let lasted = to.saturating_sub(*from);
                    let steady = lasted.as_secs_f64() * f64::from(count) * 1.000_001;
                    let held = f64::from(u32::try_from(last - first + 1).unwrap());
                    prop_assert!(held <= f64::from(at_once) + steady + 1e-6, "{} in {:?}", held, lasted);
                }
            }
        }
    }
}
