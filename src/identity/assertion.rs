//! The signed assertion: an ES256 JWT (RFC 7515, RFC 7519) that an upstream verifies with our key set.
//!
//! Signing keys are derived from the key ring by HKDF, one a ring key: replicas with one ring share them, a
//! restart keeps them, the first signs and all are published, so a key is published before it is used.

use std::time::Duration;

use super::VerifiedIdentity;
use crate::{entropy::Entropy, keys::Ring, time::UnixTime};

/// Longest life of an assertion.
pub const MAX_LIFE: Duration = Duration::from_secs(300);

/// The signing keys and their public halves.
#[derive(Debug)]
pub struct AssertionKeys {
    // the builder fills this in
}

/// What is asserted.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// `iss`: this installation.
    pub issuer: &'a str,
    /// `aud`: the route's name.
    pub audience: &'a str,
    /// Who.
    pub identity: &'a VerifiedIdentity,
    /// `sid`: the session's hashed identifier.
    pub session: &'a str,
    /// `iat`.
    pub now: UnixTime,
    /// `exp` − `iat`, at most [`MAX_LIFE`].
    pub life: Duration,
}

impl AssertionKeys {
    /// Derives the keys of a ring.
    #[must_use]
    pub fn derive(ring: &Ring) -> Self {
        let _ = ring;
        todo!()
    }

    /// A compact JWS of the statement, signed by the first key; `jti` is drawn from `entropy`.
    #[must_use]
    pub fn sign(&self, statement: &Statement<'_>, entropy: &Entropy) -> String {
        let _ = (statement, entropy);
        todo!()
    }

    /// The public key set (RFC 7517) as JSON.
    #[must_use]
    pub fn jwks(&self) -> String {
        todo!()
    }
}
