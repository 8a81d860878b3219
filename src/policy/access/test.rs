//! The tests of which rules are made.

use std::fmt;

use super::{one_of, quoted};
use crate::identity::{Claim, ClientCertificate};

/// A test of one claim. A missing claim meets none.
#[derive(Clone, PartialEq, Debug)]
pub enum ClaimTest {
    /// Equal to the value.
    Equals(Claim),
    /// A list that has the value as a member, or a string that has it as a part.
    Contains(Claim),
    /// Equal to one of the values.
    OneOf(Vec<Claim>),
}

/// A test of a client certificate. Where there is none, it meets none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CertificateTest {
    /// Any that a listener verified.
    Any,
    /// Its subject is one of these, written as RFC 4514 says and compared exactly.
    Subject(Vec<String>),
    /// One of these is among its DNS names, compared whole and without case: `*` stands for itself.
    Dns(Vec<String>),
    /// One of these is among its email addresses, compared without case.
    Email(Vec<String>),
    /// One of these is among its URIs, compared exactly.
    Uri(Vec<String>),
}

impl ClaimTest {
    pub(super) fn holds(&self, claim: Option<&Claim>) -> Option<bool> {
        let claim = claim.filter(|claim| **claim != Claim::Null);
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
                let values: Vec<String> = values.iter().map(Claim::to_string).collect();
                write!(f, "equal to {}", values.join(" or "))
            }
        }
    }
}

impl CertificateTest {
    pub(super) fn holds(&self, certificate: Option<&ClientCertificate>) -> Option<bool> {
        let any = |names: &[String], is: &dyn Fn(&ClientCertificate, &str) -> bool| {
            one_of(names, |name| certificate.is_some_and(|shown| is(shown, name)))
        };
        let without_case = |said: &[String], name: &str| said.iter().any(|one| one.eq_ignore_ascii_case(name));
        match self {
            Self::Any => Some(certificate.is_some()),
            Self::Subject(names) => any(names, &|shown, name| shown.subject() == name),
            Self::Dns(names) => any(names, &|shown, name| without_case(shown.dns(), name)),
            Self::Email(names) => any(names, &|shown, name| without_case(shown.emails(), name)),
            Self::Uri(names) => any(names, &|shown, name| shown.uris().iter().any(|one| one == name)),
        }
    }
}

/// What follows «a client certificate». Never the addresses on a list, which are other people's.
impl fmt::Display for CertificateTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Subject(names) => write!(f, " of {}", quoted(names)),
            Self::Dns(names) => write!(f, " for the host {}", quoted(names)),
            Self::Email(_) => f.write_str(" for an email address on the list of this route"),
            Self::Uri(names) => write!(f, " for {}", quoted(names)),
        }
    }
}

fn contains(claim: &Claim, value: &Claim) -> bool {
    match (claim, value) {
        (Claim::List(members), value) => members.contains(value),
        (Claim::Text(whole), Claim::Text(part)) => !part.is_empty() && whole.contains(&**part),
        (Claim::Null | Claim::Bool(_) | Claim::Number(_) | Claim::Text(_) | Claim::Object(_), _) => false,
    }
}
