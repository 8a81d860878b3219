//! Names that may not be used.

use http::HeaderName;

use crate::{identity::headers::folded, provider::is_own_parameter};

/// Headers that say where a message begins and ends or how it is forwarded (RFC 9110 section 7.6.1), and the cookies,
/// which hold the session.
const HEADERS: &[&str] = &[
    "host",
    "cookie",
    "content-length",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];

/// Headers that say where a request comes from, which are always set.
const FORWARDING: &[&str] = &["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// What to write instead of a parameter of the authorization request that is Doorward's own; of the others, nothing.
const INSTEAD: &[(&str, &str)] = &[
    ("response_type", "it is always `code`"),
    ("client_id", "write the provider's `client_id`"),
    ("redirect_uri", "it is made of the host"),
    ("scope", "write `scopes`"),
    ("code_challenge_method", "it is always S256"),
    ("response_mode", "it is always `query`"),
    ("request", "request objects are not supported"),
    ("request_uri", "request objects are not supported"),
    ("acr_values", "write `acr_values` below the route's `sign_in`"),
    ("max_age", "write `max_age` below the route's `sign_in`"),
    ("prompt", "write `prompt` below the route's `sign_in`"),
];
const DRAWN: &str = "it is drawn for each sign-in";

/// Whether a route may not set or remove the header.
pub(super) fn is_forbidden(name: &HeaderName) -> bool {
    HEADERS.contains(&name.as_str())
}

/// Whether the header, under any spelling, says where a request comes from.
pub(super) fn is_forwarding(name: &HeaderName) -> bool {
    FORWARDING.contains(&&*folded(name))
}

/// What to write instead of the parameter, if it is Doorward's own.
pub(super) fn own_parameter(name: &str) -> Option<&'static str> {
    let instead = || INSTEAD.iter().find(|(own, _)| *own == name);
    is_own_parameter(name).then(|| instead().map_or(DRAWN, |(_, instead)| *instead))
}
