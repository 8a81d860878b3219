//! From a compiled configuration to the parts that serve.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;

use crate::{
    config::{AdminSettings, Plan},
    entropy::Entropy,
    flow::{Assertions, Gateway, Parts},
    identity::AssertionKeys,
    keys::{KeyId, Ring, RingKey},
    oidc::ProviderName,
    provider::{self, Provider},
    proxy::{Listener, Upstreams, upstream::UpstreamError},
    secret::Secret,
    store::{BadSettings, Sessions},
    telemetry::Telemetry,
    time::Clock,
};

/// Everything that serves, before it listens.
#[derive(Debug)]
pub struct House {
    /// What decides and answers.
    pub gateway: Gateway,
    /// The sessions that it decides by.
    pub sessions: Sessions,
    /// Where admitted requests go.
    pub upstreams: Arc<Upstreams>,
    /// Events.
    pub telemetry: Telemetry,
    /// Chance.
    pub entropy: Entropy,
    /// Where people reach it.
    pub listeners: Vec<Listener>,
    /// Where operators reach it.
    pub admin: Option<AdminSettings>,
}

/// A configuration that compiled, but cannot be put to use.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// The session store.
    #[error(transparent)]
    Store(#[from] BadSettings),
    /// A provider.
    #[error("provider {name}: {cause}")]
    Provider {
        /// Which.
        name: String,
        /// Why.
        cause: provider::SetupError,
    },
    /// Upstreams.
    #[error("{}", join(.0))]
    Upstreams(Vec<UpstreamError>),
    /// The system gives no random name for a drawn key.
    #[error("the drawn session key cannot be used")]
    Ring,
}

fn join(errors: &[UpstreamError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Makes every part. Nothing is sent and nothing listens yet. Within a tokio runtime.
///
/// # Errors
/// What cannot be made.
pub fn assemble(plan: Plan, clock: &Clock, entropy: &Entropy) -> Result<House, AssembleError> {
    let telemetry = Telemetry::new(plan.telemetry.access_log);
    let ring = plan.ring.map_or_else(|| draw(entropy), Ok)?;
    let keys = AssertionKeys::derive(&ring, entropy);
    let ring = Arc::new(ArcSwap::from_pointee(ring));
    let sessions = Sessions::new(
        &plan.store,
        Arc::clone(&ring),
        plan.terms,
        clock.clone(),
        entropy.clone(),
        telemetry.clone(),
    )?;
    let upstreams = Arc::new(Upstreams::new(telemetry.clone()));
    upstreams.arrange(&plan.site).map_err(AssembleError::Upstreams)?;
    let gateway = Gateway::new(Parts {
        site: plan.site,
        sessions: sessions.clone(),
        providers: providers(plan.providers, clock, entropy, &telemetry)?,
        default_provider: plan.default_provider,
        ring,
        terms: plan.terms,
        assertions: Assertions {
            keys,
            issuer: plan.identity.issuer,
            life: plan.identity.assertion_life,
        },
        clock: clock.clone(),
        entropy: entropy.clone(),
        telemetry: telemetry.clone(),
    });
    Ok(House {
        gateway,
        sessions,
        upstreams,
        telemetry,
        entropy: entropy.clone(),
        listeners: plan.listeners,
        admin: plan.admin,
    })
}

fn providers(
    settings: Vec<provider::Settings>,
    clock: &Clock,
    entropy: &Entropy,
    telemetry: &Telemetry,
) -> Result<HashMap<ProviderName, Arc<Provider>>, AssembleError> {
    settings
        .into_iter()
        .map(|settings| {
            let name = settings.name.clone();
            let made = Provider::new(settings, clock.clone(), entropy.clone(), telemetry.clone()).map_err(|cause| {
                AssembleError::Provider {
                    name: name.as_str().to_owned(),
                    cause,
                }
            })?;
            Ok((name, Arc::new(made)))
        })
        .collect()
}

/// A key that lasts as long as the process: sessions in memory do not outlive it either.
fn draw(entropy: &Entropy) -> Result<Ring, AssembleError> {
    let id = KeyId::parse("drawn-at-start").map_err(|_| AssembleError::Ring)?;
    let key = RingKey::new(id, &Secret::new(entropy.bytes()));
    Ring::new(vec![key]).map_err(|_| AssembleError::Ring)
}
