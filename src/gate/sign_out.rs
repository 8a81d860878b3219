//! Whether a request to the sign-out endpoint may sign out: never from another site, never by a link elsewhere.

use std::time::Duration;

use http::{HeaderMap, HeaderName, Method, header};
use serde::{Deserialize, Serialize};

use super::{
    ReturnTo,
    request::{FETCH_DEST, FETCH_MODE, is_prefetch, only},
    sign_in::{LONGEST_CARRIED, opened, sealed},
};
use crate::{
    keys::{Binding, Purpose, Ring},
    time::UnixTime,
};

/// How long the way through the provider may take.
const LASTS: Duration = Duration::from_secs(3600);

/// What to do about a sign-out request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignOut {
    /// Do it: a POST from this origin, or a same-origin navigation.
    Proceed,
    /// Ask first, on a page with a button: any other GET.
    Confirm,
    /// Refuse: a POST from elsewhere, or one that does not say where it is from.
    Refuse,
}

/// Judges by `Sec-Fetch-Site` and, without it, by `Origin` against our own (`https://host[:port]`) (RL-01).
///
/// A page under `Referrer-Policy: no-referrer` posts with `Origin: null`: with fetch metadata that is no contradiction,
/// without it the answer is [`SignOut::Refuse`].
#[must_use]
pub fn judge(method: &Method, headers: &HeaderMap, own_origin: &str) -> SignOut {
    let site = headers
        .contains_key(FETCH_SITE)
        .then(|| only(headers, &FETCH_SITE).unwrap_or_default());
    let origin = headers
        .contains_key(header::ORIGIN)
        .then(|| only(headers, &header::ORIGIN).unwrap_or_default());
    if method == Method::GET || method == Method::HEAD {
        let clicked = only(headers, &FETCH_MODE) == Some("navigate") && only(headers, &FETCH_DEST) == Some("document");
        let asked = method == Method::GET && clicked && !is_prefetch(headers);
        return if asked && site == Some("same-origin") {
            SignOut::Proceed
        } else {
            SignOut::Confirm
        };
    }
    let from_here = match (site, origin) {
        (Some("same-origin"), None | Some("null")) => true,
        (Some("same-origin") | None, Some(origin)) => origin == own_origin,
        (Some(_), _) | (None, None) => false,
    };
    if method == Method::POST && from_here {
        SignOut::Proceed
    } else {
        SignOut::Refuse
    }
}

/// The page to go on to afterwards, as the sign-out was asked with (`return_to`). What does not lead to this site leads to
/// its root.
#[must_use]
pub fn wanted(query: &str) -> ReturnTo {
    let mut values = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "return_to");
    match (values.next(), values.next()) {
        (Some((_, value)), None) => ReturnTo::parse(&value).unwrap_or_else(ReturnTo::home),
        (None, _) | (Some(_), Some(_)) => ReturnTo::home(),
    }
}

/// The `state` of a sign-out at the provider: sealed, so that only what we sent leads on from the landing page.
#[must_use]
pub fn state(ring: &Ring, nonce: [u8; 12], return_to: &ReturnTo, now: UnixTime) -> String {
    let carried = Some(return_to).filter(|back| back.as_str().len() <= LONGEST_CARRIED);
    let state = State {
        sent: now,
        return_to: carried.cloned(),
    };
    sealed(ring, &OF_STATE, nonce, &state)
}

/// Where the landing page leads on to: where `state` says, and without one that is ours and recent to the root. Some
/// providers do not give it back (RL-04).
#[must_use]
pub fn landed(query: &str, ring: &Ring, now: UnixTime) -> ReturnTo {
    let mut states = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "state");
    let (Some((_, state)), None) = (states.next(), states.next()) else {
        return ReturnTo::home();
    };
    opened::<State>(ring, &OF_STATE, &state)
        .filter(|state| now < state.sent + LASTS)
        .and_then(|state| state.return_to)
        .unwrap_or_else(ReturnTo::home)
}

#[derive(Serialize, Deserialize)]
struct State {
    #[serde(rename = "s")]
    sent: UnixTime,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    return_to: Option<ReturnTo>,
}

const OF_STATE: Binding<'static> = Binding {
    purpose: Purpose::State,
    holder: &[],
    place: b"sign-out",
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn judged(method: &Method, lines: &[(&'static str, &'static str)]) -> SignOut {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        judge(method, &headers, "https://app.test")
    }

    // RL-01
    #[test]
    fn a_post_from_here_signs_out_and_no_other_does() {
        use SignOut::{Proceed, Refuse};
        for (lines, expected) in [
            (vec![("sec-fetch-site", "same-origin")], Proceed),
            (
                vec![("sec-fetch-site", "same-origin"), ("origin", "https://app.test")],
                Proceed,
            ),
            (vec![("sec-fetch-site", "same-origin"), ("origin", "null")], Proceed),
            (
                vec![("sec-fetch-site", "same-origin"), ("origin", "https://evil.test")],
                Refuse,
            ),
            (
                vec![("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
                Refuse,
            ),
            (
                vec![("sec-fetch-site", "same-site"), ("origin", "https://app.test")],
                Refuse,
            ),
            (
                vec![("sec-fetch-site", "cross-site"), ("origin", "https://app.test")],
                Refuse,
            ),
            (vec![("sec-fetch-site", "none")], Refuse),
            (vec![("sec-fetch-site", "")], Refuse),
            (vec![("origin", "https://app.test")], Proceed),
            (
                vec![("origin", "https://app.test"), ("origin", "https://app.test")],
                Refuse,
            ),
            (vec![("origin", "http://app.test")], Refuse),
            (vec![("origin", "https://app.test:8443")], Refuse),
            (vec![("origin", "https://app.test.evil.test")], Refuse),
            (vec![("origin", "null")], Refuse),
            (vec![("referer", "https://app.test/")], Refuse),
            (vec![], Refuse),
        ] {
            assert_eq!(judged(&Method::POST, &lines), expected, "{lines:?}");
        }
    }

    // RL-01, FL-02
    #[test]
    fn a_get_signs_out_by_a_click_on_this_origin_and_else_asks() {
        use SignOut::{Confirm, Proceed};
        let click = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let image = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
        let with = |rest: &[(&'static str, &'static str)], more: &[_]| [rest, more].concat();
        for (lines, expected) in [
            (with(&click, &[("sec-fetch-site", "same-origin")]), Proceed),
            (
                with(
                    &click,
                    &[("sec-fetch-site", "same-origin"), ("sec-purpose", "prefetch")],
                ),
                Confirm,
            ),
            (with(&click, &[("sec-fetch-site", "none")]), Confirm),
            (with(&click, &[("sec-fetch-site", "same-site")]), Confirm),
            (with(&click, &[("sec-fetch-site", "cross-site")]), Confirm),
            (with(&image, &[("sec-fetch-site", "same-origin")]), Confirm),
            (vec![("sec-fetch-site", "same-origin")], Confirm),
            (
                with(
                    &[("sec-fetch-mode", "navigate")],
                    &[("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "iframe")],
                ),
                Confirm,
            ),
            (vec![("origin", "https://app.test")], Confirm),
            (vec![], Confirm),
        ] {
            assert_eq!(judged(&Method::GET, &lines), expected, "{lines:?}");
        }
        assert_eq!(
            judged(&Method::HEAD, &with(&click, &[("sec-fetch-site", "same-origin")])),
            Confirm
        );
    }

    #[test]
    fn other_methods_do_nothing() {
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            assert_eq!(judged(&method, &[("sec-fetch-site", "same-origin")]), SignOut::Refuse);
        }
    }
}
