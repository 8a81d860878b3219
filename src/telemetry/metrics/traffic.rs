//! What passes each route. Every request is counted, so there is no look-up for each figure: those of a route stand together
//! and are made into samples when they are read.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use prometheus::{
    Registry,
    core::{Collector, Desc},
    proto::{Bucket, Counter, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};
use rustc_hash::FxHashMap;

use super::{SECONDS, bucket};

/// The family whose buckets have exemplars.
pub(super) const REQUEST_SECONDS: &str = "doorward_request_seconds";

/// The figures of every route, by its name.
#[derive(Clone, Debug)]
pub(super) struct Routes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    figures: ArcSwap<FxHashMap<Arc<str>, Arc<Figures>>>,
    requests: Desc,
    seconds: Desc,
    decisions: Desc,
}

/// Of one route.
#[derive(Debug, Default)]
struct Figures {
    /// By outcome and status class.
    requests: Tallies<2>,
    /// By verdict.
    decisions: Tallies<1>,
    seconds: Seconds,
}

/// How often something happened, by words of closed lists, in the order in which it first did. The first stands with the route's
/// other figures, as it is what mostly happens.
#[derive(Debug, Default)]
struct Tallies<const N: usize> {
    words: OnceLock<[&'static str; N]>,
    count: AtomicU64,
    more: OnceLock<Box<Self>>,
}

/// How long something took.
#[derive(Debug, Default)]
struct Seconds {
    /// Those in each bucket alone; the last has no bound.
    buckets: [AtomicU64; SECONDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Routes {
    /// None yet.
    pub(super) fn new(registry: &Registry) -> Self {
        let routes = Self(Arc::new(Inner {
            figures: ArcSwap::default(),
            requests: described(
                "doorward_requests_total",
                "Requests by route, outcome and status class.",
                &["route", "outcome", "class"],
            ),
            seconds: described(REQUEST_SECONDS, "Time from first byte to last, by route.", &["route"]),
            decisions: described(
                "doorward_decisions_total",
                "Verdicts of the gate, by route.",
                &["route", "verdict"],
            ),
        }));
        super::registered(registry, Box::new(routes.clone()));
        routes
    }

    /// Makes room for routes before their first requests.
    pub(super) fn expect<'a>(&self, routes: &(impl Iterator<Item = &'a Arc<str>> + Clone)) {
        self.0.figures.rcu(|known| {
            let mut all = FxHashMap::clone(known);
            for route in routes.clone() {
                if !all.contains_key(route) {
                    all.insert(Arc::clone(route), Arc::default());
                }
            }
            all
        });
    }

