//! Requests in normal form, before anything else looks at them.

mod form;

use http::{HeaderMap, HeaderName, Method, header};

use self::form::{authority, origin_form, query};
use super::Refusal;
use crate::policy::{
    Host,
    path::{self, NormalPath},
};

/// The one normal form of a request target: origin-form, host lower-cased. Made only by [`Target::parse`]; route,
/// policy, log and upstream see the same bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    host: Host,
    port: Option<u16>,
    path: String,
    query: Option<String>,
    encoded_slash: bool,
}

/// Who calls, as far as it decides what a refusal looks like.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Caller {
    /// A browser's top-level navigation: may be redirected, gets pages.
    Navigation,
    /// A fetch, XHR, API client, form or sub-resource: gets 401 and problem JSON.
    Api,
    /// A WebSocket upgrade.
    WebSocket,
}

impl Target {
    /// Reads the raw request target and the `Host` values (HTTP/2: the authority). Origin-form (RFC 9112 section
    /// 3.2.1); absolute-form `http`/`https` when its authority equals the host; `*` and all else is refused. Exactly one
    /// `Host`, in the form of [`Host::parse`], with or without a port from 1 to 65535.
    ///
    /// The path is one of [`path::normalise`]: no empty segment except a last one, no dot segment (also none before `;` or
    /// next to `%2F`), backslash, NUL, control, raw non-ASCII, bad escape, escape of a letter, digit or `-._~`, escaped
    /// control or backslash, escapes that are no UTF-8. An encoded slash is noted for the route to allow. The query
    /// is any visible ASCII without `#`, kept as it is: nothing of ours is decided by it.
    ///
    /// # Errors
    /// [`Refusal::BadTarget`] or [`Refusal::BadHost`].
    pub fn parse<'a, H>(raw: &[u8], hosts: impl IntoIterator<Item = &'a H>) -> Result<Self, Refusal>
    where
        H: AsRef<[u8]> + ?Sized + 'a,
    {
        let mut hosts = hosts.into_iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Refusal::BadHost);
        };
        let (host, port) = authority(host.as_ref()).ok_or(Refusal::BadHost)?;
        let raw = if raw.starts_with(b"/") {
            raw
        } else {
            origin_form(raw, &host, port)?
        };
        let mut parts = raw.splitn(2, |byte| *byte == b'?');
        let before = parts.next().unwrap_or_default();
        let NormalPath { path, encoded_slash } =
            path::normalise(if before.is_empty() { b"/" } else { before }).map_err(|_| Refusal::BadTarget)?;
        let query = parts.next().map(query).transpose()?;
        Ok(Self {
            host,
            port,
            path,
            query,
            encoded_slash,
        })
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port, where one was written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path, as sent and in normal form.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query without `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The path and, after `?`, the query: what is forwarded and returned to.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// The host and, where one was written, the port: the `Host` that is forwarded.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }

    /// Whether the path holds `%2F`.
    #[must_use]
    pub const fn has_encoded_slash(&self) -> bool {
        self.encoded_slash
    }
}

impl Caller {
    /// Classifies by method and headers: `Upgrade: websocket`; `Sec-Fetch-Mode: navigate` with a document
    /// destination; without fetch metadata a GET or HEAD that accepts `text/html` and is no XHR (AR-21). A prefetch is
    /// no navigation: nobody asked to sign in yet. What is unclear is [`Caller::Api`].
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        if is_websocket(method, headers) {
            return Self::WebSocket;
        }
        let safe = method == Method::GET || method == Method::HEAD;
        if !safe || is_prefetch(headers) {
            return Self::Api;
        }
        let navigates =
            || only(headers, &FETCH_MODE) == Some("navigate") && only(headers, &FETCH_DEST) == Some("document");
        let lacks = |name: HeaderName| !headers.contains_key(name);
        let seems_to = || lacks(FETCH_MODE) && lacks(FETCH_DEST) && lacks(REQUESTED_WITH) && accepts_html(headers);
        if navigates() || seems_to() {
            Self::Navigation
        } else {
            Self::Api
        }
    }
}

/// Whether the request offers an upgrade that is none here, such as `h2c`. A server ignores such an offer and answers the
/// request (RFC 9110 section 7.8), so the header goes. An offer that names WebSocket is for [`check_headers`].
#[must_use]
pub fn offers_only_other_upgrades(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE) && !names_websocket(headers)
}

/// Checks headers that must not be forwarded as they are: any `Transfer-Encoding` but `chunked`, an upgrade to
/// WebSocket in another way than by GET with `Connection: upgrade` and without a body, differing `Content-Length`s.
///
/// What follows a handshake is the tunnel's (RFC 6455 section 4.1), to which no limit of bodies applies.
///
/// # Errors
/// [`Refusal::BadHeader`].
pub fn check_headers(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let coded = headers.contains_key(header::TRANSFER_ENCODING);
    let chunked =
        || only(headers, &header::TRANSFER_ENCODING).is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let bodiless = || {
        !coded
            && headers
                .get_all(header::CONTENT_LENGTH)
                .iter()
                .all(|length| length == "0")
    };
    let handshake = || is_websocket(method, headers) && bodiless();
    if (coded && !chunked()) || (names_websocket(headers) && !handshake()) || !one_length(headers) {
        return Err(Refusal::BadHeader);
    }
    Ok(())
}

/// Whether a browser fetches ahead of its person (`Sec-Purpose: prefetch`, `prefetch;prerender`).
pub(super) fn is_prefetch(headers: &HeaderMap) -> bool {
    headers
        .get_all(PURPOSE)
        .iter()
        .any(|value| value.as_bytes().starts_with(b"prefetch"))
}

/// The value of a header that stands once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

pub(super) const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
pub(super) const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// RFC 6455 section 4.1, as far as it makes an upgrade.
fn is_websocket(method: &Method, headers: &HeaderMap) -> bool {
    let upgrades = || tokens(headers, &header::CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"));
    let to_websocket = || only(headers, &header::UPGRADE).is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    method == Method::GET && to_websocket() && upgrades()
}

/// Whether `Upgrade` names WebSocket anywhere, or cannot be read: some servers would take that for a name.
fn names_websocket(headers: &HeaderMap) -> bool {
    headers.get_all(header::UPGRADE).iter().any(|value| {
        let mut names = value
            .as_bytes()
            .split(|byte| matches!(byte, b',' | b' ' | b'\t' | b'/'));
        value.to_str().is_err() || names.any(|name| name.eq_ignore_ascii_case(b"websocket"))
    })
}

/// Equal lengths may stand more than once (RFC 9110 section 8.6); the proxy forwards one.
fn one_length(headers: &HeaderMap) -> bool {
    let lengths = || {
        headers
            .get_all(header::CONTENT_LENGTH)
            .iter()
            .flat_map(|value| value.as_bytes().split(|c| *c == b','))
    };
    let first = lengths().next().map(<[u8]>::trim_ascii);
    lengths()
        .map(<[u8]>::trim_ascii)
        .all(|length| Some(length) == first && !length.is_empty() && length.iter().all(u8::is_ascii_digit))
}

/// A `text/html` range that is not excluded by `q=0` (RFC 9110 section 12.5.1). `*/*` alone is how programs ask.
fn accepts_html(headers: &HeaderMap) -> bool {
    tokens(headers, &header::ACCEPT).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let html = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        html && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

/// The members of a comma-separated list, from every line.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests;
