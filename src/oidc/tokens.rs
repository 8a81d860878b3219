//! Token endpoint responses (RFC 6749 sections 5.1 and 5.2).

use std::time::Duration;

use serde_json::Value;

use super::{Claims, json};
use crate::secret::Secret;

/// Longest lifetime that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A successful token response.
#[derive(Clone, Debug)]
pub struct TokenSet {
    /// The access token.
    pub access_token: Secret<String>,
    /// Its lifetime, where the provider says one (TE-06).
    pub expires_in: Option<Duration>,
    /// The refresh token, where one was issued. At a refresh, `None` means keep the old one (RF-05).
    pub refresh_token: Option<Secret<String>>,
    /// The ID token, always present at a code exchange.
    pub id_token: Option<Secret<String>>,
    /// The granted scope, where the provider says one (TE-10).
    pub scope: Option<String>,
}

/// Why the token endpoint's answer is no token set.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// `invalid_grant`, or `invalid_request` described as one about the refresh token: it or the code is spent, revoked or expired.
    #[error("the provider refused the grant (invalid_grant)")]
    InvalidGrant,
    /// The provider wants to see the person (error codes of OpenID Connect Core 1.0 section 3.1.2.6, at the token endpoint).
    #[error("the provider wants the person to sign in again ({0})")]
    SignInNeeded(&'static str),
    /// `invalid_client` or `unauthorized_client`: our credentials are wrong; an alarm, not the person's fault.
    #[error("the provider refused this client's credentials ({0})")]
    InvalidClient(String),
    /// Another OAuth error code.
    #[error("the provider answered with the error {0:?}")]
    Other(String),
    /// 5xx, 429: try again later, after the given time if one was named.
    #[error("the provider is not able to answer now")]
    Unavailable {
        /// `Retry-After`, if given in seconds.
        retry_after: Option<Duration>,
    },
    /// Not JSON, another token type, a redirect, too large.
    #[error("the provider's token answer is malformed: {0}")]
    Malformed(&'static str),
}

impl TokenSet {
    /// Reads an answer of the token endpoint by its status, content type and body.
    ///
    /// # Errors
    /// The class of failure; never with a part of the body that may hold a token.
    pub fn parse(
        status: u16,
        content_type: Option<&str>,
        retry_after: Option<&str>,
        body: &[u8],
    ) -> Result<Self, TokenError> {
        match status {
            200 => Self::read(content_type, body),
            408 | 429 | 500..=599 => Err(TokenError::Unavailable {
                retry_after: retry_after.and_then(delay),
            }),
            300..=399 => Err(TokenError::Malformed("a redirect, which is not followed")),
            400..=499 => Err(refusal(status, retry_after, body)),
            _ => Err(TokenError::Malformed("an unexpected status")),
        }
    }

    fn read(content_type: Option<&str>, body: &[u8]) -> Result<Self, TokenError> {
        if !content_type.is_none_or(is_json) {
            return Err(TokenError::Malformed("the content type is not JSON"));
        }
        let members = json::object(body).map_err(|_| TokenError::Malformed("not a strict JSON object"))?;
        if let Some(code) = error_code(&members) {
            return Err(by_code(code, description(&members), None));
        }
        check_token_type(&members)?;
        let access_token = text(&members, "access_token")?.ok_or(TokenError::Malformed("there is no access token"))?;
        let refresh_token = text(&members, "refresh_token")?;
        for token in std::iter::once(&access_token).chain(&refresh_token) {
            check_token_characters(token)?;
        }
        Ok(Self {
            access_token: Secret::new(access_token),
            expires_in: members.get("expires_in").and_then(lifetime),
            refresh_token: refresh_token.map(Secret::new),
            id_token: text(&members, "id_token")?.map(Secret::new),
            scope: text(&members, "scope")?,
        })
    }
}

/// Only bearer tokens are of use here: a token bound to a key we do not have would fail later and elsewhere (TE-06).
fn check_token_type(members: &Claims) -> Result<(), TokenError> {
    match members.get("token_type").and_then(Value::as_str) {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => Ok(()),
        Some(_) => Err(TokenError::Malformed("the token type is not Bearer")),
        None => Err(TokenError::Malformed("there is no token type")),
    }
}

/// RFC 6749 appendix A.12: visible ASCII and space, so a token can be put in a header as it is.
fn check_token_characters(token: &str) -> Result<(), TokenError> {
    token
        .bytes()
        .all(|byte| (0x20..0x7f).contains(&byte))
        .then_some(())
        .ok_or(TokenError::Malformed("a token has characters that no header can hold"))
}

/// A member that is text; `null` and empty text are as good as none.
fn text(members: &Claims, name: &str) -> Result<Option<String>, TokenError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(value)) => Ok(Some(value.clone()).filter(|value| !value.is_empty())),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(TokenError::Malformed("a member of the answer is not a string"))
        }
    }
}

/// A lifetime in seconds, however it is written. Zero, less, or no number says nothing that could be acted on, and is
/// taken for silence: a token that is always expired would be renewed at every request (RF-08).
fn lifetime(value: &Value) -> Option<Duration> {
    let secs = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(written) => written.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
    .filter(|secs: &f64| !secs.is_nan())?;
    let whole = secs.min(LONGEST_LIFE.as_secs_f64()).floor();
    (whole >= 1.0).then(|| Duration::from_secs_f64(whole))
}

/// What a 4xx answer says. Its content type is not looked at: text that is a JSON object with an `error` is no page.
fn refusal(status: u16, retry_after: Option<&str>, body: &[u8]) -> TokenError {
    let members = json::object(body).unwrap_or_default();
    match error_code(&members) {
        Some(code) => by_code(code, description(&members), retry_after),
        None if status == 401 => TokenError::InvalidClient("status 401".to_owned()),
        None => TokenError::Malformed("a refusal without an OAuth error code"),
    }
}

fn error_code(members: &Claims) -> Option<&str> {
    members.get("error").and_then(Value::as_str)
}

fn description(members: &Claims) -> &str {
    let described = members.get("error_description").and_then(Value::as_str);
    described.unwrap_or_default()
}

fn by_code(code: &str, description: &str, retry_after: Option<&str>) -> TokenError {
    match code {
        "invalid_grant" => TokenError::InvalidGrant,
        // What Dex says of a refresh token that is expired, spent or replaced, where RFC 6749 section 5.2 has `invalid_grant`.
        "invalid_request" if description.to_ascii_lowercase().contains("refresh token") => TokenError::InvalidGrant,
        "login_required" => TokenError::SignInNeeded("login_required"),
        "interaction_required" => TokenError::SignInNeeded("interaction_required"),
        "consent_required" => TokenError::SignInNeeded("consent_required"),
        "account_selection_required" => TokenError::SignInNeeded("account_selection_required"),
        "invalid_client" | "unauthorized_client" => TokenError::InvalidClient(code.to_owned()),
        "temporarily_unavailable" | "server_error" | "slow_down" => TokenError::Unavailable {
            retry_after: retry_after.and_then(delay),
        },
        _ => TokenError::Other(printable(code)),
    }
}

/// The code as RFC 6749 section 5.2 allows it to be, and short: it goes to a log.
fn printable(code: &str) -> String {
    code.chars()
        .filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\'))
        .take(64)
        .collect()
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3), at most an hour. A date is not read: it needs a common clock.
pub(crate) fn delay(written: &str) -> Option<Duration> {
    let secs: u64 = written.trim().parse().ok()?;
    Some(Duration::from_secs(secs.min(3600)))
}

/// Whether a content type is JSON: `application/json` or a type with the suffix `+json`.
pub(crate) fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests;
