//! Hosts and host patterns.

use std::sync::Arc;

/// A normal host: lower case, no trailing dot, no port; a DNS name, an IPv4 address or a bracketed IPv6 address.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Host(Arc<str>);

/// Which hosts a route is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum HostPattern {
    /// This host.
    Exact(Host),
    /// `*.suffix`: every host with at least one more label than the suffix.
    Suffix(Host),
    /// Every host.
    Any,
}

impl Host {
    /// Reads a host without its port (RFC 3986 section 3.2.2; letters, digits, `-` and `_` in labels).
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(written: &str) -> Result<Self, String> {
        let _ = written;
        todo!()
    }

    /// The host in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HostPattern {
    /// Reads `host`, `*.suffix` or `*`.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(written: &str) -> Result<Self, String> {
        let _ = written;
        todo!()
    }
}
