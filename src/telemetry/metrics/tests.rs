use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    gate::Outcome,
    keys::{Ring, RingKey, generate},
    oidc::ProviderName,
    policy::Site,
    telemetry::{
        Act, Audit, CacheEvent, Call, CertificateInForce, Channel, Eviction, KeyUse, News, Reload, TargetChange,
        trace::{Export, Fate},
    },
    time::UnixTime,
};

const BOOK: &str = include_str!("../../../docs/metrics.md");
const SOURCES: [&str; 10] = [
    include_str!("../metrics.rs"),
    include_str!("cache.rs"),
    include_str!("certificates.rs"),
    include_str!("configuration.rs"),
    include_str!("dependency.rs"),
    include_str!("keys.rs"),
    include_str!("people.rs"),
    include_str!("traces.rs"),
    include_str!("traffic.rs"),
    include_str!("../../gate/refusal.rs"),
];
/// How many there are of what is named in the configuration.
const ROUTES: usize = 21;
const TARGETS: usize = 30;
const KEYS: usize = 2;

#[test]
fn an_event_is_counted_under_its_labels() {
    let metrics = Metrics::new();
    let provider = ProviderName::new("corporate");
    metrics.record(&Event::Renewal {
        provider: &provider,
        outcome: Outcome::RenewedElsewhere,
        retry_after: None,
    });
    metrics.record(&Event::StoreCall {
        op: "get",
        call: Call::TimedOut,
        took: Duration::from_millis(3),
        error: None,
    });
    let text = metrics.render();
    assert!(
        text.contains(r#"doorward_renewals_total{outcome="renewed_elsewhere",provider="corporate"} 1"#),
        "{text}"
    );
    assert!(
        text.contains(r#"doorward_store_call_seconds_count{call="timed_out",op="get"} 1"#),
        "{text}"
    );
    assert!(text.contains("doorward_build_info"), "{text}");
}

/// What stands between these marks in a text.
fn marked(text: &str, mark: char) -> Vec<&str> {
    text.split(mark).skip(1).step_by(2).collect()
}

/// The rows of the book's tables that begin with such a word, cell by cell.
fn rows(begin: &str) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    BOOK.lines()
        .filter(|line| line.starts_with(&format!("| `{begin}")))
        .map(cells)
        .collect()
}

/// The closed list of a label, by the book.
fn list(label: &str, metric: &str) -> Vec<&'static str> {
    let all: Vec<_> = rows(label);
    let row = all
        .iter()
        .find(|row| row[0] == format!("`{label}`") && row[1].contains(metric));
    marked(row.unwrap_or_else(|| panic!("{label} of {metric}"))[2], '`')
}

fn refusals() -> Vec<&'static str> {
    let codes = SOURCES[9].lines().filter_map(|line| line.split_once("=> \""));
    codes
        .filter_map(|(_, code)| code.split_once('"'))
        .map(|(code, _)| code)
        .collect()
}

/// Everything that can happen happens, under every label.
fn everything() -> Metrics {
    let metrics = Metrics::new();
    let outcomes = list("outcome", "doorward_requests_total");
    for route in 0..ROUTES {
        let route = format!("route-{route}");
        for outcome in &outcomes {
            let statuses: &[u16] = match *outcome {
                "forwarded" | "broken_off" => &[0, 101, 200, 302, 404, 500],
                "client_gone" | "sign_out" | "sessions" => &[200, 303],
                _ => &[400],
            };
            for status in statuses {
                metrics.record(&Event::Request(request(&route, outcome, *status)));
            }
        }
        for verdict in refusals().into_iter().filter(|code| !code.starts_with("sign_in_")) {
            metrics.record(&Event::Decision { route: &route, verdict });
        }
        for verdict in list("verdict", "doorward_decisions_total") {
            metrics.record(&Event::Decision { route: &route, verdict });
        }
    }
    people(&metrics);
    dependencies(&metrics);
    keys_and_files(&metrics);
    metrics
}

fn request<'a>(route: &'a str, outcome: &'static str, status: u16) -> RequestLine<'a> {
    RequestLine {
        request_id: "1",
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        recorded_at: Some(1_700_000_000_250_000_000),
        method: "GET",
        host: "",
        path: "",
        route,
        outcome,
        status,
        subject_hash: None,
        client: None,
        took: Duration::from_millis(30),
        decided: Duration::ZERO,
        upstream: None,
        sent: 0,
        received: 0,
        error: None,
    }
}

