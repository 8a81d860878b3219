//! Lines of the log, as the program writes them.

use std::{collections::BTreeSet, fs};

use http::StatusCode;
use serde_json::Value;

use crate::{
    harness::{
        browser::Browser,
        collector::{Collector, Mood},
        upstream::Upstream,
    },
    reload::Program,
};

const BOOK: &str = include_str!("../../docs/logs.md");

/// The program with a route to an upstream and one to nobody, and its port.
fn program(upstream: &Upstream, more: &str) -> (Program, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.yaml");
    let yaml = format!(
        "listeners: [{{ address: \"127.0.0.1:0\" }}]\nadmin: {{ enabled: false }}\n{more}\nroutes:\n\
         - {{ name: app, host: app.test, path: /, upstream: \"http://{}\", access: open }}\n\
         - {{ name: dead, host: app.test, path: /dead, upstream: \"http://127.0.0.1:1\", access: open }}\n",
        upstream.address()
    );
    fs::write(&file, yaml).unwrap();
    let mut program = Program::start(&file);
    let said = program.says("\"listening\"");
    let port = said["address"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    (program, port, folder)
}

/// Visits these paths with a trace, ends the program and gives the lines of requests.
async fn lines(more: &str, paths: &[&str]) -> Vec<Value> {
    let upstream = Upstream::start().await;
    let (mut program, port, _folder) = program(&upstream, more);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for path in paths {
        let url = format!("http://app.test:{port}{path}?secret=1");
        Browser::new()
            .ask(http::Method::GET, &url, &[("traceparent", trace)])
            .await;
    }
    let rest = program.rest();
    assert!(
        rest.iter().all(|line| !line.to_string().contains("secret")),
        "{rest:#?}"
    );
    rest.into_iter().filter(|line| line["target"] == "access").collect()
}

#[tokio::test]
async fn each_field_of_a_line_is_in_the_book() {
    let lines = lines("", &["/one", "/dead"]).await;
    let [fine, failed] = &lines[..] else {
        panic!("{lines:#?}")
    };
    let row = |line: &'static str| line.strip_prefix("| `")?.split('`').next();
    let book: BTreeSet<&str> = BOOK.lines().filter_map(row).collect();
    let fields = [fine, failed]
        .into_iter()
        .flat_map(|line| line.as_object().unwrap().keys());
    let fields: BTreeSet<&str> = fields.map(String::as_str).collect();
    // Nobody is signed in here.
    let fields: BTreeSet<&str> = fields.into_iter().chain(["subject"]).collect();
    assert_eq!(fields, book);
    assert_eq!((&fine["client"], &fine["path"]), (&"127.0.0.1".into(), &"/one".into()));
    assert_eq!(fine["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn a_line_for_people_says_the_same() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (file, port) = (folder.path().join("doorward.yaml"), free_port());
    let yaml = format!(
        "listeners: [{{ address: \"127.0.0.1:{port}\" }}]\nadmin: {{ enabled: false }}\nlogging: {{ format: text }}\nroutes:\n\
         - {{ name: app, host: app.test, path: /, upstream: \"http://{}\", access: open }}\n",
        upstream.address()
    );
    fs::write(&file, yaml).unwrap();
    let mut program = Program::start(&file);
    program.mentions("listening");
    Browser::new()
        .fetch(&format!("http://app.test:{port}/one?secret=1"))
        .await;
    let text = program.rest_as_text();
    let line = text.lines().find(|line| line.contains(" access: ")).unwrap();
    for part in [
        "INFO",
        "method=\"GET\"",
        "host=\"app.test\"",
        "path=\"/one\"",
        "route=\"app\"",
        "outcome=\"forwarded\"",
        "status=200",
        "client=",
        "request_id=",
        "took_us=",
        "decided_us=",
        "upstream_us=",
        "sent=",
        "received=",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!text.contains("secret"), "{text}");
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn what_went_well_is_sampled_and_what_is_left_out_is_not_there() {
    let more = "logging: { access: { sample: 0, client_address: hash, omit: [path, host, trace_id, subject] } }\n\
                session: { keys: [{ id: one, key: \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\" }] }";
    let lines = lines(more, &["/one", "/dead", "/two", "/dead"]).await;
    let [one, two] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!(
        (&one["outcome"], &one["status"]),
        (&"upstream_unreachable".into(), &502.into())
    );
    for left_out in ["path", "host", "trace_id", "subject"] {
        assert!(one.get(left_out).is_none(), "{left_out}");
    }
    let client = one["client"].as_str().unwrap();
    assert!(
        client.len() == 16 && client.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{client}"
    );
    assert_eq!(one["client"], two["client"]);
}

#[tokio::test]
async fn a_network_is_told_instead_of_an_address() {
    let lines = lines("logging: { access: { client_address: network } }", &["/one"]).await;
    assert_eq!(lines[0]["client"], "127.0.0.0/24");
}

#[tokio::test]
async fn a_collector_that_is_down_is_told_once() {
    // GW-13
    let (upstream, collector) = (Upstream::start().await, Collector::start().await);
    let more = format!(
        "logging: {{ access_log: false }}\ntracing: {{ endpoint: \"{}\", sample: 1 }}",
        collector.url()
    );
    let (mut program, port, _folder) = program(&upstream, &more);
    collector.mood(Mood::Answers(401));
    let browser = Browser::new();
    for batch in 1..=3 {
        let visited = browser.fetch(&format!("http://app.test:{port}/")).await.status;
        assert_eq!(visited, StatusCode::OK);
        collector.posted(batch).await;
    }
    collector.mood(Mood::Takes);
    browser.fetch(&format!("http://app.test:{port}/")).await;
    collector.posted(4).await;
    let rest = program.rest();
    let told: Vec<(&Value, &Value)> = rest
        .iter()
        .filter(|line| {
            line["message"]
                .as_str()
                .is_some_and(|words| words.contains("the collector"))
        })
        .map(|line| (&line["level"], &line["error"]))
        .collect();
    assert_eq!(
        told,
        [
            (&"WARN".into(), &"it answers 401 Unauthorized".into()),
            (&"INFO".into(), &Value::Null)
        ]
    );
}

#[tokio::test]
async fn what_a_health_check_met_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.yaml");
    let yaml = "listeners: [{ address: \"127.0.0.1:0\" }]\nadmin: { enabled: false }\nroutes:\n\
                - path: /\n  access: open\n  upstream:\n    targets: [\"http://127.0.0.1:1\"]\n    \
                health: { path: /healthz, interval: 1s, unhealthy_after: 1 }\n";
    fs::write(&file, yaml).unwrap();
    let mut program = Program::start(&file);
    let said = program.says("an upstream target changed");
    assert_eq!((&said["what"], &said["level"]), (&"unhealthy".into(), &"WARN".into()));
    let error = said["error"].as_str().unwrap();
    assert!(error.contains("Connection refused"), "{error}");
}
