//! ID token verification (OpenID Connect Core 1.0 sections 2, 3.1.3.7 and 12.2; RFC 8725).

use std::time::Duration;

use super::{Claims, Issuer, KeySet};
use crate::{secret::Secret, time::UnixTime};

/// What an ID token is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// The configured issuer.
    pub issuer: &'a Issuer,
    /// Our client identifier.
    pub client_id: &'a str,
    /// The client secret, for HS* algorithms only when those are in `algs`.
    pub client_secret: Option<&'a Secret<String>>,
    /// The algorithms allowed by configuration (JOSE names, default `RS256`), never taken from the token (ID-06).
    pub algs: &'a [String],
    /// The nonce of the authorization request; `None` at a refresh.
    pub nonce: Option<&'a str>,
    /// The access token received beside it, for `at_hash` (ID-13).
    pub access_token: &'a str,
    /// `max_age` as sent: `auth_time` is then required and held against it (ID-11).
    pub max_age: Option<Duration>,
    /// `acr_values` as sent: the token's `acr` must be one of them; empty for no demand (ID-12).
    pub acr_values: &'a [String],
    /// At a refresh: the claims of the ID token before, whose `iss`, `sub`, `aud`, `azp`, `auth_time` must not
    /// change (RF-06).
    pub before: Option<&'a Claims>,
    /// Now.
    pub now: UnixTime,
    /// Tolerated clock difference.
    pub skew: Duration,
}

/// The proof that an ID token was verified in full. Made only by [`VerifiedIdToken::verify`].
#[derive(Clone, Debug)]
pub struct VerifiedIdToken {
    claims: Claims,
    subject: String,
}

/// Why an ID token is refused. Closed and without token content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum IdTokenError {
    /// Not three strict base64url segments of JSON objects, or malformed members.
    #[error("malformed")]
    Malformed,
    /// The key named by `kid` is not in the set: refetch once, throttled (DJ-06).
    #[error("signed with a key that is not in the provider's key set")]
    UnknownKey,
    /// The signature does not verify (DJ-08: may be a reused kid).
    #[error("signature does not verify")]
    BadSignature,
    /// The algorithm is not allowed.
    #[error("signing algorithm is not allowed for this provider")]
    AlgNotAllowed,
    /// Another kind of token by `typ`, or an unknown `crit`.
    #[error("not an ID token by its header")]
    WrongType,
    /// `iss`.
    #[error("another issuer")]
    WrongIssuer,
    /// `aud` or `azp`.
    #[error("another audience")]
    WrongAudience,
    /// `exp`, `iat` or `nbf`: look at the clocks.
    #[error("not valid at this time; compare the clocks of provider and gateway")]
    WrongTime,
    /// `nonce`.
    #[error("another nonce")]
    WrongNonce,
    /// `at_hash`.
    #[error("at_hash does not fit the access token")]
    WrongAtHash,
    /// `sub` missing, empty, too long, not a string.
    #[error("no usable subject")]
    BadSubject,
    /// `auth_time` missing or too old for `max_age`.
    #[error("the sign-in at the provider is older than the route allows")]
    TooOld,
    /// `acr` is not one of those asked for.
    #[error("the provider did not reach the asked authentication context")]
    AcrUnmet,
    /// A refreshed token of somebody else.
    #[error("the refreshed token names another subject, issuer or audience")]
    Changed,
}

impl VerifiedIdToken {
    /// Verifies `raw` in full against `expect` with the provider's keys.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(raw: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<Self, IdTokenError> {
        let _ = (raw, keys, expect);
        todo!()
    }

    /// All claims of the token.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The `sub` claim.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}