fn people(metrics: &Metrics) {
    let provider = &ProviderName::new("corporate");
    metrics.record(&Event::SignInBegun { provider });
    metrics.record(&Event::SignOut { provider });
    for outcome in refusals().into_iter().chain(["ok", "already"]) {
        metrics.record(&Event::SignIn { provider, outcome });
    }
    for outcome in [
        Outcome::Renewed,
        Outcome::RenewedElsewhere,
        Outcome::RenewingElsewhere,
        Outcome::Ended,
        Outcome::ProviderDown,
        Outcome::ClientRejected,
        Outcome::ProviderError,
        Outcome::StoreDown,
    ] {
        metrics.record(&Event::Renewal {
            provider,
            outcome,
            retry_after: None,
        });
    }
    for channel in [Channel::Back, Channel::Front] {
        let outcome = "ended";
        metrics.record(&Event::ProviderLogout {
            provider,
            channel,
            outcome,
            ended: 1,
        });
    }
    for what in list("what", "doorward_sessions_total") {
        metrics.record(&Event::Session { what });
    }
    metrics.record(&Event::Audit(Audit::new(Act::SignIn, "ok")));
}

fn dependencies(metrics: &Metrics) {
    let provider = &ProviderName::new("corporate");
    let took = Duration::from_millis(3);
    for call in [Call::Ok, Call::Refused, Call::TimedOut, Call::Failed] {
        for op in list("op", "doorward_store_call_seconds") {
            metrics.record(&Event::StoreCall {
                op,
                call,
                took,
                error: None,
            });
        }
        for endpoint in list("endpoint", "doorward_provider_call_seconds") {
            metrics.record(&Event::ProviderCall {
                provider,
                endpoint,
                call,
                took,
                error: None,
            });
        }
    }
    metrics.record(&Event::StoreEviction {
        what: Eviction::May,
        policy: "",
    });
    for what in list("what", "doorward_session_cache_lookups_total") {
        metrics.record(&Event::Cache(CacheEvent::Lookup { what }));
    }
    metrics.record(&Event::Cache(CacheEvent::Invalidated));
    metrics.record(&Event::Cache(CacheEvent::Size { sessions: 1, bytes: 1 }));
    for up in [true, false] {
        metrics.record(&Event::Cache(CacheEvent::Feed { up, error: None }));
    }
    for what in list("what", "doorward_upstream_target_changes_total") {
        for target in 0..TARGETS {
            let target = &format!("http://10.0.0.{target}");
            metrics.record(&Event::Target(TargetChange {
                upstream: "app",
                target,
                what,
                cause: None,
            }));
        }
    }
    for fate in [Fate::Exported, Fate::Rejected, Fate::Failed, Fate::Dropped] {
        metrics.record(&Event::Export(Export::Spans { fate, count: 1 }));
    }
}

fn keys_and_files(metrics: &Metrics) {
    let at = UnixTime::from_secs(10);
    let key = |fill: usize| {
        let text = generate([u8::try_from(fill).unwrap(); 32]);
        RingKey::decode(&format!("key-{fill}"), &text).unwrap()
    };
    let ring = Ring::new((0..KEYS).map(key).collect()).unwrap();
    metrics.record(&Event::Ring { ring: &ring, at });
    for kid in ring.ids() {
        for what in [KeyUse::Seal, KeyUse::Open, KeyUse::Sign, KeyUse::Find] {
            metrics.record(&Event::Key { kid, what, at });
        }
    }
    for what in list("what", "doorward_unreadable_total") {
        metrics.record(&Event::Unreadable { what });
    }
    let certificate = |file: &str| CertificateInForce {
        listener: "0.0.0.0:443".to_owned(),
        file: file.to_owned(),
        not_before: at,
        not_after: at,
    };
    metrics.record(&Event::Certificates(&[certificate("a"), certificate("b")]));
    for digest in ["0123456789abcdef", "fedcba9876543210"] {
        let site = &Site::default();
        metrics.record(&Event::Configuration { digest, site });
    }
    for reload in [
        Reload::InForce {
            news: News::Another,
            waits: &[],
        },
        Reload::InForce {
            news: News::None,
            waits: &[],
        },
        Reload::Refused { why: "" },
        Reload::CertificateRefused { error: "" },
    ] {
        metrics.record(&Event::Reload(reload));
    }
    metrics.record(&Event::UpgradeFailed { why: "" });
}

