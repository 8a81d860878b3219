//! The routes that a session was used on, so that an administrator finds who used an application.

use serde::{Deserialize, Serialize};

/// Names of routes, in the order of their first use. What is noted is as good as can be: of a replica of an older version
/// that writes the session it is lost, and comes back with the next use.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Routes(Vec<String>);

/// Most names in a list. A session that has so many counts as used everywhere.
const MOST: usize = 64;

impl Routes {
    /// None yet.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the session may have been used on the route.
    #[must_use]
    pub fn may_have(&self, route: &str) -> bool {
        self.0.len() >= MOST || self.0.iter().any(|known| known == route)
    }

    /// With the routes of another list too.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        others.0.iter().fold(self.clone(), |all, route| all.with(route))
    }

    /// With this route too.
    #[must_use]
    pub fn with(&self, route: &str) -> Self {
        let mut routes = self.clone();
        if !routes.may_have(route) {
            routes.0.push(route.to_owned());
        }
        routes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_noted_once() {
        let routes = Routes::none().with("wiki").with("mail").with("wiki");
        assert_eq!(serde_json::to_string(&routes).unwrap(), r#"["wiki","mail"]"#);
        assert!(routes.may_have("mail") && !routes.may_have("pay"));
        assert!(!routes.is_empty() && Routes::none().is_empty());
    }

    #[test]
    fn a_list_is_bounded_and_whoever_fills_it_is_found_everywhere() {
        let almost = (1..MOST).fold(Routes::none(), |routes, n| routes.with(&n.to_string()));
        assert!(!almost.may_have("another"));
        let full = almost.with("0");
        assert!(full.may_have("another"));
        assert_eq!(full.with("another"), full);
    }
}
