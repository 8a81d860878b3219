//! Who may pass.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::OneOrMany;
use crate::config::written::{
    Text,
    name::{ClaimName, EmailDomain, NameText},
};

/// Who may pass: a word, or a rule on who is signed in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Access {
    /// A word.
    Word(Word),
    /// A rule.
    Rule(Box<Rule>),
}

/// Who may pass, in a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Anyone; no session is looked up and no identity is sent.
    Open,
    /// Anyone; identity is sent if there is one.
    Recognised,
    /// Anyone who is signed in.
    SignedIn,
}

/// A rule on who is signed in: exactly one of these keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// At least one of these rules.
    #[schemars(length(min = 1))]
    pub any: Option<Vec<Self>>,
    /// All of these rules.
    #[schemars(length(min = 1))]
    pub all: Option<Vec<Self>>,
    /// The contrary of this rule.
    pub not: Option<Box<Self>>,
    /// One of these addresses, verified by the provider; upper and lower case are the same.
    pub email: Option<OneOrMany<String>>,
    /// A verified address at one of these domains, compared whole.
    pub email_domain: Option<OneOrMany<Text<EmailDomain>>>,
    /// A member of one of these groups, compared exactly.
    pub group: Option<OneOrMany<String>>,
    /// A claim.
    pub claim: Option<Claim>,
    /// Signed in at one of these providers.
    pub provider: Option<OneOrMany<Text<NameText>>>,
    /// A connection with a client certificate that a listener with `client_ca` verified. No session is needed where the
    /// certificate alone meets the whole rule, and nobody is sent to sign in where no sign-in could.
    pub client_certificate: Option<ClientCertificate>,
}

/// A client certificate: a word, or a test.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ClientCertificate {
    /// A word.
    Word(AnyCertificate),
    /// A test.
    Test(CertificateTest),
}

/// Which client certificate, in a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnyCertificate {
    /// Any that the listener's authorities signed.
    Any,
}

/// A test of a client certificate: exactly one of these keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateTest {
    /// Its subject is one of these, as `openssl x509 -noout -subject -nameopt RFC2253,-esc_msb` writes it (RFC 4514), compared
    /// exactly: `CN=till-1,O=Shop,C=DE`.
    pub subject_dn: Option<OneOrMany<String>>,
    /// One of these is among the DNS names in it, compared whole; `*` stands for itself.
    pub san_dns: Option<OneOrMany<String>>,
    /// One of these is among the email addresses in it; upper and lower case are the same.
    pub san_email: Option<OneOrMany<String>>,
    /// One of these is among the URIs in it, compared exactly: `spiffe://example.com/till`.
    pub san_uri: Option<OneOrMany<String>>,
}

/// A test of one claim: `path` and exactly one other key. A missing claim meets none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The claim's name, or a path such as `realm_access.roles`; a dot inside a name is written `\.`.
    #[schemars(required)]
    pub path: Option<Text<ClaimName>>,
    /// Equal to this value.
    pub equals: Option<Value>,
    /// A list with this member, or a text with this part.
    pub contains: Option<Value>,
    /// Equal to one of these values.
    #[schemars(length(min = 1))]
    pub one_of: Option<Vec<Value>>,
}