#[test]
fn the_book_says_of_each_metric_what_it_is() {
    let in_source: BTreeSet<&str> = SOURCES
        .iter()
        .flat_map(|source| source.split("#[cfg(test)]").next().unwrap().lines().map(str::trim))
        .filter_map(|line| marked(line, '"').into_iter().find(|text| text.starts_with("doorward_")))
        .collect();
    let in_book: BTreeSet<&str> = rows("doorward_").iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(in_source, in_book);
    for family in everything().registry.gather() {
        let all = rows("doorward_");
        let row = all
            .iter()
            .find(|row| row[0].trim_matches('`') == family.name())
            .unwrap();
        assert_eq!(
            format!("{:?}", family.get_field_type()).to_lowercase(),
            row[1],
            "{}",
            family.name()
        );
        let mut labels = marked(row[2], '`');
        labels.sort_unstable();
        for metric in family.get_metric() {
            let found: Vec<&str> = metric
                .get_label()
                .iter()
                .map(prometheus::proto::LabelPair::name)
                .collect();
            assert_eq!(found, labels, "{}", family.name());
        }
    }
    assert_eq!(
        everything().registry.gather().len(),
        in_book.len(),
        "not everything happened"
    );
}

#[test]
fn refusals_are_in_the_closed_list() {
    let listed = list("outcome", "doorward_requests_total");
    let codes = refusals();
    assert!(codes.len() > 30, "{codes:?}");
    for code in codes {
        assert!(listed.contains(&code), "{code}");
    }
}

#[test]
fn words_are_in_their_closed_lists() {
    let fixed = [
        "route",
        "provider",
        "upstream",
        "target",
        "kid",
        "fingerprint",
        "listener",
        "file",
        "version",
        "sha256",
    ];
    for family in everything().registry.gather() {
        for metric in family.get_metric() {
            for pair in metric.get_label().iter().filter(|pair| !fixed.contains(&pair.name())) {
                // These are listed beside the audit trail.
                if matches!(
                    family.name(),
                    "doorward_audit_events_total"
                        | "doorward_provider_logouts_total"
                        | "doorward_sign_ins_total"
                        | "doorward_decisions_total"
                ) {
                    continue;
                }
                let all = rows(pair.name());
                let about = |row: &&Vec<&str>| {
                    row[0] == format!("`{}`", pair.name())
                        && (row[1].contains(family.name()) || row[1].starts_with("both"))
                };
                let listed = all
                    .iter()
                    .filter(about)
                    .any(|row| marked(row[2], '`').contains(&pair.value()));
                assert!(listed, "{} {}={}", family.name(), pair.name(), pair.value());
            }
        }
    }
}

#[test]
fn series_stay_within_the_budget() {
    let counts = BTreeMap::from([('R', ROUTES), ('P', 1), ('T', TARGETS), ('K', KEYS), ('C', 2)]);
    let metrics = everything();
    let text = metrics.render();
    let mut most = 0;
    for row in rows("doorward_") {
        let (name, budget) = (row[0].trim_matches('`'), row[3]);
        let many = budget.chars().last().and_then(|last| counts.get(&last)).unwrap_or(&1);
        let each = budget.trim_end_matches(char::is_alphabetic).trim().parse().unwrap_or(1);
        let budget: usize = many * each;
        let is = |line: &&str| {
            let sample = line.split(['{', ' ']).next().unwrap_or_default();
            let base = sample
                .trim_end_matches("_bucket")
                .trim_end_matches("_count")
                .trim_end_matches("_sum");
            sample == name || (base == name && row[1] == "histogram")
        };
        let series = text.lines().filter(is).count();
        assert!(series > 0 && series <= budget, "{name}: {series} of {budget}");
        most += budget;
    }
    let figure = format!("{},{:03} series at most", most / 1000, most % 1000);
    assert!(BOOK.contains(&figure), "the book says another figure than {figure}");
}

#[test]
fn a_traced_request_stands_for_its_bucket() {
    let metrics = Metrics::new();
    let mut line = request("app", "forwarded", 200);
    metrics.record(&Event::Request(line));
    line.recorded_at = None;
    line.took = Duration::from_secs(40);
    metrics.record(&Event::Request(line));
    let text = metrics.render_open();
    let with: Vec<&str> = text.lines().filter(|line| line.contains(" # ")).collect();
    assert_eq!(
        with,
        [concat!(
            r#"doorward_request_seconds_bucket{route="app",le="0.05"} 1 "#,
            r#"# {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.03 1700000000.250"#
        )]
    );
    assert!(
        text.contains("doorward_requests_total{class=\"2xx\",outcome=\"forwarded\",route=\"app\"} 2"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n") && !metrics.render().contains("trace_id"));
}

#[test]
fn no_two_families_have_one_name_in_open_metrics() {
    let text = everything().render_open();
    let types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let names: BTreeSet<&str> = types.iter().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(types.len(), names.len());
    for family in everything().registry.gather() {
        let counter = format!("{:?}", family.get_field_type()) == "COUNTER";
        assert_eq!(family.name().ends_with("_total"), counter, "{}", family.name());
    }
}
