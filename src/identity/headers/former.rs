//! The names by which applications behind oauth2-proxy know somebody.

use http::HeaderName;

use super::{HeaderRule, Source};

impl HeaderRule {
    /// What nginx handed to applications from the answers of oauth2-proxy, for sites that move from it.
    #[must_use]
    pub fn former() -> Vec<Self> {
        [
            ("x-auth-request-user", Source::Subject),
            ("x-auth-request-email", Source::Email),
            ("x-auth-request-groups", Source::Groups),
            ("x-auth-request-preferred-username", Source::PreferredUsername),
        ]
        .map(|(name, source)| Self {
            name: HeaderName::from_static(name),
            source,
        })
        .into()
    }

    /// Every other header by which applications behind oauth2-proxy know somebody: never taken from a client.
    pub const FORMER_TOKENS: [HeaderName; 2] = [
        HeaderName::from_static("x-forwarded-access-token"),
        HeaderName::from_static("x-auth-request-access-token"),
    ];
}
