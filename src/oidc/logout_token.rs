//! Logout token verification (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6; RFC 8725).

use std::time::Duration;

use serde_json::Value;

use super::{
    Claims, IdTokenError, Issuer, KeySet,
    id_token::{
        header::Kind,
        party,
        signature::{Signed, Signer},
        times,
    },
};
use crate::{secret::Secret, time::UnixTime};

/// The event that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Longest logout token that is read, in bytes: it says little.
pub const LONGEST: usize = 16 * 1024;
/// Longest `sid` and `jti` that are taken, in bytes.
pub const LONGEST_ID: usize = 255;
/// How old a token without `exp` may be: early texts of the standard had none, and the advice is at most two minutes.
const LONGEST_LIFE: Duration = Duration::from_secs(120);

/// What a logout token is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// The configured issuer.
    pub issuer: &'a Issuer,
    /// Our client identifier.
    pub client_id: &'a str,
    /// The client secret, for HS* algorithms only when those are in `algs`.
    pub client_secret: Option<&'a Secret<String>>,
    /// The algorithms allowed by configuration for ID tokens (BL-02), never taken from the token.
    pub algs: &'a [String],
    /// Now.
    pub now: UnixTime,
    /// Tolerated clock difference.
    pub skew: Duration,
}

/// A token whose claims fit and whose signature is not verified yet. Made first, so that what does not even claim the
/// right things causes no fetch of keys and no cryptography (BL-12).
#[derive(Debug)]
pub struct Candidate<'a> {
    signed: Signed<'a>,
    claimed: VerifiedLogoutToken,
    algs: &'a [String],
    client_secret: Option<&'a Secret<String>>,
}

/// The proof that the provider ended somebody's session. Made only by [`Candidate::verify`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedLogoutToken {
    whose: Whose,
    id: String,
    expires: UnixTime,
    issued: UnixTime,
}

/// Which sessions a logout is about (BL-07).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whose {
    /// The one with this `sid` of the provider.
    Sid(String),
    /// All of this subject.
    Subject(String),
}

/// Why a logout token is refused. Closed and without token content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum LogoutTokenError {
    /// What can be wrong with any token of the provider.
    #[error(transparent)]
    Token(#[from] IdTokenError),
    /// `events` is no object, or the logout event is not in it as an object (BL-03).
    #[error("no back-channel logout event")]
    NoEvent,
    /// A `nonce`, which only ID tokens have (BL-04).
    #[error("a nonce, as only ID tokens have one")]
    Nonce,
    /// Neither `sub` nor `sid` (BL-04).
    #[error("neither sub nor sid")]
    Nobody,
    /// `sid` is no text of 1 to 255 bytes.
    #[error("no usable sid")]
    BadSid,
    /// `jti` is missing or no text of 1 to 255 bytes (BL-05).
    #[error("no usable jti")]
    BadId,
}

impl<'a> Candidate<'a> {
    /// Reads `raw` and holds every claim against `expect` (its section 2.6).
    ///
    /// # Errors
    /// The first check that fails.
    pub fn read(raw: &'a str, expect: &Expect<'a>) -> Result<Self, LogoutTokenError> {
        if raw.len() > LONGEST {
            return Err(IdTokenError::Malformed.into());
        }
        let signed = Signed::parse(raw, Kind::Logout)?;
        let claims = signed.claims()?;
        party::check_issuer(&claims, expect.issuer)?;
        party::check_audience(&claims, expect.client_id)?;
        let (issued, expires) = check_times(&claims, expect)?;
        check_event(&claims)?;
        if claims.contains_key("nonce") {
            return Err(LogoutTokenError::Nonce);
        }
        let claimed = VerifiedLogoutToken {
            whose: whose(&claims)?,
            id: text(&claims, "jti").ok().flatten().ok_or(LogoutTokenError::BadId)?,
            expires: expires.min(issued + times::OLDEST) + expect.skew,
            issued,
        };
        Ok(Self {
            signed,
            claimed,
            algs: expect.algs,
            client_secret: expect.client_secret,
        })
    }

