//! Header edits on the way to an upstream: first strip, then set; there is no third path.
//!
//! Runs after pingora's hop-by-hop processing, so nothing that a client names in `Connection` takes our headers away.

use std::{borrow::Cow, net::IpAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use pingora::{Error, ErrorType, OrErr, Result, http::RequestHeader};

use super::{
    Ctx,
    request::{FORWARDED_FOR, REQUEST_ID},
};
use crate::{
    flow::{Front, Public},
    gate::{Admission, Target},
    policy::{PathPattern, Route},
};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Makes all edits of one request.
///
/// # Errors
/// A defect of ours: a value that no header can carry, or no admission.
pub(super) fn edit<F: Front>(
    front: &F,
    head: &mut RequestHeader,
    ctx: &Ctx,
    public: Public,
    peer: Option<IpAddr>,
) -> Result<()> {
    let (Some(admission), Some(target)) = (&ctx.admission, &ctx.target) else {
        return Err(Error::explain(ErrorType::InternalError, "no admission on the way out"));
    };
    let authority =
        HeaderValue::try_from(target.authority()).or_err(ErrorType::InternalError, "the host as a header")?;
    strip(front, head, admission, ctx.trusted)?;
    set_forwarded(head, ctx.trusted, &authority, public, peer)?;
    head.insert_header(REQUEST_ID, ctx.request_id.as_str())?;
    if let Some(bundle) = front.bundle(admission) {
        for (name, value) in &bundle.set {
            head.insert_header(name.clone(), value.clone())?;
        }
    }
    let host = admission.route().forward.host_header.as_ref();
    set_host(head, host.unwrap_or(&authority))?;
    set_path(head, admission.route(), target)
}

/// Takes off every header of a client that is ours to say.
fn strip<F: Front>(front: &F, head: &mut RequestHeader, admission: &Admission, trusted: bool) -> Result<()> {
    let plan = &admission.route().forward.headers;
    let gone: Vec<HeaderName> = head
        .headers
        .keys()
        .filter(|name| plan.strips(name) || is_forwarding(name, trusted))
        .cloned()
        .collect();
    for name in &gone {
        head.remove_header(name);
    }
    collapse_lengths(head)?;
    edit_cookies(head, |name| front.is_own_cookie(name))
}

/// Whether a name says where a request comes from, under any spelling that folds to it. A trusted peer may say it, in
/// the one right spelling.
fn is_forwarding(name: &HeaderName, trusted: bool) -> bool {
    let name = name.as_str();
    if matches!(name, "proxy-authorization" | "proxy-connection") {
        return true;
    }
    let folded = if name.contains(['_', '.']) {
        Cow::Owned(name.replace(['_', '.'], "-"))
    } else {
        Cow::Borrowed(name)
    };
    let forwarding =
        folded.starts_with("x-forwarded-") || matches!(&*folded, "forwarded" | "x-real-ip" | "x-request-id");
    forwarding && !(trusted && folded == name)
}

/// Equal `Content-Length`s become one; differing ones were refused.
fn collapse_lengths(head: &mut RequestHeader) -> Result<()> {
    let mut values = head.headers.get_all(header::CONTENT_LENGTH).iter();
    let (Some(first), Some(_)) = (values.next().cloned(), values.next()) else {
        return Ok(());
    };
    head.insert_header(header::CONTENT_LENGTH, first)
}

/// Joins the crumbs of HTTP/2 (RFC 9113 section 8.2.3) and leaves out the gateway's own cookies.
fn edit_cookies(head: &mut RequestHeader, is_own: impl Fn(&str) -> bool) -> Result<()> {
    let Some(edited) = edited_cookies(&head.headers, is_own) else {
        return Ok(());
    };
    head.remove_header(&header::COOKIE);
    if edited.is_empty() {
        return Ok(());
    }
    let value = HeaderValue::from_bytes(&edited).or_err(ErrorType::InternalError, "joining cookies")?;
    head.insert_header(header::COOKIE, value)
}

/// The cookies as they must be sent, or `None` when they already are.
fn edited_cookies(headers: &HeaderMap, is_own: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    let lines = headers.get_all(header::COOKIE);
    let pairs = || {
        lines
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
            .map(<[u8]>::trim_ascii)
    };
    let ours = |pair: &[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        std::str::from_utf8(name.trim_ascii()).is_ok_and(&is_own)
    };
    if lines.iter().nth(1).is_none() && !pairs().any(ours) {
        return None;
    }
    let kept: Vec<&[u8]> = pairs().filter(|p| !p.is_empty() && !ours(p)).collect();
    Some(kept.join(&b"; "[..]))
}

fn set_forwarded(
    head: &mut RequestHeader,
    trusted: bool,
    authority: &HeaderValue,
    public: Public,
    peer: Option<IpAddr>,
) -> Result<()> {
    let before: Vec<&[u8]> = head
        .headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let hop = peer.map(|ip| ip.to_canonical().to_string());
    let hops: Vec<&[u8]> = before.into_iter().chain(hop.as_deref().map(str::as_bytes)).collect();
    if !hops.is_empty() {
        let value =
            HeaderValue::from_bytes(&hops.join(&b", "[..])).or_err(ErrorType::InternalError, "joining addresses")?;
        head.insert_header(FORWARDED_FOR, value)?;
    }
    if !(trusted && head.headers.contains_key(FORWARDED_HOST)) {
        head.insert_header(FORWARDED_HOST, authority.clone())?;
    }
    if !(trusted && head.headers.contains_key(FORWARDED_PROTO)) {
        let scheme = if public.https { "https" } else { "http" };
        head.insert_header(FORWARDED_PROTO, HeaderValue::from_static(scheme))?;
    }
    Ok(())
}

fn set_host(head: &mut RequestHeader, host: &HeaderValue) -> Result<()> {
    let mut written = head.headers.get_all(header::HOST).iter();
    let same = written.next() == Some(host) && written.next().is_none();
    if same {
        return Ok(());
    }
    head.insert_header(header::HOST, host.clone())
}

/// The upstream gets the bytes that the gate judged, with the route's prefixes taken off and put on.
fn set_path(head: &mut RequestHeader, route: &Route, target: &Target) -> Result<()> {
    let path = rewritten(route, target.path());
    let wanted = match target.query() {
        Some(query) => Cow::Owned(format!("{path}?{query}")),
        None => path,
    };
    if head.raw_path() == wanted.as_bytes() {
        return Ok(());
    }
    head.set_raw_path(wanted.as_bytes())
}

fn rewritten<'a>(route: &Route, path: &'a str) -> Cow<'a, str> {
    let forward = &route.forward;
    let mut rest = path;
    if forward.strip_prefix
        && let Some(prefix) = prefix(&route.matcher.path)
    {
        rest = path.strip_prefix(prefix).unwrap_or(path);
    }
    match forward.add_prefix.as_deref().map(|add| add.trim_end_matches('/')) {
        None | Some("") if rest.starts_with('/') => Cow::Borrowed(rest),
        add => {
            let slash = if rest.starts_with('/') { "" } else { "/" };
            Cow::Owned(format!("{}{slash}{rest}", add.unwrap_or_default()))
        }
    }
}

