//! The compact form of an ID token.

use doorward::oidc::{KeySet, VerifiedIdToken};

use super::signed::{PAYLOAD, expecting, token};

const HEADER: &[u8] = br#"{"alg":"HS256"}"#;
const KEYS: &[u8] = include_bytes!("../seeds/key_set/three");

/// Of all texts, one is the token that was signed: no other spelling of it, and nothing signed by nobody. `{token}`
/// stands for it.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let good = token(HEADER, PAYLOAD);
    let raw = text.replace("{token}", &good);
    let keys = KeySet::parse(KEYS).expect("the seed is a key set");
    assert!(!keys.is_empty());
    let accepted = expecting(|expect| VerifiedIdToken::verify(&raw, &keys, expect)).is_ok();
    assert_eq!(accepted, raw == good);
    if let Some(claims) = VerifiedIdToken::claims_before(&raw) {
        assert!(raw.matches('.').count() == 2 && claims.len() <= raw.len());
    }
}
