//! From a compiled configuration to the parts that serve.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;

use crate::{
    admin::Guard,
    config::{IdentitySettings, Plan, Shutdown},
    entropy::Entropy,
    flow::{Assertions, Gateway, Parts},
    keys::{KeyId, Ring, RingKey},
    oidc::ProviderName,
    provider::{self, Provider},
    proxy::{Bind, Listener, Upstreams, upstream::UpstreamError},
    secret::Secret,
    store::{self, BadSettings, CacheSettings, Sessions},
    telemetry::{
        self, AccessLog, Event, Telemetry,
        trace::{self, BadCollector, Exporter},
    },
    time::{Clock, UnixTime},
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
    /// What brings traces to their collector, where there is one.
    pub exporter: Option<Exporter>,
    /// Chance.
    pub entropy: Entropy,
    /// Where people reach it.
    pub listeners: Vec<Listener>,
    /// What opens the administration of sessions.
    pub guard: Guard,
    /// What stays as it is until the process ends.
    pub fixed: Fixed,
    /// How the process ends.
    pub shutdown: Shutdown,
    /// Of the configuration's text.
    pub digest: String,
}

/// What of a configuration stays as it is until the process ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fixed {
    /// Where operators reach it.
    pub admin: Option<Bind>,
    /// Where sessions are kept; of Redis, only that it is Redis.
    pub store: Kind,
    /// How much of opened sessions is kept in this process.
    pub cache: CacheSettings,
    /// Logs.
    pub telemetry: telemetry::Settings,
    /// Traces.
    pub tracing: Option<trace::Settings>,
}

/// Which store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// In this process, at most so many.
    Memory {
        /// Most sessions.
        max_sessions: u64,
    },
    /// In Redis.
    Redis,
}

/// A configuration that compiled, but cannot be put to use.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// The session store.
    #[error(transparent)]
    Store(#[from] BadSettings),
    /// The collector of traces.
    #[error(transparent)]
    Collector(#[from] BadCollector),
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

impl Fixed {
    /// That of a configuration.
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            admin: plan.admin.as_ref().map(|admin| admin.bind.clone()),
            store: match plan.store {
                store::Settings::Memory { max_sessions } => Kind::Memory { max_sessions },
                store::Settings::Redis(_) => Kind::Redis,
            },
            cache: plan.cache,
            telemetry: plan.telemetry.clone(),
            tracing: plan.tracing.clone(),
        }
    }

    /// The keys of the configuration that differ and wait for a restart.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self {
            admin,
            store,
            cache,
            telemetry,
            tracing,
        } = self;
        [
            (*admin != other.admin, "admin"),
            (*store != other.store, "session.store"),
            (*cache != other.cache, "session.cache"),
            (*telemetry != other.telemetry, "logging"),
            (*tracing != other.tracing, "tracing"),
        ]
        .into_iter()
        .filter_map(|(differs, key)| differs.then_some(key))
        .collect()
    }
}

/// Makes every part. Nothing is sent and nothing listens yet. Within a tokio runtime.
///
/// # Errors
/// What cannot be made.
pub fn assemble(plan: Plan, clock: &Clock, entropy: &Entropy) -> Result<House, AssembleError> {
    let fixed = Fixed::of(&plan);
    let guard = Guard::default();
    guard.set(plan.admin.as_ref().and_then(|admin| admin.token.as_ref()));
    let ring = plan.ring.map_or_else(|| draw(entropy), Ok)?;
    let assertions = assertions(&ring, plan.identity, clock.now(), entropy);
    let ring = Arc::new(ArcSwap::from_pointee(ring));
    let (telemetry, exporter) = telemetry_of(&fixed, &ring, clock, entropy)?;
    telemetry.emit(&Event::Ring {
        ring: &ring.load(),
        at: clock.now(),
    });
    let sessions = Sessions::new(
        &plan.store,
        &plan.cache,
        Arc::clone(&ring),
        plan.terms,
        clock.clone(),
        entropy.clone(),
        telemetry.clone(),
    )?;
    let upstreams = Arc::new(Upstreams::new(telemetry.clone()));
    upstreams.arrange(&plan.site).map_err(AssembleError::Upstreams)?;
    let make = |settings| Provider::new(settings, clock.clone(), entropy.clone(), telemetry.clone()).map(Arc::new);
    let gateway = Gateway::new(Parts {
        site: plan.site,
        sessions: sessions.clone(),
        store: plan.store,
        providers: providers(plan.providers, make)?,
        default_provider: plan.default_provider,
        ring,
        terms: plan.terms,
        address_kept: plan.address_kept,
        sign_ins_per_address: plan.sign_ins_per_address,
        assertions,
        clock: clock.clone(),
        entropy: entropy.clone(),
        telemetry: telemetry.clone(),
    });
    Ok(House {
        gateway,
        sessions,
        upstreams,
        telemetry,
        exporter,
        entropy: entropy.clone(),
        listeners: plan.listeners,
        guard,
        fixed,
        shutdown: plan.shutdown,
        digest: plan.digest,
    })
}

fn telemetry_of(
    fixed: &Fixed,
    ring: &Arc<ArcSwap<Ring>>,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<(Telemetry, Option<Exporter>), AssembleError> {
    let telemetry::Settings { access, audit, .. } = &fixed.telemetry;
    let access = access.clone();
    let access = access.map(|settings| AccessLog::new(settings, entropy, Some(Arc::clone(ring))));
    let naming = audit.as_ref().map(|audit| audit.naming).unwrap_or_default();
    let tracing = fixed.tracing.as_ref();
    let (tracer, exporter) = tracing
        .map(|settings| trace::begin(settings, clock, entropy))
        .transpose()?
        .unzip();
    Ok((Telemetry::with(access, naming, tracer), exporter))
}

pub(super) fn assertions(ring: &Ring, identity: IdentitySettings, now: UnixTime, entropy: &Entropy) -> Assertions {
    let IdentitySettings {
        issuer,
        assertion_life,
        assertion_key_rotation,
    } = identity;
    Assertions::new(issuer, assertion_life, assertion_key_rotation, ring, now, entropy)
}

pub(super) fn providers(
    settings: Vec<provider::Settings>,
    make: impl Fn(provider::Settings) -> Result<Arc<Provider>, provider::SetupError>,
) -> Result<FxHashMap<ProviderName, Arc<Provider>>, AssembleError> {
    let named = |settings: provider::Settings| {
        let name = settings.name.clone();
        match make(settings) {
            Ok(provider) => Ok((name, provider)),
            Err(cause) => Err(AssembleError::Provider {
                name: name.as_str().to_owned(),
                cause,
            }),
        }
    };
    settings.into_iter().map(named).collect()
}

/// The name of the key that a memory store without configured keys draws.
pub(super) const DRAWN: &str = "drawn-at-start";

/// A key that lasts as long as the process: sessions in memory do not outlive it either.
pub(super) fn draw(entropy: &Entropy) -> Result<Ring, AssembleError> {
    let id = KeyId::parse(DRAWN).map_err(|_| AssembleError::Ring)?;
    let key = RingKey::new(id, &Secret::new(entropy.bytes()));
    Ring::new(vec![key]).map_err(|_| AssembleError::Ring)
}
