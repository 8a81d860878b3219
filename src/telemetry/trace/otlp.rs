//! Spans as the OpenTelemetry protocol has them (OTLP 1.x, `opentelemetry/proto/trace/v1`), named by its semantic conventions
//! for HTTP.

mod message;

use http::Method;
use prost::Message as _;
use tokio::time::Instant;

pub(super) use self::message::KeyValue;
use self::message::{
    AnyValue, ExportRequest, ExportResponse, Resource, ResourceSpans, Scope, ScopeSpans, Status, Value,
};
use super::{
    Settings,
    span::{Attempt, Served, Span, Work},
};
use crate::telemetry::{
    Call,
    metrics::label::{call_name, outcome_name},
};

/// `SpanKind`.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
/// `StatusCode`.
const ERROR: i32 = 2;
/// `SpanFlags`: sampled; it is known whether the parent is another process's; it is.
const SAMPLED: u32 = 1;
const PARENT_IS_KNOWN: u32 = 1 << 8;
const PARENT_IS_REMOTE: u32 = 1 << 9;

/// What is said of this process beside each batch.
pub(super) fn resource(settings: &Settings, instance: &str) -> Vec<KeyValue> {
    let own = [
        text("service.name", &settings.service),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("service.instance.id", instance),
    ];
    let written = |(key, value): (&String, &String)| KeyValue {
        key: key.clone(),
        value: Some(AnyValue {
            value: Some(Value::Text(value.clone())),
        }),
    };
    own.into_iter()
        .filter(|one| !settings.resource.contains_key(&one.key))
        .chain(settings.resource.iter().map(written))
        .collect()
}

/// A batch, to be posted. `now` is the same moment on both clocks.
pub(super) fn encode(spans: &[Span], resource: &[KeyValue], now: (Instant, u64)) -> Vec<u8> {
    ExportRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: resource.to_vec(),
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(Scope {
                    name: "doorward".to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                }),
                spans: spans.iter().map(|span| told(span, now)).collect(),
            }],
        }],
    }
    .encode_to_vec()
}

/// How many spans of a batch an answer says were not wanted. What is no such answer says nothing.
pub(super) fn rejected(body: &[u8]) -> u64 {
    ExportResponse::decode(body)
        .ok()
        .and_then(|answer| u64::try_from(answer.partial_success?.rejected_spans).ok())
        .unwrap_or_default()
}

fn told(span: &Span, now: (Instant, u64)) -> message::Span {
    let Said {
        name,
        kind,
        attributes,
        error,
    } = said(&span.work);
    let parent = span.parent.map(|parent| parent.0.to_be_bytes().to_vec());
    let remote = if parent.is_some() && span.parent_is_remote {
        PARENT_IS_REMOTE
    } else {
        0
    };
    message::Span {
        trace_id: span.trace.0.to_be_bytes().to_vec(),
        span_id: span.id.0.to_be_bytes().to_vec(),
        parent_span_id: parent.unwrap_or_default(),
        name,
        kind,
        start_time_unix_nano: unix(span.began, now),
        end_time_unix_nano: unix(span.ended, now),
        attributes,
        status: error.then_some(Status { code: ERROR }),
        flags: SAMPLED | PARENT_IS_KNOWN | remote,
    }
}

fn unix(moment: Instant, (now, nanos): (Instant, u64)) -> u64 {
    let ago = now.saturating_duration_since(moment).as_nanos();
    nanos.saturating_sub(u64::try_from(ago).unwrap_or(u64::MAX))
}

struct Said {
    name: String,
    kind: i32,
    attributes: Vec<KeyValue>,
    error: bool,
}

fn said(work: &Work) -> Said {
    match work {
        Work::Request(served) => of_request(served),
        Work::Upstream(attempt) => of_attempt(attempt),
        Work::Gate { verdict } => Said {
            name: "gate".to_owned(),
            kind: INTERNAL,
            attributes: verdict
                .map(|verdict| text("doorward.verdict", verdict))
                .into_iter()
                .collect(),
            error: false,
        },
        Work::Store { op, call } => of_call(format!("store {op}"), *call, vec![text("doorward.store.operation", op)]),
        Work::Provider {
            provider,
            endpoint,
            call,
        } => of_call(
            format!("provider {endpoint}"),
            *call,
            vec![
                text("doorward.provider", provider.as_str()),
                text("doorward.provider.endpoint", endpoint),
            ],
        ),
        Work::Renewal { ended } => {
            let attributes = ended.iter().flat_map(|(provider, outcome)| {
                [
                    text("doorward.provider", provider.as_str()),
                    text("doorward.outcome", outcome_name(*outcome)),
                ]
            });
            Said {
                name: "renewal".to_owned(),
                kind: INTERNAL,
                attributes: attributes.collect(),
                error: false,
            }
        }
    }
}

fn of_request(served: &Served) -> Said {
    let method = known(&served.method);
    let mut attributes = vec![
        text("http.request.method", method),
        text("http.route", &served.route),
        text("url.scheme", if served.https { "https" } else { "http" }),
        text("network.protocol.name", "http"),
        text("network.protocol.version", served.version),
        text("doorward.outcome", served.outcome),
        text("doorward.request_id", &served.request_id),
    ];
    if served.status > 0 {
        attributes.push(number("http.response.status_code", served.status.into()));
    }
    let error = served.status >= 500;
    if error {
        attributes.push(text("error.type", served.outcome));
    }
    Said {
        name: format!("{method} {}", served.route),
        kind: SERVER,
        attributes,
        error,
    }
}

fn of_attempt(attempt: &Attempt) -> Said {
    let method = known(&attempt.method);
    let mut attributes = vec![
        text("http.request.method", method),
        text("doorward.upstream", &attempt.upstream),
    ];
    attributes.extend(server(&attempt.target));
    if attempt.resend > 0 {
        attributes.push(number("http.request.resend_count", attempt.resend));
    }
    if let Some(status) = attempt.status {
        attributes.push(number("http.response.status_code", status.into()));
    }
    // A client calls every 4xx an error, unlike a server.
    let bad = attempt
        .status
        .filter(|status| *status >= 400)
        .map(|status| status.to_string());
    let error = bad.or_else(|| attempt.failed.then(|| "broken".to_owned()));
    if let Some(error) = &error {
        attributes.push(text("error.type", error));
    }
    Said {
        name: method.to_owned(),
        kind: CLIENT,
        attributes,
        error: error.is_some(),
    }
}

fn of_call(name: String, call: Call, mut attributes: Vec<KeyValue>) -> Said {
    let error = call != Call::Ok;
    if error {
        attributes.push(text("error.type", call_name(call)));
    }
    Said {
        name,
        kind: CLIENT,
        attributes,
        error,
    }
}

/// `server.address` and `server.port` of a target's label.
fn server(target: &str) -> Vec<KeyValue> {
    let place = target.split_once("://").map_or(target, |(_, place)| place);
    let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
    let port = port.parse::<usize>().ok().map(|port| number("server.port", port));
    let host = if port.is_some() { host } else { place };
    let mut found = vec![text("server.address", host.trim_matches(['[', ']']))];
    found.extend(port);
    found
}

/// A method of the standards, or `_OTHER`: a client may send any word.
fn known(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH") => known,
        _ => "_OTHER",
    }
}

fn text(key: &'static str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::Text(value.to_owned())),
        }),
    }
}

fn number(key: &'static str, value: usize) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: i64::try_from(value).ok().map(Value::Int),
        }),
    }
}

#[cfg(test)]
mod tests;
