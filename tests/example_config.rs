//! `config.example.yaml` compiles and shows every option.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use doorward::{
    config::{self, Source, schema},
    flow::Duty,
    policy::Access,
    store,
};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use tempfile::TempDir;

const EXAMPLE: &str = include_str!("../config.example.yaml");

/// Everything that the example names and that is not in it.
fn surroundings() -> (TempDir, Source) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("a file");
    };
    for (certificate, key) in [
        ("tls.crt", "tls.key"),
        ("ledger.crt", "ledger.key"),
        ("redis-client.crt", "redis-client.key"),
        ("ledger-client.crt", "ledger-client.key"),
    ] {
        let (chain, private) = certificate_and_key();
        write(certificate, &chain);
        write(key, &private);
    }
    for authority in ["corporate-ca.crt", "redis-ca.crt", "ledger-ca.crt", "devices-ca.crt"] {
        write(authority, &certificate_and_key().0);
    }
    write("google-client-secret", "a-secret-of-the-example\n");
    write("session-2026-05.key", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n");
    write("ledger-licence", "licence-7\n");
    write("admin-token", "a-token-of-the-example\n");
    let variables = [
        ("CORPORATE_CLIENT_SECRET", "a-secret-of-the-example"),
        ("REDIS_PASSWORD", "a-password-of-the-example"),
        ("SENTINEL_PASSWORD", "a-password-of-the-sentinels"),
        ("DOORWARD_KEY", "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8="),
        ("LEDGER_API_KEY", "an-api-key-of-the-example"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let source = Source::with_environment(folder.path(), BTreeMap::from(variables));
    (folder, source)
}

fn certificate_and_key() -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["example.com".to_owned()])
        .and_then(|params| params.self_signed(&key))
        .expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn the_example_compiles() {
    let (_folder, source) = surroundings();
    let plan = config::from_source("config.example.yaml", EXAMPLE, &source).unwrap_or_else(|report| panic!("{report}"));
    let [serving @ .., redirecting] = &plan.listeners[..] else {
        panic!("listeners")
    };
    assert_eq!(serving.len(), 2);
    assert!(
        serving
            .iter()
            .all(|listener| listener.duty == Duty::Serve && listener.public.https && listener.public.port == 443)
    );
    assert_eq!(redirecting.duty, Duty::ToHttps { port: 443 });
    assert_eq!(plan.providers.len(), 3);
    assert_eq!(plan.default_provider.expect("a default").as_str(), "corporate");
    assert!(matches!(plan.store, store::Settings::Redis(_)));
    assert_eq!(plan.ring.expect("a ring").sealing().id.as_str(), "2026-11");
    assert_eq!(plan.site.routes().len(), 9);
    let ledger = plan
        .site
        .routes()
        .iter()
        .find(|route| &*route.id.0 == "ledger")
        .expect("the route that has everything");
    assert!(matches!(ledger.access, Access::Rule(_)));
    assert_eq!(ledger.forward.upstream.targets.len(), 2);
    assert_eq!(ledger.forward.max_body, Some(20 * 1024 * 1024));
}

#[test]
fn the_example_shows_every_option() {
    let missing = not_shown(&uncommented(EXAMPLE, &["sentinel:", "cluster:", "tls:"]));
    assert!(missing.is_empty(), "config.example.yaml says nothing of {missing:#?}");
}

/// One of three ways to say where Redis is stands in the example, the others in comments: they are right too.
#[test]
fn the_other_ways_to_redis_compile() {
    let (_folder, source) = surroundings();
    for way in ["sentinel:", "cluster:"] {
        let (before, after) = EXAMPLE.split_once("    url: rediss://").expect("the URL");
        let (_, after) = after.split_once('\n').expect("more lines");
        let text = uncommented(&format!("{before}{after}"), &[way, "tls:"]);
        let plan = config::from_source(way, &text, &source).unwrap_or_else(|report| panic!("{report}"));
        let store::Settings::Redis(redis) = plan.store else {
            panic!("Redis");
        };
        assert!(redis.tls.is_some(), "{way}");
        match redis.servers {
            store::RedisServers::One(_) => panic!("{way}"),
            store::RedisServers::Sentinel { nodes, .. } => assert_eq!((way, nodes.len()), ("sentinel:", 3)),
            store::RedisServers::Cluster { nodes } => assert_eq!((way, nodes.len()), ("cluster:", 2)),
        }
    }
}

/// The example with these keys below `redis`, and what is below them, taken out of comments.
fn uncommented(text: &str, keys: &[&str]) -> String {
    let mut inside = false;
    let lines = text.lines().map(|line| {
        let Some(comment) = line.strip_prefix("    # ") else {
            inside = false;
            return line.to_owned();
        };
        inside = keys.iter().any(|key| comment.starts_with(key)) || (inside && comment.starts_with("  "));
        if inside {
            format!("    {comment}")
        } else {
            line.to_owned()
        }
    });
    lines.map(|line| line + "\n").collect()
}

#[test]
fn a_gap_in_the_example_would_be_seen() {
    let missing = not_shown("routes: [{ access: { any: [{ group: a }] } }] # or client_secret");
    for option in ["listeners", "Route.host", "Rule.not", "Session.store"] {
        assert!(missing.contains(option), "{option} in {missing:?}");
    }
    for option in ["routes", "Rule.any", "Rule.group", "Provider.client_secret"] {
        assert!(!missing.contains(option), "{option} in {missing:?}");
    }
}

/// The options of the schema that a text does not use anywhere. One form of a secret may be told in a comment instead:
/// `or client_secret_file`.
fn not_shown(text: &str) -> BTreeSet<String> {
    let document: Value = serde_yaml::from_str(text).expect("YAML");
    let mut used = BTreeSet::new();
    collect(schema::schema(), &document, "", &mut used);
    let words: Vec<_> = text.split_whitespace().collect();
    let told = |name: &str| {
        words
            .windows(2)
            .any(|pair| matches!(pair, ["or", word] if word.trim_end_matches([',', ';']) == name))
    };
    let definitions = schema::schema().get("$defs").and_then(Value::as_object);
    let objects = definitions
        .into_iter()
        .flatten()
        .map(|(name, object)| (format!("{name}."), object))
        .chain([(String::new(), schema::schema())]);
    objects
        .flat_map(|(object, schema)| {
            let names: Vec<_> = properties(schema).map(|(name, _)| name.clone()).collect();
            names
                .into_iter()
                .filter(|name| !told(name))
                .map(move |name| format!("{object}{name}"))
        })
        .filter(|option| !used.contains(option))
        .collect()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// Follows a value along the schema and notes the properties it uses, each with its object's name in front.
fn collect(part: &'static Value, value: &Value, object: &str, used: &mut BTreeSet<String>) {
    if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
        let name = reference.trim_start_matches("#/$defs/");
        let target = schema::schema()
            .pointer(reference.trim_start_matches('#'))
            .expect("a reference leads somewhere");
        return collect(target, value, &format!("{name}."), used);
    }
    for option in part.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        collect(option, value, object, used);
    }
    for (name, property) in properties(part) {
        if let Some(inner) = value.get(name) {
            used.insert(format!("{object}{name}"));
            collect(property, inner, object, used);
        }
    }
    if let (Some(items), Some(list)) = (part.get("items"), value.as_array()) {
        for item in list {
            collect(items, item, object, used);
        }
    }
    let each = part.get("additionalProperties").filter(|each| each.is_object());
    if let (Some(each), Some(map)) = (each, value.as_object()) {
        for item in map.values() {
            collect(each, item, object, used);
        }
    }
}

