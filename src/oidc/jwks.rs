//! The provider's key set (RFC 7517), unknown key types ignored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    JsonWebKey as _,
    core::{CoreJsonWebKey, CoreJsonWebKeySet},
};
use serde_json::{Map, Value};

/// Smallest RSA modulus (RFC 7518 section 3.3, ID-17), in bits.
const RSA_SMALLEST: usize = 2048;
/// Largest RSA modulus: the cost of a verification is bounded. In bits, and what the verifying library takes.
const RSA_LARGEST: usize = 4096;
/// Most keys that are kept of a set.
const MOST_KEYS: usize = 64;

/// The keys of a provider that can verify a signature.
#[derive(Clone, Debug)]
pub struct KeySet {
    /// The usable keys.
    pub keys: CoreJsonWebKeySet,
}

/// The body is not a key set at all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a JSON Web Key Set: {0}")]
pub struct KeySetError(pub String);

impl KeySet {
    /// Reads a key set, leaving out keys of unknown type, curve, algorithm or use, and malformed ones (DJ-05).
    /// Symmetric keys and RSA keys below 2048 bits are left out too: no signature counts that they would verify.
    ///
    /// # Errors
    /// When the document is not a JSON object with a `keys` array.
    pub fn parse(body: &[u8]) -> Result<Self, KeySetError> {
        let document: Value = serde_json::from_slice(body)
            .map_err(|error| KeySetError(format!("not JSON at line {} column {}", error.line(), error.column())))?;
        let Some(Value::Array(listed)) = document.get("keys") else {
            return Err(KeySetError("it has no `keys` list".to_owned()));
        };
        let keys = listed
            .iter()
            .filter_map(Value::as_object)
            .filter_map(usable)
            .take(MOST_KEYS)
            .collect();
        Ok(Self {
            keys: CoreJsonWebKeySet::new(keys),
        })
    }

    /// Whether a usable key has this identifier.
    #[must_use]
    pub fn has_kid(&self, kid: &str) -> bool {
        self.keys
            .keys()
            .iter()
            .any(|key| key.key_id().is_some_and(|id| id.as_str() == kid))
    }

    /// Whether no key is usable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.keys().is_empty()
    }
}

/// The key, if it can verify a signature by an algorithm we know.
fn usable(key: &Map<String, Value>) -> Option<CoreJsonWebKey> {
    let fits_purpose = key.get("use").is_none_or(|purpose| purpose == "sig")
        && key
            .get("key_ops")
            .is_none_or(|ops| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify")));
    if !fits_purpose || !well_formed(key) {
        return None;
    }
    let mut key = key.clone();
    // RFC 9864 gives EdDSA over Ed25519 a name of its own; the library knows the older one.
    if key.get("alg").is_some_and(|alg| alg == "Ed25519") {
        key.insert("alg".to_owned(), "EdDSA".into());
    }
    serde_json::from_value(Value::Object(key)).ok()
}

/// Whether the key material has the form that its type demands (RFC 7518 section 6, RFC 8037 section 2).
fn well_formed(key: &Map<String, Value>) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)).unwrap_or_default();
    match (text("kty"), text("crv")) {
        ("RSA", _) => (RSA_SMALLEST..=RSA_LARGEST).contains(&bits(&bytes("n"))) && good_exponent(&bytes("e")),
        ("EC", "P-256") => bytes("x").len() == 32 && bytes("y").len() == 32,
        ("EC", "P-384") => bytes("x").len() == 48 && bytes("y").len() == 48,
        ("OKP", "Ed25519") => bytes("x").try_into().is_ok_and(|point| !is_small_order(point)),
        _ => false,
    }
}

/// Whether an Ed25519 key is one of the points of small order: for such a key, signatures verify that nobody made (RFC 8032
/// section 8.9 and RFC 7748 section 6 for the class). The highest bit is the sign of `x`, which changes nothing of it.
fn is_small_order(mut point: [u8; 32]) -> bool {
    const fn near_the_prime(first: u8) -> [u8; 32] {
        let mut point = [0xff; 32];
        point[0] = first;
        point[31] = 0x7f;
        point
    }
    const fn small(first: u8) -> [u8; 32] {
        let mut point = [0; 32];
        point[0] = first;
        point
    }
    const ORDER_EIGHT: [u8; 32] = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ];
    const ITS_NEGATIVE: [u8; 32] = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ];
    const SMALL_ORDER: [[u8; 32]; 7] = [
        small(0),
        small(1),
        near_the_prime(0xec),
        near_the_prime(0xed),
        near_the_prime(0xee),
        ORDER_EIGHT,
        ITS_NEGATIVE,
    ];
    if let Some(last) = point.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER.contains(&point)
}

