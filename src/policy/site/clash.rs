//! Routes that could not be told apart.

use std::collections::HashMap;

use crate::policy::{HostPattern, Matcher, PathPattern, Route, path::normal};

/// Two routes for the same host, path and method.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clash {
    /// Index of the earlier route in the list given.
    pub first: usize,
    /// Index of the later.
    pub second: usize,
}

/// Every pair of routes for one host pattern, one path pattern and a common method.
pub(super) fn clashes(routes: &[Route]) -> Vec<Clash> {
    let mut alike: HashMap<(&HostPattern, String), Vec<usize>> = HashMap::new();
    let mut clashes = Vec::new();
    for (second, route) in routes.iter().enumerate() {
        let earlier = alike
            .entry((&route.matcher.host, like(&route.matcher.path)))
            .or_default();
        let equal = earlier.iter().filter(|first| {
            routes
                .get(**first)
                .is_some_and(|first| common_method(&first.matcher, &route.matcher))
        });
        clashes.extend(equal.map(|first| Clash { first: *first, second }));
        earlier.push(second);
    }
    clashes
}

/// The same text for path patterns that are for the same paths.
fn like(path: &PathPattern) -> String {
    match path {
        PathPattern::Exact(path) => format!("={}", normal(path)),
        PathPattern::Prefix(path) => format!("<{}", normal(path).trim_end_matches('/')),
        PathPattern::Regex(expression) => format!("~{}", expression.as_str()),
    }
}

fn common_method(one: &Matcher, other: &Matcher) -> bool {
    match (&one.methods, &other.methods) {
        (None, None) => true,
        (Some(one), Some(other)) => one.iter().any(|method| other.contains(method)),
        (None, Some(_)) | (Some(_), None) => false,
    }
}
