//! [`Provider`]: everything that is asked of one identity provider.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};
use url::Url;

use super::{
    EndSession, ExchangeError, Proved, Settings, SetupError, Unreachable, authorize,
    discovery::Discovery,
    http::Http,
    keys::Keys,
    link::Link,
    outcome::refused_code,
    prove::{Demand, session_tokens},
    renewals::Renewals,
    token::{self, Grant, NoTokens},
};
use crate::{
    entropy::Entropy,
    gate::{Attempt, SignInFailure},
    oidc::{Metadata, TokenError, TokenSet},
    policy::SignInTerms,
    telemetry::{Call, Telemetry},
    time::Clock,
};

/// How long a sign-out waits for metadata that is not at hand.
const SIGN_OUT_PATIENCE: Duration = Duration::from_secs(1);
/// Most revocations at once: a provider that is slow to answer them does not fill the memory.
pub(super) const MOST_REVOCATIONS: u32 = 32;

/// One identity provider. Share it by `Arc`.
#[derive(Debug)]
pub struct Provider {
    settings: Settings,
    pub(super) link: Arc<Link>,
    pub(super) keys: Arc<Keys>,
    discovery: Arc<Discovery>,
    renewals: Arc<Mutex<Renewals>>,
    pub(super) revocations: Arc<Semaphore>,
}

impl Provider {
    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    /// When the settings cannot make a client.
    pub fn new(settings: Settings, clock: Clock, entropy: Entropy, telemetry: Telemetry) -> Result<Self, SetupError> {
        let link = Arc::new(Link {
            name: settings.name.clone(),
            http: Http::new(&settings)?,
            clock,
            entropy,
            telemetry,
        });
        let discovery = Discovery::new(Arc::clone(&link), settings.issuer.clone(), settings.allow_http);
        Ok(Self {
            settings,
            keys: Arc::new(Keys::new(Arc::clone(&link))),
            link,
            discovery,
            renewals: Arc::default(),
            revocations: Arc::new(Semaphore::new(MOST_REVOCATIONS as usize)),
        })
    }

    /// The same provider under other settings, where [`Settings::succession`] says so: metadata, keys and what renewals met are known as before.
    #[must_use]
    pub fn changed(&self, settings: Settings) -> Self {
        // A client that was refused may be another one now.
        let same_client =
            self.settings.client_id == settings.client_id && self.settings.client_auth == settings.client_auth;
        let renewals = if same_client {
            Arc::clone(&self.renewals)
        } else {
            Arc::default()
        };
        Self {
            settings,
            link: Arc::clone(&self.link),
            keys: Arc::clone(&self.keys),
            discovery: Arc::clone(&self.discovery),
            renewals,
            revocations: Arc::clone(&self.revocations),
        }
    }

