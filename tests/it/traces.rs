//! Traces: what a collector is told of a request, what an upstream is told of the trace, and that nobody waits for either.

use std::time::Duration;

use doorward::server::Drained;
use http::{Method, StatusCode};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use serde_json::json;

use crate::{
    harness::{
        browser::Browser,
        collector::{Collector, Mood, Says as _, attribute, below, kind, named},
        door::certificate,
        gateway::{ROUTES, Wishes, World},
        upstream::{Act, Upstream, response},
    },
    outage::Redis,
    proxy_faults::server_config,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A gateway that traces to a collector; `tracing` is further YAML of it.
async fn traced(tracing: &str) -> (World, Collector) {
    let collector = Collector::start().await;
    let world = World::with(Wishes {
        more: format!("tracing: {{ endpoint: \"{}\", {tracing} }}", collector.url()),
        ..Wishes::default()
    })
    .await;
    (world, collector)
}

/// The one request span of this route and outcome, once it is there.
async fn request(collector: &Collector, route: &str, outcome: &str) -> (Vec<Span>, Span) {
    let is = |span: &Span| {
        span.says("http.route").is_some_and(|name| name.contains(route))
            && span.says("doorward.outcome").as_deref() == Some(outcome)
    };
    let spans = collector
        .spans_when(&format!("{route} {outcome}"), |spans| spans.iter().any(is))
        .await;
    let found: Vec<&Span> = spans.iter().filter(|span| is(span)).collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    let found = found[0].clone();
    (spans, found)
}

fn names(spans: &[&Span]) -> Vec<String> {
    let mut names: Vec<String> = spans.iter().map(|span| span.name.clone()).collect();
    names.sort();
    names
}

fn hex(id: &[u8]) -> String {
    let number = id.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("{number:0width$x}", width = id.len() * 2)
}

fn traceparent(span: u64, flags: &str) -> String {
    format!("00-{TRACE}-{span:016x}-{flags}")
}

#[tokio::test]
async fn a_sign_in_and_a_signed_in_request_are_told_part_by_part() {
    let (world, collector) = traced("sample: 1").await;
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);

    let (spans, callback) = request(&collector, "none", "callback").await;
    assert_eq!(
        (callback.name.as_str(), kind(&callback)),
        ("GET none", SpanKind::Server)
    );
    assert!(callback.parent_span_id.is_empty() && !callback.is_error());
    assert_eq!(callback.says("http.response.status_code").as_deref(), Some("302"));
    let gate = below(&spans, &callback);
    assert_eq!(names(&gate), ["gate"]);
    let calls = below(&spans, gate[0]);
    for name in ["provider token", "provider keys", "store create", "store index"] {
        let call = calls
            .iter()
            .find(|span| span.name == name)
            .unwrap_or_else(|| panic!("{name}: {:?}", names(&calls)));
        assert_eq!(kind(call), SpanKind::Client);
        assert!(
            call.start_time_unix_nano >= gate[0].start_time_unix_nano - 1_000_000,
            "{name}"
        );
        assert!(
            call.end_time_unix_nano <= gate[0].end_time_unix_nano + 1_000_000,
            "{name}"
        );
    }
    let token = calls.iter().find(|span| span.name == "provider token").unwrap();
    assert_eq!(token.says("doorward.provider").as_deref(), Some("op"));

    let (spans, forwarded) = request(&collector, "app.test/", "forwarded").await;
    let parts = below(&spans, &forwarded);
    assert_eq!(names(&parts), ["GET", "gate"]);
    assert_eq!(
        parts.iter().find_map(|span| span.says("doorward.verdict")).as_deref(),
        Some("admit")
    );
    let attempt = *parts.iter().find(|span| span.name == "GET").unwrap();
    assert_eq!(kind(attempt), SpanKind::Client);
    let port = world.upstream.address().port().to_string();
    for (key, value) in [
        ("server.address", "127.0.0.1"),
        ("server.port", &port),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(attempt.says(key).as_deref(), Some(value), "{key}");
    }
    // What the upstream hears is the exported span.
    let sent = world.upstream.only();
    let told = format!("00-{}-{}-01", hex(&attempt.trace_id), hex(&attempt.span_id));
    assert_eq!(sent.header("traceparent"), [told]);
    assert_eq!(
        sent.header("x-request-id"),
        [forwarded.says("doorward.request_id").unwrap()]
    );

    let resource = collector.posts()[0].request.resource_spans[0].resource.clone().unwrap();
    assert_eq!(
        attribute(&resource.attributes, "service.name").as_deref(),
        Some("doorward")
    );
    assert_eq!(collector.posts()[0].path, "/v1/traces");
    world.stop().await;
}

