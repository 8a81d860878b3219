//! When a renewal may be tried. A provider that fails is spared by every session; a refresh token that it alone fails over is
//! held back by itself, so that one person's trouble there keeps nobody else waiting.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use super::breaker::Breaker;
use crate::{secret::Secret, time::UnixTime};

/// Failures in a row before anybody waits: of one token, or over as many different ones.
const TOLERATED_FAILURES: u32 = 2;
/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Most tokens that are remembered for a failure, the latest of them. One that is forgotten counts as new.
const MOST_HELD: usize = 256;

/// What renewals met at one provider.
#[derive(Debug)]
pub(super) struct Renewals {
    all: Breaker,
    held: VecDeque<Held>,
    hasher: RandomState,
}

/// A refresh token that an answer failed over.
#[derive(Debug)]
struct Held {
    /// A hash of it that means nothing outside this process.
    token: u64,
    breaker: Breaker,
    /// Whether it counts among the failures in a row of the provider.
    counted: bool,
}

impl Default for Renewals {
    fn default() -> Self {
        Self {
            all: breaker(),
            held: VecDeque::new(),
            hasher: RandomState::new(),
        }
    }
}

impl Renewals {
    /// Whether to spend this refresh token now.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn permit(&mut self, token: &Secret<String>, now: UnixTime) -> Result<(), Duration> {
        let token = self.hasher.hash_one(token.expose());
        if let Some(held) = self.held.iter_mut().find(|held| held.token == token) {
            held.breaker.permit(now)?;
        }
        self.all.permit(now)
    }

    /// The provider answers: whoever waited for it need not. A token that was held back still is, but for the one that was `spent`:
    /// a provider that does not rotate them gives the same one again.
    pub(super) fn succeeded(&mut self, spent: Option<&Secret<String>>) {
        self.all.succeeded();
        if let Some(spent) = spent.map(|spent| self.hasher.hash_one(spent.expose())) {
            self.held.retain(|held| held.token != spent);
        }
        for held in &mut self.held {
            held.counted = false;
        }
    }

    /// The provider failed in a way that has nothing to do with a token. `asked` is its `Retry-After`; `draw` a random byte.
    pub(super) fn failed(&mut self, now: UnixTime, asked: Option<Duration>, draw: u8) {
        self.all.failed(now, asked, draw);
    }

    /// The provider failed, perhaps over this token alone: it counts once among the failures in a row, until a success.
    pub(super) fn failed_over(&mut self, token: &Secret<String>, now: UnixTime, draw: u8) {
        let token = self.hasher.hash_one(token.expose());
        let at = self.held.iter().position(|held| held.token == token);
        let mut held = at.and_then(|at| self.held.remove(at)).unwrap_or_else(|| Held {
            token,
            breaker: breaker(),
            counted: false,
        });
        held.breaker.failed(now, None, draw);
        if !held.counted {
            held.counted = true;
            self.all.failed(now, None, draw);
        }
        if self.held.len() >= MOST_HELD {
            self.held.pop_front();
        }
        self.held.push_back(held);
    }
}

const fn breaker() -> Breaker {
    Breaker::new(TOLERATED_FAILURES, LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn token(name: &str) -> Secret<String> {
        Secret::new(name.to_owned())
    }

    // RF-07, IP-03
    #[test]
    fn one_token_that_fails_keeps_only_itself_waiting() {
        let mut renewals = Renewals::default();
        for _ in 0..20 {
            renewals.failed_over(&token("ada"), NOW, 255);
        }
        assert_eq!(renewals.permit(&token("ada"), NOW), Err(LONGEST_WAIT));
        assert_eq!(renewals.permit(&token("grace"), NOW), Ok(()));
        renewals.succeeded(None);
        assert_eq!(
            renewals.permit(&token("ada"), NOW),
            Err(LONGEST_WAIT),
            "another's success"
        );
        // Its own: a provider that does not rotate gives the same one again.
        renewals.succeeded(Some(&token("ada")));
        for _ in 0..TOLERATED_FAILURES {
            assert_eq!(renewals.permit(&token("ada"), NOW), Ok(()));
            renewals.failed_over(&token("ada"), NOW, 255);
        }
    }

    // RF-07, IP-03
    #[test]
    fn several_that_fail_in_a_row_are_the_providers_failure() {
        let mut renewals = Renewals::default();
        for name in ["a", "b", "c"] {
            assert_eq!(renewals.permit(&token("d"), NOW), Ok(()));
            renewals.failed_over(&token(name), NOW, 255);
        }
        assert_eq!(renewals.permit(&token("d"), NOW), Err(Duration::from_secs(1)));
        renewals.succeeded(None);
        assert_eq!(renewals.permit(&token("d"), NOW), Ok(()));
        for name in ["a", "b"] {
            renewals.failed_over(&token(name), NOW, 255);
        }
        assert_eq!(renewals.permit(&token("d"), NOW), Ok(()), "counted anew");
    }

    #[test]
    fn what_has_nothing_to_do_with_a_token_keeps_everybody_waiting() {
        let mut renewals = Renewals::default();
        renewals.failed(NOW, Some(Duration::from_secs(20)), 0);
        assert_eq!(renewals.permit(&token("any"), NOW), Err(Duration::from_secs(20)));
    }

    #[test]
    fn it_does_not_grow() {
        let mut renewals = Renewals::default();
        for n in 0..2 * MOST_HELD {
            renewals.failed_over(&token(&n.to_string()), NOW, 0);
        }
        assert_eq!(renewals.held.len(), MOST_HELD);
    }
}
