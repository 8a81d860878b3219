//! A sign-in attempt: what is remembered in its sealed cookie and in `state`, until the callback.
//!
//! One cookie an attempt (`__Host-doorward-attempt-…` or `doorward-attempt-…`), at most [`MOST`] at once, the oldest
//! dropped, ten minutes. `state` is a sealed value too: the attempt's name and, when it is short enough, the return address,
//! so that a callback whose cookie was dropped still lands on its own page when the person has a session by then, and
//! can start again once when not.

use std::time::Duration;

use super::ReturnTo;
use crate::{
    keys::Ring,
    oidc::{Issuer, ProviderName},
    time::UnixTime,
};

/// Most attempts outstanding in one browser.
pub const MOST: usize = 7;
/// How long an attempt lasts.
pub const LASTS: Duration = Duration::from_secs(600);

/// What an attempt remembers.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Attempt {
    /// Which provider by name.
    pub provider: ProviderName,
    /// Its issuer when the attempt began (AR-15).
    pub issuer: Issuer,
    /// The nonce.
    pub nonce: String,
    /// The PKCE verifier.
    pub verifier: String,
    /// The redirect URI, the same at the token request (AR-08).
    pub redirect_uri: String,
    /// Where to go afterwards.
    pub return_to: ReturnTo,
    /// `acr_values` as sent.
    pub acr_values: Vec<String>,
    /// `max_age` as sent, in seconds.
    pub max_age: Option<u64>,
    /// Whether a session that is already there must be replaced (account switch, step-up).
    pub fresh: bool,
    /// Whether this is the one new start after a lost attempt.
    pub again: bool,
    /// When it began.
    pub started: UnixTime,
}

/// Random bytes for one attempt, drawn at the edge.
#[derive(Debug)]
pub struct Draws {
    /// The attempt's name.
    pub id: [u8; 9],
    /// AEAD nonce of the cookie.
    pub cookie_nonce: [u8; 12],
    /// AEAD nonce of the state.
    pub state_nonce: [u8; 12],
}

/// A begun attempt.
#[derive(Debug)]
pub struct Begun {
    /// The `state` parameter.
    pub state: String,
    /// The cookie to set.
    pub cookie_name: String,
    /// Its value.
    pub cookie_value: String,
    /// Cookies to delete: the oldest, when there would be more than [`MOST`].
    pub dropped: Vec<String>,
}

impl Attempt {
    /// Seals the attempt. `present` are the names of all cookies in the request; `secure` chooses the cookie prefix.
    #[must_use]
    pub fn begin(&self, ring: &Ring, draws: &Draws, present: &[&str], secure: bool) -> Begun {
        let _ = (ring, draws, present, secure);
        todo!()
    }

    /// RFC 9207: holds the response's `iss` against the attempt's issuer. `required` when the provider advertises
    /// the parameter.
    ///
    /// # Errors
    /// [`super::SignInFailure::WrongIssuer`].
    pub fn check_issuer(
        &self,
        iss: Option<&str>,
        required: bool,
    ) -> Result<(), super::SignInFailure> {
        let _ = (iss, required);
        todo!()
    }
}
