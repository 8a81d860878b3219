//! Identity providers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::File;
use crate::{
    config::written::{
        Text,
        address::IssuerUrl,
        measure::LengthOfTime,
        name::{ClaimName, Word},
    },
    secret::Secret,
};

/// An identity provider (OpenID Connect). Its redirect URI there is `https://<host>/.doorward/callback`, one for each host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of the operator's, each a line of the file"
)]
pub struct Provider {
    /// The issuer, byte for byte as the provider's discovery document says it.
    #[schemars(required)]
    pub issuer: Option<Text<IssuerUrl>>,
    /// Doorward's client identifier there.
    #[schemars(required, length(min = 1))]
    pub client_id: Option<String>,
    /// The client secret. Better by file or environment.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub client_secret: Option<Secret<String>>,
    /// A file with the client secret; a newline at its end is not part of it.
    pub client_secret_file: Option<File>,
    /// An environment variable with the client secret.
    #[schemars(length(min = 1))]
    pub client_secret_env: Option<String>,
    /// How the secret is sent: `basic`, `post`, or `none` for a public client without one.
    #[schemars(extend("default" = "basic"))]
    pub client_auth: ClientAuth,
    /// Scopes asked for besides `openid`. Add `offline_access` where the provider gives refresh tokens only then.
    #[schemars(extend("default" = ["profile", "email"]))]
    pub scopes: Vec<Text<Word>>,
    /// Which claims make the identity.
    #[schemars(extend("default" = {}))]
    pub claims: Claims,
    /// When the userinfo endpoint is asked.
    #[schemars(extend("default" = "when_missing"))]
    pub userinfo: UserInfo,
    /// Signature algorithms that an ID token may have.
    #[schemars(length(min = 1), extend("default" = ["RS256"]))]
    pub algorithms: Vec<Algorithm>,
    /// CA certificates in PEM for the provider; the system's without it.
    pub ca_file: Option<File>,
    /// Lets the issuer be plain HTTP: anyone on the way can sign in as anyone.
    #[schemars(extend("default" = false))]
    pub insecure_http_issuer: bool,
    /// Whether signing out also signs out at the provider.
    #[schemars(extend("default" = true))]
    pub rp_initiated_logout: bool,
    /// Whether signing out takes the refresh and access token back at the provider, where it has a revocation endpoint.
    #[schemars(extend("default" = true))]
    pub revoke_at_sign_out: bool,
    /// Lets the provider end a session by a frame that it loads in the browser. Anyone who knows a session's `sid` can do the
    /// same; where the provider has back-channel logout, use that alone.
    #[schemars(extend("default" = false))]
    pub front_channel_logout: bool,
    /// Further parameters of every authorization request, such as Google's `access_type: offline`.
    #[schemars(extend("default" = {}))]
    pub extra_parameters: BTreeMap<String, String>,
    /// Deadline to connect.
    #[schemars(extend("default" = "5s"))]
    pub connect_timeout: Text<LengthOfTime>,
    /// Deadline of one call.
    #[schemars(extend("default" = "10s"))]
    pub timeout: Text<LengthOfTime>,
    /// How far the provider's clock may differ from ours, at most `5m`.
    #[schemars(extend("default" = "60s"))]
    pub clock_skew: Text<LengthOfTime>,
}

/// Which claims make the identity: names, or paths such as `realm_access.roles`; a dot inside a name is written `\.`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The email address.
    #[schemars(extend("default" = "email"))]
    pub email: Text<ClaimName>,
    /// The groups: a list of texts, or one text.
    #[schemars(extend("default" = "groups"))]
    pub groups: Text<ClaimName>,
    /// The full name.
    #[schemars(extend("default" = "name"))]
    pub name: Text<ClaimName>,
    /// The short name.
    #[schemars(extend("default" = "preferred_username"))]
    pub preferred_username: Text<ClaimName>,
}

/// How the client secret is sent (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the `Authorization` header.
    Basic,
    /// In the request body.
    Post,
    /// Not at all: a public client, protected by PKCE.
    None,
}

/// When the userinfo endpoint is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserInfo {
    /// Never.
    Never,
    /// When the ID token lacks a claim that this configuration uses.
    WhenMissing,
    /// At every sign-in.
    Always,
}

/// A signature algorithm (RFC 7518 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
    HS256,
    HS384,
    HS512,
}

impl Algorithm {
    /// Whether it signs with the client secret (HMAC).
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        match self {
            Self::HS256 | Self::HS384 | Self::HS512 => true,
            Self::RS256
            | Self::RS384
            | Self::RS512
            | Self::PS256
            | Self::PS384
            | Self::PS512
            | Self::ES256
            | Self::ES384
            | Self::EdDSA => false,
        }
    }
}
