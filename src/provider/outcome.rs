//! How dealings with a provider end.

use std::time::Duration;

use super::{prove::NoProof, token::NoTokens};
use crate::{gate::SignInFailure, identity::VerifiedIdentity, oidc::TokenError, session::SessionTokens};

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
    /// `invalid_grant`, or no refresh token: this one is spent, revoked or expired, or the provider wants to see the person.
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
    /// The provider answered with another error, which says nothing about the session.
    #[error("the provider answered the renewal with an error: {0}")]
    Odd(String),
    /// The refreshed ID token is verified and about another person, provider or client: the session is theirs no more (RF-06).
    #[error("the refreshed ID token is about somebody else: {0}")]
    Changed(String),
    /// The session is of another issuer than this provider's: its refresh token was not sent.
    #[error("the session was made at another issuer than the provider of this name has now")]
    OtherIssuer,
}

pub(super) fn refused_code(error: NoTokens) -> ExchangeError {
    let cause = error.cause();
    match error {
        NoTokens::Answered(TokenError::InvalidGrant) => ExchangeError::Failed(SignInFailure::CodeRefused),
        NoTokens::Answered(TokenError::InvalidClient(_)) => ExchangeError::Failed(SignInFailure::ClientRejected),
        NoTokens::Answered(TokenError::Other(_) | TokenError::SignInNeeded(_)) => {
            ExchangeError::Failed(SignInFailure::ProviderError)
        }
        NoTokens::Answered(TokenError::Unavailable { retry_after }) => {
            ExchangeError::Unreachable(Unreachable { cause, retry_after })
        }
        NoTokens::Answered(TokenError::Malformed(_)) => ExchangeError::Unreachable(Unreachable::because(cause)),
        NoTokens::Unreachable(unreachable) => ExchangeError::Unreachable(unreachable),
    }
}

pub(super) fn refused_refresh(error: NoTokens) -> RenewFailure {
    match error {
        NoTokens::Answered(TokenError::InvalidGrant | TokenError::SignInNeeded(_)) => RenewFailure::Refused,
        NoTokens::Answered(TokenError::InvalidClient(code)) => RenewFailure::ClientRejected(code),
        NoTokens::Answered(error @ TokenError::Other(_)) => RenewFailure::Odd(error.to_string()),
        NoTokens::Answered(TokenError::Unavailable { retry_after }) => RenewFailure::Unavailable { retry_after },
        // A page of a middlebox or a broken connection says nothing about the session (IP-13).
        NoTokens::Answered(TokenError::Malformed(_)) | NoTokens::Unreachable(_) => {
            RenewFailure::Unavailable { retry_after: None }
        }
    }
}

impl From<NoProof> for ExchangeError {
    fn from(error: NoProof) -> Self {
        match error {
            NoProof::IdToken(error) => Self::Failed(NoProof::failure(error)),
            NoProof::UserInfo(_) => Self::Failed(SignInFailure::UserInfoInvalid),
            NoProof::Unreachable(unreachable) => Self::Unreachable(unreachable),
        }
    }
}

impl From<Unreachable> for RenewFailure {
    fn from(unreachable: Unreachable) -> Self {
        Self::Unavailable {
            retry_after: unreachable.retry_after,
        }
    }
}
