//! [`Entropy`]: chance as an argument, drawn at the edge.

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
}
