//! Prometheus metrics. Labels come from closed lists and from names in the configuration, so their number is bounded.

mod cache;
mod certificates;
mod configuration;
mod dependency;
mod exemplar;
mod keys;
pub(super) mod label;
mod open;
mod people;
mod traces;
mod traffic;

use std::time::Duration;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

use self::{
    dependency::Dependencies,
    exemplar::{Exemplar, Exemplars},
    keys::Keys,
    label::{call_name, channel_name, class, outcome_name},
    people::People,
    traffic::{REQUEST_SECONDS, Routes},
};
use super::{Event, RequestLine, TurnedAway};

/// Upper bounds of the latency histograms, in seconds.
const SECONDS: [f64; 15] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The place of the bucket that so many seconds fall into; the last has no bound.
fn bucket(seconds: f64) -> usize {
    SECONDS.iter().take_while(|bound| seconds > **bound).count()
}

/// The registry and its families.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    traffic: Traffic,
    people: People,
    keys: Keys,
    dependencies: Dependencies,
    cache: cache::Family,
    certificates: certificates::Certificates,
    configuration: configuration::Family,
    traces: traces::Family,
}

#[derive(Debug)]
struct Traffic {
    routes: Routes,
    turned_away: IntCounterVec,
    exemplars: Exemplars,
}

impl Traffic {
    fn new(registry: &Registry) -> Self {
        Self {
            routes: Routes::new(registry),
            turned_away: turned_away(registry),
            exemplars: Exemplars::default(),
        }
    }

    fn record(&self, line: &RequestLine<'_>) {
        let words = [line.outcome, class(line.status)];
        self.routes.request(line.route, words, line.took);
        if let (Some(at), Some(trace_id)) = (line.recorded_at, line.trace_id) {
            let exemplar = Exemplar {
                trace_id: trace_id.to_owned(),
                seconds: line.took.as_secs_f64(),
                at,
            };
            self.exemplars.note(line.route, exemplar);
        }
    }
}

/// Every reason stands there from the start, so that its first time is seen as a rise.
fn turned_away(registry: &Registry) -> IntCounterVec {
    let family = counter(
        registry,
        "doorward_connections_turned_away_total",
        "Connections closed before their first request, by reason.",
        &["reason"],
    );
    for why in TurnedAway::ALL {
        family.with_label_values(&[why.name()]).inc_by(0);
    }
    family
}

impl Metrics {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        let metrics = Self {
            traffic: Traffic::new(&registry),
            people: People::new(&registry),
            keys: Keys::new(&registry),
            dependencies: Dependencies::new(&registry),
            cache: cache::Family::new(&registry),
            certificates: certificates::Certificates::new(&registry),
            configuration: configuration::Family::new(&registry),
            traces: traces::Family::new(&registry),
            registry,
        };
        metrics.describe_build();
        metrics
    }

    fn describe_build(&self) {
        let opts = Opts::new("doorward_build_info", "Always 1; the version is a label.");
        register(&self.registry, IntGaugeVec::new(opts, &["version"]))
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
    }

    pub(super) fn record(&self, event: &Event<'_>) {
        match event {
            Event::Request(line) => self.traffic.record(line),
            Event::TurnedAway { why, .. } => count(&self.traffic.turned_away, &[why.name()]),
            Event::Decision { route, verdict } => self.traffic.routes.decision(route, verdict),
            Event::SignInBegun { provider } => count(&self.people.sign_ins_begun, &[provider.as_str()]),
            Event::SignIn { provider, outcome } => {
                count(&self.people.sign_ins, &[provider.as_str(), outcome]);
            }
            Event::Renewal { provider, outcome, .. } => {
                count(&self.people.renewals, &[provider.as_str(), outcome_name(*outcome)]);
            }
            Event::SignOut { provider } => count(&self.people.sign_outs, &[provider.as_str()]),
            Event::ProviderLogout {
                provider,
                channel,
                outcome,
                ended,
            } => {
                self.people
                    .logged_out(&[provider.as_str(), channel_name(*channel), outcome], *ended);
            }
            Event::Session { what } => count(&self.people.sessions, &[what]),
            Event::Audit(audit) => count(&self.people.audit, &[audit.act.name(), audit.outcome]),
            Event::StoreCall {
                op,
                call,
                took,
                error: _,
            } => {
                observe(&self.dependencies.store_seconds, &[op, call_name(*call)], *took);
            }
            Event::StoreEviction { what, policy: _ } => self.dependencies.evicts(*what),
            Event::ProviderCall {
                provider,
                endpoint,
                call,
                took,
                error: _,
            } => {
                let labels = [provider.as_str(), endpoint, call_name(*call)];
                observe(&self.dependencies.provider_seconds, &labels, *took);
            }
            Event::Cache(event) => self.cache.record(event),
            Event::Key { kid, what, at } => self.keys.used(kid, *what, *at),
            Event::Ring { ring, at } => self.keys.in_force(ring, *at),
            Event::Unreadable { what } => count(&self.keys.unreadable, &[what]),
            Event::Target(change) => self.dependencies.target(change),
            Event::Certificates(in_force) => self.certificates.in_force(in_force),
            Event::Export(export) => self.traces.record(export),
            Event::Configuration { digest, site } => {
                let names = site.routes().iter().map(|route| &route.id.0);
                self.traffic.routes.expect(&names);
                self.configuration.in_force(digest);
            }
            Event::Reload(reload) => self.configuration.reloaded(*reload),
            Event::UpgradeFailed { .. } => self.configuration.upgrade_failed(),
        }
    }

    pub(super) fn render_open(&self) -> String {
        open::encode(&self.registry.gather(), REQUEST_SECONDS, &self.traffic.exemplars).unwrap_or_default()
    }

    pub(super) fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }
}

fn count(family: &IntCounterVec, labels: &[&str]) {
    family.with_label_values(labels).inc();
}

fn observe(family: &HistogramVec, labels: &[&str], took: Duration) {
    family.with_label_values(labels).observe(took.as_secs_f64());
}

fn counter(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn seconds(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
    register(registry, HistogramVec::new(opts, labels))
}

#[expect(
    clippy::expect_used,
    reason = "names and labels are constants of this file, and a test makes them all"
)]
fn register<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let family = made.expect("a valid metric");
    registered(registry, Box::new(family.clone()));
    family
}

#[expect(
    clippy::expect_used,
    reason = "each family is registered by its one line, and a test makes them all"
)]
fn registered(registry: &Registry, family: Box<dyn Collector>) {
    registry.register(family).expect("a metric registered once");
}

#[cfg(test)]
mod tests;
