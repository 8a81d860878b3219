//! Silent renewal as a state machine: [`RenewStep`] says what to do next, [`Observed`] what came of it.
//!
//! Invariants (tested as a model with N replicas, one store, one provider and a seeded scheduler): a refresh token is
//! spent at most once; nobody is signed out by a race; a signed-out session never comes back.

use std::time::Duration;

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
    /// End the session.
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
    /// The record is the one we knew.
    Same,
    /// The record is newer than the one we knew, with good tokens.
    Newer,
    /// The session is gone.
    Gone,
    /// The provider gave new tokens.
    Granted,
    /// `invalid_grant`.
    Refused,
    /// `invalid_client`, another error, a malformed answer, an ID token that does not verify.
    Rejected,
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
    /// The deadline for waiting has passed.
    DeadlinePassed,
}

/// How a renewal ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// We renewed.
    Renewed,
    /// Another did; its record is the one to use.
    RenewedElsewhere,
    /// The session is over.
    Ended,
    /// The provider did not answer, or not in a way that says anything about the session: it stays.
    ProviderDown,
    /// Our client was rejected: an alarm; the session stays.
    ClientRejected,
    /// The store did not answer: the session stays.
    StoreDown,
}

/// How long to wait before reading again while another holds the lease.
pub const AWAIT_STEP: Duration = Duration::from_millis(50);

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
            (Self::Acquire, Saw::Acquired) => Self::Reread,
            (Self::Acquire, Saw::Busy) => Self::Await,
            (Self::Await, Saw::Same) => Self::Acquire,
            (Self::Await | Self::Reread | Self::RereadRefused, Saw::Newer)
            | (Self::Save, Saw::Superseded) => Self::Finish(Outcome::RenewedElsewhere),
            (Self::Await | Self::Reread | Self::RereadRefused, Saw::Gone)
            | (Self::Save | Self::End, Saw::Ended) => Self::Finish(Outcome::Ended),
            (Self::Reread, Saw::Same) => Self::Spend,
            (Self::Spend, Saw::Granted) => Self::Save,
            (Self::Spend, Saw::Refused) => Self::RereadRefused,
            (Self::Spend, Saw::Rejected) => Self::Finish(Outcome::ClientRejected),
            (Self::Await, Saw::DeadlinePassed) | (Self::Spend, Saw::Unavailable) => {
                Self::Finish(Outcome::ProviderDown)
            }
            (Self::Save, Saw::Saved) => Self::Finish(Outcome::Renewed),
            (Self::RereadRefused, Saw::Same) => Self::End,
            (Self::Finish(outcome), _) => Self::Finish(outcome),
            (_, _) => Self::Finish(Outcome::StoreDown),
        }
    }
}
