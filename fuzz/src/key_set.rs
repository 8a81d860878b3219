//! Key sets.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward::oidc::{KeySet, VerifiedIdToken};
use serde_json::{Value, json};

use super::signed::{PAYLOAD, expecting, token};

/// Whatever keys a set has, they verify nothing that nobody signed, and asking them ends no process.
pub fn run(data: &[u8]) {
    let Ok(keys) = KeySet::parse(data) else {
        return;
    };
    let document: Value = serde_json::from_slice(data).expect("JSON");
    let listed = document["keys"].as_array().expect("a list");
    let kept = keys.keys.keys().len();
    assert!(kept <= listed.len().min(64));
    assert_eq!(keys.is_empty(), kept == 0);
    let kids = listed.iter().map(|key| &key["kid"]).take(2);
    let headers = kids.map(|kid| json!({ "kid": kid })).chain([json!({})]);
    for header in headers {
        for alg in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
            let mut header = header.clone();
            header["alg"] = alg.into();
            unsigned_is_refused(&keys, header.to_string().as_bytes());
        }
    }
}

/// Signatures of zeros and ones, in the lengths that the algorithms have.
fn unsigned_is_refused(keys: &KeySet, header: &[u8]) {
    let signed = token(header, PAYLOAD);
    let (message, _) = signed.rsplit_once('.').expect("three parts");
    for signature in [
        vec![],
        vec![0; 64],
        vec![0; 96],
        vec![0; 256],
        vec![1; 64],
        vec![0xff; 256],
    ] {
        let raw = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert!(expecting(|expect| VerifiedIdToken::verify(&raw, keys, expect)).is_err());
    }
}
