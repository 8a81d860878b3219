//! What OpenID Connect says and what is proved. Pure: bytes and the time in, witnesses or reasons out.

pub mod id_token;
mod json;
pub mod jwks;
pub mod logout_token;
pub mod metadata;
pub mod pkce;
pub mod tokens;
pub mod userinfo;

pub use self::{
    id_token::{Expect, IdTokenError, VerifiedIdToken},
    jwks::KeySet,
    logout_token::{LogoutTokenError, VerifiedLogoutToken, Whose},
    metadata::{Issuer, Metadata, MetadataError, RequestDemand},
    tokens::{TokenError, TokenSet},
    userinfo::{UserInfo, UserInfoError},
};

use std::sync::Arc;

/// The operator's name for a provider in the configuration, such as `corporate`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ProviderName(Arc<str>);

impl ProviderName {
    /// Wraps the name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A JSON object of claims (OpenID Connect Core 1.0 section 5.1), in the order received.
pub type Claims = serde_json::Map<String, serde_json::Value>;
