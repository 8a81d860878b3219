//! Path patterns, and the normal form that they and requests have.

mod normal;

use std::fmt;

use regex::Regex;

pub use self::normal::{NormalPath, PathFault, normalise, other_reading};

/// Which paths a route is for. Paths are compared as the normal bytes of [`normalise`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PathPattern {
    /// This path.
    Exact(String),
    /// This path and everything below it, by whole segments: `/app` is for `/app`, `/app/` and `/app/x`, not `/apple`.
    /// `/app/` is the same prefix; `/` is for every path.
    Prefix(String),
    /// The whole path matches the expression. The exception: tried after no exact path fits and before prefixes.
    Regex(PathRegex),
}

/// An expression that fits a whole path or does not fit.
#[derive(Clone, Debug)]
pub struct PathRegex {
    written: String,
    anchored: Regex,
}

impl PathPattern {
    /// An exact path.
    ///
    /// # Errors
    /// As [`PathPattern::check`].
    pub fn exact(written: &str) -> Result<Self, String> {
        Self::check(written)?;
        Ok(Self::Exact(normal(written)))
    }

    /// A prefix by whole segments.
    ///
    /// # Errors
    /// As [`PathPattern::check`].
    pub fn prefix(written: &str) -> Result<Self, String> {
        Self::check(written)?;
        Ok(Self::Prefix(normal(written)))
    }

    /// An expression for whole paths, in the syntax of the `regex` crate. Escapes in paths have upper-case digits.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn regex(written: &str) -> Result<Self, String> {
        PathRegex::parse(written).map(Self::Regex)
    }

    /// A prefix or exact path as written: starts with `/`, in normal form, each character written plainly where it can
    /// be, and without `;` parameters.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn check(written: &str) -> Result<(), String> {
        let normal = normalise(written.as_bytes()).map_err(|fault| format!("{written:?}: {fault}"))?;
        if normal.path.contains(';') {
            return Err(format!("{written:?}: write the path without `;` parameters"));
        }
        // `%2F` is the exception: as `/` it would be another path.
        if let Some(plain) = other_reading(&normal.path.replace("%2F", "")) {
            return Err(format!(
                "{written:?}: write `%` escapes as the characters themselves ({plain:?})"
            ));
        }
        Ok(())
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => f.write_str(path),
            Self::Prefix(path) => write!(f, "{}/*", path.trim_end_matches('/')),
            Self::Regex(expression) => write!(f, "~{}", expression.as_str()),
        }
    }
}

impl PathRegex {
    /// Reads an expression and ties it to both ends of the path.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(written: &str) -> Result<Self, String> {
        // Alone first: `a)|(?:b` would come out of the group below.
        let alone = Regex::new(written).map_err(|error| error.to_string())?;
        let anchored = Regex::new(&format!(r"\A(?:{})\z", alone.as_str())).map_err(|error| error.to_string())?;
        Ok(Self {
            written: written.to_owned(),
            anchored,
        })
    }

    /// Whether the whole path fits.
    #[must_use]
    pub fn fits(&self, path: &str) -> bool {
        self.anchored.is_match(path)
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl PartialEq for PathRegex {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for PathRegex {}

/// A configured path in the form that requests have; one without such a form becomes a path that no request has.
pub(super) fn normal(written: &str) -> String {
    normalise(written.as_bytes()).map_or_else(|_| format!("/\0{written}"), |normal| normal.path)
}

#[cfg(test)]
mod tests;
