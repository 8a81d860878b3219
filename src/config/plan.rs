//! [`Plan`]: everything a process needs to know, in the types of the rooms that need it.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use crate::{
    flow::{Duty, Public},
    keys::Ring,
    oidc::ProviderName,
    policy::Site,
    provider,
    proxy::{Bind, Listener},
    secret::Secret,
    session::{Terms, client::AddressKept},
    store, telemetry,
};

/// A configuration that compiled. Nothing in it is checked again.
#[derive(Debug)]
pub struct Plan {
    /// All routes.
    pub site: Site,
    /// At least one. Each carries the limits and the trusted proxies.
    pub listeners: Vec<Listener>,
    /// Health, metrics and session administration; `None` when switched off.
    pub admin: Option<AdminSettings>,
    /// The identity providers, by name in alphabetical order. Empty only when every route is open.
    pub providers: Vec<provider::Settings>,
    /// The provider of routes that name none; `None` when there is no provider.
    pub default_provider: Option<ProviderName>,
    /// Where sessions are kept.
    pub store: store::Settings,
    /// What is kept of opened sessions in this process.
    pub cache: store::CacheSettings,
    /// How long sessions live.
    pub terms: Terms,
    /// How much of an address is kept with a session.
    pub address_kept: AddressKept,
    /// Most sign-ins begun and not finished from one address.
    pub sign_ins_per_address: NonZeroU32,
    /// The key ring; `None` when no key was written, which only the memory store allows: draw one at start.
    pub ring: Option<Ring>,
    /// The file that the ring was read from, when it has one of its own.
    pub ring_file: Option<PathBuf>,
    /// The signed assertion.
    pub identity: IdentitySettings,
    /// Logs.
    pub telemetry: telemetry::Settings,
    /// How the process ends.
    pub shutdown: Shutdown,
    /// Traces; `None` when there are none.
    pub tracing: Option<telemetry::trace::Settings>,
    /// The first 16 hex digits of SHA-256 of the text that it was compiled from.
    pub digest: String,
}

impl Plan {
    /// How people reach each listener that serves the site: those that only send to https are left out.
    #[must_use]
    pub fn ways_in(&self) -> Vec<Public> {
        let serving = self.listeners.iter().filter(|listener| listener.duty == Duty::Serve);
        serving.map(|listener| listener.public).collect()
    }
}

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shutdown {
    /// How long it serves on after it was asked to end, not ready any more, until nobody sends it anything new.
    pub delay: Duration,
    /// How long requests under way may take from then on.
    pub deadline: Duration,
}

/// The admin listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminSettings {
    /// Where it listens: loopback or a unix socket, unless the operator wrote `insecure_public_admin`.
    pub bind: Bind,
    /// What opens the administration of sessions; without it there is none.
    pub token: Option<Secret<String>>,
}

/// What the signed assertion says of this installation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentitySettings {
    /// `iss`.
    pub issuer: String,
    /// `exp` − `iat`, at most [`crate::identity::assertion::MAX_LIFE`].
    pub assertion_life: Duration,
    /// How long a signing key signs, at least [`crate::identity::assertion::SHORTEST_TERM`].
    pub assertion_key_rotation: Duration,
}