#[tokio::test]
async fn nothing_personal_and_no_secret_is_told() {
    let (world, collector) = traced("sample: 1").await;
    let browser = Browser::new();
    browser.open(&world.url("/patients/jane?token=very-secret")).await;
    let made_up = Method::from_bytes(b"JANE").unwrap();
    browser
        .ask(made_up, &world.url("/open"), &[("user-agent", "janes-browser")])
        .await;
    request(&collector, "none", "method_not_allowed").await;
    let (_, forwarded) = request(&collector, "app.test/", "forwarded").await;
    assert!(forwarded.says("http.route").is_some());
    let cookie = browser.cookie("app.test", "doorward").unwrap();
    world.upstream.wait_for(1).await;
    let assertion = world.upstream.requests()[0].header("x-doorward-assertion")[0].to_owned();
    let told: Vec<u8> = collector.posts().into_iter().flat_map(|post| post.body).collect();
    let told = String::from_utf8_lossy(&told);
    let whoami = world.upstream.requests()[0].head.clone();
    let email = whoami
        .lines()
        .find_map(|line| line.split_once("x-forwarded-email: "))
        .or_else(|| whoami.lines().find_map(|line| line.split_once("X-Forwarded-Email: ")));
    let email = email.expect("the upstream is told the address").1.trim().to_owned();
    for private in [
        "patients",
        "very-secret",
        "JANE",
        "janes-browser",
        "127.0.0.1:",
        &cookie,
        &assertion,
        &email,
    ] {
        assert!(!told.contains(private), "{private}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_renewal_is_a_part_of_the_request_that_began_it() {
    let (world, collector) = traced("sample: 1").await;
    world.provider.script(|script| script.expires_in = json!(3600));
    let browser = Browser::new();
    browser.open(&world.url("/")).await;
    world.clock.advance(Duration::from_secs(3601));
    assert_eq!(browser.fetch(&world.url("/token")).await.status, StatusCode::OK);
    let (spans, waiting) = request(&collector, "app.test/token", "forwarded").await;
    let gate = below(&spans, &waiting)
        .into_iter()
        .find(|span| span.name == "gate")
        .unwrap();
    let renewal = below(&spans, gate)
        .into_iter()
        .find(|span| span.name == "renewal")
        .unwrap();
    assert_eq!(renewal.says("doorward.outcome").as_deref(), Some("renewed"));
    let within = names(&below(&spans, renewal));
    for name in ["provider refresh", "store lease", "store save"] {
        assert!(within.contains(&name.to_owned()), "{name}: {within:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_caller_that_is_believed_decides_and_its_trace_goes_on() {
    for (follow, trusted, followed) in [
        ("trusted_proxies", true, true),
        ("trusted_proxies", false, false),
        ("everybody", false, true),
        ("nobody", true, false),
    ] {
        let proxies = if trusted { "trusted_proxies: [127.0.0.1]\n" } else { "" };
        let collector = Collector::start().await;
        let world = World::with(Wishes {
            more: format!(
                "{proxies}tracing: {{ endpoint: \"{}\", sample: 0, follow: {follow} }}",
                collector.url()
            ),
            ..Wishes::default()
        })
        .await;
        let browser = Browser::new();
        let ask = async |span, flags, state: &'static str| {
            let parent = traceparent(span, flags);
            let headers = [("traceparent", parent.as_str()), ("tracestate", state)];
            browser.ask(Method::GET, &world.url("/open"), &headers).await;
        };
        ask(0xa1, "00", "v=one").await;
        ask(0xa2, "01", "v=two").await;
        let [off, on] = &world.upstream.requests()[..] else {
            panic!("two requests")
        };
        let row = format!("{follow} {trusted}");
        assert_eq!(
            (off.header("tracestate"), on.header("tracestate")),
            (vec!["v=one"], vec!["v=two"]),
            "{row}"
        );
        let [off, on] = [off, on].map(|sent| sent.header("traceparent")[0].to_owned());
        assert!(
            off.starts_with(&format!("00-{TRACE}-")) && off.ends_with("-00"),
            "{row}: {off}"
        );
        assert!(
            on.starts_with(&format!("00-{TRACE}-")) && !on.contains("00000000000000a2"),
            "{row}: {on}"
        );
        assert_eq!(on.ends_with("-01"), followed, "{row}: {on}");
        world.stop().await;
        let spans = collector.spans();
        let requests = named(&spans, "GET app.test/open");
        assert_eq!(requests.len(), usize::from(followed), "{row}: {spans:#?}");
        for span in requests {
            assert_eq!(
                (hex(&span.trace_id), hex(&span.parent_span_id)),
                (TRACE.to_owned(), format!("{:016x}", 0xa2))
            );
            assert_eq!(span.flags, 0x301, "sampled, and below a span of another process");
        }
    }
}

#[tokio::test]
async fn what_is_no_traceparent_is_replaced_with_what_it_says() {
    let (world, collector) = traced("sample: 1, follow: everybody").await;
    for bad in ["00-0-0-01", &traceparent(0, "01")] {
        let headers = [("traceparent", bad), ("tracestate", "v=one")];
        Browser::new().ask(Method::GET, &world.url("/open"), &headers).await;
    }
    for sent in world.upstream.requests() {
        assert_eq!(
            sent.header("tracestate"),
            Vec::<&str>::new(),
            "it belongs to what was replaced"
        );
        let [parent] = &sent.header("traceparent")[..] else {
            panic!("one traceparent")
        };
        assert!(parent.ends_with("-01") && !parent.contains(TRACE), "{parent}");
    }
    world.stop().await;
    assert!(
        named(&collector.spans(), "GET app.test/open")
            .iter()
            .all(|span| span.parent_span_id.is_empty())
    );
}

#[tokio::test]
async fn what_is_not_traced_is_not_told_and_what_is_off_passes_by() {
    let (world, collector) = traced("sample: 0").await;
    let browser = Browser::new();
    browser.open(&world.url("/")).await;
    let parent = world.upstream.only().header("traceparent")[0].to_owned();
    assert!(
        parent.ends_with("-00"),
        "the upstream is told that nobody records: {parent}"
    );
    world.stop().await;
    assert_eq!(collector.posts().len(), 0);

    let world = World::start().await;
    let parent = traceparent(0xb1, "01");
    let headers = [("traceparent", parent.as_str()), ("tracestate", "v=one")];
    browser.ask(Method::GET, &world.url("/open"), &headers).await;
    browser.ask(Method::GET, &world.url("/open"), &[]).await;
    let [with, without] = &world.upstream.requests()[..] else {
        panic!("two requests")
    };
    assert_eq!(
        (with.header("traceparent"), with.header("tracestate")),
        (vec![&*parent], vec!["v=one"])
    );
    assert!(without.header("traceparent").is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_failing_upstream_is_told_attempt_by_attempt() {
    let collector = Collector::start().await;
    let routes = format!(
        "{ROUTES}  - {{ host: app.test, path: /two, upstream: {{ targets: [\"http://127.0.0.1:1\", \"{{upstream}}\"] }}, access: open }}\n"
    );
    let world = World::with(Wishes {
        more: format!("tracing: {{ endpoint: \"{}\", sample: 1 }}", collector.url()),
        routes,
        ..Wishes::default()
    })
    .await;
    world
        .upstream
        .next(Act::Answer(response("500 Internal Server Error", "", "")));
    assert_eq!(
        Browser::new().fetch(&world.url("/two")).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    let (spans, failed) = request(&collector, "app.test/two", "forwarded").await;
    assert!(failed.is_error(), "a 5xx is the server's error");
    let mut attempts: Vec<&Span> = below(&spans, &failed)
        .into_iter()
        .filter(|span| span.name == "GET")
        .collect();
    attempts.sort_by_key(|span| span.start_time_unix_nano);
    let said: Vec<_> = attempts
        .iter()
        .map(|span| (span.says("error.type").unwrap(), span.says("http.request.resend_count")))
        .collect();
    assert_eq!(
        said,
        [("broken".to_owned(), None), ("500".to_owned(), Some("1".to_owned()))]
    );
    assert!(world.upstream.only().header("traceparent")[0].contains(&hex(&attempts[1].span_id)));
    world.stop().await;
}

#[tokio::test]
async fn a_collector_that_fails_holds_nobody_up_and_is_tried_again() {
    // GW-13
    let (world, collector) = traced("sample: 1, timeout: 200ms").await;
    let browser = Browser::new();
    for mood in [Mood::Answers(503), Mood::Answers(400), Mood::Hangs] {
        let before = world.metric("doorward_trace_spans_total", &["failed"]).await;
        collector.mood(mood);
        for _ in 0..3 {
            assert_eq!(
                browser.fetch(&world.url("/open")).await.status,
                StatusCode::OK,
                "{mood:?}"
            );
        }
        while world.metric("doorward_trace_spans_total", &["failed"]).await < before + 9.0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    // 503 is tried three times, 400 once.
    let statuses = collector.posts().len();
    assert!(statuses >= 4, "{statuses}");
    collector.mood(Mood::Takes);
    browser.fetch(&world.url("/open")).await;
    while world.metric("doorward_trace_spans_total", &["exported"]).await < 3.0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    collector.mood(Mood::Rejects(2));
    browser.fetch(&world.url("/open")).await;
    while world.metric("doorward_trace_spans_total", &["rejected"]).await < 2.0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn the_last_spans_are_sent_before_the_end() {
    let (world, collector) = traced("sample: 1, service_name: edge, resource_attributes: { deployment.environment.name: test }, headers: { X-Tenant: seven }").await;
    Browser::new().fetch(&world.url("/open")).await;
    assert_eq!(collector.posts().len(), 0, "a batch waits for more");
    let (drained, _) = world.stop_within(Duration::from_secs(10)).await;
    assert_eq!(drained, Drained::Whole);
    let spans = collector.spans();
    assert_eq!(
        names(&spans.iter().collect::<Vec<_>>()),
        ["GET", "GET app.test/open", "gate"]
    );
    let post = &collector.posts()[0];
    assert_eq!(post.headers["x-tenant"], "seven");
    assert_eq!(post.headers["content-type"], "application/x-protobuf");
    let resource = post.request.resource_spans[0].resource.clone().unwrap();
    let says = |key| attribute(&resource.attributes, key);
    assert_eq!(says("service.name").as_deref(), Some("edge"));
    assert_eq!(says("deployment.environment.name").as_deref(), Some("test"));
}

#[tokio::test]
async fn a_collector_is_verified_by_its_ca() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, made) = certificate(folder.path());
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let collector = Upstream::start_tls(server_config(&made)).await;
    let endpoint = format!(
        "endpoint: \"https://localhost:{}\", sample: 1",
        collector.address().port()
    );
    for (more, fate) in [
        (format!(", ca_file: \"{}\"", ca.display()), "exported"),
        (String::new(), "failed"),
    ] {
        let world = World::with(Wishes {
            more: format!("tracing: {{ {endpoint}{more} }}"),
            ..Wishes::default()
        })
        .await;
        Browser::new().fetch(&world.url("/open")).await;
        while world.metric("doorward_trace_spans_total", &[fate]).await < 3.0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.stop().await;
    }
    assert!(collector.only().line().starts_with("POST /v1/traces "));
}

#[tokio::test]
async fn a_read_of_the_store_is_told_and_so_is_its_failure() {
    let mut redis = Redis::start().await;
    let collector = Collector::start().await;
    let world = World::with(Wishes {
        session: redis.yaml(),
        more: format!("tracing: {{ endpoint: \"{}\", sample: 1 }}", collector.url()),
        ..Wishes::default()
    })
    .await;
    let browser = Browser::new();
    browser.open(&world.url("/")).await;
    // Another replica has not opened the session yet.
    let replica = world.replica().await;
    let url = format!("http://app.test:{}/token", replica.address.port());
    assert_eq!(browser.fetch(&url).await.status, StatusCode::OK);
    let (spans, found) = request(&collector, "app.test/token", "forwarded").await;
    let gate = below(&spans, &found)
        .into_iter()
        .find(|span| span.name == "gate")
        .unwrap();
    let reads: Vec<&Span> = below(&spans, gate)
        .into_iter()
        .filter(|span| span.name == "store get")
        .collect();
    assert!(
        !reads.is_empty() && reads.iter().all(|read| !read.is_error()),
        "{reads:#?}"
    );

    redis.stop().await;
    while browser.fetch(&world.url("/token")).await.status != StatusCode::SERVICE_UNAVAILABLE {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let down = |span: &Span| span.name == "store get" && span.is_error() && span.says("error.type").is_some();
    let refused = |spans: &[Span]| {
        let gates = named(spans, "gate").into_iter();
        gates
            .filter(|gate| gate.says("doorward.verdict").as_deref() == Some("store_down"))
            .any(|gate| below(spans, gate).into_iter().any(down))
    };
    collector.spans_when("refusal by a read that failed", refused).await;
    world.stop().await;
}
