//! Problem JSON (RFC 9457), for callers that are not browsers.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{layout::local, refusal::Context, words::words};
use crate::gate::Refusal;

/// The media type of [`problem`] (RFC 9457 section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The refusal as problem JSON (RFC 9457): `type` is a stable name a program can switch on, `instance` the request id,
/// and the extension member `sign_in` a link that starts a sign-in, where one would help.
#[must_use]
pub fn problem(refusal: Refusal, context: &Context<'_>) -> String {
    let words = words(refusal);
    let problem = Problem {
        kind: format!("urn:doorward:problem:{}", refusal.code()),
        title: words.title,
        status: refusal.status(),
        detail: words.cause.unwrap_or(words.detail),
        instance: format!("urn:request-id:{}", utf8_percent_encode(context.request_id, URN)),
        missing: context.missing,
        sign_in: local(context.start_again),
        retry_after: context.retry_after,
    };
    serde_json::to_string(&problem).unwrap_or_else(|_| "{}".to_owned())
}

/// The bytes that a name in a URN may hold as they are (RFC 8141 section 2), without the ones that end it.
const URN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}
