//! [`VerifiedIdentity`]: made of verified tokens only.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Claim, ClaimNames, ClaimPath, ClaimsSet};
use crate::{
    oidc::{Claims, Issuer, ProviderName, UserInfo, VerifiedIdToken},
    time::UnixTime,
};

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
    groups: Box<[String]>,
    name: Option<String>,
    preferred_username: Option<String>,
    acr: Option<String>,
    amr: Box<[String]>,
    auth_time: Option<UnixTime>,
    sid: Option<String>,
    claims: ClaimsSet,
}

impl VerifiedIdentity {
    /// Joins the ID token's claims with userinfo's (the ID token wins) and reads the fields by `names`.
    ///
    /// `email_verified` is true only for the JSON boolean, beside the very address that it is about; an address without
    /// exactly one `@`, or with white space or control characters, is dropped (ID-19). What says how the person signed
    /// in (`acr`, `amr`, `auth_time`, `sid`) is read from the signed ID token only.
    #[must_use]
    pub fn new(
        provider: &ProviderName,
        issuer: &Issuer,
        id_token: &VerifiedIdToken,
        userinfo: Option<&UserInfo>,
        names: &ClaimNames,
    ) -> Self {
        Self::of(
            provider,
            issuer,
            (id_token.subject(), id_token.claims()),
            userinfo.map(UserInfo::claims),
            names,
        )
    }

    /// Whoever would have these claims, which nothing proves: for explaining what a configuration would decide, and never
    /// for a session or a request.
    #[must_use]
    pub fn hypothetical(provider: &ProviderName, issuer: &Issuer, claims: &Claims, names: &ClaimNames) -> Self {
        let subject = claims.get("sub").and_then(Value::as_str);
        Self::of(provider, issuer, (subject.unwrap_or_default(), claims), None, names)
    }

    fn of(
        provider: &ProviderName,
        issuer: &Issuer,
        (subject, signed): (&str, &Claims),
        told: Option<&Claims>,
        names: &ClaimNames,
    ) -> Self {
        let signed = ClaimsSet::from(signed.clone());
        let claims = match told {
            Some(told) => merged(&signed, &told.clone().into()),
            None => signed.clone(),
        };
        let text = |path: &ClaimPath| path.find(&claims).and_then(Claim::as_str).map(str::to_owned);
        let signed_text = |name: &str| signed.get(name).and_then(Claim::as_str).map(str::to_owned);
        let email = text(&names.email).filter(|email| one_address(email));
        Self {
            provider: provider.clone(),
            issuer: issuer.clone(),
            subject: subject.to_owned(),
            email_verified: email.is_some() && is_verified(&claims) && address_in(&claims) == email.as_deref(),
            email,
            groups: texts(names.groups.find(&claims)),
            name: text(&names.name),
            preferred_username: text(&names.preferred_username),
            acr: signed_text("acr"),
            amr: texts(signed.get("amr")),
            auth_time: signed.get("auth_time").and_then(moment),
            sid: signed_text("sid"),
            claims,
        }
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
    pub const fn claims(&self) -> &ClaimsSet {
        &self.claims
    }
}

const EMAIL_VERIFIED: &str = "email_verified";

/// The ID token's claims and those of userinfo that it lacks. `email_verified` counts only from a source with the address
/// that was chosen: one document's word about its own address says nothing about another's.
fn merged(signed: &ClaimsSet, told: &ClaimsSet) -> ClaimsSet {
    let claims = signed.or(told);
    let chosen = address_in(&claims);
    let vouches = |source: &ClaimsSet| address_in(source) == chosen && is_verified(source);
    let verified = chosen.is_some() && (vouches(signed) || vouches(told));
    if verified == is_verified(&claims) {
        return claims;
    }
    ClaimsSet::one(EMAIL_VERIFIED, Claim::Bool(verified)).or(&claims)
}

/// The address that `email_verified` is about, wherever the person's is taken from (OpenID Connect Core 1.0 section 5.1).
fn address_in(claims: &ClaimsSet) -> Option<&str> {
    claims.get("email").and_then(Claim::as_str)
}

fn is_verified(claims: &ClaimsSet) -> bool {
    claims.get(EMAIL_VERIFIED) == Some(&Claim::Bool(true))
}

fn one_address(email: &str) -> bool {
    let parts = email.split_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
        && !email.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// A string, or the strings of a list; nothing empty.
fn texts(value: Option<&Claim>) -> Box<[String]> {
    let several = match value {
        Some(Claim::Text(one)) => vec![one.to_string()],
        Some(Claim::List(many)) => many.iter().filter_map(Claim::as_str).map(str::to_owned).collect(),
        Some(Claim::Null | Claim::Bool(_) | Claim::Number(_) | Claim::Object(_)) | None => vec![],
    };
    several.into_iter().filter(|text| !text.is_empty()).collect()
}

fn moment(claim: &Claim) -> Option<UnixTime> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction of a second is cut, and a number out of range saturates"
    )]
    let floored = |secs: f64| secs as i64;
    let Claim::Number(number) = claim else {
        return None;
    };
    let secs = number.as_i64().or_else(|| number.as_f64().map(floored))?;
    Some(UnixTime::from_secs(secs))
}

#[cfg(test)]
mod tests;
