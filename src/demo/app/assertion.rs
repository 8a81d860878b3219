//! What an app does with `X-Doorward-Assertion`: check its signature against the gateway's key set, then its claims.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Map, Value};

/// The claims of a verified assertion.
#[derive(Clone, PartialEq, Debug)]
pub struct Claims(pub Map<String, Value>);

/// Why an assertion is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// The key set could not be had.
    #[error("the gateway's key set could not be fetched")]
    NoKeySet,
    /// Not three parts of base64url and JSON.
    #[error("it is not a JWT")]
    Malformed,
    /// Another algorithm than the one agreed on (RFC 8725 section 3.1).
    #[error("its algorithm is not ES256")]
    Algorithm,
    /// No key of that name.
    #[error("its key is not in the gateway's key set")]
    UnknownKey,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// From somebody else.
    #[error("it comes from another issuer")]
    Issuer,
    /// Expired, or not valid yet.
    #[error("its time is over, or has not come")]
    Time,
}

/// Seconds by which the gateway's clock may be ahead of ours.
const SKEW: i64 = 30;

/// Checks an assertion (RFC 7519 section 7.2) at `now`, in seconds.
///
/// # Errors
/// Why it is not believed.
pub fn verify(key_set: &Value, token: &str, issuer: Option<&str>, now: i64) -> Result<Claims, Fault> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Fault::Malformed)?;
    let header = header(token).ok_or(Fault::Malformed)?;
    if header.get("alg").and_then(Value::as_str) != Some("ES256") {
        return Err(Fault::Algorithm);
    }
    let point = find_key(key_set, &header).ok_or(Fault::UnknownKey)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Fault::Malformed)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| Fault::Signature)?;
    let claims = unverified_claims(token).ok_or(Fault::Malformed)?;
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    let (Some(made), Some(ends)) = (time("iat"), time("exp")) else {
        return Err(Fault::Time);
    };
    if now >= ends || made > now.saturating_add(SKEW) {
        return Err(Fault::Time);
    }
    if issuer.is_some() && claims.get("iss").and_then(Value::as_str) != issuer {
        return Err(Fault::Issuer);
    }
    Ok(Claims(claims))
}

/// The `kid` of a token.
pub(super) fn kid(token: &str) -> Option<String> {
    Some(header(token)?.get("kid")?.as_str()?.to_owned())
}

/// Whether the key set has a key of that name.
pub(super) fn has_key(key_set: &Value, kid: &str) -> bool {
    keys(key_set).any(|key| key.get("kid").and_then(Value::as_str) == Some(kid))
}

/// The claims of a JWT as they stand, proved by nothing.
pub(super) fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn header(token: &str) -> Option<Map<String, Value>> {
    let (header, _) = token.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
}

fn keys(key_set: &Value) -> impl Iterator<Item = &Value> {
    key_set.get("keys").and_then(Value::as_array).into_iter().flatten()
}

/// The public point of the P-256 key that the header names, in the form `ring` takes: 0x04, x, y.
fn find_key(key_set: &Value, header: &Map<String, Value>) -> Option<Vec<u8>> {
    let kid = header.get("kid")?;
    let key = keys(key_set).find(|key| key.get("kid") == Some(kid))?;
    if key.get("kty")? != "EC" || key.get("crv")? != "P-256" {
        return None;
    }
    let part = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
    Some([&[4_u8][..], &part("x")?, &part("y")?].concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{demo::provider::SigningKey, entropy::Entropy};

    const NOW: i64 = 1_000;

    fn signed(claims: &Value) -> (Value, String) {
        let entropy = Entropy::system();
        let key = SigningKey::generate(&entropy).unwrap();
        let token = key.sign("JWT", claims, &entropy).unwrap();
        (json!({ "keys": [{ "kty": "unknown" }, key.jwk()] }), token)
    }

    fn good() -> Value {
        json!({ "iss": "http://localhost", "sub": "ada", "iat": NOW, "exp": NOW + 60 })
    }

    #[test]
    fn a_good_assertion_is_believed() {
        let (keys, token) = signed(&good());
        let claims = verify(&keys, &token, Some("http://localhost"), NOW).unwrap();
        assert_eq!(claims.0["sub"], "ada");
        assert!(has_key(&keys, &kid(&token).unwrap()));
    }

    #[test]
    fn time_and_issuer_count() {
        let (keys, token) = signed(&good());
        assert_eq!(verify(&keys, &token, None, NOW + 60), Err(Fault::Time));
        assert_eq!(verify(&keys, &token, None, NOW - 31), Err(Fault::Time));
        assert_eq!(verify(&keys, &token, Some("http://other"), NOW), Err(Fault::Issuer));
        let (keys, token) = signed(&json!({ "iat": NOW }));
        assert_eq!(verify(&keys, &token, None, NOW), Err(Fault::Time));
    }

    #[test]
    fn another_key_another_text_and_another_algorithm_fail() {
        let (keys, token) = signed(&good());
        let (other_keys, other_token) = signed(&good());
        assert_eq!(verify(&other_keys, &token, None, NOW), Err(Fault::UnknownKey));
        let (head, _) = token.rsplit_once('.').unwrap();
        let (_, other_signature) = other_token.rsplit_once('.').unwrap();
        assert_eq!(
            verify(&keys, &format!("{head}.{other_signature}"), None, NOW),
            Err(Fault::Signature)
        );
        let unsigned = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            URL_SAFE_NO_PAD.encode("{}")
        );
        assert_eq!(verify(&keys, &unsigned, None, NOW), Err(Fault::Algorithm));
        for text in ["", "a", "a.b", "a.b.c", "...."] {
            assert_eq!(verify(&keys, text, None, NOW), Err(Fault::Malformed), "{text}");
        }
    }
}
