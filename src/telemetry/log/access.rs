//! The line of a request.

use crate::telemetry::RequestLine;

pub(super) fn write(line: &RequestLine<'_>) {
    let RequestLine {
        request_id,
        trace_id,
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
    tracing::info!(
        target: "access",
        request_id,
        trace_id,
        method,
        host,
        path,
        route,
        outcome,
        status,
        subject = subject_hash,
        client = client.map(tracing::field::display),
        took_us = micros(took),
        decided_us = micros(decided),
        upstream_us = upstream.as_ref().map(micros),
        sent,
        received,
        error,
    );
}
