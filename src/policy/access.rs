//! Who may pass. Nothing, empty and failed never grant.

mod test;

pub use self::test::{CertificateTest, ClaimTest};

use std::fmt;

use crate::{
    identity::{ClaimPath, ClientCertificate, VerifiedIdentity},
    oidc::ProviderName,
};

/// A route's access, spelt by the operator: there is no default.
#[derive(Clone, PartialEq, Debug)]
pub enum Access {
    /// Anyone; no session is looked up, no identity is sent.
    Open,
    /// Anyone; identity is sent if there is one.
    Recognised,
    /// Anyone with a session.
    SignedIn,
    /// Anyone with a session whose identity meets the rule; and anyone whose client certificate alone meets it.
    Rule(Rule),
}

/// A condition on an identity, and on the client certificate of the connection.
#[derive(Clone, PartialEq, Debug)]
pub enum Rule {
    /// At least one of a non-empty list.
    Any(Vec<Self>),
    /// Every one of a non-empty list.
    All(Vec<Self>),
    /// The contrary.
    Not(Box<Self>),
    /// A verified address, compared without case.
    Email(Vec<String>),
    /// The domain of a verified address, whole, compared without case.
    EmailDomain(Vec<String>),
    /// Member of one of the groups, compared exactly.
    Group(Vec<String>),
    /// A claim at a path.
    Claim {
        /// Where.
        path: ClaimPath,
        /// The test.
        test: ClaimTest,
    },
    /// Signed in at one of these providers.
    Provider(Vec<ProviderName>),
    /// A connection with a client certificate that a listener verified.
    ClientCertificate(CertificateTest),
}

/// By what a rule is judged.
#[derive(Clone, Copy)]
struct Facts<'a> {
    /// The person; `None` while it is not known who that is.
    identity: Option<&'a VerifiedIdentity>,
    certificate: Option<&'a ClientCertificate>,
}

/// What was missing, in words for the person who was refused, when the operator allows saying it. Names what the rule
/// asks for, never what the person has; and never the addresses on a list, which are other people's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unmet(pub String);

impl Rule {
    /// Whether the identity meets the rule.
    ///
    /// A missing (or `null`) claim meets no test, so `not` of such a test holds: `not: {claim: suspended, equals: true}`
    /// lets in whoever is not said to be suspended. To ask for presence as well, write both in `all`. An address that is
    /// not verified counts as missing. An empty list decides nothing: it never grants, also not under `not`.
    ///
    /// # Errors
    /// What was missing.
    pub fn evaluate(&self, identity: &VerifiedIdentity, certificate: Option<&ClientCertificate>) -> Result<(), Unmet> {
        let facts = Facts {
            identity: Some(identity),
            certificate,
        };
        if self.holds(facts) == Some(true) {
            Ok(())
        } else {
            Err(Unmet(self.missing(facts)))
        }
    }

    /// [`Rule::evaluate`] without the words.
    #[must_use]
    pub fn holds_for(&self, identity: &VerifiedIdentity, certificate: Option<&ClientCertificate>) -> bool {
        let identity = Some(identity);
        self.holds(Facts { identity, certificate }) == Some(true)
    }

    /// What the certificate alone decides, whoever the person is: that the rule is met, that it cannot be, or nothing.
    ///
    /// A rule is met by a certificate only where it would not be without one. So `not` of a certificate lets nobody in who is
    /// not signed in: neither whoever shows none, nor whoever shows another.
    #[must_use]
    pub fn by_certificate(&self, certificate: Option<&ClientCertificate>) -> Option<bool> {
        let by = |certificate| {
            let identity = None;
            self.holds(Facts { identity, certificate })
        };
        by(certificate).filter(|met| !met || by(None) != Some(true))
    }

