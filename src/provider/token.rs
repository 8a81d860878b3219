//! The token endpoint: codes and refresh tokens, each spent in one request that is never repeated (TE-08).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use tokio::time::Instant;
use url::form_urlencoded;

use super::{
    ClientAuth, Settings, Unreachable,
    link::{Link, failed},
};
use crate::{
    gate::Attempt,
    oidc::{TokenError, TokenSet},
    secret::Secret,
    telemetry::Call,
};

/// What stands for itself in form encoding. A space is written `%20`: decoders of forms and of URLs agree on it.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is spent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Grant<'a> {
    /// The code of an attempt.
    Code(&'a str, &'a Attempt),
    /// A refresh token.
    Refresh(&'a Secret<String>),
}

/// Why there are no tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NoTokens {
    /// The endpoint answered.
    Answered(TokenError),
    /// It did not.
    Unreachable(Unreachable),
}

/// Spends a grant.
pub(super) async fn spend(
    link: &Link,
    settings: &Settings,
    endpoint: &Url,
    grant: Grant<'_>,
) -> Result<TokenSet, NoTokens> {
    let began = Instant::now();
    let (form, authorization) = request(settings, grant);
    let sent = link.http.post(endpoint, form, authorization.as_deref()).await;
    let outcome = match sent {
        Ok(reply) => TokenSet::parse(
            reply.status,
            reply.content_type.as_deref(),
            reply.retry_after.as_deref(),
            &reply.body,
        )
        .map_err(|error| (call_of(&error), NoTokens::Answered(error))),
        Err(error) => {
            let (call, unreachable) = failed(error);
            Err((call, NoTokens::Unreachable(unreachable)))
        }
    };
    let (call, error) = match &outcome {
        Ok(_) => (Call::Ok, None),
        Err((call, error)) => (*call, Some(error.cause())),
    };
    link.report(grant.name(), began, call, error.as_deref());
    outcome.map_err(|(_, error)| error)
}

impl NoTokens {
    /// In words for the operator.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Answered(error) => error.to_string(),
            Self::Unreachable(unreachable) => unreachable.cause.clone(),
        }
    }
}

impl Grant<'_> {
    const fn name(self) -> &'static str {
        match self {
            Self::Code(..) => "token",
            Self::Refresh(_) => "refresh",
        }
    }
}

const fn call_of(error: &TokenError) -> Call {
    match error {
        TokenError::InvalidGrant | TokenError::InvalidClient(_) | TokenError::Other(_) => Call::Refused,
        TokenError::Unavailable { .. } | TokenError::Malformed(_) => Call::Failed,
    }
}

/// The form and the `Authorization` header.
fn request(settings: &Settings, grant: Grant<'_>) -> (String, Option<String>) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    match grant {
        Grant::Code(code, attempt) => form
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &attempt.redirect_uri)
            .append_pair("code_verifier", &attempt.verifier),
        Grant::Refresh(token) => form
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", token.expose()),
    };
    let authorization = authenticate(settings, &mut form);
    (form.finish(), authorization)
}

/// Adds exactly one kind of client authentication (TE-02), the same at every endpoint that asks for it (RFC 7009
/// section 2.1): members of the form, or the value of the `Authorization` header.
pub(super) fn authenticate(settings: &Settings, form: &mut form_urlencoded::Serializer<'_, String>) -> Option<String> {
    match &settings.client_auth {
        ClientAuth::Basic(secret) => Some(basic(&settings.client_id, secret)),
        ClientAuth::Post(secret) => {
            form.append_pair("client_id", &settings.client_id)
                .append_pair("client_secret", secret.expose());
            None
        }
        ClientAuth::None => {
            form.append_pair("client_id", &settings.client_id);
            None
        }
    }
}

/// RFC 6749 section 2.3.1: identifier and secret are each form encoded before they are joined (TE-01).
fn basic(client_id: &str, secret: &Secret<String>) -> String {
    let pair = format!(
        "{}:{}",
        utf8_percent_encode(client_id, FORM),
        utf8_percent_encode(secret.expose(), FORM)
    );
    format!("Basic {}", STANDARD.encode(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_encodes_identifier_and_secret_apart() {
        // TE-01
        let header = basic("my:client", &Secret::from("a:b%+ é/"));
        let encoded = header.strip_prefix("Basic ").unwrap();
        let decoded = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        assert_eq!(decoded, "my%3Aclient:a%3Ab%25%2B%20%C3%A9%2F");
    }
}