/// What `strip_prefix` takes off: a prefix or exact path as written, without its last slash.
fn prefix(pattern: &PathPattern) -> Option<&str> {
    match pattern {
        PathPattern::Exact(path) | PathPattern::Prefix(path) => Some(path.trim_end_matches('/')),
        PathPattern::Regex(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(lines: &[&'static str]) -> Option<String> {
        let mut map = HeaderMap::new();
        for line in lines {
            map.append(header::COOKIE, HeaderValue::from_static(line));
        }
        edited_cookies(&map, |name| name.starts_with("__Host-doorward")).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn own_cookies_go_and_crumbs_are_joined() {
        assert_eq!(cookies(&[]), None);
        assert_eq!(cookies(&["a=1; b=2"]), None);
        assert_eq!(cookies(&["a=1", "b=2"]).as_deref(), Some("a=1; b=2"));
        assert_eq!(cookies(&["a=1; __Host-doorward=x; b=2;"]).as_deref(), Some("a=1; b=2"));
        assert_eq!(cookies(&["__Host-doorward=x"]).as_deref(), Some(""));
        assert_eq!(cookies(&["__Host-doorward =x"]).as_deref(), Some(""));
    }

    #[test]
    fn forwarding_names_are_known_under_every_spelling() {
        for name in [
            "x-forwarded-for",
            "x_forwarded_for",
            "x-forwarded.host",
            "forwarded",
            "x-real-ip",
            "x_real_ip",
        ] {
            assert!(is_forwarding(&HeaderName::from_static(name), false), "{name}");
        }
        assert!(!is_forwarding(&FORWARDED_FOR, true));
        let folded = HeaderName::from_static("x_forwarded_for");
        assert!(is_forwarding(&folded, true));
        assert!(!is_forwarding(&header::ACCEPT, false));
    }
}
