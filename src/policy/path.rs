//! Path patterns.

use regex::Regex;

/// Which paths a route is for. Paths are compared as the normal bytes of [`crate::gate::Target`].
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// This path.
    Exact(String),
    /// This path and everything below it, by whole segments: `/app` is for `/app`, `/app/` and `/app/x`, not `/apple`.
    Prefix(String),
    /// The whole path matches the expression. The exception: tried after no exact path fits and before prefixes.
    Regex(Regex),
}

impl PathPattern {
    /// A prefix or exact path as written: starts with `/`, in the normal form of [`crate::gate::Target`].
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn check(written: &str) -> Result<(), String> {
        let _ = written;
        todo!()
    }
}
