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
