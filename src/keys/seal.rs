//! AEAD sealing (AES-256-GCM) under a key derived by HKDF-SHA-256, with associated data.

use super::{KeyId, Ring};

/// What a sealed value is for. One HKDF label each, so that a value of one purpose never opens as another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A session record.
    Session,
    /// A sign-in attempt's cookie.
    SignIn,
    /// The `state` parameter of an authorization request.
    State,
    /// An administration index record.
    Index,
    /// A shared assertion signing key.
    AssertionKey,
}

/// What a sealed value is bound to: opening it for another purpose, by another holder or in another place fails.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// A value that only the holder has (the session handle), mixed into the key. Empty where the ring alone opens.
    pub holder: &'a [u8],
    /// Where it is kept (the store key, the cookie's name).
    pub place: &'a [u8],
}

/// An opened value and the key that opened it.
#[derive(Debug)]
pub struct Opened {
    /// The clear text.
    pub plain: Vec<u8>,
    /// The key that sealed it.
    pub kid: KeyId,
    /// The record's version that was sealed with it, 0 where there is none.
    pub version: u64,
}

/// The value does not open. Every cause looks the same: unknown key, other place, altered, truncated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the sealed value does not open")]
pub struct Unreadable;

/// Seals `plain` under the ring's first key with a random 96-bit `nonce`.
#[must_use]
pub fn seal(
    ring: &Ring,
    binding: &Binding<'_>,
    version: u64,
    nonce: [u8; 12],
    plain: &[u8],
) -> Vec<u8> {
    let _ = (ring, binding, version, nonce, plain);
    todo!()
}

/// Opens what [`seal`] made with the same binding.
///
/// # Errors
/// [`Unreadable`], whatever the cause.
pub fn open(ring: &Ring, binding: &Binding<'_>, sealed: &[u8]) -> Result<Opened, Unreadable> {
    let _ = (ring, binding, sealed);
    todo!()
}
