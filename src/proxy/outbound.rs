//! Header edits on the way to an upstream: first strip, then set; there is no third path.
//!
//! Runs after pingora's hop-by-hop processing, so nothing that a client names in `Connection` takes our headers away.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Request, header, request::Parts};
use pingora::{Error, ErrorType, OrErr, Result, http::RequestHeader};

use super::{
    Ctx, Listener,
    link::{self, Cookies},
};
use crate::{
    flow::{Front, Public},
    gate::{
        Origin, Target,
        forwarding::{FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PORT, FORWARDED_PROTO, REAL_IP, REQUEST_ID, Word, word},
    },
    identity::HeaderPlan,
    policy::{PathPattern, Route},
};

/// As many headers as are set for most requests: room made once.
const MOST_SET: usize = 12;

/// Makes all edits of one request.
///
/// # Errors
/// A defect of ours: a value that no header can carry, or no admission.
pub(super) fn edit<F: Front>(
    front: &F,
    head: &mut RequestHeader,
    ctx: &Ctx,
    listener: &Listener,
    hop: Option<HeaderValue>,
) -> Result<()> {
    let (Some(admission), Some(target)) = (&ctx.admission, &ctx.target) else {
        return Err(Error::explain(ErrorType::InternalError, "no admission on the way out"));
    };
    let mut parts = taken(head);
    let headers = &mut parts.headers;
    let authority = authority(headers, target)?;
    let plan = &admission.route().forward.headers;
    let listed = ctx.origin.listed.then_some(&*listener.trusted_headers);
    let [real_ip, port] = [REAL_IP, FORWARDED_PORT].map(|name| in_return(headers, &name, plan, listed));
    strip(headers, plan, listed, |name| front.is_own_cookie(name))?;
    headers.reserve(MOST_SET);
    set_hops(headers, ctx.origin, hop)?;
    set_public(headers, &authority, listener.public);
    if let Some(client) = ctx.origin.client.filter(|_| real_ip) {
        let client = HeaderValue::try_from(client.to_string());
        headers.insert(
            REAL_IP,
            client.or_err(ErrorType::InternalError, "the client's address")?,
        );
    }
    if port {
        headers.insert(FORWARDED_PORT, listener.public.port.into());
    }
    let id = HeaderValue::from_str(&ctx.request_id).or_err(ErrorType::InternalError, "the identifier as a header")?;
    headers.insert(REQUEST_ID, id);
    if let Some(trace) = &ctx.trace {
        trace.pass_on(headers);
    }
    if let Some(bundle) = front.bundle(admission) {
        for (name, value) in &bundle.set {
            headers.insert(name.clone(), value.clone());
        }
    }
    let host = admission.route().forward.host_header.as_ref();
    headers.insert(header::HOST, host.unwrap_or(&authority).clone());
    *head = parts.into();
    set_path(head, admission.route(), target)
}

/// The head's parts. They do not say in which case a client wrote a name, which says nothing (RFC 9110 section 5.1), and
/// which pingora keeps in a second map: to keep that up costs as much again as all edits.
fn taken(head: &mut RequestHeader) -> Parts {
    let (empty, ()) = Request::new(()).into_parts();
    std::mem::replace(head, empty.into()).into()
}

/// The host as a header: the client's own where it is written in normal form, as browsers write it.
fn authority(headers: &HeaderMap, target: &Target) -> Result<HeaderValue> {
    match headers.get(header::HOST) {
        Some(written) if target.port().is_none() && written == target.host().as_str() => Ok(written.clone()),
        Some(_) | None => {
            HeaderValue::try_from(target.authority()).or_err(ErrorType::InternalError, "the host as a header")
        }
    }
}

/// Whether a listed proxy says something that we know and say in its place, unless the route takes it off.
fn in_return(headers: &HeaderMap, name: &HeaderName, plan: &HeaderPlan, listed: Option<&[HeaderName]>) -> bool {
    listed.is_some()
        && headers.contains_key(name)
        && !plan.strips(name)
        && matches!(word(name, listed), Word::OursInReturn)
}

/// Takes off every header that is not its sender's to say.
fn strip(
    headers: &mut HeaderMap,
    plan: &HeaderPlan,
    listed: Option<&[HeaderName]>,
    is_own: impl Fn(&[u8]) -> bool,
) -> Result<()> {
    let goes = |name: &&HeaderName| plan.strips(name) || is_not_theirs(name, listed);
    let gone: Vec<HeaderName> = headers.keys().filter(goes).cloned().collect();
    for name in &gone {
        headers.remove(name);
    }
    collapse_lengths(headers);
    edit_cookies(headers, is_own)
}