    /// As configured.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The provider's metadata, from cache or fetched now. While the provider is down, its last failure is the answer for
    /// a few seconds.
    ///
    /// # Errors
    /// When there is none and it cannot be fetched.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Unreachable> {
        self.discovery.metadata().await
    }

    /// Where the browser is sent to sign in (OpenID Connect Core 1.0 section 3.1.2.1). `acr_values` and `max_age` are
    /// the attempt's, so that what is sent is what is verified.
    ///
    /// # Errors
    /// When the metadata cannot be had, or says that such a request is not taken.
    pub async fn authorization_url(
        &self,
        attempt: &Attempt,
        state: &str,
        terms: &SignInTerms,
        switch_account: bool,
    ) -> Result<Url, Unreachable> {
        let metadata = self.metadata().await?;
        if let Some(demand) = metadata.demand {
            let cause = demand.to_string();
            self.link
                .report("discovery", Instant::now(), Call::Refused, Some(&cause));
            return Err(Unreachable::because(cause));
        }
        Ok(authorize::authorization(
            &self.settings,
            &metadata,
            attempt,
            state,
            terms,
            switch_account,
        ))
    }

    /// Spends a code, once, and proves who signed in.
    ///
    /// # Errors
    /// When the provider refuses, its answer proves nothing, or it does not answer.
    pub async fn exchange(&self, code: &str, attempt: &Attempt) -> Result<Proved, ExchangeError> {
        if attempt.issuer != self.settings.issuer {
            // AR-15: the configuration changed under the attempt; the code is another provider's.
            return Err(ExchangeError::Failed(SignInFailure::WrongIssuer));
        }
        let metadata = self.metadata().await?;
        let mut tokens = self
            .spend(&metadata, Grant::Code(code, attempt))
            .await
            .map_err(refused_code)?;
        let id_token = tokens
            .id_token
            .take()
            .ok_or(ExchangeError::Failed(SignInFailure::TokenInvalid))?;
        let demand = Demand {
            nonce: Some(&attempt.nonce),
            max_age: attempt.max_age.map(Duration::from_secs),
            acr_values: &attempt.acr_values,
            before: None,
        };
        let verified = self.verify(&id_token, &tokens.access_token, &metadata, demand).await?;
        let identity = self.identity(&verified, &tokens.access_token, &metadata).await?;
        let tokens = session_tokens(tokens, id_token, None, self.link.now());
        Ok(Proved { identity, tokens })
    }

    /// The request that signs the browser out at the provider (OpenID Connect RP-Initiated Logout 1.0 section 2), if it
    /// is configured and supported, and the metadata is at hand or comes within a second.
    pub async fn end_session(&self, id_token: &str, post_logout_redirect_uri: &str, state: &str) -> Option<EndSession> {
        let metadata = self.metadata_for_sign_out().await?;
        EndSession::new(&self.settings, &metadata, id_token, post_logout_redirect_uri, state)
    }

    /// The origin of the end-session endpoint, under the same conditions, for the policy of a page whose form ends there.
    pub async fn end_session_origin(&self) -> Option<String> {
        let metadata = self.metadata_for_sign_out().await?;
        Some(metadata.end_session_endpoint.as_ref()?.origin().ascii_serialization())
    }

    async fn metadata_for_sign_out(&self) -> Option<Arc<Metadata>> {
        if !self.settings.logout.rp_initiated {
            return None;
        }
        let metadata = tokio::time::timeout(SIGN_OUT_PATIENCE, self.metadata());
        metadata.await.ok()?.ok()
    }

    /// The origins whose pages the provider's logout frames may stand on: the issuer's, and that of the end-session endpoint as
    /// far as the metadata is at hand.
    #[must_use]
    pub fn own_origins(&self) -> Vec<String> {
        let metadata = self.discovery.kept();
        let issuer = Url::parse(self.settings.issuer.as_str()).ok();
        let endpoint = metadata
            .as_ref()
            .and_then(|metadata| metadata.end_session_endpoint.clone());
        let mut origins: Vec<String> = [issuer, endpoint]
            .into_iter()
            .flatten()
            .map(|url| url.origin().ascii_serialization())
            .collect();
        origins.dedup();
        origins
    }

    /// Whether the metadata is at hand, for readiness.
    #[must_use]
    pub fn reachable(&self) -> bool {
        self.discovery.at_hand()
    }

    /// Every answer of the token endpoint says whether renewals may go on.
    pub(super) async fn spend(&self, metadata: &Metadata, grant: Grant<'_>) -> Result<TokenSet, NoTokens> {
        let spent = token::spend(&self.link, &self.settings, &metadata.token_endpoint, grant).await;
        let (now, draw) = (self.link.now(), self.link.draw());
        let mut renewals = self.renewals();
        match (&spent, grant) {
            // Anyone can send a browser's code that the provider calls malformed; that is no reason to keep renewals waiting.
            (Err(NoTokens::Answered(TokenError::Other(_))), Grant::Code(..)) => {}
            (
                Err(NoTokens::Answered(
                    TokenError::Unavailable { retry_after: None } | TokenError::Malformed(_) | TokenError::Other(_),
                )),
                Grant::Refresh(token),
            ) => renewals.failed_over(token, now, draw),
            (Err(NoTokens::Answered(TokenError::Unavailable { retry_after })), _) => {
                renewals.failed(now, *retry_after, draw);
            }
            // A client that is refused is refused for every session: not one call a request (RF-08).
            (
                Err(
                    NoTokens::Unreachable(_)
                    | NoTokens::Answered(TokenError::Malformed(_) | TokenError::InvalidClient(_)),
                ),
                _,
            ) => renewals.failed(now, None, draw),
            (Ok(_) | Err(NoTokens::Answered(TokenError::InvalidGrant | TokenError::SignInNeeded(_))), _) => {
                renewals.succeeded(match grant {
                    Grant::Refresh(token) => Some(token),
                    Grant::Code(..) => None,
                });
            }
        }
        drop(renewals);
        spent
    }

    /// When renewals may be tried.
    pub(super) fn renewals(&self) -> MutexGuard<'_, Renewals> {
        self.renewals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
