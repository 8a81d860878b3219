//! Header edits for the upstream: first strip, then set; there is no third path.
//!
//! A value is sent only if every reader reads it the same: nothing with a control character (C0, C1, DEL), nothing empty and
//! nothing with white space at an end, which a receiver would trim into another value. Text beyond ASCII goes as UTF-8.
//! In a list joined by commas, an item with a comma is left out too, since it would read as two; the signed assertion
//! carries the whole list.

mod former;
mod near;
mod value;

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use http::{HeaderName, HeaderValue};

pub use near::Near;

use super::{ClaimPath, VerifiedIdentity};
use crate::{secret::Secret, time::UnixTime};

/// Where a header's value comes from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// The subject.
    Subject,
    /// The email address, if the provider says that it is the person's: an upstream takes this header for a name. An
    /// unverified one is in the assertion, marked so, or can be asked for as a claim.
    Email,
    /// The groups, joined by commas; a group with a comma in its name is left out.
    Groups,
    /// The preferred user name.
    PreferredUsername,
    /// Any claim: text, numbers and booleans as they are, lists of those joined by commas, objects as JSON.
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
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
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
    stripped: Stripped,
    nobodys: Arc<Bundle>,
}

/// Folded names, and what all that are stripped have in front.
#[derive(Clone, Debug)]
struct Stripped {
    near: Near,
    names: HashSet<Box<[u8]>>,
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

/// Every name that begins so is the gateway's own.
const OWN: &[u8] = b"x-doorward-";

impl HeaderRule {
    /// The headers of a route that does not name its own.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        [
            ("x-forwarded-user", Source::Subject),
            ("x-forwarded-email", Source::Email),
            ("x-forwarded-groups", Source::Groups),
            ("x-forwarded-preferred-username", Source::PreferredUsername),
        ]
        .map(|(name, source)| Self {
            name: HeaderName::from_static(name),
            source,
        })
        .into()
    }
}

impl HeaderPlan {
    /// A plan of `rules`, with the signed assertion or not, that also removes `remove`. Every header that any
    /// route of the installation sets (`reserved`), every rule's name, and the assertion are stripped from what a
    /// client sends, under every spelling that folds to the same name; and so is everything that begins `x-doorward-`.
    #[must_use]
    pub fn new(rules: Vec<HeaderRule>, assertion: bool, remove: &[HeaderName], reserved: &[HeaderName]) -> Self {
        let stripped = Stripped::new(rules.iter().map(|rule| &rule.name).chain(remove).chain(reserved));
        let mut plan = Self {
            rules,
            assertion,
            stripped,
            nobodys: Arc::default(),
        };
        plan.nobodys = Arc::new(plan.prepare(None, None));
        plan
    }

    /// Whether the route sends the signed assertion.
    #[must_use]
    pub const fn assertion(&self) -> bool {
        self.assertion
    }

    /// What is set, in order.
    #[must_use]
    pub fn rules(&self) -> &[HeaderRule] {
        &self.rules
    }

    /// The folded names that are removed from what a client sends, besides those that begin `x-doorward-`.
    #[must_use]
    pub fn stripped(&self) -> BTreeSet<String> {
        let names = self.stripped.names.iter();
        names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Whether a header that a client sent must go: its name folds (lower case, everything but letters and digits to
    /// `-`) to one of ours. Servers behind us fold `_` and `.` so, and some of them whatever else is not a letter.
    #[must_use]
    pub fn strips(&self, name: &HeaderName) -> bool {
        self.stripped.holds(name.as_str().as_bytes())
    }

    /// The headers to set where there is no identity: the same for everybody.
    #[must_use]
    pub const fn nobodys(&self) -> &Arc<Bundle> {
        &self.nobodys
    }

    /// The headers to set, for an identity or for nobody. A value that no header can carry is left out (UI-06).
    #[must_use]
    pub fn prepare(
        &self,
        who: Option<(&VerifiedIdentity, Tokens<'_>)>,
        assertion: Option<(HeaderValue, UnixTime)>,
    ) -> Bundle {
        let mut bundle = Bundle::default();
        for rule in &self.rules {
            if bundle.set.iter().all(|(name, _)| *name != rule.name)
                && let Some(value) = rule.source.value(who)
            {
                bundle.set.push((rule.name.clone(), value));
            }
        }
        if self.assertion
            && let Some((value, stale_at)) = assertion
        {
            bundle.set.retain(|(name, _)| *name != ASSERTION);
            bundle.set.push((ASSERTION, value));
            bundle.stale_at = Some(stale_at);
        }
        bundle
    }
}

impl Stripped {
    fn new<'a>(names: impl Iterator<Item = &'a HeaderName>) -> Self {
        let names: HashSet<Box<[u8]>> = names.map(|name| name.as_str().bytes().map(fold).collect()).collect();
        let near = names.iter().fold(Near::family(OWN), |near, name| near.and(name));
        Self { near, names }
    }

    fn holds(&self, name: &[u8]) -> bool {
        if !self.near.begins(name) {
            return false;
        }
        if name.iter().all(|byte| fold(*byte) == *byte) {
            return name.starts_with(OWN) || self.holds_folded(name);
        }
        let folded: Vec<u8> = name.iter().copied().map(fold).collect();
        folded.starts_with(OWN) || self.holds_folded(&folded)
    }

    fn holds_folded(&self, name: &[u8]) -> bool {
        self.near.as_long(name) && self.names.contains(name)
    }
}

/// A name as servers behind us may read it: lower case, everything but letters and digits is `-`. Two names that fold to the
/// same may be one there.
#[must_use]
pub fn folded(name: &HeaderName) -> Cow<'_, str> {
    let name = name.as_str();
    if name.bytes().all(|byte| fold(byte) == byte) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.bytes().map(|byte| char::from(fold(byte))).collect())
}

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

#[cfg(test)]
mod tests;
