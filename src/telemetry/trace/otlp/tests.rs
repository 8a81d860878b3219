use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::any_value::Value as Official,
    trace::v1::{span::SpanKind, status::StatusCode},
};
use prost::Message as _;
use std::time::Duration;

use super::*;
use crate::telemetry::trace::export::tests::{settings, span};

#[test]
fn the_official_types_read_what_is_written() {
    let mut settings = settings("http://collector.test/v1/traces");
    settings
        .resource
        .insert("service.instance.id".to_owned(), "pod-7".to_owned());
    let mut span = span(9);
    let now = span.ended + Duration::from_secs(3);
    span.ended += Duration::from_millis(2);
    let body = encode(&[span], &resource(&settings, "drawn"), (now, 10_000_000_000));
    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let [whole] = &request.resource_spans[..] else {
        panic!("{request:#?}")
    };
    let attributes = &whole.resource.as_ref().unwrap().attributes;
    let instance: Vec<_> = attributes
        .iter()
        .filter(|one| one.key == "service.instance.id")
        .collect();
    let [instance] = instance[..] else {
        panic!("what is written wins: {attributes:?}")
    };
    let Some(Official::StringValue(instance)) = &instance.value.as_ref().unwrap().value else {
        panic!("text")
    };
    assert_eq!(instance, "pod-7");
    let scope = whole.scope_spans[0].scope.as_ref().unwrap();
    assert_eq!(
        (scope.name.as_str(), scope.version.as_str()),
        ("doorward", env!("CARGO_PKG_VERSION"))
    );
    let span = &whole.scope_spans[0].spans[0];
    assert_eq!(span.trace_id, [&[0; 15][..], &[7]].concat());
    assert_eq!(
        (&span.span_id[..], &span.parent_span_id[..]),
        (&[0, 0, 0, 0, 0, 0, 0, 9][..], &[0, 0, 0, 0, 0, 0, 0, 1][..])
    );
    assert_eq!(
        (span.start_time_unix_nano, span.end_time_unix_nano),
        (7_000_000_000, 7_002_000_000)
    );
    assert_eq!(
        (span.name.as_str(), span.kind(), span.flags),
        ("store get", SpanKind::Client, 0x101)
    );
    assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
    assert_eq!(span.attributes[1].key, "error.type");
}

#[test]
fn what_a_collector_does_not_want_is_read() {
    let answer = |rejected_spans| {
        ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans,
                error_message: "too old".to_owned(),
            }),
        }
        .encode_to_vec()
    };
    assert_eq!(rejected(&answer(3)), 3);
    assert_eq!(rejected(&answer(-1)), 0);
    assert_eq!(rejected(b""), 0);
    assert_eq!(rejected(b"<html>"), 0);
}

#[test]
fn targets_are_told_by_address_and_port() {
    for (target, address, port) in [
        ("http://app:80", "app", Some(80)),
        ("https://[2001:db8::1]:443", "2001:db8::1", Some(443)),
        ("http+unix:/run/app.sock", "http+unix:/run/app.sock", None),
    ] {
        let mut expected = vec![text("server.address", address)];
        expected.extend(port.map(|port| number("server.port", port)));
        assert_eq!(server(target), expected);
    }
}

#[test]
fn a_method_that_a_client_made_up_is_not_told() {
    assert_eq!(known(&Method::PATCH), "PATCH");
    assert_eq!(known(&Method::from_bytes(b"JANE").unwrap()), "_OTHER");
}
