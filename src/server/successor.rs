//! From a gateway in force and another configuration to the gateway that takes its place.

use std::sync::Arc;

use super::{
    AssembleError,
    assemble::{DRAWN, Fixed, Kind, assertions, providers},
};
use crate::{
    config::Plan,
    flow::{Gateway, Parts},
    keys::Ring,
    provider::{self, Provider},
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
    /// What waits for a restart.
    pub(super) waits: Vec<&'static str>,
}

/// Makes what a new configuration needs beside what is in force. What did not change is kept: connections to the store
/// and to upstreams, what is known of providers, renewals under way. Within a tokio runtime.
///
/// # Errors
/// What cannot be made; nothing is changed then.
pub(super) fn succeed(plan: Plan, current: &Gateway, fixed: &Fixed) -> Result<Successor, AssembleError> {
    let mut waits = fixed.differences(&Fixed::of(&plan));
    let before = current.parts();
    let (clock, entropy, telemetry) = (&before.clock, &before.entropy, &before.telemetry);
    let ring = next_ring(plan.ring.clone(), fixed.store, &before.ring.load(), &mut waits);
    let signing = ring
        .as_ref()
        .map_or_else(|| before.ring.load_full(), |ring| Arc::new(ring.clone()));
    let assertions = assertions(&signing, plan.identity, clock.now(), entropy);
    let kept = waits.contains(&"session.store") || plan.store == before.store;
    let (sessions, store) = if kept {
        (before.sessions.clone(), before.store.clone())
    } else {
        let ring = Arc::clone(&before.ring);
        let made = Sessions::new(
            &plan.store,
            &plan.cache,
            ring,
            plan.terms,
            clock.clone(),
            entropy.clone(),
            telemetry.clone(),
        );
        (made?, plan.store)
    };
    let make = |settings: provider::Settings| match before.providers.get(&settings.name) {
        Some(known) if *known.settings() == settings => Ok(Arc::clone(known)),
        Some(known) if known.is_reached_as(&settings) => Ok(Arc::new(known.changed(settings))),
        Some(_) | None => Provider::new(settings, clock.clone(), entropy.clone(), telemetry.clone()).map(Arc::new),
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
        assertions,
        clock: clock.clone(),
        entropy: entropy.clone(),
        telemetry: telemetry.clone(),
    });
    Ok(Successor {
        gateway,
        ring,
        listeners: plan.listeners,
        waits,
    })
}

/// The ring from then on; `None` keeps the one in force. Sessions stay readable: while another store waits for a restart,
/// its keys wait with it, and the key that a memory store drew goes on opening what it sealed.
fn next_ring(asked: Option<Ring>, store: Kind, before: &Ring, waits: &mut Vec<&'static str>) -> Option<Ring> {
    let asked = asked?;
    if waits.contains(&"session.store") {
        if !asked.ids().eq(before.ids()) {
            waits.push("session.keys");
        }
        return None;
    }
    match (store, before.find(DRAWN)) {
        (Kind::Memory { .. }, Some(drawn)) => Some(asked.with_older(drawn.clone())),
        (Kind::Memory { .. } | Kind::Redis, _) => Some(asked),
    }
}
