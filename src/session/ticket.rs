//! The cookie and the handle in it.

use crate::{keys::Ring, secret::Secret};

/// 256 random bits: the only thing that the cookie holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handle(Secret<[u8; 32]>);

/// Where a session is kept: HMAC-SHA-256 of its handle under an index key derived from a ring key. Reading the store
/// gives nobody a cookie. A session stays where it was put when the ring gains a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StoreKey(pub [u8; 32]);

/// The session cookie's name, by scheme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieName {
    /// `__Host-doorward`, over HTTPS.
    Host,
    /// `doorward`, over plain HTTP on loopback.
    Plain,
}

impl Handle {
    /// A handle of drawn bytes.
    #[must_use]
    pub const fn new(drawn: [u8; 32]) -> Self {
        Self(Secret::new(drawn))
    }

    /// Reads a cookie value: exactly 43 characters of strict base64url.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let _ = value;
        todo!()
    }

    /// The cookie value.
    #[must_use]
    pub fn encode(&self) -> String {
        todo!()
    }

    /// The bytes, for sealing.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The key under which the session is kept, for every ring key that may have named it: first the place where
    /// new sessions go, then older ones.
    #[must_use]
    pub fn store_keys(&self, ring: &Ring) -> Vec<StoreKey> {
        let _ = ring;
        todo!()
    }
}

impl CookieName {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "__Host-doorward",
            Self::Plain => "doorward",
        }
    }
}
