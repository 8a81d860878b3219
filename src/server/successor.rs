//! From a gateway in force and another configuration to the gateway that takes its place.

use std::sync::Arc;

use super::{
    AssembleError,
    assemble::{Fixed, assertions, providers},
    change::{Change, InForce, Keys, Store},
};
use crate::{
    config::{AdminSettings, Plan, Shutdown},
    flow::{Gateway, Parts},
    keys::Ring,
    provider::{self, Provider, Succession},
    proxy::Listener,
    store::Sessions,
};

/// A gateway in force and what it shares with the one that takes its place.
#[derive(Debug)]
pub(super) struct Successor {
    /// To be put in force.
    pub(super) gateway: Gateway,
    /// The key ring from then on; `None` keeps the one in force.
    pub(super) ring: Option<Ring>,
    /// Listeners from then on.
    pub(super) listeners: Vec<Listener>,
    /// How the process ends from then on.
    pub(super) shutdown: Shutdown,
    /// Of the configuration's text.
    pub(super) digest: String,
    /// What operators reach it by, as it is written now.
    pub(super) admin: Option<AdminSettings>,
    /// What waits for a restart.
    pub(super) waits: Vec<&'static str>,
}

/// Makes what a new configuration needs beside what is in force. What did not change is kept: connections to the store
/// and to upstreams, what is known of providers, renewals under way. Within a tokio runtime.
///
/// # Errors
/// What cannot be made; nothing is changed then.
pub(super) fn succeed(plan: Plan, current: &Gateway, fixed: &Fixed) -> Result<Successor, AssembleError> {
    let before = current.parts();
    let (clock, entropy, telemetry) = (&before.clock, &before.entropy, &before.telemetry);
    let in_force = InForce {
        fixed,
        store: &before.store,
        ring: &before.ring.load(),
    };
    let Change { waits, keys, store } = Change::of(in_force, &plan);
    let ring = match keys {
        Keys::Keep => None,
        Keys::Take(ring) => Some(*ring),
    };
    let (sessions, store) = match store {
        Store::Keep => (before.sessions.clone(), before.store.clone()),
        Store::Reach => (reach(&plan, before)?, plan.store.clone()),
    };
    let signing = ring
        .as_ref()
        .map_or_else(|| before.ring.load_full(), |ring| Arc::new(ring.clone()));
    let assertions = assertions(&signing, plan.identity, clock.now(), entropy);
    let make = |settings: provider::Settings| {
        let known = before.providers.get(&settings.name);
        match known.map(|known| (known.settings().succession(&settings), known)) {
            Some((Succession::Keep, known)) => Ok(Arc::clone(known)),
            Some((Succession::Adapt, known)) => Ok(Arc::new(known.changed(settings))),
            Some((Succession::Make, _)) | None => {
                Provider::new(settings, clock.clone(), entropy.clone(), telemetry.clone()).map(Arc::new)
            }
        }
    };
    let providers = providers(plan.providers, make)?;
    let gateway = current.succeeded_by(Parts {
        site: plan.site,
        sessions,
        store,
        providers,
        default_provider: plan.default_provider,
        ring: Arc::clone(&before.ring),
        terms: plan.terms,
        address_kept: plan.address_kept,
        sign_ins_per_address: plan.sign_ins_per_address,
        assertions,
        clock: clock.clone(),
        entropy: entropy.clone(),
        telemetry: telemetry.clone(),
    });
    Ok(Successor {
        gateway,
        ring,
        listeners: plan.listeners,
        shutdown: plan.shutdown,
        digest: plan.digest,
        admin: plan.admin,
        waits,
    })
}

/// The sessions by another way to their store.
fn reach(plan: &Plan, before: &Parts) -> Result<Sessions, AssembleError> {
    let made = Sessions::new(
        &plan.store,
        &plan.cache,
        Arc::clone(&before.ring),
        plan.terms,
        before.clock.clone(),
        before.entropy.clone(),
        before.telemetry.clone(),
    );
    Ok(made?)
}