/// Whether a header says where a request comes from and is not the sender's to say, or is between sender and us alone.
fn is_not_theirs(name: &HeaderName, listed: Option<&[HeaderName]>) -> bool {
    if matches!(name.as_str(), "proxy-authorization" | "proxy-connection") {
        return true;
    }
    !matches!(word(name, listed), Word::Senders)
}

/// Equal `Content-Length`s become one; differing ones were refused.
fn collapse_lengths(headers: &mut HeaderMap) {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    if let (Some(first), Some(_)) = (values.next().cloned(), values.next()) {
        headers.insert(header::CONTENT_LENGTH, first);
    }
}

/// Joins the crumbs of HTTP/2 (RFC 9113 section 8.2.3) and leaves out the gateway's own cookies.
fn edit_cookies(headers: &mut HeaderMap, is_own: impl Fn(&[u8]) -> bool) -> Result<()> {
    let edit = || match edited_cookies(headers, is_own) {
        None => Ok(Cookies::Unchanged),
        Some(edited) if edited.is_empty() => Ok(Cookies::Removed),
        Some(edited) => HeaderValue::try_from(edited)
            .map(Cookies::Edited)
            .or_err(ErrorType::InternalError, "joining cookies"),
    };
    let mut lines = headers.get_all(header::COOKIE).iter();
    let edited = match (lines.next(), lines.next()) {
        (Some(line), None) => link::cookies(line, edit)?,
        (_, _) => edit()?,
    };
    match edited {
        Cookies::Unchanged => {}
        Cookies::Edited(value) => {
            headers.insert(header::COOKIE, value);
        }
        Cookies::Removed => {
            headers.remove(header::COOKIE);
        }
    }
    Ok(())
}

/// The cookies as they must be sent, or `None` when they already are.
fn edited_cookies(headers: &HeaderMap, is_own: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let (mut kept, mut lines, mut gone) = (Vec::new(), 0, false);
    for line in headers.get_all(header::COOKIE) {
        lines += 1;
        kept.reserve(line.len() + 2);
        for pair in line.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii) {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            if is_own(name.trim_ascii_end()) {
                gone = true;
            } else if !pair.is_empty() {
                if !kept.is_empty() {
                    kept.extend_from_slice(b"; ");
                }
                kept.extend_from_slice(pair);
            }
        }
    }
    (lines > 1 || gone).then_some(kept)
}

/// The hops that are believed, and the peer.
fn set_hops(headers: &mut HeaderMap, origin: Origin, peer: Option<HeaderValue>) -> Result<()> {
    let hops = if origin.hops == 0 {
        peer
    } else {
        let peer = peer.as_ref().and_then(|peer| peer.to_str().ok());
        let joined = origin.list(headers, peer).map(HeaderValue::try_from);
        joined
            .transpose()
            .or_err(ErrorType::InternalError, "joining addresses")?
    };
    match hops {
        Some(hops) => {
            headers.insert(FORWARDED_FOR, hops);
        }
        None => {
            headers.remove(FORWARDED_FOR);
        }
    }
    Ok(())
}

/// How people reach us. What is there still is a listed proxy's, who keeps it.
fn set_public(headers: &mut HeaderMap, authority: &HeaderValue, public: Public) {
    if !headers.contains_key(FORWARDED_HOST) {
        headers.insert(FORWARDED_HOST, authority.clone());
    }
    if !headers.contains_key(FORWARDED_PROTO) {
        let scheme = if public.https { "https" } else { "http" };
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
    }
}

/// The upstream gets the bytes that the gate judged, with the route's prefixes taken off and put on.
fn set_path(head: &mut RequestHeader, route: &Route, target: &Target) -> Result<()> {
    let path = rewritten(route, target.path());
    if is_there(head.raw_path(), &path, target.query()) {
        return Ok(());
    }
    let wanted = match target.query() {
        Some(query) => Cow::Owned(format!("{path}?{query}")),
        None => path,
    };
    head.set_raw_path(wanted.as_bytes())
}

