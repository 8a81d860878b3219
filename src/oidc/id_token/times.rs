//! `exp`, `iat`, `nbf` and `auth_time` (RFC 7519 section 2: a number of seconds, possibly with a fraction).

use std::time::Duration;

use serde_json::Value;

use super::{Expect, IdTokenError};
use crate::{oidc::Claims, time::UnixTime};

/// Oldest `iat` that is taken: the token was made for this very answer.
pub(in crate::oidc) const OLDEST: Duration = Duration::from_secs(24 * 3600);
/// Largest integer that every JSON reader takes for the same number (RFC 8259 section 6).
const LARGEST: i64 = 1 << 53;

/// `exp` and `iat` are required; `nbf` counts where it is (ID-09).
pub(super) fn check_validity(claims: &Claims, expect: &Expect<'_>) -> Result<(), IdTokenError> {
    let expires = moment(claims, "exp")?.ok_or(IdTokenError::Malformed)?;
    let issued = moment(claims, "iat")?.ok_or(IdTokenError::Malformed)?;
    check_window(claims, issued, expires, expect.now, expect.skew)
}

/// Whether now is within a token's time, give or take the skew.
pub(in crate::oidc) fn check_window(
    claims: &Claims,
    issued: UnixTime,
    expires: UnixTime,
    now: UnixTime,
    skew: Duration,
) -> Result<(), IdTokenError> {
    let (early, late) = (now - skew, now + skew);
    let begins = moment(claims, "nbf")?;
    let valid =
        expires > early && issued <= late && issued >= early - OLDEST && begins.is_none_or(|begins| begins <= late);
    valid.then_some(()).ok_or(IdTokenError::WrongTime)
}

/// With `max_age` sent, `auth_time` is required and not older (ID-11).
pub(super) fn check_sign_in_age(claims: &Claims, expect: &Expect<'_>) -> Result<(), IdTokenError> {
    let Some(max_age) = expect.max_age else {
        return Ok(());
    };
    let at = moment(claims, "auth_time")?.ok_or(IdTokenError::TooOld)?;
    if at > expect.now + expect.skew {
        return Err(IdTokenError::WrongTime);
    }
    let oldest = expect.now - max_age - expect.skew;
    (at >= oldest).then_some(()).ok_or(IdTokenError::TooOld)
}

/// A numeric date, fractions cut. Text is no number, and a number beyond what JSON carries exactly is no date.
pub(in crate::oidc) fn moment(claims: &Claims, name: &str) -> Result<Option<UnixTime>, IdTokenError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let Value::Number(number) = value else {
        return Err(IdTokenError::Malformed);
    };
    let secs = number
        .as_i64()
        .or_else(|| number.as_f64().and_then(whole))
        .filter(|secs| (-LARGEST..=LARGEST).contains(secs))
        .ok_or(IdTokenError::Malformed)?;
    Ok(Some(UnixTime::from_secs(secs)))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates and the caller checks the range"
)]
fn whole(number: f64) -> Option<i64> {
    number.is_finite().then(|| number.floor() as i64)
}
