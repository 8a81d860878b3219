//! The first look at a request: limits, normal form, who sent it.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use pingora::http::RequestHeader;

use super::{
    Limits,
    far_end::{Peer, is_listed},
};
use crate::{
    entropy::Serial,
    gate::{Refusal, Target, request::check_headers},
};

pub(super) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Header names that the `Connection` header may not name (CVE-2026-105299 class); pingora refuses them too, but only
/// with the upstream already connected.
const PROTECTED: [&[u8]; 7] = [
    b"host",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"forwarded",
    b"content-length",
    b"authorization",
];
const MOST_NOMINATIONS: usize = 9;
const LONGEST_REQUEST_ID: usize = 64;

/// Checks limits and headers, and reads the target in its normal form from the raw bytes: pingora's parsed `uri` is
/// another thing than what it forwards.
///
/// # Errors
/// Why the request is refused.
pub(super) fn check(head: &RequestHeader, limits: &Limits) -> Result<Target, Refusal> {
    let raw = head.raw_path();
    if raw.len() > limits.target {
        return Err(Refusal::TargetTooLong);
    }
    let size: usize = head
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if head.headers.len() > limits.headers || size + raw.len() > limits.head {
        return Err(Refusal::HeadTooLarge);
    }
    let target = Target::parse(raw, hosts(head))?;
    check_headers(&head.method, &head.headers)?;
    check_nominations(&head.headers)?;
    Ok(target)
}

/// The `Host` values, with HTTP/2's authority first; a `Host` that equals the authority is not a second one.
fn hosts(head: &RequestHeader) -> impl Iterator<Item = &[u8]> {
    let authority = head.uri.authority().map(|a| a.as_str().as_bytes());
    let written = head.headers.get_all(header::HOST).iter();
    authority.into_iter().chain(
        written
            .map(HeaderValue::as_bytes)
            .filter(move |host| Some(*host) != authority),
    )
}

fn check_nominations(headers: &HeaderMap) -> Result<(), Refusal> {
    let names = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty());
    for (index, name) in names.enumerate() {
        let protected = PROTECTED.iter().any(|known| known.eq_ignore_ascii_case(name));
        let token = name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte));
        if protected || !token || index >= MOST_NOMINATIONS {
            return Err(Refusal::BadHeader);
        }
    }
    Ok(())
}

/// The client's address by the right-most untrusted rule, and whether the peer itself is trusted. `X-Forwarded-For`
/// is believed only from listed peers, from right to left, as far as every hop is listed.
pub(super) fn client(peer: Peer, headers: &HeaderMap, proxies: &[IpNet]) -> (Option<IpAddr>, bool) {
    let mut client = peer.address();
    if !peer.is_listed(proxies) {
        return (client, false);
    }
    for value in headers.get_all(FORWARDED_FOR).iter().rev() {
        for hop in value.as_bytes().rsplit(|byte| *byte == b',') {
            let Some(ip) = address(hop.trim_ascii()) else {
                return (client, true);
            };
            client = Some(ip);
            if !is_listed(ip, proxies) {
                return (client, true);
            }
        }
    }
    (client, true)
}

/// An address as proxies write it: bare, with a port, or in brackets. IPv4 in IPv6 is taken as IPv4.
fn address(written: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(written).ok()?;
    let ip = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(ip.to_canonical())
}

/// The request's identifier: a trusted proxy's, if it is fit for logs, or a new one.
pub(super) fn identifier(headers: &HeaderMap, trusted: bool, serial: &Serial) -> String {
    let given = trusted
        .then(|| headers.get(REQUEST_ID))
        .flatten()
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (1..=LONGEST_REQUEST_ID).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        });
    given.map_or_else(|| serial.take(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    fn nets(written: &[&str]) -> Vec<IpNet> {
        written.iter().map(|net| net.parse().unwrap()).collect()
    }

    fn at(written: &str) -> Peer {
        Peer::At(written.parse().unwrap())
    }

    fn ip(written: &str) -> Option<IpAddr> {
        Some(written.parse().unwrap())
    }

    #[test]
    fn an_unlisted_peer_is_the_client_whatever_it_says() {
        let map = headers(&[("x-forwarded-for", "1.2.3.4")]);
        assert_eq!(client(at("9.9.9.9"), &map, &[]), (ip("9.9.9.9"), false));
        let listed = nets(&["10.0.0.0/8"]);
        assert_eq!(client(at("9.9.9.9"), &map, &listed), (ip("9.9.9.9"), false));
    }

    #[test]
    fn the_right_most_unlisted_hop_is_the_client() {
        let listed = nets(&["10.0.0.0/8"]);
        for (written, expected) in [
            ("6.6.6.6, 1.2.3.4, 10.0.0.7", "1.2.3.4"),
            ("1.2.3.4:5555", "1.2.3.4"),
            ("[2001:db8::1]:80, 10.1.1.1", "2001:db8::1"),
            ("unknown, 10.0.0.7", "10.0.0.7"),
            ("10.0.0.9, 10.0.0.8", "10.0.0.9"),
        ] {
            let map = headers(&[("x-forwarded-for", written)]);
            assert_eq!(client(at("10.0.0.1"), &map, &listed), (ip(expected), true), "{written}");
        }
    }

    #[test]
    fn who_has_no_address_is_believed_only_where_the_socket_says_who_it_is() {
        let map = headers(&[("x-forwarded-for", "1.2.3.4")]);
        let listed = nets(&["10.0.0.0/8"]);
        assert_eq!(client(Peer::Local, &map, &listed), (ip("1.2.3.4"), true));
        assert_eq!(client(Peer::Local, &map, &[]), (None, false));
        // A proxy that says of a connection nothing does not vouch for its headers.
        let unsaid = Peer::Unsaid(ip("10.0.0.1"));
        assert_eq!(client(unsaid, &map, &listed), (ip("10.0.0.1"), false));
        assert_eq!(client(Peer::Unsaid(None), &map, &listed), (None, false));
    }

    #[test]
    fn several_header_lines_are_one_list() {
        let map = headers(&[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.2.3.4")]);
        let found = client(at("10.0.0.1"), &map, &nets(&["10.0.0.0/8"]));
        assert_eq!(found, (ip("1.2.3.4"), true));
    }

    #[test]
    fn request_identifiers_come_from_trusted_peers_only_and_are_clean() {
        let serial = Serial::new(&Entropy::system());
        let good = headers(&[("x-request-id", "abc-1.2_3")]);
        assert_eq!(identifier(&good, true, &serial), "abc-1.2_3");
        assert_eq!(identifier(&good, false, &serial).len(), 32);
        for bad in ["", "a b", "a\u{7f}", &"x".repeat(65)] {
            let Ok(value) = HeaderValue::from_str(bad) else {
                continue;
            };
            let mut map = HeaderMap::new();
            map.insert(REQUEST_ID, value);
            assert_eq!(identifier(&map, true, &serial).len(), 32, "{bad:?}");
        }
    }

    #[test]
    fn nominations_of_protected_names_are_refused() {
        for bad in [
            "X-Forwarded-For",
            "close, Host",
            "\"x\"",
            ":authority",
            "a,b,c,d,e,f,g,h,i,j",
        ] {
            let map = headers(&[("connection", bad)]);
            assert_eq!(check_nominations(&map), Err(Refusal::BadHeader), "{bad}");
        }
        let fine = headers(&[("connection", "keep-alive, X-Auth-User, Upgrade")]);
        assert_eq!(check_nominations(&fine), Ok(()));
    }
}
