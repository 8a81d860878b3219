//! ID token verification (OpenID Connect Core 1.0 sections 2, 3.1.3.7 and 12.2; RFC 8725).

pub(in crate::oidc) mod header;
pub(in crate::oidc) mod party;
pub(in crate::oidc) mod signature;
pub(in crate::oidc) mod times;

use std::time::Duration;

use serde_json::Value;

use self::{
    header::Kind,
    signature::{Signed, Signer},
};
use super::{Claims, Issuer, KeySet};
use crate::{secret::Secret, time::UnixTime};

/// What an ID token is held against.
#[derive(Clone, Copy)]
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
    #[error("another kind of token by its header")]
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
    /// Verifies `raw` in full against `expect` with the provider's keys: form, header, signature, then every claim
    /// (OpenID Connect Core 1.0 section 3.1.3.7; at a refresh, section 12.2). Nothing that the token says of itself
    /// chooses a rule, and the signature is verified though the token came straight from the token endpoint (ID-05).
    /// What a refreshed token leaves out about how the person signed in is taken from the one before: it is the same
    /// sign-in.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(raw: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<Self, IdTokenError> {
        let signed = Signed::parse(raw, Kind::Id)?;
        let proof = signed.check(Signer {
            keys,
            algs: expect.algs,
            client_secret: expect.client_secret,
        })?;
        let mut claims = signed.claims()?;
        party::check_issuer(&claims, expect.issuer)?;
        party::check_audience(&claims, expect.client_id)?;
        times::check_validity(&claims, expect)?;
        check_nonce(&claims, expect)?;
        check_at_hash(&claims, &proof, expect.access_token)?;
        let subject = party::subject(&claims)?;
        times::check_sign_in_age(&claims, expect)?;
        check_acr(&claims, expect.acr_values)?;
        if let Some(before) = expect.before {
            party::check_unchanged(&claims, before)?;
            carry_over(&mut claims, before);
        }
        Ok(Self { claims, subject })
    }

    /// The claims of an ID token that was verified before and kept sealed since. They prove nothing by themselves: they are
    /// what a refreshed token is compared with ([`Expect::before`]).
    #[must_use]
    pub fn claims_before(raw: &str) -> Option<Claims> {
        Signed::parse(raw, Kind::Id).and_then(|signed| signed.claims()).ok()
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

/// Claims about how the person signed in, which a provider may leave out at a refresh.
pub const SIGN_IN_CLAIMS: [&str; 4] = ["auth_time", "acr", "amr", "sid"];

/// Adds what `claims` lacks of [`SIGN_IN_CLAIMS`].
pub fn carry_over(claims: &mut Claims, before: &Claims) {
    for name in SIGN_IN_CLAIMS {
        if let (false, Some(value)) = (claims.contains_key(name), before.get(name)) {
            claims.insert(name.to_owned(), value.clone());
        }
    }
}

/// The nonce sent, or at a refresh none or the one before (ID-10, Core section 12.2).
fn check_nonce(claims: &Claims, expect: &Expect<'_>) -> Result<(), IdTokenError> {
    let found = claims.get("nonce");
    let fits = match (expect.nonce, found) {
        (Some(sent), Some(Value::String(found))) => same(sent.as_bytes(), found.as_bytes()),
        (Some(_), _) => false,
        (None, None) => true,
        (None, Some(found)) => expect.before.is_some_and(|before| before.get("nonce") == Some(found)),
    };
    fits.then_some(()).ok_or(IdTokenError::WrongNonce)
}

/// Optional in the code flow, but where it is, it must fit (ID-13, Core section 3.1.3.6).
fn check_at_hash(claims: &Claims, proof: &signature::Proof, access_token: &str) -> Result<(), IdTokenError> {
    let fits = match claims.get("at_hash") {
        None => true,
        Some(Value::String(found)) => proof
            .half_hash(access_token)
            .is_some_and(|computed| same(computed.as_bytes(), found.as_bytes())),
        Some(_) => false,
    };
    fits.then_some(()).ok_or(IdTokenError::WrongAtHash)
}

fn check_acr(claims: &Claims, accepted: &[String]) -> Result<(), IdTokenError> {
    let reached = claims.get("acr").and_then(Value::as_str);
    let met = accepted.is_empty() || accepted.iter().any(|acr| reached == Some(acr.as_str()));
    met.then_some(()).ok_or(IdTokenError::AcrUnmet)
}

/// Equality in a time that does not depend on where the difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one
        .iter()
        .zip(other)
        .fold(0_u8, |found, (a, b)| std::hint::black_box(found | (a ^ b)));
    one.len() == other.len() && differences == 0
}

#[cfg(test)]
pub(in crate::oidc) mod tests;
