//! The authorization response (OpenID Connect Core 1.0 section 3.1.2.5, RFC 6749 section 4.1.2, RFC 9207).

use std::fmt;

use url::form_urlencoded;

use super::{
    Attempt, Presence, ReturnTo, SignInFailure,
    sign_in::{self, LASTS, State},
};
use crate::{identity::VerifiedIdentity, keys::Ring, time::UnixTime};

/// How many times an attempt that was lost to the limit is started again: tabs that open at once displace each other until
/// the first of them has a session.
const MOST_LOST: u8 = 4;

/// A response with a code.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The code.
    pub code: String,
    /// `iss`, if there.
    pub iss: Option<String>,
}

/// The code is a secret until it is spent.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("iss", &self.iss).finish_non_exhaustive()
    }
}

/// What a callback request is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// The answer to an attempt of this browser. Its cookie must be deleted whatever the answer says.
    Ours {
        /// The attempt.
        attempt: Box<Attempt>,
        /// A code, or why there is none; `iss` is not checked yet.
        answer: Result<Answer, SignInFailure>,
        /// The cookie to delete.
        cookie_name: String,
    },
    /// A state that we sealed, but the browser does not have the attempt's cookie (dropped, used, or another browser).
    /// Whatever code came with it is not spent.
    Stray {
        /// Where the attempt would have gone; the root when it was too long to carry.
        return_to: ReturnTo,
        /// How many starts of it were lost before.
        again: u8,
    },
    /// Nothing of ours.
    Refused(SignInFailure),
}

/// Reads a callback's query string. `cookies` are all (name, value) pairs of the request.
///
/// Of several cookies of the attempt's name, the one that opens counts (CK-06). A `state` that stands once leads to its
/// attempt even when the rest is malformed, so that the attempt is used up (AR-06).
#[must_use]
pub fn receive(query: &str, cookies: &[(&str, &str)], ring: &Ring, secure: bool, now: UnixTime) -> Received {
    let Ok(parameters) = Parameters::read(query) else {
        return Received::Refused(SignInFailure::Malformed);
    };
    let Some(state) = parameters.state.as_deref().and_then(|state| State::open(ring, state)) else {
        return Received::Refused(SignInFailure::NoAttempt);
    };
    let cookie_name = sign_in::cookie_name(&state.name, secure);
    let mut named = cookies.iter().filter(|(name, _)| *name == cookie_name);
    let Some(attempt) = named.find_map(|(_, value)| Attempt::open(ring, &cookie_name, value)) else {
        let return_to = state.return_to.unwrap_or_else(ReturnTo::home);
        return Received::Stray {
            return_to,
            again: state.again,
        };
    };
    let answer = if now.since(attempt.started) > LASTS {
        Err(SignInFailure::Expired)
    } else {
        parameters.answer()
    };
    Received::Ours {
        attempt: Box::new(attempt),
        answer,
        cookie_name,
    }
}

/// What to do with an answer whose attempt this browser no longer has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strayed {
    /// There is a session that serves: the person just goes on.
    GoOn,
    /// Whether there is one cannot be seen.
    StoreDown,
    /// Other tabs displaced the attempt: start it again, for the so many-th time.
    Again(u8),
    /// Offer to start again.
    Fail,
}

/// Decides on a stray answer. `serves`: whether a session that was found is what the page demands. `others`: whether the
/// browser has other attempts under way, so that this one was lost to the limit (many tabs at once). `again`: how many starts
/// of it were lost before.
#[must_use]
pub const fn strayed(presence: &Presence, serves: bool, others: bool, again: u8) -> Strayed {
    match presence {
        Presence::Session(_) if serves => Strayed::GoOn,
        Presence::Down => Strayed::StoreDown,
        Presence::Session(_) | Presence::Nothing | Presence::Unreadable if others && again < MOST_LOST => {
            Strayed::Again(again + 1)
        }
        Presence::Session(_) | Presence::Nothing | Presence::Unreadable => Strayed::Fail,
    }
}

/// Where the browser goes once there is a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Onward {
    /// To the page that was asked for.
    Return,
    /// To the sign-out page: somebody asked for another account and came back with the same one, since the provider lets nobody
    /// choose (Keycloak knows no `select_account`). Only signing out there leads to another.
    SignOut,
}

/// Decides where to go with a session of `identity`, which takes the place of one of `before` that lived. Of whom the provider says
/// something else by now, the page may let in.
#[must_use]
pub fn onward(attempt: &Attempt, before: Option<&VerifiedIdentity>, identity: &VerifiedIdentity) -> Onward {
    let same = |before: &VerifiedIdentity| {
        before.issuer() == identity.issuer()
            && before.subject() == identity.subject()
            && before.groups() == identity.groups()
            && before.email() == identity.email()
            && before.email_verified() == identity.email_verified()
            && before.acr() == identity.acr()
    };
    if attempt.fresh && before.is_some_and(same) {
        Onward::SignOut
    } else {
        Onward::Return
    }
}

/// Longest code or issuer, in bytes.
const LONGEST: usize = 4096;

/// The parameters that mean something here.
#[derive(Default)]
struct Parameters {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    /// Whether one but `state` stands more than once (RFC 6749 section 3.1, AR-11).
    repeated: bool,
}

/// `state` stands more than once.
struct TwoStates;

impl Parameters {
    fn read(query: &str) -> Result<Self, TwoStates> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "state" => &mut read.state,
                "code" => &mut read.code,
                "iss" => &mut read.iss,
                "error" => &mut read.error,
                _ => continue,
            };
            match (slot.is_some(), &*name) {
                (true, "state") => return Err(TwoStates),
                (true, _) => read.repeated = true,
                (false, _) => *slot = Some(value.into_owned()),
            }
        }
        Ok(read)
    }

    fn answer(self) -> Result<Answer, SignInFailure> {
        let Self {
            state: _,
            code,
            iss,
            error,
            repeated,
        } = self;
        if repeated {
            return Err(SignInFailure::Malformed);
        }
        match (code, error) {
            (Some(code), None) if is_code(&code) && iss.as_ref().is_none_or(|iss| iss.len() <= LONGEST) => {
                Ok(Answer { code, iss })
            }
            (None, Some(error)) => Err(failure(&error)),
            (Some(_), _) | (None, None) => Err(SignInFailure::Malformed),
        }
    }
}

/// RFC 6749 appendix A.11: visible characters and spaces.
fn is_code(code: &str) -> bool {
    matches!(code.len(), 1..=LONGEST) && code.bytes().all(|c| matches!(c, 0x20..=0x7e))
}

/// RFC 6749 section 4.1.2.1, OpenID Connect Core 1.0 section 3.1.2.6, and RFC 9470's sibling
/// `unmet_authentication_requirements` (OpenID Connect Core Unmet Authentication Requirements 1.0).
fn failure(error: &str) -> SignInFailure {
    match error {
        "access_denied" | "consent_required" => SignInFailure::Denied,
        "unauthorized_client" | "invalid_client" => SignInFailure::ClientRejected,
        "unmet_authentication_requirements" => SignInFailure::StepUpUnmet,
        _ => SignInFailure::ProviderError,
    }
}

#[cfg(test)]
mod tests;
