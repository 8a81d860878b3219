//! The provider's signing key: ES256, made at start, gone at the end.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    error::Unspecified,
    signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey},
};
use serde_json::{Map, Value, json};

use crate::entropy::Entropy;

/// A P-256 key pair and its id.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pair: EcdsaKeyPair,
    kid: String,
}

/// The claims of a JWT that we signed.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Proved(Map<String, Value>);

impl SigningKey {
    pub(crate) fn generate(entropy: &Entropy) -> Result<Self, Unspecified> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, entropy.rng())?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), entropy.rng()).map_err(|_| Unspecified)?;
        let kid = half_hash(pair.public_key().as_ref());
        Ok(Self { pair, kid })
    }

    /// The public half as a JWK (RFC 7517, RFC 7518 section 6.2.1).
    pub(crate) fn jwk(&self) -> Value {
        // An uncompressed point: 0x04, then x, then y, 32 bytes each.
        let point = self.pair.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = point.split_at_checked(32).unwrap_or_default();
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// A JWT of `claims` (RFC 7519), signed.
    pub(crate) fn sign(&self, typ: &str, claims: &Value, entropy: &Entropy) -> Result<String, Unspecified> {
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": typ }).to_string();
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.pair.sign(entropy.rng(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }

    /// The claims of a JWT that this key signed as `typ`. Times are the caller's to judge.
    pub(crate) fn verify(&self, typ: &str, token: &str) -> Option<Proved> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref());
        public
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?)
            .ok()?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.get("typ")?.as_str()? != typ {
            return None;
        }
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        Some(Proved(claims))
    }
}

impl Proved {
    /// A claim that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim that is a whole number.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }
}

/// The left half of the SHA-256, in base64url: what `at_hash` is (OIDC Core 3.1.3.6).
pub(super) fn half_hash(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_verifies_and_nothing_else() {
        let entropy = Entropy::system();
        let key = SigningKey::generate(&entropy).unwrap();
        let token = key.sign("JWT", &json!({ "sub": "x" }), &entropy).unwrap();
        assert_eq!(key.verify("JWT", &token).unwrap().text("sub"), Some("x"));
        assert_eq!(key.verify("at+jwt", &token), None);
        assert_eq!(key.verify("JWT", &token.replace('.', "")), None);
        let other = SigningKey::generate(&entropy).unwrap();
        assert_eq!(other.verify("JWT", &token), None);
    }

    #[test]
    fn half_hash_is_the_one_of_the_standard() {
        // OIDC Core appendix A.3's access token and at_hash.
        assert_eq!(
            half_hash(b"jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
    }
}