    /// Counts a request.
    pub(super) fn request(&self, route: &str, words: [&'static str; 2], took: Duration) {
        self.note(route, |figures| {
            figures.requests.count(words);
            figures.seconds.observe(took);
        });
    }

    /// Counts a decision.
    pub(super) fn decision(&self, route: &str, verdict: &'static str) {
        self.note(route, |figures| figures.decisions.count([verdict]));
    }

    fn note(&self, route: &str, note: impl Fn(&Figures)) {
        if let Some(figures) = self.0.figures.load().get(route) {
            return note(figures);
        }
        // No route of the configuration: the one name for all that have none.
        self.expect(&std::iter::once(&route.into()));
        if let Some(figures) = self.0.figures.load().get(route) {
            note(figures);
        }
    }
}

impl<const N: usize> Tallies<N> {
    fn count(&self, words: [&'static str; N]) {
        let mut at = self;
        while *at.words.get_or_init(|| words) != words {
            at = at.more.get_or_init(Box::default);
        }
        at.count.fetch_add(1, Ordering::Relaxed);
    }

    fn iter(&self) -> impl Iterator<Item = ([&'static str; N], u64)> {
        let all = std::iter::successors(Some(self), |tallies| tallies.more.get().map(Box::as_ref));
        all.filter_map(|tallies| Some((*tallies.words.get()?, tallies.count.load(Ordering::Relaxed))))
    }
}

impl Seconds {
    fn observe(&self, took: Duration) {
        if let Some(count) = self.buckets.get(bucket(took.as_secs_f64())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        // 584 years until it is full.
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(0);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn sample(&self) -> Option<Histogram> {
        let mut count = 0;
        let mut up_to = self.buckets.iter().map(|bucket| {
            count += bucket.load(Ordering::Relaxed);
            count
        });
        let buckets = SECONDS.iter().zip(&mut up_to).map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        let all = up_to.next().filter(|all| *all > 0)?;
        histogram.set_sample_count(all);
        histogram.set_sample_sum(Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64());
        Some(histogram)
    }
}

impl Collector for Routes {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.requests, &self.0.seconds, &self.0.decisions]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let figures = self.0.figures.load_full();
        let (mut requests, mut seconds, mut decisions) = (Vec::new(), Vec::new(), Vec::new());
        for (route, figures) in &*figures {
            // Labels by name, as the encoders want them.
            for ([outcome, class], count) in figures.requests.iter() {
                requests.push(counted(
                    &[("class", class), ("outcome", outcome), ("route", route)],
                    count,
                ));
            }
            for ([verdict], count) in figures.decisions.iter() {
                decisions.push(counted(&[("route", route), ("verdict", verdict)], count));
            }
            if let Some(histogram) = figures.seconds.sample() {
                let mut metric = Metric::from_label(labels(&[("route", route)]));
                metric.set_histogram(histogram);
                seconds.push(metric);
            }
        }
        let Inner {
            requests: of_requests,
            seconds: of_seconds,
            decisions: of_decisions,
            figures: _,
        } = &*self.0;
        vec![
            family(of_requests, MetricType::COUNTER, requests),
            family(of_seconds, MetricType::HISTOGRAM, seconds),
            family(of_decisions, MetricType::COUNTER, decisions),
        ]
    }
}

#[expect(
    clippy::expect_used,
    reason = "names and labels are constants of this file, and a test makes them all"
)]
fn described(name: &str, help: &str, labels: &[&str]) -> Desc {
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new()).expect("a valid metric")
}

fn family(desc: &Desc, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

#[expect(clippy::cast_precision_loss, reason = "what the encoders take, exact up to 2^53")]
fn counted(pairs: &[(&str, &str)], count: u64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(count as f64);
    let mut metric = Metric::from_label(labels(pairs));
    metric.set_counter(counter);
    metric
}

fn labels(pairs: &[(&str, &str)]) -> Vec<LabelPair> {
    let label = |(name, value): &(&str, &str)| {
        let mut label = LabelPair::default();
        label.set_name((*name).to_owned());
        label.set_value((*value).to_owned());
        label
    };
    pairs.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

    fn text(registry: &Registry) -> String {
        TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    #[test]
    fn a_routes_figures_are_samples_of_its_name() {
        let registry = Registry::new();
        let routes = Routes::new(&registry);
        routes.expect(&["wiki", "chat"].map(Arc::from).iter());
        assert_eq!(text(&registry), "", "nothing has happened");
        for took in [
            Duration::from_micros(500),
            Duration::from_millis(3),
            Duration::from_secs(31),
        ] {
            routes.request("wiki", ["forwarded", "2xx"], took);
        }
        routes.request("wiki", ["forwarded", "5xx"], Duration::from_millis(1));
        routes.request("none", ["malformed_head", "4xx"], Duration::ZERO);
        routes.decision("wiki", "admit");
        // What is expected again, or for the first time, takes nothing away.
        routes.expect(&["wiki", "new"].map(Arc::from).iter());
        let text = text(&registry);
        for line in [
            r#"doorward_requests_total{class="2xx",outcome="forwarded",route="wiki"} 3"#,
            r#"doorward_requests_total{class="5xx",outcome="forwarded",route="wiki"} 1"#,
            r#"doorward_requests_total{class="4xx",outcome="malformed_head",route="none"} 1"#,
            r#"doorward_decisions_total{route="wiki",verdict="admit"} 1"#,
            r#"doorward_request_seconds_bucket{route="wiki",le="0.0005"} 1"#,
            r#"doorward_request_seconds_bucket{route="wiki",le="0.001"} 2"#,
            r#"doorward_request_seconds_bucket{route="wiki",le="0.005"} 3"#,
            r#"doorward_request_seconds_bucket{route="wiki",le="30"} 3"#,
            r#"doorward_request_seconds_bucket{route="wiki",le="+Inf"} 4"#,
            r#"doorward_request_seconds_sum{route="wiki"} 31.0045"#,
            r#"doorward_request_seconds_count{route="wiki"} 4"#,
        ] {
            assert!(text.lines().any(|each| each == line), "{line} in\n{text}");
        }
        assert!(!text.contains("chat") && !text.contains("new"), "{text}");
    }

    #[test]
    fn whoever_counts_at_once_counts_all() {
        let registry = Registry::new();
        let routes = Routes::new(&registry);
        let words = ["a", "b", "c", "d"];
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let routes = &routes;
                scope.spawn(move || {
                    for n in 0..1000 {
                        routes.request("r", [words[n % 4], words[thread]], Duration::ZERO);
                        routes.decision(words[n % 4], "admit");
                    }
                });
            }
        });
        let text = text(&registry);
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("doorward_requests_total{") && line.ends_with(" 250"))
                .count(),
            16
        );
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("doorward_decisions_total{") && line.ends_with(" 1000"))
                .count(),
            4
        );
    }
}
