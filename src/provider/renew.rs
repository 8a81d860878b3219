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
    oidc::{Claims, Metadata, VerifiedIdToken, id_token::carry_over},
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
        // A refresh token is a secret between us and whoever gave it.
        if *record.identity.issuer() != self.settings().issuer {
            return Err(RenewFailure::OtherIssuer);
        }
        let metadata = self.metadata().await?;
        // Without keys an ID token could not be verified afterwards, when the refresh token is spent.
        self.keys.current(&metadata.jwks_uri).await?;
        self.renewals()
            .permit(refresh_token, self.link.now())
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

    /// Who the session is of after the refresh. The refresh token is spent, so the new one must be kept whatever comes with it:
    /// an ID token that cannot be verified counts as not sent (it is optional here), and without usable userinfo the person
    /// is still who they were. A key set that lags behind the token endpoint signs nobody out (IP-05). One that is verified and about somebody else is another thing: it ends the session (RF-06).
    async fn renewed_identity(
        &self,
        id_token: Secret<String>,
        access_token: &Secret<String>,
        metadata: &Metadata,
        record: &Record,
    ) -> Result<(Secret<String>, VerifiedIdentity), RenewFailure> {
        let as_it_was = || (record.tokens.id_token.clone(), record.identity.clone());
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
            Err(NoProof::IdToken(_) | NoProof::UserInfo(_) | NoProof::Unreachable(_)) => return Ok(as_it_was()),
        };
        match self.identity(&verified, access_token, metadata).await {
            Ok(identity) => Ok((id_token, identity)),
            Err(NoProof::IdToken(_) | NoProof::UserInfo(_) | NoProof::Unreachable(_)) => Ok(as_it_was()),
        }
    }
}
