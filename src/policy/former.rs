//! The folder that oauth2-proxy kept for itself on every host, answered in its place.

use super::path::PathPattern;

/// The folder of oauth2-proxy's own endpoints: `/oauth2`, or where its `proxy_prefix` moved it. All of it is the
/// gateway's while the switch is on: nothing below goes to an upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormerFolder(String);

impl FormerFolder {
    /// Where it is unless it was moved.
    pub const USUAL: &'static str = "/oauth2";

    /// A path from the slash, in normal form and without a slash at its end.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(written: &str) -> Result<Self, String> {
        PathPattern::check(written)?;
        if written.ends_with('/') {
            return Err("it ends with a slash".to_owned());
        }
        Ok(Self(written.to_owned()))
    }

    /// From the slash, without one at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the folder in a path: nothing, or something from the slash. `None` for a path elsewhere.
    #[must_use]
    pub fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&self.0)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_taken_by_whole_segments() {
        let folder = FormerFolder::parse("/oauth2").unwrap();
        assert_eq!(folder.below("/oauth2"), Some(""));
        assert_eq!(folder.below("/oauth2/auth"), Some("/auth"));
        assert_eq!(folder.below("/oauth2-x/auth"), None);
        assert_eq!(folder.below("/x/oauth2/auth"), None);
        for bad in ["", "/", "oauth2", "/a/", "/a/../b", "/a;b"] {
            assert!(FormerFolder::parse(bad).is_err(), "{bad:?}");
        }
    }
}
