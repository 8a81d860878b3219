//! Silent renewal as a state machine: [`RenewStep`] says what to do next, [`Observed`] what came of it.
//!
//! Invariants (tested as a model with N replicas, one store, one provider and a seeded scheduler):
//!
//! * A refresh token is spent at most once. A token that the provider may have taken is presented again only when nobody
//!   can know the answer any more: whoever presented it died, stood still past its lease while the call was under way, lost the
//!   answer, or could not store it for all its patience. The worst that follows is a new sign-in (GW-02, IP-04).
//! * Nobody is signed out by a race: without one of those losses a session ends by sign-out or by the provider only, and
//!   a session is ended for a refused token only while that token is the one in the record.
//! * A signed-out session never comes back (BL-10).
//!
//! They rest on four duties of the executor, each of which the model shows to be needed. From the moment at which it may spend,
//! the lease outlasts the store's last answer by all that the call and the write-back can take, since the store may be away from
//! the holder alone (decision 0020). Right before it spends it makes sure that the lease still holds, since a replica may have
//! stood still, and observes [`Observed::LeaseLost`] otherwise. It writes and ends by comparison with the version that it read, and writes
//! onto records that exist only. A note of use is no version, so that no new token is lost to one.

use std::time::Duration;

use crate::{
    session::{Freshness, Record},
    time::UnixTime,
};

/// The next thing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RenewStep {
    /// Try to take the session's lease.
    Acquire,
    /// Another holds the lease: wait a little, then read the record again.
    Await,
    /// Holding the lease, read the record: somebody may have renewed before we held it.
    Reread,
    /// Spend the refresh token of the record just read.
    Spend,
    /// Write the new tokens back by compare-and-set on the version just read.
    Save,
    /// The provider refused the token: read once more whether a newer session is there.
    RereadRefused,
    /// End the session, by compare-and-delete on the version just read.
    End,
    /// Release the lease (if held) and answer.
    Finish(Outcome),
}

/// What came of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Observed {
    /// The lease is ours.
    Acquired,
    /// The lease is another's.
    Busy,
    /// About to spend, and the lease that was ours has lapsed: nothing was sent.
    LeaseLost,
    /// The record is the one we knew.
    Same,
    /// The record is newer than the one we knew, with good tokens.
    Newer,
    /// The record has another refresh token than the one we knew, and its access token has expired again.
    NewerSpent,
    /// The session is gone.
    Gone,
    /// The provider gave new tokens.
    Granted,
    /// `invalid_grant`, or the provider wants to see the person, or its ID token is about somebody else.
    Refused,
    /// `invalid_client`.
    Rejected,
    /// Another error, which says nothing about the session.
    Odd,
    /// 5xx, 429, timeout, unreachable.
    Unavailable,
    /// Written.
    Saved,
    /// The version had moved on.
    Superseded,
    /// The session was ended.
    Ended,
    /// The store does not answer.
    StoreDown,
    /// The deadline for waiting for another's renewal has passed.
    DeadlinePassed,
}

/// How a renewal ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// We renewed.
    Renewed,
    /// Another did; its record is the one to use.
    RenewedElsewhere,
    /// Another began, and did not finish in the time that we wait: it died, or the provider is slow to it. The session stays.
    RenewingElsewhere,
    /// The session is over.
    Ended,
    /// The provider did not answer, or not in a way that says anything about the session: it stays.
    ProviderDown,
    /// Our client was rejected: an alarm; the session stays.
    ClientRejected,
    /// The provider answered with an error that says nothing about the session: it stays.
    ProviderError,
    /// The store did not answer: the session stays.
    StoreDown,
}

/// How long to wait before reading again while another holds the lease.
pub const AWAIT_STEP: Duration = Duration::from_millis(50);

impl Observed {
    /// What a record that was read again is to whoever knew another one. A provider that does not rotate refresh tokens gives
    /// new access tokens for the same one.
    #[must_use]
    pub fn again(known: &Record, found: &Record, now: UnixTime) -> Self {
        let good = Freshness::of(found, now) < Freshness::Expired;
        if good && found.renewals > known.renewals {
            Self::Newer
        } else if found.tokens.refresh_token != known.tokens.refresh_token {
            Self::NewerSpent
        } else {
            Self::Same
        }
    }
}

impl RenewStep {
    /// The first step.
    #[must_use]
    pub const fn begin() -> Self {
        Self::Acquire
    }

