//! The key ring: the first key seals, every key opens.

use std::{fmt, sync::Arc};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The name of a ring key: 1 to 32 characters of `[A-Za-z0-9._-]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyId(Arc<str>);

/// One 256-bit key of the ring. The key itself is not kept, only what HKDF-Extract (RFC 5869 section 2.2) makes of it.
#[derive(Clone)]
pub struct RingKey {
    /// The key's name, written in clear in front of everything it seals.
    pub id: KeyId,
    extracted: hkdf::Prk,
    index: hmac::Key,
    marks: hmac::Key,
}

/// A ring of at least one key. The first seals; all open.
#[derive(Clone, Debug)]
pub struct Ring {
    sealing: RingKey,
    older: Vec<RingKey>,
}

/// Why a ring cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RingKey {
    /// A key of this name and these bytes.
    #[must_use]
    pub fn new(id: KeyId, key: &Secret<[u8; 32]>) -> Self {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"doorward v1").extract(key.expose());
        let index = hmac::Key::new(hmac::HMAC_SHA256, expand(&extracted, "store index", &[]).as_slice());
        let marks = hmac::Key::new(hmac::HMAC_SHA256, expand(&extracted, "session marks", &[]).as_slice());
        Self {
            id,
            extracted,
            index,
            marks,
        }
    }

    /// Reads a key written in base64 (standard or URL-safe, padded or not). White space around it does not count, since
    /// a file ends with a new line.
    ///
    /// # Errors
    /// [`RingError::BadName`], [`RingError::BadEncoding`], [`RingError::BadLength`].
    pub fn decode(id: &str, written: &str) -> Result<Self, RingError> {
        let id = KeyId::parse(id)?;
        let standard: Zeroizing<String> = Zeroizing::new(
            written
                .trim()
                .trim_end_matches('=')
                .chars()
                .map(|c| match c {
                    '-' => '+',
                    '_' => '/',
                    other => other,
                })
                .collect(),
        );
        let bytes = STANDARD_NO_PAD
            .decode(standard.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| RingError::BadEncoding)?;
        let key: [u8; 32] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| RingError::BadLength(bytes.len()))?;
        Ok(Self::new(id, &Secret::new(key)))
    }

    /// A key of its own for one use, by HKDF-Expand (RFC 5869 section 2.3). `label` names the use and holds no NUL, so
    /// no two uses share an input.
    #[must_use]
    pub fn derive(&self, label: &str, more: &[u8]) -> Zeroizing<[u8; 32]> {
        expand(&self.extracted, label, more)
    }

    /// Eight hexadecimal digits that tell this key from another of the same name, and nothing of either.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digits = self
            .derive("fingerprint", b"")
            .iter()
            .take(4)
            .fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
        format!("{digits:08x}")
    }

    /// HMAC-SHA-256 of `bytes` under this key's index key: where something is kept, told only to who has the ring.
    #[must_use]
    pub fn index(&self, bytes: &[u8]) -> [u8; 32] {
        whole(&hmac::sign(&self.index, bytes))
    }

    /// HMAC-SHA-256 of `parts` for one use, under a key of its own: what sessions have in common, told only to who has the
    /// ring. `label` holds no NUL and every part is preceded by its length, so no two inputs are the same bytes.
    #[must_use]
    pub fn mark(&self, label: &str, parts: &[&str]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.marks);
        context.update(label.as_bytes());
        context.update(b"\0");
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        whole(&context.sign())
    }
}

impl fmt::Debug for RingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Ring {
    /// A ring of `keys`; the first seals.
    ///
    /// # Errors
    /// [`RingError::Empty`], [`RingError::Duplicate`].
    pub fn new(keys: Vec<RingKey>) -> Result<Self, RingError> {
        let mut seen = std::collections::HashSet::new();
        if let Some(twice) = keys.iter().find(|key| !seen.insert(key.id.clone())) {
            return Err(RingError::Duplicate(twice.id.to_string()));
        }
        let mut keys = keys.into_iter();
        let sealing = keys.next().ok_or(RingError::Empty)?;
        Ok(Self {
            sealing,
            older: keys.collect(),
        })
    }

    /// The same ring with one more key that opens, unless it has one of that name.
    #[must_use]
    pub fn with_older(mut self, key: RingKey) -> Self {
        if self.find(key.id.as_str()).is_none() {
            self.older.push(key);
        }
        self
    }

    /// The key that seals.
    #[must_use]
    pub const fn sealing(&self) -> &RingKey {
        &self.sealing
    }

    /// All keys, the sealing one first.
    pub fn keys(&self) -> impl Iterator<Item = &RingKey> {
        std::iter::once(&self.sealing).chain(&self.older)
    }

    /// The key of this name.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&RingKey> {
        self.keys().find(|key| key.id.as_str() == id)
    }

    /// Whether the other ring has the same keys in the same order.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let known = |key: &RingKey| (key.id.clone(), key.fingerprint());
        self.keys().map(known).eq(other.keys().map(known))
    }

    /// The names of all keys, the sealing one first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys().map(|key| &key.id)
    }
}

/// The tag's 32 bytes.
fn whole(tag: &hmac::Tag) -> [u8; 32] {
    let mut bytes = [0_u8; 32];
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    bytes
}

/// A new key as an operator writes it: 32 drawn bytes in base64.
#[must_use]
pub fn generate(drawn: [u8; 32]) -> String {
    STANDARD.encode(drawn)
}

#[expect(
    clippy::expect_used,
    reason = "HKDF-Expand fails only for more than 255 blocks of output; this is one"
)]
fn expand(extracted: &hkdf::Prk, label: &str, more: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0_u8; 32]);
    extracted
        .expand(&[label.as_bytes(), b"\0", more], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(out.as_mut_slice()))
        .expect("one block of HKDF output");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, fill: u8) -> RingKey {
        RingKey::decode(id, &generate([fill; 32])).unwrap()
    }

    #[test]
    fn a_name_is_short_and_plain() {
        for good in ["a", "2026-10", "k.1_x", &"k".repeat(32)] {
            assert_eq!(KeyId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "ключ", "a/b", &"k".repeat(33)] {
            assert_eq!(KeyId::parse(bad), Err(RingError::BadName), "{bad:?}");
        }
    }

    #[test]
    fn every_way_to_write_a_key_is_the_same_key() {
        let bytes = [0xfb_u8; 32];
        let standard = generate(bytes);
        assert!(standard.contains("+/"), "{standard}");
        let safe = standard.replace('+', "-").replace('/', "_");
        let index = RingKey::decode("k", &standard).unwrap().index(b"x");
        for written in [
            safe.clone(),
            safe.trim_end_matches('=').to_owned(),
            format!(" {standard}\n"),
        ] {
            assert_eq!(RingKey::decode("k", &written).unwrap().index(b"x"), index);
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        let refused = |written: &str| RingKey::decode("k", written).unwrap_err();
        assert_eq!(refused("not base64!"), RingError::BadEncoding);
        assert_eq!(refused(&STANDARD.encode([1; 31])), RingError::BadLength(31));
        assert_eq!(refused(""), RingError::BadLength(0));
        assert_eq!(RingKey::decode("", &generate([1; 32])).unwrap_err(), RingError::BadName);
    }

    #[test]
    fn a_ring_has_keys_of_different_names() {
        assert_eq!(Ring::new(vec![]).unwrap_err(), RingError::Empty);
        assert_eq!(
            Ring::new(vec![key("a", 1), key("b", 2), key("a", 3)]).unwrap_err(),
            RingError::Duplicate("a".to_owned())
        );
        let ring = Ring::new(vec![key("new", 1), key("old", 2)]).unwrap();
        assert_eq!(ring.sealing().id.as_str(), "new");
        assert_eq!(ring.ids().map(KeyId::as_str).collect::<Vec<_>>(), ["new", "old"]);
        assert!(ring.find("old").is_some());
        assert!(ring.find("older").is_none());
    }

    #[test]
    fn what_is_derived_differs_by_key_label_and_more() {
        let (a, b) = (key("a", 1), key("b", 2));
        let all = [
            a.derive("one", b""),
            a.derive("two", b""),
            a.derive("one", b"x"),
            b.derive("one", b""),
        ];
        for (i, left) in all.iter().enumerate() {
            for right in &all[i + 1..] {
                assert_ne!(left, right);
            }
        }
        assert_eq!(a.derive("one", b""), key("other-name", 1).derive("one", b""));
    }

    #[test]
    fn nothing_of_a_key_prints() {
        assert_eq!(format!("{:?}", key("k", 65)), "RingKey { id: KeyId(\"k\"), .. }");
    }
}
