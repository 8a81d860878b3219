//! Whose token, for whom, about whom: `iss`, `aud`, `azp`, `sub`, and that a refresh changes none of them.

use serde_json::Value;

use super::{IdTokenError, times};
use crate::oidc::{Claims, Issuer};

/// Longest subject (OpenID Connect Core 1.0 section 2), in ASCII characters.
const LONGEST_SUBJECT: usize = 255;

/// Byte for byte (ID-02).
pub(in crate::oidc) fn check_issuer(claims: &Claims, expected: &Issuer) -> Result<(), IdTokenError> {
    let found = claims.get("iss").and_then(Value::as_str);
    (found == Some(expected.as_str()))
        .then_some(())
        .ok_or(IdTokenError::WrongIssuer)
}

/// We are the audience, and nobody else is: another audience could pass its token off as ours (ID-03). More than one
/// entry needs `azp`, and `azp` names us wherever it is (ID-04).
pub(in crate::oidc) fn check_audience(claims: &Claims, client_id: &str) -> Result<(), IdTokenError> {
    let audiences = audiences(claims).ok_or(IdTokenError::WrongAudience)?;
    let only_us = !audiences.is_empty() && audiences.iter().all(|audience| *audience == client_id);
    let party_fits = match claims.get("azp") {
        None => audiences.len() == 1,
        Some(azp) => azp == client_id,
    };
    (only_us && party_fits).then_some(()).ok_or(IdTokenError::WrongAudience)
}

/// A string of 1 to 255 printable ASCII characters (ID-14).
pub(in crate::oidc) fn subject(claims: &Claims) -> Result<String, IdTokenError> {
    claims
        .get("sub")
        .and_then(Value::as_str)
        .filter(|subject| (1..=LONGEST_SUBJECT).contains(&subject.len()))
        .filter(|subject| subject.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
        .map(ToOwned::to_owned)
        .ok_or(IdTokenError::BadSubject)
}

/// A refreshed token is about the same sign-in (RF-06, Core section 12.2). `auth_time` may be left out, not changed.
pub(super) fn check_unchanged(claims: &Claims, before: &Claims) -> Result<(), IdTokenError> {
    let same = |name: &str| claims.get(name) == before.get(name);
    let auth_time_kept = match (claims.get("auth_time"), before.get("auth_time")) {
        (Some(_), Some(_)) => times::moment(claims, "auth_time") == times::moment(before, "auth_time"),
        (None, _) | (_, None) => true,
    };
    let unchanged =
        same("iss") && same("sub") && same("azp") && audiences(claims) == audiences(before) && auth_time_kept;
    unchanged.then_some(()).ok_or(IdTokenError::Changed)
}

/// `aud` as a list; `None` when it is neither a string nor a list of strings.
fn audiences(claims: &Claims) -> Option<Vec<&str>> {
    match claims.get("aud")? {
        Value::String(one) => Some(vec![one]),
        Value::Array(many) => many.iter().map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}
