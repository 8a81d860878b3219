//! Renewal: a refresh token spent for new tokens (RFC 6749 section 6, OpenID Connect Core 1.0 section 12).

use super::{
    RenewFailure, Renewed,
    client::Provider,
    outcome::refused_refresh,
    prove::{Demand, NoProof, session_tokens},
    token::Grant,
};
use crate::{
    identity::VerifiedIdentity,
    oidc::{IdTokenError, Metadata, VerifiedIdToken, id_token::carry_over},
    secret::Secret,
    session::Record,
};

impl Provider {
    /// Spends the record's refresh token, once. A refreshed ID token is verified like the first one, and must be about
    /// the same sign-in (RF-06).
    ///
    /// # Errors
    /// See [`RenewFailure`].
    pub async fn renew(&self, record: &Record) -> Result<Renewed, RenewFailure> {
        let Some(refresh_token) = &record.tokens.refresh_token else {
            return Err(RenewFailure::Refused);
        };
        let metadata = self.metadata().await?;
        // Without keys an ID token could not be verified afterwards, when the refresh token is spent.
        self.keys.current(&metadata.jwks_uri).await?;
        self.renewals()
            .permit(self.link.now())
            .map_err(|wait| RenewFailure::Unavailable {
                retry_after: Some(wait),
            })?;
        let mut tokens = self
            .spend(&metadata, Grant::Refresh(refresh_token))
            .await
            .map_err(refused_refresh)?;
        let (id_token, identity) = match tokens.id_token.take() {
            None => (record.tokens.id_token.clone(), record.identity.clone()),
            Some(id_token) => {
                self.renewed_identity(id_token, &tokens.access_token, &metadata, record)
                    .await?
            }
        };
        let tokens = session_tokens(tokens, id_token, Some(&record.tokens), self.link.now());
        Ok(Renewed { tokens, identity })
    }

    /// Who the session is of after the refresh. The new refresh token must be kept whatever else the provider cannot do
    /// now: without keys the ID token counts as not sent (it is optional here), without userinfo the person is still who
    /// they were. A key that is not published yet, or not asked for again so soon (DJ-06), is one that cannot be had now: to
    /// throw the new refresh token away would sign everybody out for a key set that lags behind the token endpoint (IP-05).
    /// An ID token that says something wrong is another thing.
    async fn renewed_identity(
        &self,
        id_token: Secret<String>,
        access_token: &Secret<String>,
        metadata: &Metadata,
        record: &Record,
    ) -> Result<(Secret<String>, VerifiedIdentity), RenewFailure> {
        let as_it_was = || (record.tokens.id_token.clone(), record.identity.clone());
        let known = record.identity.claims();
        let mut before =
            VerifiedIdToken::claims_before(record.tokens.id_token.expose()).unwrap_or_else(|| known.clone());
        carry_over(&mut before, known);
        let demand = Demand {
            before: Some(&before),
            ..Demand::default()
        };
        let verified = match self.verify(&id_token, access_token, metadata, demand).await {
            Ok(verified) => verified,
            Err(NoProof::Unreachable(_) | NoProof::IdToken(IdTokenError::UnknownKey)) => return Ok(as_it_was()),
            Err(error @ (NoProof::IdToken(_) | NoProof::UserInfo(_))) => {
                return Err(RenewFailure::Invalid(error.cause()));
            }
        };
        match self.identity(&verified, access_token, metadata).await {
            Ok(identity) => Ok((id_token, identity)),
            Err(NoProof::Unreachable(_)) => Ok(as_it_was()),
            Err(error @ (NoProof::IdToken(_) | NoProof::UserInfo(_))) => Err(RenewFailure::Invalid(error.cause())),
        }
    }
}
