//! The site: all routes, and which one a request belongs to.
//!
//! Host by hash, path by a tree of segments: the cost does not depend on the number of routes. The most specific
//! route wins, whatever the order: exact host before suffix (longest first) before any host; then, within the most
//! specific host *that has a fitting path*, exact path before regex before the longest prefix. The place so found
//! decides: if its routes are for other methods only, the answer is 405, never a less specific route.

use std::sync::Arc;

use http::Method;

use super::{Host, Route, RouteId};

/// All routes.
#[derive(Debug)]
pub struct Site {
    routes: Vec<Arc<Route>>,
}

/// Two routes for the same host, path and method.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clash {
    /// Index of the earlier route in the list given.
    pub first: usize,
    /// Index of the later.
    pub second: usize,
}

/// What a look-up finds.
#[derive(Debug)]
pub enum Found<'a> {
    /// This route.
    Route(&'a Arc<Route>),
    /// No route for this host and path.
    Nothing,
    /// Routes for this host and path, for these methods only.
    OtherMethods(Vec<Method>),
}

impl Site {
    /// Arranges routes.
    ///
    /// # Errors
    /// Every pair of equal routes.
    pub fn new(routes: Vec<Route>) -> Result<Self, Vec<Clash>> {
        let _ = routes;
        todo!()
    }

    /// The route of a request.
    #[must_use]
    pub fn find(&self, host: &Host, path: &str, method: &Method) -> Found<'_> {
        let _ = (host, path, method);
        todo!()
    }

    /// All routes, in the order given.
    #[must_use]
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// A route by name.
    #[must_use]
    pub fn route(&self, id: &RouteId) -> Option<&Arc<Route>> {
        self.routes.iter().find(|route| route.id == *id)
    }
}
