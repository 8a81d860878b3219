//! Pages of other origins: who may read the gateway's own answers, and whose preflight goes through without a session.
//!
//! A page of the same origin needs none of this. Nothing is allowed unless the route lists the origin, and an origin
//! that is not listed gets what it got before (BF-07).

use http::{HeaderMap, Method, header};

use super::request::only;
use crate::policy::{
    Route,
    cors::{Cors, Origin, Preflight},
};

/// Who besides the answer's own origin may read it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readers<'a> {
    /// The route says nothing of other origins.
    Unsaid,
    /// The route lists some, and the caller is none of them. Caches must be told that it depends on who asks.
    NotThisOne,
    /// This one, with the person's cookies.
    Origin(&'a Origin),
}

/// Who may read a refusal of this route.
#[must_use]
pub fn readers<'a>(route: &'a Route, headers: &HeaderMap) -> Readers<'a> {
    match &route.cors {
        None => Readers::Unsaid,
        Some(cors) => allowed(cors, headers).map_or(Readers::NotThisOne, Readers::Origin),
    }
}

/// Whether a request is a preflight of an allowed origin on a route that lets them pass: OPTIONS with `Origin` and
/// `Access-Control-Request-Method`, each once (Fetch standard, section 4.8).
pub(super) fn passes(route: &Route, method: &Method, headers: &HeaderMap) -> bool {
    let asks = || *method == Method::OPTIONS && only(headers, &header::ACCESS_CONTROL_REQUEST_METHOD).is_some();
    route.cors.as_ref().is_some_and(|cors| match cors.preflight {
        Preflight::Judge => false,
        Preflight::Pass => asks() && allowed(cors, headers).is_some(),
    })
}

fn allowed<'a>(cors: &'a Cors, headers: &HeaderMap) -> Option<&'a Origin> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (origin, None) = (origins.next()?, origins.next()) else {
        return None;
    };
    cors.allowing(origin)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::policy::{Host, route::tests::route};

    const PAGE: &str = "https://spa.test";

    fn shared(preflight: Preflight) -> Route {
        let host = Host::parse("spa.test").unwrap();
        let mut shared = route("* /*");
        shared.cors = Some(Cors {
            allowed_origins: vec![Origin::new(true, &host, 443).unwrap()],
            preflight,
        });
        shared
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn a_listed_origin_may_read_and_no_other() {
        let route = shared(Preflight::Judge);
        let Readers::Origin(found) = readers(&route, &headers(&[("origin", PAGE)])) else {
            panic!("not allowed");
        };
        assert_eq!(found.as_header(), PAGE);
        for lines in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "*")],
            &[("origin", "https://SPA.test")],
            &[("origin", "http://spa.test")],
            &[("origin", "https://spa.test:443")],
            &[("origin", "https://spa.test.evil.test")],
            &[("origin", "https://evil.test")],
            &[("origin", PAGE), ("origin", PAGE)],
            &[("origin", "https://spa.test https://evil.test")],
        ] {
            assert_eq!(readers(&route, &headers(lines)), Readers::NotThisOne, "{lines:?}");
        }
    }

    #[test]
    fn a_route_that_says_nothing_allows_nobody() {
        assert_eq!(readers(&route("* /*"), &headers(&[("origin", PAGE)])), Readers::Unsaid);
    }

    #[test]
    fn a_preflight_passes_only_where_the_route_says_so() {
        let asks = ("access-control-request-method", "PUT");
        let whole = headers(&[("origin", PAGE), asks]);
        let pass = shared(Preflight::Pass);
        assert!(passes(&pass, &Method::OPTIONS, &whole));
        assert!(!passes(&shared(Preflight::Judge), &Method::OPTIONS, &whole));
        assert!(!passes(&route("* /*"), &Method::OPTIONS, &whole));
        assert!(!passes(&pass, &Method::GET, &whole));
        for lines in [
            &[asks][..],
            &[("origin", PAGE)],
            &[("origin", "https://evil.test"), asks],
            &[("origin", PAGE), asks, asks],
        ] {
            assert!(!passes(&pass, &Method::OPTIONS, &headers(lines)), "{lines:?}");
        }
    }
}
