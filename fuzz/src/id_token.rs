//! The claims of an ID token whose signature is good: the first line is the header, the rest the payload.

use doorward::oidc::{KeySet, VerifiedIdToken};
use serde_json::Value;

use super::{
    first_line,
    signed::{CLIENT, ISSUER, NONCE, NOW, expecting, token},
};

/// What is accepted was said once, and says us, now, this request and one person.
pub fn run(data: &[u8]) {
    let (header, payload) = first_line(data);
    let raw = token(header, payload);
    let keys = KeySet::parse(br#"{"keys":[]}"#).unwrap();
    let Ok(proved) = expecting(|expect| VerifiedIdToken::verify(&raw, &keys, expect)) else {
        return;
    };
    let header: Value = serde_json::from_slice(header).expect("JSON");
    assert_eq!(header["alg"], "HS256");
    assert!(header.get("crit").is_none());
    let claims = proved.claims();
    let same: Value = serde_json::from_slice(payload).expect("JSON");
    assert_eq!(same.as_object(), Some(claims), "the claims are the payload's");
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["nonce"], NONCE);
    assert_eq!(claims["sub"], proved.subject());
    assert!((1..=255).contains(&proved.subject().len()));
    assert!(
        claims["aud"] == CLIENT
            || claims["aud"]
                .as_array()
                .is_some_and(|all| all.iter().all(|aud| aud == CLIENT))
    );
    assert!(claims.get("azp").is_none_or(|azp| azp == CLIENT));
    let at = |name: &str| claims[name].as_f64().expect("a number");
    let now = f64::from(NOW);
    assert!(at("exp") > now - 61.0 && at("iat") <= now + 61.0);
    assert!(at("auth_time") >= now - 3661.0 && at("auth_time") <= now + 61.0);
    assert!(
        claims
            .get("nbf")
            .is_none_or(|from| from.as_f64().unwrap() <= now + 61.0)
    );
}