/// The length of a big-endian number in bits, leading zeros aside.
fn bits(number: &[u8]) -> usize {
    let significant = number.iter().skip_while(|byte| **byte == 0);
    let leading = significant
        .clone()
        .next()
        .map_or(0, |byte| byte.leading_zeros() as usize);
    (significant.count() * 8).saturating_sub(leading)
}

/// Odd, at least 3, at most 33 bits: an exponent of 1 would make every signature verify.
fn good_exponent(exponent: &[u8]) -> bool {
    let odd = exponent.last().is_some_and(|byte| byte % 2 == 1);
    odd && (2..=33).contains(&bits(exponent))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn b64(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn rsa(kid: &str, bytes: usize) -> Value {
        json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": b64(&vec![0x81; bytes]), "e": "AQAB"})
    }

    fn ec(kid: &str) -> Value {
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": b64(&[1; 32]), "y": b64(&[2; 32])})
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    fn parse(keys: &Value) -> KeySet {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn unusable_keys_are_left_out_and_the_rest_kept() {
        // DJ-05
        let unusable = [
            json!({"kty": "AKP", "kid": "u", "alg": "ML-DSA-44", "pub": "AAAA"}),
            json!({"kty": "oct", "kid": "u", "k": b64(&[7; 64])}),
            json!({"kty": "EC", "crv": "P-521", "kid": "u", "x": b64(&[1; 66]), "y": b64(&[1; 66])}),
            json!({"kty": "EC", "crv": "secp256k1", "kid": "u", "x": b64(&[1; 32]), "y": b64(&[1; 32])}),
            json!({"kty": "OKP", "crv": "X25519", "kid": "u", "x": b64(&[1; 32])}),
            json!({"kid": "u"}),
            json!({"kty": 7, "kid": "u"}),
            json!("u"),
            json!(null),
            with(rsa("u", 256), "use", json!("enc")),
            with(rsa("u", 256), "use", json!("tls")),
            with(rsa("u", 256), "key_ops", json!(["encrypt"])),
            with(rsa("u", 256), "alg", json!("RSA-OAEP-999")),
            with(rsa("u", 256), "alg", json!(5)),
            with(rsa("u", 256), "n", json!("not base64!")),
            with(rsa("u", 256), "n", json!(null)),
            with(rsa("u", 256), "e", json!("AQ")),
            with(rsa("u", 256), "e", json!("AQAA")),
            with(rsa("u", 256), "kid", json!({"a": 1})),
            with(ec("u"), "x", json!(b64(&[1; 31]))),
            with(ec("u"), "y", json!("=")),
            with(ec("u"), "crv", json!(["P-256"])),
        ];
        for bad in unusable {
            let keys = parse(&json!([bad, rsa("good", 256), bad, ec("better")]));
            assert!(keys.has_kid("good") && keys.has_kid("better"), "{bad}");
            assert_eq!(keys.keys.keys().len(), 2, "{bad}");
            assert!(!keys.has_kid("u"), "{bad}");
        }
    }

    #[test]
    fn small_and_huge_rsa_keys_are_left_out() {
        // ID-17
        assert!(parse(&json!([rsa("k", 128)])).is_empty());
        assert!(parse(&json!([rsa("k", 255)])).is_empty());
        assert!(!parse(&json!([rsa("k", 512)])).is_empty());
        assert!(parse(&json!([rsa("k", 1024)])).is_empty());
        let mut padded = vec![0; 128];
        padded.extend([0x81; 128]);
        let padded = with(rsa("k", 256), "n", json!(b64(&padded)));
        assert!(parse(&json!([padded])).is_empty(), "zeros do not count");
    }

    #[test]
    fn points_of_small_order_are_no_keys() {
        // ID-17, RFC 8725 section 3.4: under the key of zeros and this signature, every fourth message would verify.
        let mut one_signed = [0; 32];
        (one_signed[0], one_signed[31]) = (1, 0x80);
        for point in [[0; 32], one_signed] {
            let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": b64(&point)});
            assert!(parse(&json!([key])).is_empty());
        }
    }

    #[test]
    fn ed25519_is_known_by_both_names() {
        // ID-17
        for name in ["EdDSA", "Ed25519"] {
            let key = json!({"kty": "OKP", "crv": "Ed25519", "alg": name, "kid": "k", "x": b64(&[1; 32])});
            assert!(parse(&json!([key])).has_kid("k"));
        }
    }

    #[test]
    fn an_empty_set_is_a_set() {
        // IP-05
        assert!(parse(&json!([])).is_empty());
    }

    #[test]
    fn what_is_no_set_is_refused() {
        // IP-13
        for body in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, "null"] {
            assert!(KeySet::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
