//! Talks to the identity provider: timeouts, body caps, single flight, stale-while-revalidate.
//!
//! [`Provider`] is the whole of the room to others. Discovery happens on first need, so the process starts with the
//! provider down. Nothing here decides about a session: errors are classed, and the `gate` decides.

mod authorize;
mod breaker;
mod client;
mod difference;
mod discovery;
mod end_session;
mod examine;
mod http;
mod keys;
mod link;
mod logout;
mod outcome;
mod prove;
mod renew;
mod renewals;
mod revoke;
mod token;

pub use self::{
    authorize::is_own_parameter,
    client::Provider,
    difference::Succession,
    end_session::EndSession,
    examine::{Discovered, Known, Speaks},
    logout::NoLogout,
    outcome::{ExchangeError, Proved, RenewFailure, Renewed, SetupError, Unreachable},
    renew::ReadyToRenew,
};

use std::{collections::BTreeMap, time::Duration};

use crate::{
    gate::explain::Voucher,
    identity::ClaimNames,
    oidc::{Issuer, ProviderName},
    secret::Secret,
};

/// How the client proves itself at the token endpoint (RFC 6749 section 2.3.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientAuth {
    /// `client_secret_basic`.
    Basic(Secret<String>),
    /// `client_secret_post`.
    Post(Secret<String>),
    /// A public client.
    None,
}

impl ClientAuth {
    /// The client secret, where there is one.
    #[must_use]
    pub const fn secret(&self) -> Option<&Secret<String>> {
        match self {
            Self::Basic(secret) | Self::Post(secret) => Some(secret),
            Self::None => None,
        }
    }
}

/// When userinfo is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserInfoUse {
    /// Never.
    Never,
    /// When the ID token lacks a claim that the configuration maps.
    WhenMissing,
    /// At every sign-in.
    Always,
}

/// What signing out on one side means for the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Logout {
    /// Whether signing out here also signs out at the provider (OpenID Connect RP-Initiated Logout 1.0).
    pub rp_initiated: bool,
    /// Whether signing out here takes the tokens back at the provider (RFC 7009).
    pub revoke: bool,
    /// Whether the provider may end sessions by a frame in the browser (OpenID Connect Front-Channel Logout 1.0).
    pub front_channel: bool,
}

/// One provider of the configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The operator's name for it.
    pub name: ProviderName,
    /// Its issuer.
    pub issuer: Issuer,
    /// Our identifier there.
    pub client_id: String,
    /// Our proof there.
    pub client_auth: ClientAuth,
    /// Scopes besides `openid`.
    pub scopes: Vec<String>,
    /// Allowed ID token algorithms, JOSE names; default `RS256`.
    pub algs: Vec<String>,
    /// When userinfo is asked for.
    pub userinfo: UserInfoUse,
    /// Top-level names of the claims that the configuration uses, for [`UserInfoUse::WhenMissing`].
    pub mapped_claims: Vec<String>,
    /// Which claims make the identity's fields.
    pub claim_names: ClaimNames,
    /// Other authorization parameters for every sign-in.
    pub extra: BTreeMap<String, String>,
    /// CA certificates in PEM; `None` for the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Whether plain HTTP is accepted, spelt `insecure_http_issuer`.
    pub allow_http: bool,
    /// What signing out here and there means for the other side.
    pub logout: Logout,
    /// Deadline to connect.
    pub connect_timeout: Duration,
    /// Deadline of one call.
    pub timeout: Duration,
    /// Tolerated clock difference.
    pub skew: Duration,
}

impl Settings {
    /// What an explanation needs to know of it.
    #[must_use]
    pub const fn voucher(&self) -> Voucher<'_> {
        Voucher {
            name: &self.name,
            issuer: &self.issuer,
            claim_names: &self.claim_names,
        }
    }
}
