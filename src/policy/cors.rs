//! Which pages of other origins may read the gateway's own answers on a route (Fetch standard, section 3.3).

use std::fmt;

use http::HeaderValue;

/// An origin as browsers write it in `Origin` (RFC 6454 section 6.2): `https://app.example.com`, with a port only where
/// it is not the scheme's own. Never `null`, never `*`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin(HeaderValue);

/// What pages of other origins may do on a route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cors {
    /// The pages that may read, with the person's cookies. Empty: none.
    pub allowed_origins: Vec<Origin>,
    /// What becomes of their preflights.
    pub preflight: Preflight,
}

/// What becomes of a preflight, which a browser sends without cookies before it sends a request that is not simple.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preflight {
    /// Judged like every request without a session.
    Judge,
    /// Forwarded without identity, so that the upstream answers it.
    Pass,
}

impl Origin {
    /// An origin of these parts, each in normal form already. The port is left out where it is the scheme's own.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn new(https: bool, host: &super::Host, port: u16) -> Result<Self, String> {
        let (scheme, usual) = if https { ("https", 443) } else { ("http", 80) };
        let text = if port == usual {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{port}")
        };
        HeaderValue::try_from(text)
            .map(Self)
            .map_err(|_| format!("{host} cannot stand in a header"))
    }

    /// As browsers send it.
    #[must_use]
    pub const fn as_header(&self) -> &HeaderValue {
        &self.0
    }
}

impl Cors {
    /// The allowed origin that a header's value names, compared byte by byte.
    #[must_use]
    pub fn allowing(&self, written: &HeaderValue) -> Option<&Origin> {
        self.allowed_origins.iter().find(|origin| origin.0 == *written)
    }
}

/// As an operator reads it.
impl fmt::Display for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins = self.allowed_origins.iter();
        let names: Vec<_> = origins
            .map(|one| one.as_header().to_str().unwrap_or_default())
            .collect();
        let preflights = match self.preflight {
            Preflight::Judge => "their preflights are judged like other requests",
            Preflight::Pass => "their preflights pass without a session",
        };
        write!(f, "{} may read refusals; {preflights}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Host;

    #[test]
    fn an_origin_has_no_port_of_its_scheme() {
        let host = Host::parse("app.test").unwrap();
        for (https, port, expected) in [
            (true, 443, "https://app.test"),
            (true, 8443, "https://app.test:8443"),
            (true, 80, "https://app.test:80"),
            (false, 80, "http://app.test"),
            (false, 5173, "http://app.test:5173"),
        ] {
            assert_eq!(Origin::new(https, &host, port).unwrap().as_header(), expected);
        }
    }
}
