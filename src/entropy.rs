//! [`Entropy`]: chance as an argument, drawn at the edge.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};

/// The operating system's random generator. Clones are free.
#[derive(Clone, Debug)]
pub struct Entropy(SystemRandom);

impl Entropy {
    /// The system's generator.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where the generator is made")]
    pub fn system() -> Self {
        Self(SystemRandom::new())
    }

    /// `N` random bytes. Ends the process when the system has none to give (GW-14): a weak identifier is worse than no
    /// service.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0_u8; N];
        if self.0.fill(&mut bytes).is_err() {
            // To no log, whose writer would be gone before it wrote.
            eprintln!(
                "doorward: the system gives no random bytes (getrandom fails): ending, rather than draw identifiers that can be guessed"
            );
            std::process::abort();
        }
        bytes
    }

    /// 256 random bits as 43 characters of base64url, good for state, nonce and PKCE verifier
    /// (RFC 7636 section 4.1).
    #[must_use]
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// The generator in the form that `ring` asks for when it signs.
    #[must_use]
    pub fn rng(&self) -> &dyn SecureRandom {
        &self.0
    }
}

/// Where new identifiers of requests, traces and spans come from: 64 bits drawn at the start and a count of 64 bits,
/// scattered. They tell things apart, also those of different processes, and are no secret: drawing each one would be a
/// system call a request.
#[derive(Debug)]
pub struct Serial {
    process: u64,
    /// Its 16 hex digits.
    digits: String,
    next: AtomicU64,
}

impl Serial {
    /// Begins somewhere.
    #[must_use]
    pub fn new(entropy: &Entropy) -> Self {
        let process = u64::from_be_bytes(entropy.bytes());
        Self {
            process,
            digits: format!("{process:016x}"),
            next: AtomicU64::new(u64::from_be_bytes(entropy.bytes())),
        }
    }

    /// 64 bits, spread evenly. No two of a process are the same.
    pub fn short(&self) -> u64 {
        scattered(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// 128 bits: the process's own and the next of its count.
    pub fn long(&self) -> u128 {
        u128::from(self.process) << 64 | u128::from(self.short())
    }

    /// 32 hex digits.
    pub fn take(&self) -> String {
        let digits = self.short().to_be_bytes();
        let digits = digits.into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let mut id = String::with_capacity(2 * self.digits.len());
        id.push_str(&self.digits);
        id.extend(digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)));
        id
    }
}

/// Another number for every number (the finaliser of `SplitMix64`), so that none comes twice and none tells how many came
/// before it.
const fn scattered(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_are_43_characters() {
        let entropy = Entropy::system();
        let (one, two) = (entropy.token(), entropy.token());
        assert_eq!(one.len(), 43);
        assert_ne!(one, two);
    }

    #[test]
    fn new_identifiers_are_32_digits_and_differ() {
        let (one, other) = (Serial::new(&Entropy::system()), Serial::new(&Entropy::system()));
        let ids: std::collections::HashSet<String> = (0..1000).flat_map(|_| [one.take(), other.take()]).collect();
        assert_eq!(ids.len(), 2000);
        assert!(
            ids.iter()
                .all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
        );
    }
}
