//! The development identity provider: small, in memory, and correct enough for any strict client.
//!
//! Code flow with PKCE S256 only (RFC 9700), one-time codes, rotating refresh tokens whose reuse ends the family,
//! `iss` in every authorization response (RFC 9207), ID tokens signed with ES256 by a key made at start.

mod answer;
mod authorize;
mod bounded;
mod client;
mod grant;
mod key;
mod logout;
mod metadata;
mod params;
mod request;
mod session;
mod sign_in;
mod token;
mod userinfo;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use ring::error::Unspecified;

pub use self::client::Client;
pub(super) use self::key::SigningKey;
use self::{grant::Grants, session::Sessions};
use crate::{entropy::Entropy, time::Clock};

/// How long the provider's codes, tokens and sessions live, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lives {
    /// Authorization codes.
    pub code: i64,
    /// Access tokens and ID tokens. Short, so that renewal is seen.
    pub token: i64,
    /// Refresh tokens, each from its own issue.
    pub refresh: i64,
    /// The provider's own browser session.
    pub session: i64,
}

impl Default for Lives {
    fn default() -> Self {
        Self {
            code: 60,
            token: 30,
            refresh: 8 * 3_600,
            session: 8 * 3_600,
        }
    }
}

/// The provider: fixed facts, and the two memories that change.
#[derive(Debug)]
pub(super) struct Provider {
    issuer: String,
    client: Client,
    lives: Lives,
    clock: Clock,
    entropy: Entropy,
    key: SigningKey,
    sessions: Mutex<Sessions>,
    grants: Mutex<Grants>,
}

impl Provider {
    /// A provider at `issuer` that serves one client. Fails only when the system gives no randomness.
    pub(super) fn new(
        issuer: String,
        client: Client,
        lives: Lives,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, Unspecified> {
        let key = SigningKey::generate(&entropy)?;
        Ok(Self {
            issuer,
            client,
            lives,
            clock,
            entropy,
            key,
            sessions: Mutex::default(),
            grants: Mutex::default(),
        })
    }

    /// Its routes.
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/", get(sign_in::home))
            .route("/.well-known/openid-configuration", get(metadata::configuration))
            .route("/jwks", get(metadata::jwks))
            .route("/authorize", get(authorize::by_get).post(authorize::by_post))
            .route("/sign-in", post(sign_in::submit))
            .route("/token", post(token::exchange))
            .route("/userinfo", get(userinfo::show).post(userinfo::show))
            .route("/end-session", get(logout::by_get).post(logout::by_post))
            .layer(DefaultBodyLimit::max(32 * 1024))
            .with_state(Arc::new(self))
    }

    /// The browser sessions. Every change is one insertion or removal, so a panic elsewhere leaves them whole.
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The codes and refresh tokens.
    fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        self.clock.now().secs()
    }
}
