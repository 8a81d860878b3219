//! Where to go after sign-in: always on the same host.

use super::Target;

/// An origin-form reference on the same host: path and query. Made only here, so no redirect leaves the host.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnTo(String);

impl ReturnTo {
    /// The site's root.
    #[must_use]
    pub fn home() -> Self {
        Self("/".to_owned())
    }

    /// The target asked for, kept exactly.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        let _ = target;
        todo!()
    }

    /// Reads a `return_to` parameter: `None` for anything but a normal path and query on this host, and for the
    /// gateway's own endpoints (except whoami).
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        let _ = written;
        todo!()
    }

    /// For a `Location` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReturnTo {
    type Error = &'static str;

    fn try_from(written: String) -> Result<Self, Self::Error> {
        Self::parse(&written).ok_or("not a path on this host")
    }
}

impl From<ReturnTo> for String {
    fn from(value: ReturnTo) -> Self {
        value.0
    }
}
