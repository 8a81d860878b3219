//! [`Gateway`]: what every decision is carried out with.

use std::{num::NonZeroU32, sync::Arc};

use arc_swap::ArcSwap;
use http::{HeaderValue, Method};
use rustc_hash::FxHashMap;

use super::{
    Answer, Assertions, Duty, Ending, Front, Incoming, Reply, cookies, limits::Counts, open::until_over,
    provider_logout::Repeats, renew::Flights, reply,
};
use crate::{
    entropy::Entropy,
    gate::{self, Admission, Caller, Endpoint, Place, Refusal, Target},
    identity::{Bundle, Statement, headers::Tokens},
    keys::Ring,
    oidc::ProviderName,
    pages::Context,
    policy::{Route, Site},
    provider::Provider,
    session::{Session, Terms, client::AddressKept},
    store::{self, Sessions},
    telemetry::{Event, KeyUse, Telemetry},
    time::{Clock, UnixTime},
};

/// What a gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// All routes.
    pub site: Site,
    /// Where sessions are kept.
    pub sessions: Sessions,
    /// As configured.
    pub store: store::Settings,
    /// Every configured provider.
    pub providers: FxHashMap<ProviderName, Arc<Provider>>,
    /// The provider for endpoints that belong to no route.
    pub default_provider: Option<ProviderName>,
    /// The key ring, for attempts and state.
    pub ring: Arc<ArcSwap<Ring>>,
    /// Lifetimes.
    pub terms: Terms,
    /// How much of the address that a person signs in from is kept with the session.
    pub address_kept: AddressKept,
    /// Most sign-ins begun and not finished from one address.
    pub sign_ins_per_address: NonZeroU32,
    /// The signed assertion.
    pub assertions: Assertions,
    /// The clock.
    pub clock: Clock,
    /// Chance.
    pub entropy: Entropy,
    /// Events.
    pub telemetry: Telemetry,
}

/// The gateway behind every listener. Clones share everything.
#[derive(Clone, Debug)]
pub struct Gateway {
    parts: Arc<Parts>,
    flights: Flights,
    repeats: Repeats,
    counts: Counts,
}

impl Gateway {
    /// Joins the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            flights: Flights::default(),
            repeats: Repeats::default(),
            counts: Counts::default(),
        }
    }

    /// A gateway of other parts that knows of the renewals under way here, and of what callers did.
    #[must_use]
    pub fn succeeded_by(&self, parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            flights: self.flights.clone(),
            repeats: self.repeats.clone(),
            counts: self.counts.clone(),
        }
    }

    /// What it is made of.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Whether the session store answers, for readiness.
    ///
    /// # Errors
    /// The cause, for the operator.
    pub async fn store_ready(&self) -> Result<(), String> {
        self.parts.sessions.ready().await.map_err(|down| down.to_string())
    }

    /// Every provider and whether its metadata is at hand, for readiness.
    pub fn providers(&self) -> impl Iterator<Item = (&ProviderName, &Arc<Provider>)> {
        self.parts.providers.iter()
    }

    pub(super) const fn flights(&self) -> &Flights {
        &self.flights
    }

    pub(super) const fn repeats(&self) -> &Repeats {
        &self.repeats
    }

    pub(super) const fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn now(&self) -> UnixTime {
        self.parts.clock.now()
    }

    pub(super) fn emit(&self, event: &Event<'_>) {
        self.parts.telemetry.emit(event);
    }

    fn to_https(&self, incoming: &Incoming<'_>, port: u16) -> Reply {
        match gate::to_https::to_https(&self.parts.site, incoming.target, port) {
            Ok(url) => reply::to_https(&url, incoming.request_id),
            Err(refusal) => self.refuse(refusal, incoming.caller, incoming.request_id),
        }
    }

    async fn own(&self, endpoint: Endpoint, incoming: &Incoming<'_>, caller: Caller) -> Reply {
        match endpoint {
            Endpoint::Callback => self.callback(incoming, caller).await,
            Endpoint::SignIn => self.sign_in(incoming, caller).await,
            Endpoint::SignOut => {
                let return_to = gate::sign_out::wanted(incoming.target.query().unwrap_or_default());
                self.sign_out(incoming, caller, &return_to).await
            }
            Endpoint::SignedOut => self.signed_out(incoming),
            Endpoint::WhoAmI => self.whoami(incoming, caller).await,
            Endpoint::Jwks => reply::jwks(&self.parts.assertions.keys(self.now(), &self.parts.entropy)),
            Endpoint::Sessions => self.own_sessions(incoming, caller).await,
            Endpoint::BackChannelLogout => self.back_channel_logout(incoming, caller).await,
            Endpoint::FrontChannelLogout => self.front_channel_logout(incoming, caller).await,
        }
    }

    fn prepare(&self, route: &Route, session: &Session, now: UnixTime) -> Bundle {
        let record = &session.record;
        let tokens = Tokens {
            access_token: &record.tokens.access_token,
            id_token: &record.tokens.id_token,
        };
        let assertion = route
            .forward
            .headers
            .assertion()
            .then(|| self.assert(route, session, now))
            .flatten();
        route
            .forward
            .headers
            .prepare(Some((&record.identity, tokens)), assertion)
    }

    fn assert(&self, route: &Route, session: &Session, now: UnixTime) -> Option<(HeaderValue, UnixTime)> {
        let Parts {
            assertions, entropy, ..
        } = &*self.parts;
        let keys = assertions.keys(now, entropy);
        let sid = session.record.hashed_id();
        let statement = Statement {
            issuer: &assertions.issuer,
            audience: &route.id.0,
            identity: &session.record.identity,
            session: &sid,
            now,
            life: assertions.life,
        };
        let token = keys.sign(&statement, entropy);
        self.emit(&Event::Key {
            kid: keys.signing(),
            what: KeyUse::Sign,
            at: now,
        });
        Some((HeaderValue::try_from(token).ok()?, now + assertions.life / 2))
    }
}

