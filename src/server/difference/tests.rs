use super::*;
use crate::config;

const BASE: &str = r#"
public_url: https://app.example.com
listeners:
  - address: 127.0.0.1:8080
    behind_tls_proxy: true
providers:
  corporate: { issuer: "https://id.example.com", client_id: doorward, client_secret: hunter22 }
session:
  keys: [{ id: first, key: "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=" }]
routes:
  - { name: all, path: /, upstream: "http://127.0.0.1:3000", access: open }
"#;

fn plan(yaml: &str) -> Plan {
    config::from_text("test.yaml", yaml).unwrap_or_else(|report| panic!("{report}\n{yaml}"))
}

fn between(old: &str, new: &str) -> Outlook {
    Outlook::between(&plan(old), &plan(new)).unwrap()
}

/// From [`BASE`] to itself with other words: part, name, change and what it takes.
fn told(changes: &[(&str, &str)]) -> (Outcome, Vec<String>) {
    let mut new = BASE.to_owned();
    for (from, to) in changes {
        let next = new.replace(from, to);
        assert_ne!(next, new, "{from}");
        new = next;
    }
    let outlook = between(BASE, &new);
    let line = |changed: &Changed| {
        let name = changed.name.as_deref().unwrap_or("-");
        format!("{} {name} {:?} {:?}", changed.part, changed.change, changed.takes)
    };
    (outlook.outcome, outlook.changes.iter().map(line).collect())
}

#[test]
fn the_same_and_what_only_reads_differently_changes_nothing() {
    assert_eq!(between(BASE, BASE).outcome, Outcome::Same);
    let spelt = BASE.replace("/, upstream", "/, methods: null, upstream") + "# a remark\n";
    assert_eq!(between(BASE, &spelt).changes, []);
}

#[test]
fn each_part_is_told_with_what_it_takes() {
    use Outcome::{Refused, Reload, Restart};
    for (changes, outcome, lines) in [
        (
            &[("access: open", "access: signed_in")][..],
            Reload,
            &["route all Changed Reload"][..],
        ),
        (
            &[("routes:", "shutdown: { delay: 5s }\nroutes:")],
            Reload,
            &["shutdown - Changed Reload"],
        ),
        (
            &[("name: all", "name: every")],
            Reload,
            &[
                "route all Removed Reload",
                "route every Added Reload",
                "upstream all Removed Reload",
                "upstream every Added Reload",
            ],
        ),
        (&[("3000", "3001")], Reload, &["upstream all Changed Reload"]),
        (
            &[("hunter22", "hunter33")],
            Reload,
            &["provider corporate Changed Reload"],
        ),
        (
            &[("8080", "8081")],
            Reload,
            &[
                "listener 127.0.0.1:8080 Removed Reload",
                "listener 127.0.0.1:8081 Added Reload",
            ],
        ),
        (
            &[("behind_tls_proxy: true", "behind_tls_proxy: true\n    public_port: 444")],
            Reload,
            &["listener 127.0.0.1:8080 Changed Reload"],
        ),
        (
            &[("127.0.0.1:8080", "0.0.0.0:8080")],
            Refused,
            &[
                "listener 127.0.0.1:8080 Removed Reload",
                "listener 0.0.0.0:8080 Added RestartOnly",
            ],
        ),
        (
            &[
                ("127.0.0.1:8080", "127.0.0.1:9090"),
                ("public_url", "admin: { enabled: false }\npublic_url"),
            ],
            Refused,
            &[
                "listener 127.0.0.1:8080 Removed Reload",
                "listener 127.0.0.1:9090 Added RestartOnly",
                "admin - Changed Restart",
            ],
        ),
        (
            &[("public_url", "admin: { token: a-token-of-enough-length }\npublic_url")],
            Reload,
            &["admin.token - Changed Reload"],
        ),
        (
            &[("public_url", "compatibility: { oauth2_proxy: true }\npublic_url")],
            Reload,
            &["route all Changed Reload", "compatibility - Changed Reload"],
        ),
        (
            &[("public_url", "logging: { level: debug }\npublic_url")],
            Restart,
            &["logging - Changed Restart"],
        ),
        (
            &[(
                "public_url",
                "logging: { access: { sample: 0.5, omit: [path] } }\ntracing: { endpoint: \"http://c:4318\" }\npublic_url",
            )],
            Restart,
            &["tracing - Changed Restart", "logging - Changed Restart"],
        ),
        (
            &[("session:\n", "session:\n  cache: { max_sessions: 5 }\n")],
            Restart,
            &["session.cache - Changed Restart"],
        ),
        (
            &[("session:\n", "session:\n  idle_timeout: 5m\n")],
            Reload,
            &["session - Changed Reload"],
        ),
        (
            &[("id: first", "id: second")],
            Reload,
            &["session.keys - Changed Reload"],
        ),
        (&[("AgICAgI", "AQICAgI")], Reload, &["session.keys - Changed Reload"]),
        (
            &[
                (
                    "session:\n",
                    "session:\n  store: redis\n  redis: { url: \"redis://localhost\" }\n",
                ),
                ("id: first", "id: second"),
            ],
            Restart,
            &["session.store - Changed Restart", "session.keys - Changed Restart"],
        ),
        (
            &[(
                "  keys: [{ id: first, key: \"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\" }]",
                "  store: memory",
            )],
            Restart,
            &["session.keys - Changed Restart"],
        ),
        (
            &[("public_url", "identity: { assertion_life: 1m }\npublic_url")],
            Reload,
            &["identity - Changed Reload"],
        ),
    ] {
        assert_eq!(
            told(changes),
            (outcome, lines.iter().map(|line| (*line).to_owned()).collect()),
            "{changes:?}"
        );
    }
}

#[test]
fn another_redis_is_reached_by_a_reload_and_a_key_of_the_same_name_is_told() {
    let redis = BASE.replace(
        "session:\n",
        "session:\n  store: redis\n  redis: { url: \"redis://one\", password: hunter22 }\n",
    );
    let other = redis
        .replace("redis://one", "redis://two")
        .replace("hunter22", "hunter33");
    let outlook = between(&redis, &other);
    assert_eq!(outlook.outcome, Outcome::Reload);
    let told = serde_json::to_string(&outlook).unwrap();
    assert!(told.contains("one:6379") && told.contains("two:6379"), "{told}");
    assert!(!told.contains("hunter"), "{told}");
}

#[test]
fn a_drawn_key_says_nothing_of_itself() {
    let drawn = BASE.replace(
        "  keys: [{ id: first, key: \"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\" }]",
        "  store: memory",
    );
    assert_eq!(between(&drawn, &drawn).outcome, Outcome::Same);
    let keyed = between(&drawn, BASE);
    assert_eq!(keyed.outcome, Outcome::Reload);
    let difference = &keyed.changes[0].differences[0];
    assert_eq!(difference.before, "a key drawn at start");
    assert!(
        difference.after.ends_with("), a key drawn at start"),
        "{}",
        difference.after
    );
}
