//! The authorization response (OpenID Connect Core 1.0 section 3.1.2.5, RFC 6749 section 4.1.2, RFC 9207).

use super::{Attempt, ReturnTo, SignInFailure};
use crate::{keys::Ring, time::UnixTime};

/// A response with a code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The code.
    pub code: String,
    /// `iss`, if there.
    pub iss: Option<String>,
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
    Stray {
        /// Where the attempt would have gone; the root when it was too long to carry.
        return_to: ReturnTo,
        /// Whether it was already a second try.
        again: bool,
    },
    /// Nothing of ours.
    Refused(SignInFailure),
}

/// Reads a callback's query string. `cookies` are all (name, value) pairs of the request.
#[must_use]
pub fn receive(
    query: &str,
    cookies: &[(&str, &str)],
    ring: &Ring,
    secure: bool,
    now: UnixTime,
) -> Received {
    let _ = (query, cookies, ring, secure, now);
    todo!()
}