    /// The step after this one, given what was observed. An observation that a step cannot have ends it as
    /// [`Outcome::StoreDown`], which changes nothing.
    #[must_use]
    pub const fn next(self, observed: Observed) -> Self {
        use Observed as Saw;
        match (self, observed) {
            // What was refused is not what is there now: that has not been tried.
            (Self::Acquire, Saw::Acquired) | (Self::RereadRefused, Saw::NewerSpent) => Self::Reread,
            (Self::Acquire, Saw::Busy) => Self::Await,
            (Self::Await, Saw::Same | Saw::NewerSpent) | (Self::Spend, Saw::LeaseLost) => Self::Acquire,
            (Self::Await | Self::Reread | Self::RereadRefused, Saw::Newer) | (Self::Save, Saw::Superseded) => {
                Self::Finish(Outcome::RenewedElsewhere)
            }
            (Self::Await | Self::Reread | Self::RereadRefused, Saw::Gone) | (Self::Save | Self::End, Saw::Ended) => {
                Self::Finish(Outcome::Ended)
            }
            (Self::Reread, Saw::Same | Saw::NewerSpent) => Self::Spend,
            (Self::Spend, Saw::Granted) => Self::Save,
            (Self::Spend, Saw::Refused) | (Self::End, Saw::Superseded) => Self::RereadRefused,
            (Self::Spend, Saw::Rejected) => Self::Finish(Outcome::ClientRejected),
            (Self::Spend, Saw::Odd) => Self::Finish(Outcome::ProviderError),
            (Self::Await, Saw::DeadlinePassed) => Self::Finish(Outcome::RenewingElsewhere),
            (Self::Spend, Saw::Unavailable) => Self::Finish(Outcome::ProviderDown),
            (Self::Save, Saw::Saved) => Self::Finish(Outcome::Renewed),
            (Self::RereadRefused, Saw::Same) => Self::End,
            (Self::Finish(outcome), _) => Self::Finish(outcome),
            (_, _) => Self::Finish(Outcome::StoreDown),
        }
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::record::tests::record;

    const START: UnixTime = UnixTime::from_secs(1_000_000);

    #[test]
    fn a_record_read_again_is_known_by_its_refresh_token() {
        let known = record(START);
        let again = |refresh_token: &str, life: u64| {
            let mut tokens = known.tokens.clone();
            tokens.refresh_token = Some(refresh_token.into());
            tokens.access_expires = Some(START + Duration::from_secs(life));
            known.renewed(tokens, known.identity.clone(), START)
        };
        let now = START + Duration::from_secs(4000);
        assert_eq!(Observed::again(&known, &known, now), Observed::Same);
        assert_eq!(Observed::again(&known, &again("new", 9000), now), Observed::Newer);
        assert_eq!(Observed::again(&known, &again("new", 3700), now), Observed::NewerSpent);
        assert_eq!(
            Observed::again(&known, &again("rt", 9000), now),
            Observed::Newer,
            "not rotated"
        );
        assert_eq!(
            Observed::again(&known, &again("rt", 3700), now),
            Observed::Same,
            "refused is refused"
        );
    }

    const STEPS: [RenewStep; 8] = [
        RenewStep::Acquire,
        RenewStep::Await,
        RenewStep::Reread,
        RenewStep::Spend,
        RenewStep::Save,
        RenewStep::RereadRefused,
        RenewStep::End,
        RenewStep::Finish(Outcome::Renewed),
    ];
    const ALL: [Observed; 17] = [
        Observed::Acquired,
        Observed::Busy,
        Observed::LeaseLost,
        Observed::Same,
        Observed::Newer,
        Observed::NewerSpent,
        Observed::Gone,
        Observed::Granted,
        Observed::Refused,
        Observed::Rejected,
        Observed::Odd,
        Observed::Unavailable,
        Observed::Saved,
        Observed::Superseded,
        Observed::Ended,
        Observed::StoreDown,
        Observed::DeadlinePassed,
    ];

    #[test]
    fn the_machine() {
        let mut lines = Vec::new();
        for step in STEPS {
            for observed in ALL {
                let next = step.next(observed);
                if next != RenewStep::Finish(Outcome::StoreDown) && !matches!(step, RenewStep::Finish(_)) {
                    lines.push(format!("{step:?} + {observed:?} -> {next:?}"));
                }
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn an_observation_that_a_step_cannot_have_changes_nothing() {
        assert_eq!(
            RenewStep::Reread.next(Observed::Granted),
            RenewStep::Finish(Outcome::StoreDown)
        );
        for step in STEPS {
            let down = step.next(Observed::StoreDown);
            assert!(
                matches!(down, RenewStep::Finish(Outcome::StoreDown | Outcome::Renewed)),
                "{step:?}"
            );
        }
    }

    fn ways_to(wanted: RenewStep) -> Vec<(RenewStep, Observed)> {
        let all = STEPS.into_iter().flat_map(|step| ALL.map(|observed| (step, observed)));
        all.filter(|(step, observed)| step.next(*observed) == wanted).collect()
    }

    #[test]
    fn only_a_lease_holder_who_has_read_the_record_spends() {
        let reread = [
            (RenewStep::Acquire, Observed::Acquired),
            (RenewStep::RereadRefused, Observed::NewerSpent),
        ];
        assert_eq!(ways_to(RenewStep::Reread), reread);
        let spend = [
            (RenewStep::Reread, Observed::Same),
            (RenewStep::Reread, Observed::NewerSpent),
        ];
        assert_eq!(ways_to(RenewStep::Spend), spend);
        assert_eq!(ways_to(RenewStep::Save), [(RenewStep::Spend, Observed::Granted)]);
        assert_eq!(ways_to(RenewStep::End), [(RenewStep::RereadRefused, Observed::Same)]);
        let refused = [
            (RenewStep::Spend, Observed::Refused),
            (RenewStep::End, Observed::Superseded),
        ];
        assert_eq!(ways_to(RenewStep::RereadRefused), refused);
    }

    // RF-07, IP-03
    #[test]
    fn no_failure_but_a_refusal_ends_a_session() {
        for step in STEPS {
            for observed in [
                Observed::Rejected,
                Observed::Odd,
                Observed::Unavailable,
                Observed::StoreDown,
                Observed::DeadlinePassed,
                Observed::Busy,
            ] {
                let next = step.next(observed);
                assert!(
                    !matches!(next, RenewStep::End | RenewStep::Finish(Outcome::Ended)),
                    "{step:?} {observed:?}"
                );
            }
        }
    }
}