    /// Verifies the signature with the provider's keys, by the rules for ID tokens. May be tried again with newer keys
    /// after [`IdTokenError::UnknownKey`] and [`IdTokenError::BadSignature`].
    ///
    /// # Errors
    /// When it does not verify.
    pub fn verify(&self, keys: &KeySet) -> Result<VerifiedLogoutToken, IdTokenError> {
        let by = Signer {
            keys,
            algs: self.algs,
            client_secret: self.client_secret,
        };
        self.signed.check(by).map(|_| self.claimed.clone())
    }
}

impl VerifiedLogoutToken {
    /// Whose sessions end.
    #[must_use]
    pub const fn whose(&self) -> &Whose {
        &self.whose
    }

    /// `jti`: a second token with it is a repetition (BL-05).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// From when on the token would be refused by its times, so that nothing need be remembered of it.
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }

    /// `iat`.
    #[must_use]
    pub const fn issued(&self) -> UnixTime {
        self.issued
    }
}

impl LogoutTokenError {
    /// The name in logs, metrics and answers.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token(error) => match error {
                IdTokenError::UnknownKey => "unknown_key",
                IdTokenError::BadSignature => "bad_signature",
                IdTokenError::AlgNotAllowed => "alg_not_allowed",
                IdTokenError::WrongType => "wrong_type",
                IdTokenError::WrongIssuer => "wrong_issuer",
                IdTokenError::WrongAudience => "wrong_audience",
                IdTokenError::WrongTime => "wrong_time",
                IdTokenError::BadSubject => "bad_subject",
                IdTokenError::Malformed
                | IdTokenError::WrongNonce
                | IdTokenError::WrongAtHash
                | IdTokenError::TooOld
                | IdTokenError::AcrUnmet
                | IdTokenError::Changed => "malformed",
            },
            Self::NoEvent => "no_event",
            Self::Nonce => "nonce",
            Self::Nobody => "nobody",
            Self::BadSid => "bad_sid",
            Self::BadId => "bad_jti",
        }
    }
}

/// `iat`, and the end: `exp`, or without it two minutes after `iat` (BL-02).
fn check_times(claims: &Claims, expect: &Expect<'_>) -> Result<(UnixTime, UnixTime), IdTokenError> {
    let issued = times::moment(claims, "iat")?.ok_or(IdTokenError::Malformed)?;
    let expires = times::moment(claims, "exp")?.unwrap_or(issued + LONGEST_LIFE);
    times::check_window(claims, issued, expires, expect.now, expect.skew)?;
    Ok((issued, expires))
}

fn check_event(claims: &Claims) -> Result<(), LogoutTokenError> {
    let event = claims
        .get("events")
        .and_then(Value::as_object)
        .and_then(|events| events.get(EVENT));
    match event {
        Some(Value::Object(_)) => Ok(()),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | None => {
            Err(LogoutTokenError::NoEvent)
        }
    }
}

/// With `sid` it is that session, whoever is named beside it; a `sub` that is there must be one all the same.
fn whose(claims: &Claims) -> Result<Whose, LogoutTokenError> {
    let subject = match claims.get("sub") {
        Some(_) => Some(party::subject(claims)?),
        None => None,
    };
    match (text(claims, "sid")?, subject) {
        (Some(sid), _) => Ok(Whose::Sid(sid)),
        (None, Some(subject)) => Ok(Whose::Subject(subject)),
        (None, None) => Err(LogoutTokenError::Nobody),
    }
}

fn text(claims: &Claims, name: &str) -> Result<Option<String>, LogoutTokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=LONGEST_ID).contains(&text.len()) => Ok(Some(text.clone())),
        Some(_) => Err(LogoutTokenError::BadSid),
    }
}

#[cfg(test)]
mod tests;
