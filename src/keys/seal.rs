//! AEAD sealing (AES-256-GCM, NIST SP 800-38D) under a key derived for each value by HKDF-SHA-256 (RFC 5869).
//!
//! On the wire: format (1 byte), length of the key's name (1), the name, record version (8, big-endian), nonce (12),
//! cipher text and tag. Everything before the nonce is authenticated together with the purpose and the place, so there is
//! no byte that can change unnoticed, and no way to read any of it without the check.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};

use super::{KeyId, Ring, RingKey};

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
}

/// What a sealed value is bound to: opening it for another purpose, by another holder or in another place fails.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// What is mixed into the key: a value that only the holder has (the session handle), or one that is drawn for each value (an
    /// attempt's name), so that each has a key of its own. Empty where neither is.
    pub holder: &'a [u8],
    /// Where it is kept (the store key, the cookie's name).
    pub place: &'a [u8],
}

/// An opened value, and what was authenticated with it.
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

const FORMAT: u8 = 1;
const NONCE: usize = 12;

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Session => "seal session",
            Self::SignIn => "seal sign-in",
            Self::State => "seal state",
            Self::Index => "seal index",
        }
    }
}

/// Seals `plain`, of record version `version` (0 where there is none), under the ring's first key with a random 96-bit
/// `nonce`. Each value of the holder's has its own key, so nonces of different sessions cannot meet.
#[must_use]
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "AES-GCM refuses only a plain text over 64 GiB"
)]
pub fn seal(ring: &Ring, binding: &Binding<'_>, version: u64, nonce: [u8; NONCE], plain: &[u8]) -> Vec<u8> {
    let key = ring.sealing();
    let mut sealed = head(&key.id, version);
    let text = cipher(key, binding)
        .encrypt(
            &nonce.into(),
            Payload {
                msg: plain,
                aad: &associated(&sealed, binding),
            },
        )
        .expect("a plain text under 64 GiB");
    sealed.reserve_exact(NONCE + text.len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&text);
    sealed
}

/// Opens what [`seal`] made with the same binding.
///
/// # Errors
/// [`Unreadable`], whatever the cause.
pub fn open(ring: &Ring, binding: &Binding<'_>, sealed: &[u8]) -> Result<Opened, Unreadable> {
    let wire = Wire::read(sealed).ok_or(Unreadable)?;
    let key = ring.find(wire.kid).ok_or(Unreadable)?;
    let plain = cipher(key, binding)
        .decrypt(
            &wire.nonce.into(),
            Payload {
                msg: wire.text,
                aad: &associated(&head(&key.id, wire.version), binding),
            },
        )
        .map_err(|_| Unreadable)?;
    Ok(Opened {
        plain,
        kid: key.id.clone(),
        version: wire.version,
    })
}

/// The parts of a sealed value, not authenticated yet.
struct Wire<'a> {
    kid: &'a str,
    version: u64,
    nonce: [u8; NONCE],
    text: &'a [u8],
}

impl<'a> Wire<'a> {
    fn read(sealed: &'a [u8]) -> Option<Self> {
        let (&[FORMAT, kid_length], rest) = sealed.split_first_chunk::<2>()? else {
            return None;
        };
        let (kid, rest) = rest.split_at_checked(usize::from(kid_length))?;
        let (version, rest) = rest.split_first_chunk::<8>()?;
        let (nonce, text) = rest.split_first_chunk::<NONCE>()?;
        Some(Self {
            kid: std::str::from_utf8(kid).ok()?,
            version: u64::from_be_bytes(*version),
            nonce: *nonce,
            text,
        })
    }
}

fn head(kid: &KeyId, version: u64) -> Vec<u8> {
    let kid = kid.as_str().as_bytes();
    // A name has at most 32 characters, so its length is one byte.
    let length = u8::try_from(kid.len()).unwrap_or(u8::MAX);
    let mut head = Vec::with_capacity(kid.len() + 10);
    head.extend_from_slice(&[FORMAT, length]);
    head.extend_from_slice(kid);
    head.extend_from_slice(&version.to_be_bytes());
    head
}

fn associated(head: &[u8], binding: &Binding<'_>) -> Vec<u8> {
    [head, binding.purpose.label().as_bytes(), b"\0", binding.place].concat()
}

