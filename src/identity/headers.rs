//! Header edits for the upstream: first strip, then set; there is no third path.

use http::{HeaderName, HeaderValue};

use super::{ClaimPath, VerifiedIdentity};
use crate::{secret::Secret, time::UnixTime};

/// Where a header's value comes from.
#[derive(Clone, PartialEq, Debug)]
pub enum Source {
    /// The subject.
    Subject,
    /// The email address.
    Email,
    /// The groups, joined by commas.
    Groups,
    /// The preferred user name.
    PreferredUsername,
    /// Any claim; lists joined by commas, objects as JSON.
    Claim(ClaimPath),
    /// The same text for everybody, also without identity.
    Static(HeaderValue),
    /// The access token, bare.
    AccessToken,
    /// `Bearer ` and the access token.
    BearerAccessToken,
    /// The ID token.
    IdToken,
}

/// One header to the upstream.
#[derive(Clone, PartialEq, Debug)]
pub struct HeaderRule {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub source: Source,
}

/// All header edits of a route, prepared from the configuration.
#[derive(Clone, Debug)]
pub struct HeaderPlan {
    rules: Vec<HeaderRule>,
    assertion: bool,
    stripped: Vec<String>,
}

/// The headers to set for one session on one route, prepared once and reused.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// In order; each name at most once.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// When to prepare anew: half the life of the assertion in it, if there is one.
    pub stale_at: Option<UnixTime>,
}

/// The tokens a route may pass through.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    /// The access token.
    pub access_token: &'a Secret<String>,
    /// The ID token.
    pub id_token: &'a Secret<String>,
}

/// The header with the signed assertion.
pub const ASSERTION: HeaderName = HeaderName::from_static("x-doorward-assertion");

impl HeaderPlan {
    /// A plan of `rules`, with the signed assertion or not, that also removes `remove`. Every header that any
    /// route of the installation sets (`reserved`), every rule's name, and the assertion are stripped from what a
    /// client sends, under every spelling that folds to the same name.
    #[must_use]
    pub fn new(
        rules: Vec<HeaderRule>,
        assertion: bool,
        remove: &[HeaderName],
        reserved: &[HeaderName],
    ) -> Self {
        let _ = (&rules, assertion, remove, reserved);
        todo!()
    }

    /// Whether the route sends the signed assertion.
    #[must_use]
    pub const fn assertion(&self) -> bool {
        self.assertion
    }

    /// Whether a header that a client sent must go: its name folds (lower case, `_` and `.` to `-`) to one of ours.
    #[must_use]
    pub fn strips(&self, name: &HeaderName) -> bool {
        let _ = name;
        todo!()
    }

    /// The headers to set, for an identity or for nobody. A value that no header can carry is left out (UI-06).
    #[must_use]
    pub fn prepare(
        &self,
        who: Option<(&VerifiedIdentity, Tokens<'_>)>,
        assertion: Option<(HeaderValue, UnixTime)>,
    ) -> Bundle {
        let _ = (who, assertion, &self.rules, &self.stripped);
        todo!()
    }
}
