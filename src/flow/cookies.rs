//! Cookies in and out (RFC 6265bis).

use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use memchr::memchr;

use crate::gate::sign_in;

/// Every cookie pair of a request, in order, from every `Cookie` header. Each pair is read alone: one that is not UTF-8 is
/// left out and hides no other (CK-14).
pub(super) fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(split)
        .filter_map(|pair| std::str::from_utf8(pair.trim_ascii()).ok())
        .filter_map(|pair| pair.split_once('='))
}

/// The values of a request's cookies of this name, in order, read as in [`pairs`].
pub(super) fn named<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(split)
        .filter_map(move |pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .filter_map(|value| std::str::from_utf8(value).ok())
}

/// The pairs of one `Cookie` header, as they stand between the semicolons.
fn split(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line.as_bytes());
    std::iter::from_fn(move || {
        let all = rest?;
        let (pair, behind) = memchr(b';', all).and_then(|at| all.split_at_checked(at)).unzip();
        rest = behind.and_then(|behind| behind.get(1..));
        Some(pair.unwrap_or(all))
    })
}

/// Whether a cookie is the gateway's own, in any case: browsers match prefixes without case.
pub(super) fn is_own(name: &[u8]) -> bool {
    let bare = match name.split_at_checked(HOST_PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(HOST_PREFIX) => rest,
        _ => name,
    };
    let Some((ours, rest)) = bare.split_at_checked(OURS.len()) else {
        return false;
    };
    ours.eq_ignore_ascii_case(OURS) && (rest.is_empty() || rest.starts_with(b"-"))
}

/// Whether a cookie is a sign-in attempt's.
pub(super) fn is_attempt(name: &str) -> bool {
    is_own(name.as_bytes()) && name.contains("-attempt-")
}

const HOST_PREFIX: &[u8] = b"__Host-";
const OURS: &[u8] = b"doorward";

/// A `Set-Cookie` that keeps `value` for `lasts`.
pub(super) fn set(name: &str, value: &str, https: bool, lasts: Duration) -> (HeaderName, HeaderValue) {
    // Browsers keep no cookie longer than 400 days (RFC 6265bis section 5.5).
    let lasts = lasts.min(Duration::from_secs(400 * 86_400));
    written(name, value, https, i64::try_from(lasts.as_secs()).unwrap_or(0))
}

/// A `Set-Cookie` that deletes: with the same attributes, or a `__Host-` cookie stays.
pub(super) fn clear(name: &str, https: bool) -> (HeaderName, HeaderValue) {
    written(name, "", https, 0)
}

fn written(name: &str, value: &str, https: bool, max_age: i64) -> (HeaderName, HeaderValue) {
    let cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .secure(https)
        .same_site(SameSite::Lax)
        .max_age(cookie::time::Duration::seconds(max_age))
        .build();
    // Names and values are ours: base64url and letters.
    let value = HeaderValue::try_from(cookie.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""));
    (header::SET_COOKIE, value)
}

/// The `Set-Cookie` of a begun attempt and the deletions of those it displaced.
pub(super) fn attempt(begun: &sign_in::Begun, https: bool) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    std::iter::once(set(&begun.cookie_name, &begun.cookie_value, https, sign_in::LASTS))
        .chain(begun.dropped.iter().map(move |name| clear(name, https)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_from_every_header_in_order() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; b=x=y;c="));
        headers.append(header::COOKIE, HeaderValue::from_bytes(b"bad=\xff").unwrap());
        headers.append(header::COOKIE, HeaderValue::from_static("nameless; a=2"));
        let read: Vec<_> = pairs(&headers).collect();
        assert_eq!(read, [("a", "1"), ("b", "x=y"), ("c", ""), ("a", "2")]);
        for name in ["a", "b", "c", "bad", "nameless", "A", ""] {
            let values: Vec<_> = read
                .iter()
                .filter(|(own, _)| *own == name)
                .map(|(_, value)| *value)
                .collect();
            assert_eq!(named(&headers, name).collect::<Vec<_>>(), values, "{name}");
        }
    }

    // CK-14
    #[test]
    fn a_cookie_in_another_encoding_hides_no_other() {
        let mut headers = HeaderMap::new();
        let line = b"before=1; latin=caf\xe9; \xff=x; utf8=caf\xc3\xa9; doorward=handle";
        headers.append(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
        let read: Vec<_> = pairs(&headers).collect();
        assert_eq!(read, [("before", "1"), ("utf8", "caf\u{e9}"), ("doorward", "handle")]);
    }

    #[test]
    fn own_cookies_are_known_in_any_spelling() {
        // CK-05, CK-11
        for own in [
            "doorward",
            "__Host-doorward",
            "__HOST-Doorward",
            "doorward-attempt-1",
            "__Host-doorward-attempt-1",
        ] {
            assert!(is_own(own.as_bytes()), "{own}");
        }
        for other in [
            "",
            "door",
            "doorwardens",
            "__Host-",
            "__Host-door",
            "session",
            "__Secure-doorward",
        ] {
            assert!(!is_own(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn deletion_repeats_the_attributes() {
        // RL-05, CK-01, CK-10
        let (_, made) = set("__Host-doorward", "v", true, Duration::from_secs(u64::MAX));
        assert_eq!(
            made,
            "__Host-doorward=v; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=34560000"
        );
        let (_, gone) = clear("__Host-doorward", true);
        assert_eq!(
            gone,
            "__Host-doorward=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
        );
    }
}
