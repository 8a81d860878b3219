//! Renewal: a refresh token spent for new tokens (RFC 6749 section 6, OpenID Connect Core 1.0 section 12).

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    RenewFailure, Renewed,
    client::Provider,
    outcome::refused_refresh,
    prove::{Demand, NoProof, session_tokens},
    token::Grant,
};
use crate::{
    identity::VerifiedIdentity,
    oidc::{Claims, Metadata, VerifiedIdToken, id_token::carry_over},
    secret::Secret,
    session::Record,
    telemetry::Call,
};

/// What must be at hand before a refresh token is spent.
#[derive(Debug)]
pub struct ReadyToRenew {
    metadata: Arc<Metadata>,
}

impl Provider {
    /// How long [`Provider::renew`] takes at most. The deadline of one call counts from before it connects.
    #[must_use]
    pub fn longest_renewal(&self) -> Duration {
        self.settings().connect_timeout + self.settings().timeout
    }

    /// Fetches what is not at hand. Without keys an ID token could not be verified afterwards, when the refresh token is spent.
    ///
    /// # Errors
    /// See [`RenewFailure`].
    pub async fn ready_to_renew(&self, record: &Record) -> Result<ReadyToRenew, RenewFailure> {
        self.refresh_token(record)?;
        let metadata = self.metadata().await?;
        self.keys.current(&metadata.jwks_uri).await?;
        Ok(ReadyToRenew { metadata })
    }

    /// Spends the record's refresh token, once. A refreshed ID token is verified like the first one, and must be about
    /// the same sign-in (RF-06).
    ///
    /// # Errors
    /// See [`RenewFailure`].
    pub async fn renew(&self, record: &Record, ready: ReadyToRenew) -> Result<Renewed, RenewFailure> {
        let ReadyToRenew { metadata } = ready;
        let refresh_token = self.refresh_token(record)?;
        self.renewals()
            .permit(refresh_token, self.link.now())
            .map_err(|wait| RenewFailure::Unavailable {
                retry_after: Some(wait),
            })?;
        let began = Instant::now();
        let mut tokens = self
            .spend(&metadata, Grant::Refresh(refresh_token))
            .await
            .map_err(refused_refresh)?;
        let answered = Instant::now();
        let as_it_was = || (record.tokens.id_token.clone(), record.identity.clone());
        let (id_token, identity) = match tokens.id_token.take() {
            None => as_it_was(),
            Some(id_token) => {
                let proving = self.renewed_identity(id_token, &tokens.access_token, &metadata, record);
                let proved = timeout_at(began + self.longest_renewal(), proving).await;
                let proved = proved.unwrap_or_else(|_| {
                    let why = "what follows a renewal took too long";
                    self.link.report("id_token", answered, Call::TimedOut, Some(why));
                    Ok(None)
                });
                proved?.unwrap_or_else(as_it_was)
            }
        };
        let tokens = session_tokens(tokens, id_token, Some(&record.tokens), self.link.now());
        Ok(Renewed { tokens, identity })
    }

    fn refresh_token<'a>(&self, record: &'a Record) -> Result<&'a Secret<String>, RenewFailure> {
        let Some(refresh_token) = &record.tokens.refresh_token else {
            return Err(RenewFailure::Refused);
        };
        // A refresh token is a secret between us and whoever gave it.
        if *record.identity.issuer() != self.settings().issuer {
            return Err(RenewFailure::OtherIssuer);
        }
        Ok(refresh_token)
    }

    /// Who the session is of after the refresh; `None` for whoever it was. The refresh token is spent, so the new one must be kept
    /// whatever comes with it: an ID token that cannot be verified, or not until the deadline, counts as not sent (it is optional
    /// here), and without usable userinfo the person is still who they were. A key set that lags behind the token endpoint signs nobody out (IP-05). One that is verified and about somebody else is another thing: it ends the session (RF-06).
    async fn renewed_identity(
        &self,
        id_token: Secret<String>,
        access_token: &Secret<String>,
        metadata: &Metadata,
        record: &Record,
    ) -> Result<Option<(Secret<String>, VerifiedIdentity)>, RenewFailure> {
        let known: Claims = record.identity.claims().into();
        let mut before =
            VerifiedIdToken::claims_before(record.tokens.id_token.expose()).unwrap_or_else(|| known.clone());
        carry_over(&mut before, &known);
        let demand = Demand {
            before: Some(&before),
            ..Demand::default()
        };
        let verified = match self.verify(&id_token, access_token, metadata, demand).await {
            Ok(verified) => verified,
            Err(NoProof::IdToken(error)) if error.is_of_another() => {
                return Err(RenewFailure::Changed(error.to_string()));
            }
            // Whatever was wrong was reported.
            Err(NoProof::IdToken(_) | NoProof::UserInfo(_) | NoProof::Unreachable(_)) => return Ok(None),
        };
        match self.identity(&verified, access_token, metadata).await {
            Ok(identity) => Ok(Some((id_token, identity))),
            Err(NoProof::IdToken(_) | NoProof::UserInfo(_) | NoProof::Unreachable(_)) => Ok(None),
        }
    }
}
