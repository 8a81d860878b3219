//! Token endpoint responses (RFC 6749 sections 5.1 and 5.2).

use std::time::Duration;

use crate::secret::Secret;

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
    /// `invalid_grant`: the code or refresh token is spent, revoked or expired.
    #[error("the provider refused the grant (invalid_grant)")]
    InvalidGrant,
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
        let _ = (status, content_type, retry_after, body);
        todo!()
    }
}
