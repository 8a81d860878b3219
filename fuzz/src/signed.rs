//! Tokens signed with the shared secret, so that the claims behind the signature can be fuzzed too.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward::{
    oidc::{Expect, Issuer},
    secret::Secret,
    time::UnixTime,
};
use ring::hmac;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const CLIENT: &str = "doorward";
pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";
pub(crate) const ISSUER: &str = "https://id.test";
pub(crate) const NOW: i32 = 1_800_000_000;

/// Claims that stand every check.
pub(crate) const PAYLOAD: &[u8] = br#"{"iss":"https://id.test","aud":"doorward","sub":"s","nonce":"n-0S6_WzA2Mj",
"iat":1800000000,"exp":1800000300,"auth_time":1800000000}"#;

/// The compact form with a signature that verifies.
pub(crate) fn token(header: &[u8], payload: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What the token is held against, in the words of `with`.
pub(crate) fn expecting<T>(with: impl FnOnce(&Expect<'_>) -> T) -> T {
    let (issuer, secret) = (Issuer::new(ISSUER), Secret::from(SECRET));
    let algs = ["HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA"].map(str::to_owned);
    with(&Expect {
        issuer: &issuer,
        client_id: CLIENT,
        client_secret: Some(&secret),
        algs: &algs,
        nonce: Some(NONCE),
        access_token: "at",
        max_age: Some(Duration::from_secs(3600)),
        acr_values: &[],
        before: None,
        now: UnixTime::from_secs(NOW.into()),
        skew: Duration::from_secs(60),
    })
}