fn cipher(key: &RingKey, binding: &Binding<'_>) -> Aes256Gcm {
    let derived = key.derive(binding.purpose.label(), binding.holder);
    Aes256Gcm::new((&*derived).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::generate;

    const AT: Binding<'_> = Binding {
        purpose: Purpose::Session,
        holder: b"holder",
        place: b"place",
    };

    fn key(id: &str, fill: u8) -> RingKey {
        RingKey::decode(id, &generate([fill; 32])).unwrap()
    }

    fn ring(keys: &[(&str, u8)]) -> Ring {
        Ring::new(keys.iter().map(|(id, fill)| key(id, *fill)).collect()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_version_and_key() {
        let ring = ring(&[("k1", 1)]);
        let sealed = seal(&ring, &AT, 7, [9; 12], b"hello");
        let opened = open(&ring, &AT, &sealed).unwrap();
        assert_eq!(opened.plain, b"hello");
        assert_eq!(opened.version, 7);
        assert_eq!(opened.kid.as_str(), "k1");
        assert_eq!(sealed.len(), 2 + 2 + 8 + 12 + 5 + 16);
    }

    // CK-09: the ring turns, and what was sealed before still opens until its key is taken out.
    #[test]
    fn a_turned_ring_opens_what_the_older_key_sealed() {
        let sealed = seal(&ring(&[("old", 1)]), &AT, 1, [0; 12], b"x");
        let both = ring(&[("new", 2), ("old", 1)]);
        assert_eq!(open(&both, &AT, &sealed).unwrap().kid.as_str(), "old");
        let again = seal(&both, &AT, 2, [0; 12], b"x");
        assert_eq!(open(&both, &AT, &again).unwrap().kid.as_str(), "new");
        assert_eq!(open(&ring(&[("new", 2)]), &AT, &sealed).unwrap_err(), Unreadable);
        // The same name is not the same key.
        assert_eq!(open(&ring(&[("old", 3)]), &AT, &sealed).unwrap_err(), Unreadable);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_refuses() {
        let ring = ring(&[("k1", 1), ("k2", 2), ("k3", 3)]);
        let sealed = seal(&ring, &AT, 1, [5; 12], b"some text");
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut bad = sealed.clone();
                bad[at] ^= 1 << bit;
                assert_eq!(open(&ring, &AT, &bad).unwrap_err(), Unreadable, "{at} {bit}");
            }
            assert_eq!(open(&ring, &AT, &sealed[..at]).unwrap_err(), Unreadable);
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert_eq!(open(&ring, &AT, &longer).unwrap_err(), Unreadable);
    }

    #[test]
    fn another_purpose_holder_or_place_refuses() {
        let ring = ring(&[("k1", 1)]);
        let purposes = [Purpose::Session, Purpose::SignIn, Purpose::State, Purpose::Index];
        for sealed_for in purposes {
            let sealed = seal(
                &ring,
                &Binding {
                    purpose: sealed_for,
                    ..AT
                },
                0,
                [1; 12],
                b"x",
            );
            for opened_for in purposes {
                let binding = Binding {
                    purpose: opened_for,
                    ..AT
                };
                assert_eq!(open(&ring, &binding, &sealed).is_ok(), sealed_for == opened_for);
            }
        }
        let sealed = seal(&ring, &AT, 0, [1; 12], b"x");
        for other in [
            Binding { holder: b"", ..AT },
            Binding {
                holder: b"holder2",
                ..AT
            },
            Binding { place: b"", ..AT },
            Binding { place: b"place2", ..AT },
        ] {
            assert_eq!(open(&ring, &other, &sealed).unwrap_err(), Unreadable);
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_at_its_own_place_only(
            plain: Vec<u8>, holder: Vec<u8>, place: Vec<u8>, other: Vec<u8>, version: u64, nonce: [u8; 12],
        ) {
            let ring = ring(&[("k1", 1)]);
            let at = Binding { purpose: Purpose::State, holder: &holder, place: &place };
            let sealed = seal(&ring, &at, version, nonce, &plain);
            let opened = open(&ring, &at, &sealed).unwrap();
            prop_assert_eq!((opened.plain, opened.version), (plain, version));
            prop_assert_eq!(open(&ring, &Binding { place: &other, ..at }, &sealed).is_ok(), other == place);
            prop_assert_eq!(open(&ring, &Binding { holder: &other, ..at }, &sealed).is_ok(), other == holder);
        }

        #[test]
        fn junk_never_opens_and_never_panics(junk: Vec<u8>) {
            prop_assert_eq!(open(&ring(&[("k1", 1)]), &AT, &junk).unwrap_err(), Unreadable);
        }
    }
}
