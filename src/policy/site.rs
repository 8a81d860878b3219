//! The site: all routes, and which one a request belongs to.
//!
//! One hash table, by host and path: the cost does not depend on the number of routes. The most specific
//! route wins, whatever the order: exact host before suffix (longest first) before any host; then, within the most
//! specific host *that has a fitting path*, exact path before regex before the longest prefix. Of several fitting
//! expressions the longest written counts, then the first by alphabet. The place so found decides: if its routes are for
//! other methods only, the answer is 405, never a less specific route. At one place, a route that names the method goes
//! before one for all methods, and one that names GET takes HEAD unless another names that.

mod clash;

pub use self::clash::Clash;

use std::{
    collections::{HashMap, HashSet},
    hash::Hasher as _,
    sync::Arc,
};

use hashbrown::HashTable;
use http::Method;
use rustc_hash::FxHasher;

use super::{FormerFolder, Host, HostPattern, PathPattern, PathRegex, Route, RouteId, path::normal};

/// All routes.
#[derive(Debug, Default)]
pub struct Site {
    routes: Vec<Arc<Route>>,
    nodes: HashTable<Node>,
    /// Most steps to a node: what lies deeper in a path is not looked up.
    deepest: usize,
    suffixes: bool,
    /// Of every route.
    scopes: HashSet<Box<str>>,
    /// By scope; longest first, then by alphabet.
    expressions: HashMap<Box<str>, Vec<(PathRegex, Place)>>,
    former: Option<FormerFolder>,
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
        let clashes = clash::clashes(&routes);
        if !clashes.is_empty() {
            return Err(clashes);
        }
        let mut site = Self::default();
        for route in routes.into_iter().map(Arc::new) {
            site.place(&route).add(&route);
            site.routes.push(route);
        }
        Ok(site)
    }

    /// The same site, which answers below oauth2-proxy's folder in its place.
    #[must_use]
    pub fn in_place_of(mut self, former: Option<FormerFolder>) -> Self {
        self.former = former;
        self
    }

    /// The folder of oauth2-proxy, where it is answered.
    #[must_use]
    pub const fn former(&self) -> Option<&FormerFolder> {
        self.former.as_ref()
    }

    /// The route of a request. A path starts with `/`; nothing is found for another.
    #[must_use]
    pub fn find(&self, host: &Host, path: &str, method: &Method) -> Found<'_> {
        if !path.starts_with('/') {
            return Found::Nothing;
        }
        let place = self
            .find_path(host.as_str(), path)
            .or_else(|| self.find_suffix(host, path))
            .or_else(|| self.find_path(ANY, path));
        place.map_or(Found::Nothing, |place| place.find(method))
    }

    /// Whether any route is for this host.
    #[must_use]
    pub fn knows(&self, host: &Host) -> bool {
        self.scopes.contains(host.as_str())
            || host.suffixes().any(|suffix| self.scopes.contains(suffix))
            || self.scopes.contains(ANY)
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

    fn find_suffix(&self, host: &Host, path: &str) -> Option<&Place> {
        if !self.suffixes {
            return None;
        }
        host.suffixes().find_map(|suffix| self.find_path(suffix, path))
    }

    fn find_path(&self, scope: &str, path: &str) -> Option<&Place> {
        let (mut exact, mut prefix) = (None, None);
        for (step, hash) in steps(scope, path).take(self.deepest) {
            let node = self.nodes.find(hash, |node| node.is(scope, step));
            prefix = node.and_then(|node| node.prefix.taken()).or(prefix);
            exact = node
                .filter(|_| step.len() == path.len())
                .and_then(|node| node.exact.taken());
        }
        exact.or_else(|| self.find_expression(scope, path)).or(prefix)
    }

    fn find_expression(&self, scope: &str, path: &str) -> Option<&Place> {
        if self.expressions.is_empty() {
            return None;
        }
        let mut expressions = self.expressions.get(scope)?.iter();
        expressions
            .find(|(expression, _)| expression.fits(path))
            .map(|(_, place)| place)
    }

    /// Where a route belongs.
    fn place(&mut self, route: &Route) -> &mut Place {
        let scope = scope(&route.matcher.host);
        self.scopes.insert(scope.as_str().into());
        self.suffixes |= matches!(route.matcher.host, HostPattern::Suffix(_));
        match &route.matcher.path {
            PathPattern::Exact(path) => &mut self.node(&scope, &normal(path)).exact,
            PathPattern::Prefix(path) => &mut self.node(&scope, normal(path).trim_end_matches('/')).prefix,
            PathPattern::Regex(expression) => {
                expression_in(self.expressions.entry(scope.into()).or_default(), expression)
            }
        }
    }

    fn node(&mut self, scope: &str, path: &str) -> &mut Node {
        self.deepest = self.deepest.max(steps(scope, path).count());
        let new = || Node {
            key: [scope, path].concat().into(),
            scope: scope.len(),
            ..Node::default()
        };
        let rehash = |node: &Node| node.hash();
        let entry = self.nodes.entry(hash(scope, path), |node| node.is(scope, path), rehash);
        entry.or_insert_with(new).into_mut()
    }
}

