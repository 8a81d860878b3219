//! Header edits on the way back: what an upstream may say to a client.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use pingora::{Error, ErrorType, Result, http::ResponseHeader};

use crate::policy::Forward;

/// Hop-by-hop headers (RFC 9110 section 7.6.1) that pingora passes on. `Transfer-Encoding` stays: it is the framing
/// that pingora itself reads.
const HOP_BY_HOP: [HeaderName; 6] = [
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    HeaderName::from_static("proxy-connection"),
    header::UPGRADE,
    header::CONNECTION,
];

/// Edits a final response's head. What the listener tells browsers of https replaces what the upstream tells; what the
/// route sets or removes comes last, whatever the header.
///
/// # Errors
/// A value that no header can carry.
pub(super) fn edit(
    head: &mut ResponseHeader,
    forward: &Forward,
    hsts: Option<&HeaderValue>,
    is_own_cookie: impl Fn(&[u8]) -> bool,
) -> Result<()> {
    strip_hop_by_hop(head);
    drop_own_cookies(head, is_own_cookie)?;
    if let Some(hsts) = hsts {
        head.insert_header(header::STRICT_TRANSPORT_SECURITY, hsts.clone())?;
    }
    for name in &forward.response_remove {
        head.remove_header(name);
    }
    for (name, value) in &forward.response_set {
        head.insert_header(name.clone(), value.clone())?;
    }
    Ok(())
}

/// An upstream may switch protocols where it was asked to alone (RFC 9110 section 15.2.2): pingora would pass on what it says to
/// a request for something else, and the client would wait for an answer that never comes.
///
/// # Errors
/// It was not asked to.
pub(super) fn may_switch(asked: bool) -> Result<()> {
    if asked {
        return Ok(());
    }
    Err(Error::explain(ErrorType::InvalidHTTPHeader, "a switch that nobody asked for").into_up())
}

/// Whatever the kind of response, an upstream does not set the gateway's cookies (CK-11).
///
/// # Errors
/// A value that no header can carry.
pub(super) fn drop_own_cookies(head: &mut ResponseHeader, is_own: impl Fn(&[u8]) -> bool) -> Result<()> {
    let ours = |value: &HeaderValue| is_own(cookie_name(value.as_bytes()));
    if !head.headers.get_all(header::SET_COOKIE).iter().any(&ours) {
        return Ok(());
    }
    let kept: Vec<HeaderValue> = head
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter(|value| !ours(value))
        .cloned()
        .collect();
    head.remove_header(&header::SET_COOKIE);
    for value in kept {
        head.append_header(header::SET_COOKIE, value)?;
    }
    Ok(())
}

/// The name a browser would send a cookie back under: a nameless cookie's value is sent bare, so its first part
/// counts as the name (RFC 6265bis section 5.6).
fn cookie_name(line: &[u8]) -> &[u8] {
    let pair = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let start = pair.trim_ascii();
    let named = start.strip_prefix(b"=").unwrap_or(start);
    let name = named.split(|byte| *byte == b'=').next().unwrap_or_default();
    name.trim_ascii()
}

fn strip_hop_by_hop(head: &mut ResponseHeader) {
    for name in nominated(&head.headers) {
        head.remove_header(&name);
    }
    let present = head.headers.keys().filter(|name| HOP_BY_HOP.contains(name));
    for name in present.cloned().collect::<Vec<_>>() {
        head.remove_header(&name);
    }
}

fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| *name != header::TRANSFER_ENCODING && *name != header::CONTENT_LENGTH)
        .collect()
}

/// Whether a body may follow a head.
pub(super) fn may_have_body(head: &ResponseHeader) -> bool {
    let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    !bodiless
        && head
            .headers
            .get(header::CONTENT_LENGTH)
            .is_none_or(|length| length != "0")
}

/// Whether nothing else can be said after a head with this status: it is the final one, or begins a tunnel.
pub(super) fn begins(status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || !status.is_informational()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &[u8]) -> bool {
        name == b"doorward"
    }

    #[test]
    fn an_upstream_cannot_set_our_cookie() {
        // CK-11
        let mut head = ResponseHeader::build(200, None).unwrap();
        for line in [
            "a=1; Path=/",
            "doorward=evil; Path=/",
            "doorward =evil",
            "=doorward=evil",
            "b=2",
        ] {
            head.append_header(header::SET_COOKIE, line).unwrap();
        }
        drop_own_cookies(&mut head, own).unwrap();
        let kept: Vec<_> = head.headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(kept, ["a=1; Path=/", "b=2"]);
    }

    #[test]
    fn hop_by_hop_headers_end_here_and_framing_stays() {
        let mut head = ResponseHeader::build(200, None).unwrap();
        for (name, value) in [
            ("connection", "X-Inner, Transfer-Encoding"),
            ("x-inner", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("upgrade", "h2c"),
            ("transfer-encoding", "chunked"),
            ("x-outer", "1"),
        ] {
            head.append_header(name, value).unwrap();
        }
        strip_hop_by_hop(&mut head);
        let names: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["transfer-encoding", "x-outer"]);
    }
}