impl Front for Gateway {
    async fn answer(&self, incoming: &Incoming<'_>) -> Answer {
        let caller = incoming.caller;
        if let Duty::ToHttps { port } = incoming.duty {
            return Answer::Reply(self.to_https(incoming, port));
        }
        match gate::place::place(&self.parts.site, incoming.method, incoming.target) {
            Place::Route(route) => self.admit(&route, incoming, caller).await,
            // Boxed, here and in `admit`: what few requests wait for would make the future of every request large.
            Place::Own(endpoint) => Answer::Reply(Box::pin(self.own(endpoint, incoming, caller)).await),
            Place::Former(endpoint) => Answer::Reply(Box::pin(self.former(endpoint, incoming, caller)).await),
            Place::Refused(refusal) => Answer::Reply(self.refuse(refusal, caller, incoming.request_id)),
            Place::OtherMethods(methods) => Answer::Reply(reply::allow(
                self.refuse(Refusal::Method, caller, incoming.request_id),
                &methods,
            )),
        }
    }

    fn body_limit(&self, method: &Method, target: &Target) -> Option<usize> {
        gate::place::body_limit(method, target.path())
    }

    fn refuse(&self, refusal: Refusal, caller: Caller, request_id: &str) -> Reply {
        reply::refusal(
            refusal,
            caller,
            &Context {
                request_id,
                ..Context::default()
            },
        )
    }

    fn bundle(&self, admission: &Admission) -> Option<Arc<Bundle>> {
        let route = admission.route();
        Some(match admission.session() {
            Some(session) => {
                let now = self.now();
                session.bundle(&route.id.0, now, || self.prepare(route, session, now))
            }
            // Nobody's identity, but the route's fixed headers all the same.
            None => Arc::clone(route.forward.headers.nobodys()),
        })
    }

    fn is_own_cookie(&self, name: &[u8]) -> bool {
        cookies::is_own(name)
    }

    fn subject_hash(&self, admission: &Admission) -> Option<Arc<str>> {
        admission
            .session()
            .map(|session| Arc::clone(session.subject_hash(&self.parts.ring.load())))
    }

    fn until_ended(self: &Arc<Self>, admission: &Admission) -> Option<Ending> {
        let gateway = Arc::clone(self);
        Some(until_over(move || gateway, admission.session()?))
    }
}
