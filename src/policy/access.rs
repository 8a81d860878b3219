//! Who may pass. Nothing, empty and failed never grant.

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

/// What was missing, in words for the person who was refused, when the operator allows saying it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unmet(pub String);

impl Rule {
    /// Whether the identity meets the rule.
    ///
    /// # Errors
    /// What was missing.
    pub fn evaluate(&self, identity: &VerifiedIdentity) -> Result<(), Unmet> {
        let _ = identity;
        todo!()
    }
}
