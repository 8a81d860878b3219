//! A person signed in, with tokens of the sizes that providers issue: the sealed record is about 3 KiB.

use doorward::{identity::VerifiedIdentity, session::SessionTokens, time::UnixTime};

/// Who, of many: a few groups and claims.
pub(crate) fn identity(number: u64) -> VerifiedIdentity {
    let subject = format!("f81d4fae-7dec-11d0-a765-{number:012}");
    let session = format!("d8a1c5a0-5f0e-{number:012}");
    serde_json::from_value(serde_json::json!({
        "provider": "corporate", "issuer": "https://id.test", "subject": subject,
        "email": "ada@example.com", "email_verified": true, "groups": ["staff", "ops", "on-call"],
        "name": "Ada Lovelace", "preferred_username": "ada", "acr": null, "amr": ["pwd", "otp"], "auth_time": 900,
        "sid": session, "claims": {
            "sub": subject, "email": "ada@example.com", "email_verified": true,
            "groups": ["staff", "ops", "on-call"], "name": "Ada Lovelace", "preferred_username": "ada",
            "given_name": "Ada", "family_name": "Lovelace", "locale": "en",
        },
    }))
    .expect("an identity as it is sealed")
}

/// Tokens received at `now` that last for an hour: 1 KiB of ID token, and an access token of so many bytes.
pub(crate) fn tokens(now: UnixTime, access_token: usize) -> SessionTokens {
    serde_json::from_value(serde_json::json!({
        "access_token": "a".repeat(access_token), "access_expires": now.secs() + 3600, "received": now.secs(),
        "refresh_token": "r".repeat(64), "id_token": "i".repeat(1024), "scope": "openid profile email",
    }))
    .expect("tokens as they are sealed")
}