/// Whether a target is these, byte for byte.
fn is_there(raw: &[u8], path: &str, query: Option<&str>) -> bool {
    let after_path = raw.strip_prefix(path.as_bytes());
    match query {
        Some(query) => after_path.and_then(|rest| rest.strip_prefix(b"?")) == Some(query.as_bytes()),
        None => after_path == Some(b""),
    }
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
    use proptest::prelude::*;

    use super::*;

    fn cookies(lines: &[&'static str]) -> Option<String> {
        let mut map = HeaderMap::new();
        for line in lines {
            map.append(header::COOKIE, HeaderValue::from_static(line));
        }
        edited_cookies(&map, |name| name.starts_with(b"__Host-doorward")).map(|bytes| String::from_utf8(bytes).unwrap())
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
    fn a_target_is_left_alone_only_where_every_byte_is_right() {
        for (raw, path, query, same) in [
            ("/a", "/a", None, true),
            ("/a?", "/a", Some(""), true),
            ("/a?b", "/a", Some("b"), true),
            ("/a?", "/a", None, false),
            ("/a", "/a", Some(""), false),
            ("/a?b", "/a", None, false),
            ("/a?bc", "/a", Some("b"), false),
            ("/ab", "/a", None, false),
            ("//a", "/a", None, false),
            ("http://x/a", "/a", None, false),
        ] {
            assert_eq!(is_there(raw.as_bytes(), path, query), same, "{raw}");
        }
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
            "x~forwarded~for",
            "client-cert",
            "client_cert_chain",
        ] {
            assert!(is_not_theirs(&HeaderName::from_static(name), None), "{name}");
        }
        assert!(!is_not_theirs(&FORWARDED_FOR, Some(&[])));
        assert!(is_not_theirs(&HeaderName::from_static("x_forwarded_for"), Some(&[])));
        for other in [header::ACCEPT, header::COOKIE, header::CONTENT_TYPE] {
            assert!(!is_not_theirs(&other, None), "{other}");
        }
    }

    const OURS: [&str; 5] = [
        "x-forwarded-user",
        "x-doorward-assertion",
        "remote_user",
        "x-forwarded-for",
        "x-real-ip",
    ];

    /// A name, as a server behind us may fold it.
    fn folded(name: &str) -> String {
        let fold = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        };
        name.chars().map(fold).collect()
    }

    /// One of our names in another spelling, or any name.
    fn spelt() -> impl Strategy<Value = String> {
        let marks = prop::sample::select(vec!['-', '_', '.', '~', '!', '|', '+']);
        let odd = (
            prop::sample::select(OURS.to_vec()),
            prop::collection::vec((marks, any::<bool>()), 32),
        )
            .prop_map(|(name, spelling)| {
                let spell = |(c, (mark, upper)): (char, (char, bool))| match c {
                    '-' | '_' => mark,
                    c if upper => c.to_ascii_uppercase(),
                    c => c,
                };
                name.chars().zip(spelling).map(spell).collect()
            });
        prop_oneof![3 => odd, 1 => "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}"]
    }

    proptest! {
        #[test]
        fn nothing_of_ours_comes_from_a_client(
            sent in prop::collection::vec((spelt(), "[ -~]{0,12}"), 0..12),
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in &sent {
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, HeaderValue::from_str(value).unwrap());
            }
            let reserved = OURS.map(HeaderName::from_static);
            let plan = HeaderPlan::new(Vec::new(), true, &[], &reserved);
            strip(&mut headers, &plan, None, |name| name == b"doorward").unwrap();
            for name in headers.keys().filter(|name| **name != header::COOKIE) {
                let folded = folded(name.as_str());
                prop_assert!(OURS.iter().all(|ours| *ours.replace('_', "-") != folded), "{}", name);
                prop_assert!(!folded.starts_with("x-doorward-") && !folded.starts_with("x-forwarded-"), "{}", name);
            }
            for (name, value) in &sent {
                let known = |ours: &&str| folded(name) == ours.replace('_', "-");
                let ours = OURS.iter().any(known)
                    || ["x-doorward-", "x-forwarded-"].iter().any(|start| folded(name).starts_with(start));
                let theirs = !ours && !["cookie", "content-length", "forwarded", "x-request-id", "client-cert", "client-cert-chain"].contains(&&*folded(name));
                if theirs && !name.to_ascii_lowercase().starts_with("proxy-") {
                    let kept = headers.get_all(name.as_str());
                    prop_assert!(kept.iter().any(|kept| kept == value.as_str()), "{} went", name);
                }
            }
        }

        #[test]
        fn own_cookies_stay_and_all_others_pass_as_they_are(
            lines in prop::collection::vec(
                prop::collection::vec(("(doorward|__Host-doorward| doorward|doorward |door|a|DOORWARD)", "[!-:<-~]{0,8}"), 0..5),
                0..4,
            ),
        ) {
            let own = |name: &[u8]| name.ends_with(b"doorward");
            let mut map = HeaderMap::new();
            for line in &lines {
                let pairs: Vec<String> = line.iter().map(|(name, value)| format!("{name}={value}")).collect();
                map.append(header::COOKIE, HeaderValue::from_str(&pairs.join("; ")).unwrap());
            }
            let all = lines.iter().flatten();
            let others = all.filter(|(name, _)| !own(name.trim().as_bytes()));
            let expected: Vec<String> = others.map(|(name, value)| format!("{name}={value}")).collect();
            let sent = match edited_cookies(&map, own) {
                Some(edited) => String::from_utf8(edited).unwrap(),
                None => map.get(header::COOKIE).map_or(String::new(), |line| line.to_str().unwrap().to_owned()),
            };
            prop_assert_eq!(sent, expected.join("; "));
        }
    }
}
