//! The key ring: the first key seals, every key opens.

use std::sync::Arc;

use crate::secret::Secret;

/// The name of a ring key: 1 to 32 characters of `[A-Za-z0-9._-]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyId(Arc<str>);

/// One 256-bit key of the ring.
#[derive(Clone, Debug)]
pub struct RingKey {
    /// The key's name, written in clear in front of everything it seals.
    pub id: KeyId,
    /// The key itself.
    pub key: Secret<[u8; 32]>,
}

/// A ring of at least one key. The first seals; all open.
#[derive(Clone, Debug)]
pub struct Ring {
    keys: Vec<RingKey>,
}

/// Why a ring cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// No key at all.
    #[error("a key ring needs at least one key")]
    Empty,
    /// Two keys of the same name.
    #[error("two keys are named {0}")]
    Duplicate(String),
    /// A name with other characters or length.
    #[error("a key's name is 1 to 32 of A-Z a-z 0-9 . _ -")]
    BadName,
    /// Not 32 bytes.
    #[error("a key is 32 bytes; this one decodes to {0}")]
    BadLength(usize),
    /// Not base64.
    #[error("a key is 32 bytes in base64 (standard or URL-safe)")]
    BadEncoding,
}

impl KeyId {
    /// Reads a key's name.
    ///
    /// # Errors
    /// [`RingError::BadName`].
    pub fn parse(written: &str) -> Result<Self, RingError> {
        let good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        if matches!(written.len(), 1..=32) && written.bytes().all(good) {
            Ok(Self(written.into()))
        } else {
            Err(RingError::BadName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RingKey {
    /// Reads a key written in base64 (standard or URL-safe, padded or not).
    ///
    /// # Errors
    /// [`RingError::BadName`], [`RingError::BadEncoding`], [`RingError::BadLength`].
    pub fn decode(id: &str, written: &str) -> Result<Self, RingError> {
        let _ = (id, written);
        todo!()
    }
}

impl Ring {
    /// A ring of `keys`; the first seals.
    ///
    /// # Errors
    /// [`RingError::Empty`], [`RingError::Duplicate`].
    pub fn new(keys: Vec<RingKey>) -> Result<Self, RingError> {
        let _ = keys;
        todo!()
    }

    /// The key that seals.
    #[must_use]
    pub fn sealing(&self) -> &RingKey {
        todo!()
    }

    /// The key of this name.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.id.as_str() == id)
    }

    /// The names of all keys, the sealing one first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.iter().map(|key| &key.id)
    }
}
