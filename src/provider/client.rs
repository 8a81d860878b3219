//! [`Provider`]: everything that is asked of one identity provider.

use std::{sync::Arc, time::Duration};

use url::Url;

use super::Settings;
use crate::{
    entropy::Entropy,
    gate::{Attempt, SignInFailure},
    identity::VerifiedIdentity,
    oidc::Metadata,
    policy::SignInTerms,
    session::{Record, SessionTokens},
    telemetry::Telemetry,
    time::Clock,
};

/// One identity provider. Share it by `Arc`.
#[derive(Debug)]
pub struct Provider {
    settings: Settings,
}

/// The settings cannot make a client.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SetupError {
    /// The CA certificates do not parse.
    #[error("the CA certificates of this provider cannot be used: {0}")]
    Ca(String),
    /// The HTTP client cannot be made.
    #[error("the HTTP client of this provider cannot be made: {0}")]
    Client(String),
}

/// The provider does not answer, or not in a usable way.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the identity provider cannot be used now: {cause}")]
pub struct Unreachable {
    /// For the operator; never a part of a token.
    pub cause: String,
    /// When to try again, if the provider named a time.
    pub retry_after: Option<Duration>,
}

/// A sign-in that the provider's answers prove in full.
#[derive(Debug)]
pub struct Proved {
    /// Who.
    pub identity: VerifiedIdentity,
    /// What the provider gave.
    pub tokens: SessionTokens,
}

/// Why a code did not become a sign-in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The provider answered, and the answer is no.
    #[error("the sign-in failed: {}", .0.code())]
    Failed(SignInFailure),
    /// It did not answer.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

/// A renewal that went well.
#[derive(Debug)]
pub struct Renewed {
    /// The new tokens; where the provider kept one, the old.
    pub tokens: SessionTokens,
    /// The identity, of the new ID token where there is one, else as it was.
    pub identity: VerifiedIdentity,
}

/// Why a renewal did not go well.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RenewFailure {
    /// `invalid_grant`, or no refresh token: this one is spent, revoked or expired.
    #[error("the provider refused the refresh token")]
    Refused,
    /// Our credentials were refused: an alarm, not the session's fault.
    #[error("the provider refused this client ({0})")]
    ClientRejected(String),
    /// The provider does not answer now.
    #[error("the provider does not answer now")]
    Unavailable {
        /// When to try again, where known.
        retry_after: Option<Duration>,
    },
    /// The provider's answer proves nothing.
    #[error("the provider's answer to the renewal is not usable: {0}")]
    Invalid(String),
}

impl Provider {
    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    /// When the settings cannot make a client.
    pub fn new(
        settings: Settings,
        clock: Clock,
        entropy: Entropy,
        telemetry: Telemetry,
    ) -> Result<Self, SetupError> {
        let _ = (clock, entropy, telemetry);
        Ok(Self { settings })
    }

    /// As configured.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The provider's metadata, from cache or fetched now.
    ///
    /// # Errors
    /// When there is none and it cannot be fetched.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Unreachable> {
        todo!()
    }

    /// Where the browser is sent to sign in (OpenID Connect Core 1.0 section 3.1.2.1). `acr_values` and `max_age` are
    /// the attempt's, so that what is sent is what is verified.
    ///
    /// # Errors
    /// When the metadata cannot be had.
    pub async fn authorization_url(
        &self,
        attempt: &Attempt,
        state: &str,
        terms: &SignInTerms,
        switch_account: bool,
    ) -> Result<Url, Unreachable> {
        let _ = (attempt, state, terms, switch_account);
        todo!()
    }

    /// Spends a code, once, and proves who signed in.
    ///
    /// # Errors
    /// When the provider refuses, its answer proves nothing, or it does not answer.
    pub async fn exchange(&self, code: &str, attempt: &Attempt) -> Result<Proved, ExchangeError> {
        let _ = (code, attempt);
        todo!()
    }

    /// Spends the record's refresh token, once.
    ///
    /// # Errors
    /// See [`RenewFailure`].
    pub async fn renew(&self, record: &Record) -> Result<Renewed, RenewFailure> {
        let _ = record;
        todo!()
    }

    /// Where the browser is sent to sign out at the provider (OpenID Connect RP-Initiated Logout 1.0 section 2), if
    /// it is configured, supported, and the metadata is at hand. Never waits for the provider.
    pub async fn end_session_url(
        &self,
        id_token_hint: &str,
        post_logout_redirect_uri: &str,
        state: Option<&str>,
    ) -> Option<Url> {
        let _ = (id_token_hint, post_logout_redirect_uri, state);
        todo!()
    }

    /// Whether the metadata is at hand, for readiness.
    #[must_use]
    pub fn reachable(&self) -> bool {
        todo!()
    }
}
