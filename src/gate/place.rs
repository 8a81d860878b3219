//! Which part of the house a request is for.

use std::sync::Arc;

use http::Method;

use super::{Refusal, Target};
use crate::policy::{Route, Site};

/// Where a request goes.
#[derive(Clone, Debug)]
pub enum Place {
    /// One of the gateway's own endpoints.
    Own(Endpoint),
    /// A route.
    Route(Arc<Route>),
    /// Nowhere, or not like this.
    Refused(Refusal),
    /// These methods only.
    OtherMethods(Vec<Method>),
}

/// The gateway's own endpoints, below `/.doorward/`, on every host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Endpoint {
    /// `/.doorward/callback`
    Callback,
    /// `/.doorward/sign-in`
    SignIn,
    /// `/.doorward/sign-out`
    SignOut,
    /// `/.doorward/signed-out`
    SignedOut,
    /// `/.doorward/whoami`
    WhoAmI,
    /// `/.doorward/jwks.json`
    Jwks,
}

/// Finds the place. Anything else below `/.doorward` is not found, and methods that are never forwarded (CONNECT,
/// TRACE, unknown ones) are refused here.
#[must_use]
pub fn place(site: &Site, method: &Method, target: &Target) -> Place {
    let _ = (site, method, target);
    todo!()
}
