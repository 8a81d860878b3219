//! A logout that the provider asks for, proved by its signature.

use tokio::time::Instant;

use super::{Unreachable, client::Provider};
use crate::{
    oidc::{
        IdTokenError, LogoutTokenError, VerifiedLogoutToken,
        logout_token::{Candidate, Expect},
    },
    telemetry::Call,
};

/// Why a logout token proves nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoLogout {
    /// It is not one, or not good.
    #[error(transparent)]
    Refused(#[from] LogoutTokenError),
    /// The keys cannot be had.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

impl Provider {
    /// Verifies a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.6) with the keys that verify ID tokens. One
    /// whose claims do not fit asks for no keys; one that no key fits has the key set fetched once more, but only now and
    /// then (BL-12, DJ-06).
    ///
    /// # Errors
    /// When it proves nothing, or the keys cannot be had.
    pub async fn logout(&self, raw: &str) -> Result<VerifiedLogoutToken, NoLogout> {
        let began = Instant::now();
        let proved = self.prove_logout(raw).await;
        if let Err(NoLogout::Refused(error)) = &proved {
            let cause = error.to_string();
            self.link.report("logout_token", began, Call::Refused, Some(&cause));
        }
        proved
    }

    async fn prove_logout(&self, raw: &str) -> Result<VerifiedLogoutToken, NoLogout> {
        let settings = self.settings();
        let candidate = Candidate::read(
            raw,
            &Expect {
                issuer: &settings.issuer,
                client_id: &settings.client_id,
                client_secret: settings.client_auth.secret(),
                algs: &settings.algs,
                now: self.link.now(),
                skew: settings.skew,
            },
        )?;
        let metadata = self.metadata().await?;
        let keys = self.keys.current(&metadata.jwks_uri).await?;
        let mut verdict = candidate.verify(&keys);
        if let Err(IdTokenError::UnknownKey | IdTokenError::BadSignature) = verdict
            && let Some(newer) = self.keys.after(&metadata.jwks_uri, &keys).await?
        {
            verdict = candidate.verify(&newer);
        }
        verdict.map_err(|error| NoLogout::Refused(error.into()))
    }
}
