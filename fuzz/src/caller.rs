//! What request headers say of who calls and of the body's length: the first line is the method, every other a header.

use doorward::{
    gate::{Caller, request::check_headers},
    telemetry::trace,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::first_line;

/// Only what asks for a page navigates, and what passes has one framing.
pub fn run(data: &[u8]) {
    let (method, lines) = first_line(data);
    let Ok(method) = Method::from_bytes(method) else {
        return;
    };
    let headers: HeaderMap = lines.split(|byte| *byte == b'\n').filter_map(header_line).collect();
    match Caller::of(&method, &headers) {
        Caller::Navigation => {
            assert!(method == Method::GET || method == Method::HEAD);
            let mode = headers.get("sec-fetch-mode").map(HeaderValue::as_bytes);
            assert!(mode.is_none_or(|mode| mode == b"navigate"));
        }
        Caller::WebSocket => {
            assert!(method == Method::GET && headers.contains_key(header::UPGRADE));
            assert!(headers.contains_key(header::CONNECTION));
        }
        Caller::Api => {}
    }
    if check_headers(&method, &headers).is_ok() {
        one_framing(&headers);
    }
    for value in headers.values().filter_map(|value| value.to_str().ok()) {
        if let Some(context) = trace::parent(value) {
            assert!(value.contains(context.trace.hex().as_str()));
        }
    }
}

fn header_line(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = HeaderName::from_bytes(name).ok()?;
    Some((
        name,
        HeaderValue::from_bytes(value.strip_prefix(b":")?.trim_ascii()).ok()?,
    ))
}

fn one_framing(headers: &HeaderMap) {
    let lengths: Vec<&[u8]> = headers
        .get_all(header::CONTENT_LENGTH)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .collect();
    assert!(
        lengths
            .iter()
            .all(|length| !length.is_empty() && length.iter().all(u8::is_ascii_digit))
    );
    assert!(lengths.windows(2).all(|two| two[0] == two[1]));
    let codings: Vec<&HeaderValue> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    assert!(codings.len() <= 1);
    assert!(
        codings
            .iter()
            .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    );
}
