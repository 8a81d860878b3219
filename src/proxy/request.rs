//! The first look at a request: limits, normal form, who sent it.

use http::{HeaderMap, HeaderValue, header};
use ipnet::IpNet;
use pingora::http::RequestHeader;

use super::{
    Limits,
    far_end::{Peer, is_listed},
};
use crate::{
    entropy::Serial,
    gate::{Origin, Refusal, Target, forwarding::REQUEST_ID, request::check_headers},
};

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

/// Where a request comes from, by the right-most untrusted rule: `X-Forwarded-For` is believed only from listed peers.
pub(super) fn origin(peer: Peer, headers: &HeaderMap, proxies: &[IpNet]) -> Origin {
    if peer.is_listed(proxies) {
        Origin::behind(peer.address(), headers, |ip| is_listed(ip, proxies))
    } else {
        Origin::peer(peer.address())
    }
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
    use std::net::IpAddr;

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
    fn only_who_is_listed_is_believed() {
        let map = headers(&[("x-forwarded-for", "1.2.3.4")]);
        let listed = nets(&["10.0.0.0/8"]);
        let client = |peer: Peer, proxies: &[IpNet]| {
            let origin = origin(peer, &map, proxies);
            (origin.client, origin.listed)
        };
        assert_eq!(client(at("9.9.9.9"), &[]), (ip("9.9.9.9"), false));
        assert_eq!(client(at("9.9.9.9"), &listed), (ip("9.9.9.9"), false));
        assert_eq!(client(at("10.0.0.1"), &listed), (ip("1.2.3.4"), true));
        // Who has no address is believed only where the socket says who it is.
        assert_eq!(client(Peer::Local, &listed), (ip("1.2.3.4"), true));
        assert_eq!(client(Peer::Local, &[]), (None, false));
        // A proxy that says of a connection nothing does not vouch for its headers.
        let unsaid = Peer::Unsaid(ip("10.0.0.1"));
        assert_eq!(client(unsaid, &listed), (ip("10.0.0.1"), false));
        assert_eq!(client(Peer::Unsaid(None), &listed), (None, false));
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