/// One path under one host pattern: the routes for it alone, and those for it and all below.
#[derive(Debug, Default)]
struct Node {
    /// Scope and path in one piece.
    key: Box<str>,
    /// Length of the scope.
    scope: usize,
    exact: Place,
    prefix: Place,
}

/// The routes for one host and path, one a method.
#[derive(Debug, Default)]
struct Place {
    all_methods: Option<Arc<Route>>,
    by_method: Vec<(Method, Arc<Route>)>,
}

impl Node {
    /// A scope holds no `/`, and a path begins with one unless it is empty: where one ends and the other begins is clear.
    fn is(&self, scope: &str, path: &str) -> bool {
        self.key.strip_prefix(scope) == Some(path)
    }

    fn hash(&self) -> u64 {
        self.key
            .split_at_checked(self.scope)
            .map_or(0, |(scope, path)| hash(scope, path))
    }
}

impl Place {
    /// Adds a route that clashes with none here.
    fn add(&mut self, route: &Arc<Route>) {
        match &route.matcher.methods {
            None => self.all_methods = Some(Arc::clone(route)),
            Some(methods) => {
                let named = methods.iter().map(|method| (method.clone(), Arc::clone(route)));
                self.by_method.extend(named);
            }
        }
    }

    /// `None` for a place where no route is.
    fn taken(&self) -> Option<&Self> {
        (self.all_methods.is_some() || !self.by_method.is_empty()).then_some(self)
    }

    fn find(&self, wanted: &Method) -> Found<'_> {
        // HEAD is GET without the body (RFC 9110 section 9.3.2), so who may GET is who may HEAD.
        let get = || (*wanted == Method::HEAD).then(|| self.named(&Method::GET)).flatten();
        let named = self.named(wanted).or_else(get);
        let route = named.or(self.all_methods.as_ref());
        route.map_or_else(|| Found::OtherMethods(self.methods()), Found::Route)
    }

    fn named(&self, wanted: &Method) -> Option<&Arc<Route>> {
        let mut named = self.by_method.iter();
        named.find(|(method, _)| method == wanted).map(|(_, route)| route)
    }

    fn methods(&self) -> Vec<Method> {
        let mut methods: Vec<Method> = self.by_method.iter().map(|(method, ..)| method.clone()).collect();
        if methods.contains(&Method::GET) {
            methods.push(Method::HEAD);
        }
        methods.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        methods.dedup();
        methods
    }
}

/// The scope of every host. A host is not empty and does not start with a dot, so the scopes of exact hosts, of suffixes
/// and of any host differ.
const ANY: &str = "";

/// Host patterns as the beginning of a key: `a.test`, `.test` for `*.test`, nothing for `*`.
fn scope(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(host) => host.to_string(),
        HostPattern::Suffix(host) => format!(".{host}"),
        HostPattern::Any => ANY.to_owned(),
    }
}

/// The way down a path, by whole segments, each with the hash of all so far: for `/a/b` nothing, `/a` and `/a/b`; `/a/` has
/// nothing, `/a` and `/a/`.
///
/// The hash needs no key against chosen collisions: what is in the table was written by the operator.
fn steps<'a>(scope: &str, path: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
    let mut hasher = FxHasher::default();
    hasher.write(scope.as_bytes());
    let mut done = 0;
    let inner = path.match_indices('/').map(|(at, _)| at).skip(1);
    let last = (!path.is_empty()).then_some(path.len());
    std::iter::once(0).chain(inner).chain(last).map(move |end| {
        let segment = path.get(done..end).unwrap_or_default();
        if !segment.is_empty() {
            hasher.write(segment.as_bytes());
        }
        done = end;
        (path.get(..end).unwrap_or_default(), hasher.finish())
    })
}

fn hash(scope: &str, path: &str) -> u64 {
    steps(scope, path).last().map_or(0, |(_, hash)| hash)
}

#[expect(clippy::indexing_slicing, reason = "the index is found or inserted just before")]
fn expression_in<'a>(expressions: &'a mut Vec<(PathRegex, Place)>, expression: &PathRegex) -> &'a mut Place {
    let rank = |one: &PathRegex| (usize::MAX - one.as_str().len(), one.as_str().to_owned());
    let wanted = rank(expression);
    let at = match expressions.binary_search_by_key(&wanted, |(one, _)| rank(one)) {
        Ok(at) => at,
        Err(at) => {
            expressions.insert(at, (expression.clone(), Place::default()));
            at
        }
    };
    &mut expressions[at].1
}

#[cfg(test)]
mod tests;
