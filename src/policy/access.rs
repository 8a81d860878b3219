//! Who may pass. Nothing, empty and failed never grant.

use std::fmt;

use serde_json::Value;

use crate::{
    identity::{ClaimPath, VerifiedIdentity},
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
    /// Anyone with a session whose identity meets the rule.
    Rule(Rule),
}

/// A condition on an identity.
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
}

/// A test of one claim. A missing claim meets none.
#[derive(Clone, PartialEq, Debug)]
pub enum ClaimTest {
    /// Equal to the value.
    Equals(Value),
    /// A list that has the value as a member, or a string that has it as a part.
    Contains(Value),
    /// Equal to one of the values.
    OneOf(Vec<Value>),
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
    pub fn evaluate(&self, identity: &VerifiedIdentity) -> Result<(), Unmet> {
        if self.holds_for(identity) {
            Ok(())
        } else {
            Err(Unmet(self.missing(identity)))
        }
    }

    /// [`Rule::evaluate`] without the words.
    #[must_use]
    pub fn holds_for(&self, identity: &VerifiedIdentity) -> bool {
        self.holds(identity) == Some(true)
    }

    /// The providers that the rule lets in by name.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderName> {
        match self {
            Self::Any(rules) | Self::All(rules) => rules.iter().flat_map(Self::providers).collect(),
            Self::Provider(providers) => providers.clone(),
            // What is below `not` is kept out.
            Self::Not(_) | Self::Email(_) | Self::EmailDomain(_) | Self::Group(_) | Self::Claim { .. } => Vec::new(),
        }
    }

    /// In Kleene's logic: `None` where an empty list leaves it open.
    fn holds(&self, identity: &VerifiedIdentity) -> Option<bool> {
        match self {
            Self::Any(rules) => decided(rules, identity, true),
            Self::All(rules) => decided(rules, identity, false),
            Self::Not(rule) => rule.holds(identity).map(|holds| !holds),
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
        }
    }

    /// What an unmet rule asks for, without the parts of an `all` that are met.
    fn missing(&self, identity: &VerifiedIdentity) -> String {
        match self {
            Self::All(rules) => {
                let unmet = rules.iter().filter(|rule| rule.holds(identity) != Some(true));
                joined(unmet.map(|rule| rule.missing(identity)), "; and ")
            }
            Self::Any(rules) => joined(rules.iter().map(|rule| rule.missing(identity)), "; or "),
            Self::Not(_)
            | Self::Email(_)
            | Self::EmailDomain(_)
            | Self::Group(_)
            | Self::Claim { .. }
            | Self::Provider(_) => self.to_string(),
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
            Self::Any(rules) => f.write_str(&joined(rules.iter().map(Self::to_string), "; or ")),
            Self::All(rules) => f.write_str(&joined(rules.iter().map(Self::to_string), "; and ")),
            Self::Not(rule) => match **rule {
                Self::Any(_) | Self::All(_) | Self::Not(_) => write!(f, "not ({rule})"),
                Self::Email(_) | Self::EmailDomain(_) | Self::Group(_) | Self::Claim { .. } | Self::Provider(_) => {
                    write!(f, "not {rule}")
                }
            },
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
        }
    }
}

impl ClaimTest {
    fn holds(&self, claim: Option<&Value>) -> Option<bool> {
        let claim = claim.filter(|claim| !claim.is_null());
        match self {
            Self::Equals(value) => Some(claim == Some(value)),
            Self::Contains(value) => Some(claim.is_some_and(|claim| contains(claim, value))),
            Self::OneOf(values) => one_of(values, |value| claim == Some(value)),
        }
    }
}

impl fmt::Display for ClaimTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(value) => write!(f, "equal to {value}"),
            Self::Contains(value) => write!(f, "containing {value}"),
            Self::OneOf(values) => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                write!(f, "equal to {}", values.join(" or "))
            }
        }
    }
}

/// `any` is settled by one that holds, `all` by one that does not; else by all being decided.
fn decided(rules: &[Rule], identity: &VerifiedIdentity, settles: bool) -> Option<bool> {
    let mut open = rules.is_empty();
    for rule in rules {
        match rule.holds(identity) {
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

fn contains(claim: &Value, value: &Value) -> bool {
    match (claim, value) {
        (Value::Array(members), value) => members.contains(value),
        (Value::String(whole), Value::String(part)) => !part.is_empty() && whole.contains(part.as_str()),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_), _) => false,
    }
}

/// `"a" or "b"`.
fn quoted<T: fmt::Debug>(names: &[T]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    names.join(" or ")
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        "a condition that nobody can meet (an empty list)".to_owned()
    } else {
        parts.join(between)
    }
}

#[cfg(test)]
mod tests;
