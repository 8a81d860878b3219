//! The line of a request.

use std::{fmt::Display, net::IpAddr};

use crate::telemetry::{AccessLog, RequestLine, access::Field};

/// Writes it, if it is wanted.
pub(super) fn write(line: &RequestLine<'_>, log: Option<&AccessLog>) {
    let Some(log) = log.filter(|log| log.wants(line)) else {
        return;
    };
    let RequestLine {
        request_id,
        trace_id,
        recorded_at: _,
        method,
        host,
        path,
        route,
        outcome,
        status,
        subject_hash,
        client,
        took,
        decided,
        upstream,
        sent,
        received,
        error,
    } = line;
    let micros = |time: &std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    // An address that stands there as it is needs no text of its own.
    let whole = client.filter(|_| log.tells_clients());
    let edited = client.filter(|_| whole.is_none()).and_then(|ip: IpAddr| log.client(ip));
    let client = whole.as_ref().map(|ip| ip as &dyn Display);
    tracing::info!(
        target: "access",
        request_id,
        trace_id = trace_id.and_then(|id| log.shown(Field::TraceId, id)),
        method,
        host = log.shown(Field::Host, host),
        path = log.shown(Field::Path, path),
        route,
        outcome,
        status,
        subject = subject_hash.and_then(|hash| log.shown(Field::Subject, hash)),
        client = client.or(edited.as_ref().map(|text| text as &dyn Display)).map(tracing::field::display),
        took_us = micros(took),
        decided_us = micros(decided),
        upstream_us = upstream.as_ref().map(micros),
        sent,
        received,
        error,
    );
}