    /// The providers that the rule lets in by name.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderName> {
        match self {
            Self::Any(rules) | Self::All(rules) => rules.iter().flat_map(Self::providers).collect(),
            Self::Provider(providers) => providers.clone(),
            // What is below `not` is kept out.
            Self::Not(_)
            | Self::Email(_)
            | Self::EmailDomain(_)
            | Self::Group(_)
            | Self::Claim { .. }
            | Self::ClientCertificate(_) => Vec::new(),
        }
    }

    /// In Kleene's logic: `None` where an empty list leaves it open, or where it depends on a person who is not known.
    fn holds(&self, facts: Facts<'_>) -> Option<bool> {
        match self {
            Self::Any(rules) => decided(rules, facts, true),
            Self::All(rules) => decided(rules, facts, false),
            Self::Not(rule) => rule.holds(facts).map(|holds| !holds),
            Self::ClientCertificate(test) => test.holds(facts.certificate),
            Self::Email(_) | Self::EmailDomain(_) | Self::Group(_) | Self::Claim { .. } | Self::Provider(_) => {
                self.holds_of(facts.identity?)
            }
        }
    }

    /// One test of a person.
    fn holds_of(&self, identity: &VerifiedIdentity) -> Option<bool> {
        match self {
            Self::Email(addresses) => one_of(addresses, |address| {
                verified_email(identity).is_some_and(|email| email.eq_ignore_ascii_case(address))
            }),
            Self::EmailDomain(domains) => {
                let domain = verified_email(identity).and_then(domain);
                one_of(domains, |wanted| {
                    domain.is_some_and(|domain| domain.eq_ignore_ascii_case(wanted))
                })
            }
            Self::Group(groups) => one_of(groups, |group| identity.groups().contains(group)),
            Self::Claim { path, test } => test.holds(path.find(identity.claims())),
            Self::Provider(providers) => one_of(providers, |provider| provider == identity.provider()),
            Self::Any(_) | Self::All(_) | Self::Not(_) | Self::ClientCertificate(_) => None,
        }
    }

    const fn has_parts(&self) -> bool {
        match self {
            Self::Any(_) | Self::All(_) | Self::Not(_) => true,
            Self::Email(_)
            | Self::EmailDomain(_)
            | Self::Group(_)
            | Self::Claim { .. }
            | Self::Provider(_)
            | Self::ClientCertificate(_) => false,
        }
    }

    /// What an unmet rule asks for, without the parts of an `all` that are met.
    fn missing(&self, facts: Facts<'_>) -> String {
        match self {
            Self::All(rules) => {
                let unmet = rules.iter().filter(|rule| rule.holds(facts) != Some(true));
                joined(unmet.map(|rule| (rule, rule.missing(facts))), "; and ")
            }
            Self::Any(rules) => joined(rules.iter().map(|rule| (rule, rule.missing(facts))), "; or "),
            Self::Not(_)
            | Self::Email(_)
            | Self::EmailDomain(_)
            | Self::Group(_)
            | Self::Claim { .. }
            | Self::Provider(_)
            | Self::ClientCertificate(_) => self.to_string(),
        }
    }
}

/// As an operator reads it.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open: anyone, and no session is looked up"),
            Self::Recognised => f.write_str("recognised: anyone, with identity if there is one"),
            Self::SignedIn => f.write_str("signed_in: anyone with a session"),
            Self::Rule(rule) => write!(f, "rule: {rule}"),
        }
    }
}

/// The rule as a person would say it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(rules) => f.write_str(&joined(rules.iter().map(|rule| (rule, rule.to_string())), "; or ")),
            Self::All(rules) => f.write_str(&joined(rules.iter().map(|rule| (rule, rule.to_string())), "; and ")),
            Self::Not(rule) if rule.has_parts() => write!(f, "not ({rule})"),
            Self::Not(rule) => write!(f, "not {rule}"),
            Self::Email(_) => f.write_str("a verified email address on the list of this route"),
            Self::EmailDomain(domains) => {
                write!(f, "a verified email address at {}", quoted(domains))
            }
            Self::Group(groups) => write!(f, "member of group {}", quoted(groups)),
            Self::Claim { path, test } => write!(f, "claim \"{path}\" {test}"),
            Self::Provider(names) => {
                let names: Vec<&str> = names.iter().map(ProviderName::as_str).collect();
                write!(f, "signed in with {}", quoted(&names))
            }
            Self::ClientCertificate(test) => write!(f, "a client certificate{test}"),
        }
    }
}

/// `any` is settled by one that holds, `all` by one that does not; else by all being decided.
fn decided(rules: &[Rule], facts: Facts<'_>, settles: bool) -> Option<bool> {
    let mut open = rules.is_empty();
    for rule in rules {
        match rule.holds(facts) {
            Some(holds) if holds == settles => return Some(settles),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!settles)
}

fn one_of<T>(list: &[T], test: impl FnMut(&T) -> bool) -> Option<bool> {
    (!list.is_empty()).then(|| list.iter().any(test))
}

fn verified_email(identity: &VerifiedIdentity) -> Option<&str> {
    identity.email().filter(|_| identity.email_verified())
}

/// What follows the one `@` (ID-19).
fn domain(email: &str) -> Option<&str> {
    email
        .split_once('@')
        .map(|(_, domain)| domain)
        .filter(|domain| !domain.is_empty() && !domain.contains('@'))
}

/// `"a" or "b"`.
fn quoted<T: fmt::Debug>(names: &[T]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    names.join(" or ")
}

/// The parts of a rule in words. One among several that has parts itself stands in brackets: `a; or b; and c` can be read in
/// two ways.
fn joined<'a>(parts: impl Iterator<Item = (&'a Rule, String)>, between: &str) -> String {
    let parts: Vec<_> = parts.collect();
    let alone = parts.len() == 1;
    let words: Vec<String> = parts
        .into_iter()
        .map(|(rule, words)| {
            if !alone && rule.has_parts() && words.contains("; ") {
                format!("({words})")
            } else {
                words
            }
        })
        .collect();
    if words.is_empty() {
        "a condition that nobody can meet (an empty list)".to_owned()
    } else {
        words.join(between)
    }
}

#[cfg(test)]
mod tests;
