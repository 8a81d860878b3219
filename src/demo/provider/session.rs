//! The provider's own browser sessions, so that a second tab is not asked again.

use axum::http::{HeaderMap, header::COOKIE};

use super::bounded::Bounded;
use crate::demo::people::Person;

/// The cookie's name. It must differ from the gateway's: cookies do not know ports.
const NAME: &str = "doorward_demo_provider";

/// Somebody signed in at the provider with some browser.
#[derive(Clone, Debug)]
pub(super) struct BrowserSession {
    pub(super) person: &'static Person,
    /// `sid` in ID tokens (OIDC Front-Channel Logout 1.0 section 3); not the cookie's value.
    pub(super) sid: String,
    /// `auth_time`, in seconds.
    pub(super) auth_time: i64,
    /// When the session ends, in seconds.
    pub(super) end: i64,
}

/// The sessions by the value of their cookie.
#[derive(Debug, Default)]
pub(super) struct Sessions(Bounded<BrowserSession>);

impl Sessions {
    /// Keeps a session under a fresh cookie value.
    pub(super) fn begin(&mut self, cookie: String, session: BrowserSession) {
        self.0.insert(cookie, session);
    }

    /// The session of a request, unless it is over.
    pub(super) fn find(&self, headers: &HeaderMap, now: i64) -> Option<BrowserSession> {
        self.0
            .get(cookie(headers)?)
            .filter(|session| now < session.end)
            .cloned()
    }

    /// Ends the session of a request.
    pub(super) fn end(&mut self, headers: &HeaderMap) -> Option<BrowserSession> {
        self.0.remove(cookie(headers)?)
    }
}

/// The `Set-Cookie` value that starts a session. No `Secure`: the demo speaks plain HTTP on loopback.
pub(super) fn set_cookie(value: &str) -> String {
    format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Lax")
}

/// The `Set-Cookie` value that ends it.
pub(super) fn clear_cookie() -> String {
    format!("{NAME}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// Whether a form came from the provider's own pages. Programs send no `Sec-Fetch-Site`; every browser does.
pub(super) fn is_own_form(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin")
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == NAME)
        .map(|(_, value)| value)
}
