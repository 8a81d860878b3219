//! [`VerifiedIdentity`]: made of verified tokens only.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    oidc::{Claims, Issuer, ProviderName, UserInfo, VerifiedIdToken},
    time::UnixTime,
};

/// A path to a claim: member names from the top, written `realm_access.roles`; a dot inside a name is written `\.`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ClaimPath(Vec<String>);

/// Which claims a provider uses for the fields of an identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimNames {
    /// Default `email`.
    pub email: ClaimPath,
    /// Default `groups`; a string or a list of strings.
    pub groups: ClaimPath,
    /// Default `name`.
    pub name: ClaimPath,
    /// Default `preferred_username`.
    pub preferred_username: ClaimPath,
}

/// A person or program proved by a provider: the pair of issuer and subject, and what the provider says of it.
///
/// Made only of a [`VerifiedIdToken`] (and read back from a sealed session).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct VerifiedIdentity {
    provider: ProviderName,
    issuer: Issuer,
    subject: String,
    email: Option<String>,
    email_verified: bool,
    groups: Vec<String>,
    name: Option<String>,
    preferred_username: Option<String>,
    acr: Option<String>,
    amr: Vec<String>,
    auth_time: Option<UnixTime>,
    sid: Option<String>,
    claims: Claims,
}

impl ClaimPath {
    /// Reads a written path.
    ///
    /// # Errors
    /// A sentence for the operator, when a name is empty.
    pub fn parse(written: &str) -> Result<Self, String> {
        let _ = written;
        todo!()
    }

    /// The value at this path.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Claims) -> Option<&'a Value> {
        let _ = claims;
        todo!()
    }
}

impl VerifiedIdentity {
    /// Joins the ID token's claims with userinfo's (the ID token wins) and reads the fields by `names`.
    /// `email_verified` is true only for the JSON boolean; an address with more than one `@` is dropped (ID-19).
    #[must_use]
    pub fn new(
        provider: &ProviderName,
        issuer: &Issuer,
        id_token: &VerifiedIdToken,
        userinfo: Option<&UserInfo>,
        names: &ClaimNames,
    ) -> Self {
        let _ = (provider, issuer, id_token, userinfo, names);
        todo!()
    }

    /// The operator's name of the provider.
    #[must_use]
    pub const fn provider(&self) -> &ProviderName {
        &self.provider
    }

    /// The issuer.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The subject, unique at the issuer.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The email address, verified or not.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Whether the provider says that the address is the person's.
    #[must_use]
    pub const fn email_verified(&self) -> bool {
        self.email_verified
    }

    /// The groups, possibly none.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The full name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The short name.
    #[must_use]
    pub fn preferred_username(&self) -> Option<&str> {
        self.preferred_username.as_deref()
    }

    /// The authentication context class.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.acr.as_deref()
    }

    /// The authentication methods.
    #[must_use]
    pub fn amr(&self) -> &[String] {
        &self.amr
    }

    /// When the person last proved themselves to the provider.
    #[must_use]
    pub const fn auth_time(&self) -> Option<UnixTime> {
        self.auth_time
    }

    /// The provider's session identifier.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// Every claim.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }
}
