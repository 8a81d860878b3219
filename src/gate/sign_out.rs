//! Whether a request to the sign-out endpoint may sign out: never from another site, never by a link elsewhere.

use http::{HeaderMap, Method};

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

/// Judges by `Sec-Fetch-Site` and, without it, by `Origin` against our own (`https://host[:port]`).
#[must_use]
pub fn judge(method: &Method, headers: &HeaderMap, own_origin: &str) -> SignOut {
    let _ = (method, headers, own_origin);
    todo!()
}
