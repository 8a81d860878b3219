//! Requests in normal form, before anything else looks at them.

use http::{HeaderMap, Method};

use super::Refusal;
use crate::policy::Host;

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
    /// Reads the raw request target and the `Host` values (HTTP/2: the authority). Origin-form; absolute-form
    /// `http`/`https` when its authority equals the host; `*` is refused. The path has no empty segment except a
    /// last one, no dot segment, backslash, NUL, control, raw non-ASCII, bad escape, encoded dot segment, encoded
    /// backslash or NUL. An encoded slash is noted for the route to allow.
    ///
    /// # Errors
    /// [`Refusal::BadTarget`] or [`Refusal::BadHost`].
    pub fn parse(raw: &[u8], hosts: &[&[u8]]) -> Result<Self, Refusal> {
        let _ = (raw, hosts);
        todo!()
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

    /// Whether the path holds `%2F`.
    #[must_use]
    pub const fn has_encoded_slash(&self) -> bool {
        self.encoded_slash
    }
}

impl Caller {
    /// Classifies by method and headers: `Upgrade: websocket`; `Sec-Fetch-Mode: navigate` with a document
    /// destination; without fetch metadata a GET or HEAD that accepts `text/html` and is no XHR (AR-21).
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let _ = (method, headers);
        todo!()
    }
}

/// Checks headers that must not be forwarded as they are: any `Transfer-Encoding` but `chunked`, an upgrade to
/// anything but WebSocket by GET, differing `Content-Length`s.
///
/// # Errors
/// [`Refusal::BadHeader`].
pub fn check_headers(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let _ = (method, headers);
    todo!()
}
