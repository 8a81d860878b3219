//! How much each caller did of what is limited, and the answer to whoever does too much.
//!
//! Of each caller one moment is kept, in this process alone: replicas count each for itself. What is kept is bounded; who is
//! forgotten for others begins anew, so a flood from many addresses loosens the limits and never tightens them.

use std::{
    hash::{BuildHasher as _, RandomState},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;

use super::{About, Gateway, Incoming, Reply, reply};
use crate::{
    gate::{
        Allowance, Presence, Refusal, Source, Take, Used,
        allowance::{Counted, counted},
        cors, sign_in,
    },
    identity::VerifiedIdentity,
    pages::Context,
    policy::{Route, RouteId},
    session::Session,
    telemetry::Event,
};

/// Most callers that are remembered, 16 MB or so.
const MOST: u64 = 1 << 16;
/// No allowance takes longer to recover, so whoever did nothing for so long need not be remembered.
const IDLE: Duration = Duration::from_secs(3600);

/// How much of what is used, by whom. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    used: Cache<What, Arc<AtomicU64>>,
    /// Tells people from one another, for as long as the process lasts.
    people: RandomState,
}

/// What is counted, and of whom.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum What {
    /// Requests to a route.
    Requests(RouteId, Counted),
    /// Sign-ins begun and not finished.
    SignIns(Source),
    /// Answers of a provider that came to no sign-in.
    Answers(Source),
}

/// A step of a sign-in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The browser is sent to the provider.
    Begin,
    /// It comes back.
    Answer,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            used: Cache::builder().max_capacity(MOST).time_to_idle(IDLE).build(),
            people: RandomState::new(),
        }
    }
}

impl Counts {
    /// Takes one; how long to wait, where there is none.
    fn take(&self, what: What, allowance: Allowance, now: Duration) -> Option<Duration> {
        let mut refused = None;
        self.change(what, |used| match allowance.take(used, now) {
            Take::Granted(used) => {
                refused = None;
                used
            }
            Take::Refused { used, wait } => {
                refused = Some(wait);
                used
            }
        });
        refused
    }

    fn person(&self, identity: &VerifiedIdentity) -> u64 {
        self.people.hash_one((identity.issuer().as_str(), identity.subject()))
    }

    fn give_back(&self, what: What, allowance: Allowance, now: Duration) {
        self.change(what, |used| allowance.give_back(used, now));
    }

    fn change(&self, what: What, mut to: impl FnMut(Used) -> Used) {
        let kept = self.used.get_with(what, Arc::default);
        let changed = kept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(to(Used(used)).0));
        tracing::trace!(changed = changed.is_ok(), "counted");
    }
}

impl Step {
    const fn of(self, source: Source) -> What {
        match self {
            Self::Begin => What::SignIns(source),
            Self::Answer => What::Answers(source),
        }
    }
}

impl Gateway {
    /// The answer to a request that its route takes no more of. Asked twice: before the request's session is looked for, and
    /// after.
    pub(super) fn over_rate(
        &self,
        route: &Route,
        presence: Option<&Presence>,
        incoming: &Incoming<'_>,
    ) -> Option<Reply> {
        let rate = route.rate.as_ref()?;
        let person = |session: &Session| self.counts().person(&session.record.identity);
        let whom = counted(rate.by, presence, Source::of(incoming.client), person)?;
        let what = What::Requests(route.id.clone(), whom);
        let wait = self.counts().take(what, Allowance::of(rate), self.moment())?;
        let subject_hash = match presence {
            Some(Presence::Session(session)) => Some(Arc::clone(session.subject_hash(&self.parts().ring.load()))),
            Some(Presence::Nothing | Presence::Unreadable | Presence::Down) | None => None,
        };
        let refusal = Refusal::TooManyRequests;
        self.emit(&Event::Decision {
            route: &route.id.0,
            verdict: refusal.code(),
        });
        let reply = reply::shared(later(refusal, wait, incoming), cors::readers(route, incoming.headers));
        Some(Reply {
            about: Some(About {
                route: route.id.clone(),
                subject_hash,
            }),
            ..reply
        })
    }

    /// The answer to a sign-in that is one too many of its address. Else it counts from now on.
    pub(super) fn over_sign_ins(&self, step: Step, incoming: &Incoming<'_>) -> Option<Reply> {
        let what = step.of(Source::of(incoming.client));
        let wait = self.counts().take(what, self.of_sign_ins(), self.moment())?;
        Some(later(Refusal::TooManySignIns, wait, incoming))
    }

    /// A step of a sign-in that came to its end counts no more.
    pub(super) fn step_done(&self, step: Step, incoming: &Incoming<'_>) {
        let what = step.of(Source::of(incoming.client));
        self.counts().give_back(what, self.of_sign_ins(), self.moment());
    }

    /// So many sign-ins an address, each for as long as an attempt lasts.
    fn of_sign_ins(&self) -> Allowance {
        let most: NonZeroU32 = self.parts().sign_ins_per_address;
        Allowance::new(most, sign_in::LASTS, most)
    }

    fn moment(&self) -> Duration {
        self.parts().clock.since_epoch()
    }
}

fn later(refusal: Refusal, wait: Duration, incoming: &Incoming<'_>) -> Reply {
    let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let context = Context {
        request_id: incoming.request_id,
        retry_after: Some(whole.max(1)),
        ..Context::default()
    };
    reply::refusal(refusal, incoming.caller, &context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn one(minutes: u64) -> Allowance {
        Allowance::new(NonZeroU32::MIN, Duration::from_secs(60 * minutes), NonZeroU32::MIN)
    }

    #[test]
    fn each_counts_for_itself() {
        let counts = Counts::default();
        let from = |address: &str| Source::of(Some(address.parse().unwrap()));
        let route = |id: &str, address| What::Requests(RouteId(id.into()), Counted::Source(from(address)));
        for what in [
            route("a", "192.0.2.1"),
            route("a", "192.0.2.2"),
            route("b", "192.0.2.1"),
            What::Requests(RouteId("a".into()), Counted::Person(1)),
            What::SignIns(from("192.0.2.1")),
            What::Answers(from("192.0.2.1")),
        ] {
            assert_eq!(counts.take(what.clone(), one(1), NOW), None, "{what:?}");
            assert!(counts.clone().take(what.clone(), one(1), NOW).is_some(), "{what:?}");
            counts.give_back(what.clone(), one(1), NOW);
            assert_eq!(counts.take(what, one(1), NOW), None);
        }
    }

    #[test]
    fn callers_at_the_same_moment_share_what_is_there() {
        let counts = Counts::default();
        let many = Allowance::new(NonZeroU32::MIN, Duration::from_secs(60), 100.try_into().unwrap());
        let granted = std::thread::scope(|scope| {
            let ask = || {
                let what = || What::SignIns(Source::of(None));
                (0..50).filter(|_| counts.take(what(), many, NOW).is_none()).count()
            };
            let all: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            all.into_iter().map(|one| one.join().unwrap()).sum::<usize>()
        });
        assert_eq!(granted, 100);
    }

    #[test]
    fn a_flood_of_addresses_is_bounded() {
        let counts = Counts::default();
        for address in 0..100_000_u32 {
            let source = Source::of(Some(std::net::Ipv4Addr::from_bits(address).into()));
            assert_eq!(
                counts.take(What::SignIns(source), one(10), NOW),
                None,
                "strangers are not refused for others"
            );
        }
        counts.used.run_pending_tasks();
        assert!(counts.used.entry_count() <= MOST, "{}", counts.used.entry_count());
    }
}
