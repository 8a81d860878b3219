//! From tokens to an identity: the ID token verified in full, userinfo where it is wanted.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Unreachable, UserInfoUse,
    client::Provider,
    http::Reply,
    link::{bad_status, failed},
};
use crate::{
    gate::SignInFailure,
    identity::VerifiedIdentity,
    oidc::{
        Claims, Expect, IdTokenError, Metadata, TokenSet, UserInfo, UserInfoError, VerifiedIdToken, tokens::is_json,
    },
    secret::Secret,
    session::SessionTokens,
    telemetry::Call,
    time::UnixTime,
};

/// What an ID token must fit besides the settings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Demand<'a> {
    /// The nonce sent.
    pub(super) nonce: Option<&'a str>,
    /// `max_age` as sent.
    pub(super) max_age: Option<Duration>,
    /// `acr_values` as sent.
    pub(super) acr_values: &'a [String],
    /// The claims of the ID token before.
    pub(super) before: Option<&'a Claims>,
}

/// Why there is no identity.
#[derive(Debug)]
pub(super) enum NoProof {
    /// The ID token proves nothing.
    IdToken(IdTokenError),
    /// Userinfo is not usable, or about somebody else.
    UserInfo(&'static str),
    /// The keys or userinfo cannot be had.
    Unreachable(Unreachable),
}

impl From<Unreachable> for NoProof {
    fn from(unreachable: Unreachable) -> Self {
        Self::Unreachable(unreachable)
    }
}

impl NoProof {
    /// What the person is told.
    pub(super) const fn failure(error: IdTokenError) -> SignInFailure {
        match error {
            IdTokenError::WrongTime => SignInFailure::ClockSkew,
            IdTokenError::TooOld | IdTokenError::AcrUnmet => SignInFailure::StepUpUnmet,
            IdTokenError::Malformed
            | IdTokenError::UnknownKey
            | IdTokenError::BadSignature
            | IdTokenError::AlgNotAllowed
            | IdTokenError::WrongType
            | IdTokenError::WrongIssuer
            | IdTokenError::WrongAudience
            | IdTokenError::WrongNonce
            | IdTokenError::WrongAtHash
            | IdTokenError::BadSubject
            | IdTokenError::Changed => SignInFailure::TokenInvalid,
        }
    }

    /// In words for the operator.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::IdToken(error) => error.to_string(),
            Self::UserInfo(what) => format!("userinfo: {what}"),
            Self::Unreachable(unreachable) => unreachable.cause.clone(),
        }
    }
}

impl Provider {
    /// Verifies an ID token. A key that is not known, or a signature that does not fit the known one, has the key set
    /// fetched once more (DJ-06, DJ-08).
    pub(super) async fn verify(
        &self,
        raw: &Secret<String>,
        access_token: &Secret<String>,
        metadata: &Metadata,
        demand: Demand<'_>,
    ) -> Result<VerifiedIdToken, NoProof> {
        let began = Instant::now();
        let keys = self.keys.current(&metadata.jwks_uri).await?;
        let check = |keys: &Arc<_>| VerifiedIdToken::verify(raw.expose(), keys, &self.expect(access_token, demand));
        let mut verdict = check(&keys);
        if let Err(IdTokenError::UnknownKey | IdTokenError::BadSignature) = verdict
            && let Some(newer) = self.keys.after(&metadata.jwks_uri, &keys).await?
        {
            verdict = check(&newer);
        }
        verdict.map_err(|error| {
            let cause = error.to_string();
            self.link.report("id_token", began, Call::Refused, Some(&cause));
            NoProof::IdToken(error)
        })
    }

    fn expect<'a>(&'a self, access_token: &'a Secret<String>, demand: Demand<'a>) -> Expect<'a> {
        let settings = self.settings();
        Expect {
            issuer: &settings.issuer,
            client_id: &settings.client_id,
            client_secret: settings.client_auth.secret(),
            algs: &settings.algs,
            nonce: demand.nonce,
            access_token: access_token.expose(),
            max_age: demand.max_age,
            acr_values: demand.acr_values,
            before: demand.before,
            now: self.link.now(),
            skew: settings.skew,
        }
    }

    /// The identity of a verified ID token, with userinfo where it is wanted.
    pub(super) async fn identity(
        &self,
        id_token: &VerifiedIdToken,
        access_token: &Secret<String>,
        metadata: &Metadata,
    ) -> Result<VerifiedIdentity, NoProof> {
        let settings = self.settings();
        let lacking = |name: &String| !id_token.claims().contains_key(name);
        let wanted = match settings.userinfo {
            UserInfoUse::Never => false,
            UserInfoUse::WhenMissing => settings.mapped_claims.iter().any(lacking),
            UserInfoUse::Always => true,
        };
        let userinfo = match &metadata.userinfo_endpoint {
            Some(url) if wanted => Some(self.userinfo(url, access_token, id_token.subject()).await?),
            None if settings.userinfo == UserInfoUse::Always => {
                return Err(NoProof::UserInfo("the provider publishes no userinfo endpoint"));
            }
            Some(_) | None => None,
        };
        Ok(VerifiedIdentity::new(
            &settings.name,
            &settings.issuer,
            id_token,
            userinfo.as_ref(),
            &settings.claim_names,
        ))
    }

    async fn userinfo(
        &self,
        url: &url::Url,
        access_token: &Secret<String>,
        subject: &str,
    ) -> Result<UserInfo, NoProof> {
        let began = Instant::now();
        let (call, error) = match self.link.http.get(url, Some(access_token)).await {
            Ok(reply) => match read_userinfo(&reply, subject) {
                Ok(userinfo) => {
                    self.link.report("userinfo", began, Call::Ok, None);
                    return Ok(userinfo);
                }
                Err(error @ NoProof::Unreachable(_)) => (Call::Failed, error),
                Err(error @ (NoProof::IdToken(_) | NoProof::UserInfo(_))) => (Call::Refused, error),
            },
            Err(error) => {
                let (call, unreachable) = failed(error);
                (call, unreachable.into())
            }
        };
        self.link.report("userinfo", began, call, Some(&error.cause()));
        Err(error)
    }
}

/// An answer of the userinfo endpoint: claims, a refusal, or an outage.
fn read_userinfo(reply: &Reply, subject: &str) -> Result<UserInfo, NoProof> {
    match reply.status {
        200 if !reply.content_type.as_deref().is_none_or(is_json) => {
            Err(NoProof::UserInfo("its content type is not JSON"))
        }
        200 => UserInfo::parse(&reply.body, subject).map_err(|error| {
            NoProof::UserInfo(match error {
                UserInfoError::Malformed => "it is not a JSON object",
                UserInfoError::OtherSubject => "it is about another subject",
            })
        }),
        408 | 429 => Err(bad_status(reply).into()),
        300..=499 => Err(NoProof::UserInfo("it is refused")),
        _ => Err(bad_status(reply).into()),
    }
}

/// The tokens of a session; what a refresh leaves out stays as it was (RF-05).
pub(super) fn session_tokens(
    tokens: TokenSet,
    id_token: Secret<String>,
    before: Option<&SessionTokens>,
    now: UnixTime,
) -> SessionTokens {
    SessionTokens {
        access_token: tokens.access_token,
        access_expires: tokens.expires_in.map(|life| now + life),
        received: now,
        refresh_token: tokens
            .refresh_token
            .or_else(|| before.and_then(|before| before.refresh_token.clone())),
        id_token,
        scope: tokens.scope.or_else(|| before.and_then(|before| before.scope.clone())),
    }
}
