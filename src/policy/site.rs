//! The site: all routes, and which one a request belongs to.
//!
//! Host by hash, path by a tree of segments: the cost does not depend on the number of routes. The most specific
//! route wins, whatever the order: exact host before suffix (longest first) before any host; then, within the most
//! specific host *that has a fitting path*, exact path before regex before the longest prefix. Of several fitting
//! expressions the longest written counts, then the first by alphabet. The place so found decides: if its routes are for
//! other methods only, the answer is 405, never a less specific route. At one place, a route that names the method goes
//! before one for all methods, and one that names GET takes HEAD unless another names that.

use std::{collections::HashMap, sync::Arc};

use http::Method;

use super::{Host, HostPattern, PathPattern, PathRegex, Route, RouteId, path::normal};

/// All routes.
#[derive(Debug)]
pub struct Site {
    routes: Vec<Arc<Route>>,
    exact: HashMap<Host, Tree>,
    suffixes: HashMap<Host, Tree>,
    any: Tree,
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
        let mut site = Self {
            routes: routes.into_iter().map(Arc::new).collect(),
            exact: HashMap::new(),
            suffixes: HashMap::new(),
            any: Tree::default(),
        };
        let mut clashes = Vec::new();
        for (index, route) in site.routes.iter().enumerate() {
            let tree = match &route.matcher.host {
                HostPattern::Exact(host) => site.exact.entry(host.clone()).or_default(),
                HostPattern::Suffix(host) => site.suffixes.entry(host.clone()).or_default(),
                HostPattern::Any => &mut site.any,
            };
            let equal = tree.place(&route.matcher.path).add(index, route);
            clashes.extend(equal.into_iter().map(|first| Clash { first, second: index }));
        }
        if clashes.is_empty() { Ok(site) } else { Err(clashes) }
    }

    /// The route of a request.
    #[must_use]
    pub fn find(&self, host: &Host, path: &str, method: &Method) -> Found<'_> {
        let exact = self.exact.get(host).and_then(|tree| tree.find(path));
        let place = exact
            .or_else(|| self.find_suffix(host, path))
            .or_else(|| self.any.find(path));
        place.map_or(Found::Nothing, |place| place.find(method))
    }

    /// Whether any route is for this host.
    #[must_use]
    pub fn knows(&self, host: &Host) -> bool {
        self.exact.contains_key(host)
            || host.suffixes().any(|suffix| self.suffixes.contains_key(suffix))
            || self.routes.iter().any(|route| route.matcher.host == HostPattern::Any)
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
        if self.suffixes.is_empty() {
            return None;
        }
        host.suffixes()
            .filter_map(|suffix| self.suffixes.get(suffix))
            .find_map(|tree| tree.find(path))
    }
}

/// The paths of one host.
#[derive(Debug, Default)]
struct Tree {
    root: Node,
    /// Longest first, then by alphabet.
    expressions: Vec<(PathRegex, Place)>,
}

/// A path so far, in whole segments. The root is the path before its first `/`.
#[derive(Debug, Default)]
struct Node {
    children: HashMap<Box<str>, Self>,
    exact: Place,
    prefix: Place,
}

/// The routes for one host and path, one a method.
#[derive(Debug, Default)]
struct Place {
    by_method: Vec<(Method, usize, Arc<Route>)>,
    all_methods: Vec<(usize, Arc<Route>)>,
}

impl Tree {
    fn place(&mut self, pattern: &PathPattern) -> &mut Place {
        match pattern {
            PathPattern::Exact(path) => &mut self.root.down(&normal(path)).exact,
            PathPattern::Prefix(path) => &mut self.root.down(normal(path).trim_end_matches('/')).prefix,
            PathPattern::Regex(expression) => self.expression(expression),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the index is found or inserted just before")]
    fn expression(&mut self, expression: &PathRegex) -> &mut Place {
        let rank = |one: &PathRegex| (usize::MAX - one.as_str().len(), one.as_str().to_owned());
        let wanted = rank(expression);
        let at = match self.expressions.binary_search_by_key(&wanted, |(one, _)| rank(one)) {
            Ok(at) => at,
            Err(at) => {
                self.expressions.insert(at, (expression.clone(), Place::default()));
                at
            }
        };
        &mut self.expressions[at].1
    }

    fn find(&self, path: &str) -> Option<&Place> {
        let mut node = Some(&self.root);
        let mut prefix = self.root.prefix.taken();
        for segment in segments(path) {
            node = node.and_then(|node| node.children.get(segment));
            let Some(node) = node else { break };
            prefix = node.prefix.taken().or(prefix);
        }
        node.and_then(|node| node.exact.taken())
            .or_else(|| self.find_expression(path))
            .or(prefix)
    }

    fn find_expression(&self, path: &str) -> Option<&Place> {
        self.expressions
            .iter()
            .find(|(expression, _)| expression.fits(path))
            .map(|(_, place)| place)
    }
}

impl Node {
    fn down(&mut self, path: &str) -> &mut Self {
        segments(path).fold(self, |node, segment| node.children.entry(segment.into()).or_default())
    }
}

impl Place {
    /// Adds a route; the indices of those that are for the same methods.
    fn add(&mut self, index: usize, route: &Arc<Route>) -> Vec<usize> {
        let Some(methods) = &route.matcher.methods else {
            let equal = self.all_methods.iter().map(|(earlier, _)| *earlier).collect();
            self.all_methods.push((index, Arc::clone(route)));
            return equal;
        };
        let mut equal: Vec<usize> = self
            .by_method
            .iter()
            .filter(|(method, ..)| methods.contains(method))
            .map(|(_, earlier, _)| *earlier)
            .collect();
        equal.sort_unstable();
        equal.dedup();
        self.by_method
            .extend(methods.iter().map(|method| (method.clone(), index, Arc::clone(route))));
        equal
    }

    /// `None` for a place where no route is.
    fn taken(&self) -> Option<&Self> {
        (!self.all_methods.is_empty() || !self.by_method.is_empty()).then_some(self)
    }

    fn find(&self, wanted: &Method) -> Found<'_> {
        // HEAD is GET without the body (RFC 9110 section 9.3.2), so who may GET is who may HEAD.
        let get = || (*wanted == Method::HEAD).then(|| self.named(&Method::GET)).flatten();
        let named = self.named(wanted).or_else(get);
        let route = named.or_else(|| self.all_methods.first().map(|(_, route)| route));
        route.map_or_else(|| Found::OtherMethods(self.methods()), Found::Route)
    }

    fn named(&self, wanted: &Method) -> Option<&Arc<Route>> {
        let mut named = self.by_method.iter();
        named.find(|(method, ..)| method == wanted).map(|(.., route)| route)
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

/// What follows each `/`: none in an empty path, one empty in `/`, `a` and an empty one in `/a/`.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

#[cfg(test)]
mod tests;