#[test]
fn what_the_comments_call_a_default_is_one() {
    let (_folder, source) = surroundings();
    let without: String = sections(EXAMPLE)
        .filter(|section| {
            !["limits:", "timeouts:", "logging:", "admin:"]
                .iter()
                .any(|name| section.starts_with(name))
        })
        .collect();
    let compile =
        |text: &str| config::from_source("example", text, &source).unwrap_or_else(|report| panic!("{report}"));
    let (with, without) = (compile(EXAMPLE), compile(&without));
    for (one, other) in with.listeners.iter().zip(&without.listeners) {
        // The two lines of `limits` that are not the default.
        let limits = doorward::proxy::Limits {
            connections: None,
            connections_per_address: None,
            ..one.limits
        };
        assert_eq!(limits, other.limits);
    }
    assert_eq!(with.sign_ins_per_address, without.sign_ins_per_address);
    // The one line of `logging`, and that of `admin`, that are not the default.
    let (mut telemetry, mut admin) = (with.telemetry, with.admin);
    assert!(telemetry.audit.as_mut().and_then(|audit| audit.file.take()).is_some());
    assert_eq!(telemetry, without.telemetry);
    assert!(admin.as_mut().and_then(|admin| admin.token.take()).is_some());
    assert_eq!(admin, without.admin);
}

/// The text cut before every key at the left margin.
fn sections(text: &str) -> impl Iterator<Item = String> {
    let mut all = vec![String::new()];
    for line in text.lines() {
        if line.starts_with(|first: char| first.is_ascii_lowercase()) {
            all.push(String::new());
        }
        if let Some(last) = all.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    all.into_iter()
}

#[test]
fn files_of_the_example_are_looked_for_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = Source::with_environment(folder.path(), BTreeMap::new());
    let report = config::from_source("config.example.yaml", EXAMPLE, &source).expect_err("nothing is there");
    let told = report.to_string();
    for name in [
        "tls.crt",
        "corporate-ca.crt",
        "ledger-licence",
        "session-2026-05.key",
        "google-client-secret",
    ] {
        let path = folder.path().join(name);
        assert!(told.contains(&*path.to_string_lossy()), "{name} in {told}");
    }
    for name in [
        "CORPORATE_CLIENT_SECRET",
        "REDIS_PASSWORD",
        "DOORWARD_KEY",
        "LEDGER_API_KEY",
    ] {
        assert!(told.contains(name), "{name} in {told}");
    }
}
