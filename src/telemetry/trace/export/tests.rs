use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::*;
use crate::{
    entropy::Entropy,
    telemetry::{
        Call, Share,
        trace::{Follow, SpanId, TraceId, span::Work},
    },
    time::Clock,
};

/// Everything is traced, to this address.
pub(in crate::telemetry::trace) fn settings(endpoint: &str) -> Settings {
    Settings {
        endpoint: endpoint.parse().unwrap(),
        headers: Vec::new(),
        ca_pem: None,
        timeout: Duration::from_secs(5),
        sample: Share::ALL,
        follow: Follow::Trusted,
        service: "doorward".to_owned(),
        resource: BTreeMap::new(),
    }
}

/// A call to the store.
pub(in crate::telemetry::trace) fn span(id: u64) -> Span {
    let now = Instant::now();
    Span {
        trace: TraceId(7),
        id: SpanId(id),
        parent: Some(SpanId(1)),
        parent_is_remote: false,
        began: now,
        ended: now,
        work: Work::Store {
            op: "get",
            call: Call::TimedOut,
        },
    }
}

#[tokio::test]
async fn what_finds_no_room_is_dropped_and_counted() {
    let (queue, mut receiver) = mpsc::channel(2);
    let tracer = Tracer::new(
        &settings("http://127.0.0.1:1/"),
        queue,
        Clock::system(),
        &Entropy::system(),
    );
    for id in 1..=5 {
        tracer.take(span(id));
    }
    assert_eq!((tracer.dropped(), tracer.dropped()), (3, 0));
    assert!(receiver.try_recv().is_ok());
    tracer.take(span(6));
    assert_eq!(tracer.dropped(), 0, "there was room again");
}

#[tokio::test]
async fn at_the_end_what_cannot_be_sent_is_given_up_and_counted() {
    let (sender, receiver) = mpsc::channel(8);
    let settings = settings("http://127.0.0.1:1/v1/traces");
    let tracer = Arc::new(Tracer::new(&settings, sender, Clock::system(), &Entropy::system()));
    let exporter = Exporter::new(&settings, receiver, Arc::clone(&tracer)).unwrap();
    let telemetry = Telemetry::new(false);
    tracer.take(span(1));
    let (mut running, mut finishing) = (Box::pin(exporter.run(telemetry.clone())), Box::pin(tracer.finish()));
    tokio::select! {
        () = &mut finishing => {}
        () = &mut running => finishing.await,
    }
    let metrics = telemetry.render();
    assert!(
        metrics.contains(r#"doorward_trace_spans_total{fate="failed"} 1"#),
        "{metrics}"
    );
    tracer.finish().await;
}

#[test]
fn a_ca_that_is_none_makes_no_exporter() {
    let settings = Settings {
        ca_pem: Some(b"hello".to_vec()),
        ..settings("https://collector.test/v1/traces")
    };
    let made = crate::telemetry::trace::begin(&settings, &Clock::system(), &Entropy::system());
    assert!(made.unwrap_err().to_string().contains("there is no certificate in it"));
}
