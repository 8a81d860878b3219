//! How many requests a route takes from one caller.

use std::{fmt, num::NonZeroU32, time::Duration};

/// How many requests a route takes from each caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// So many requests.
    pub requests: NonZeroU32,
    /// In this time, steadily.
    pub per: Duration,
    /// So many at once, after a pause.
    pub burst: NonZeroU32,
    /// Who is one caller.
    pub by: RateBy,
}

/// Who is one caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateBy {
    /// Who comes from one address.
    Address,
    /// A person, with all their sessions; without a session, who comes from one address.
    Person,
}

impl Rate {
    /// How long a caller who used all of it waits until all of it is there again.
    #[must_use]
    pub fn recovery(&self) -> Duration {
        (self.per / self.requests.get()).saturating_mul(self.burst.get())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requests,
            per,
            burst,
            by,
        } = self;
        let by = match by {
            RateBy::Address => "address",
            RateBy::Person => "person",
        };
        write!(f, "{requests} per {per:?}, {burst} at once, by {by}")
    }
}
