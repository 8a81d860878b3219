//! Values of headers: only what every reader reads the same.

use http::HeaderValue;

use super::{Source, Tokens};
use crate::identity::{Claim, VerifiedIdentity};

impl Source {
    /// The value for an identity, or for nobody; none that a header cannot carry.
    pub(super) fn value(&self, who: Option<(&VerifiedIdentity, Tokens<'_>)>) -> Option<HeaderValue> {
        if let Self::Static(value) = self {
            return Some(value.clone());
        }
        let (identity, tokens) = who?;
        match self {
            Self::Static(value) => Some(value.clone()),
            Self::Subject => carried(identity.subject()),
            Self::Email => carried(identity.email().filter(|_| identity.email_verified())?),
            Self::Groups => listed(identity.groups().iter().map(String::as_str)),
            Self::PreferredUsername => carried(identity.preferred_username()?),
            Self::Claim(path) => claim(path.find(identity.claims())?),
            Self::AccessToken => secret(tokens.access_token.expose()),
            Self::BearerAccessToken => secret(&format!("Bearer {}", tokens.access_token.expose())),
            Self::IdToken => secret(tokens.id_token.expose()),
        }
    }
}

fn carried(text: &str) -> Option<HeaderValue> {
    let plain = !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control);
    if !plain {
        return None;
    }
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

fn listed<'a>(items: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let items: Vec<&str> = items
        .filter(|item| !item.contains(',') && carried(item).is_some())
        .collect();
    carried(&items.join(","))
}

pub(super) fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = carried(text)?;
    value.set_sensitive(true);
    Some(value)
}

fn claim(claim: &Claim) -> Option<HeaderValue> {
    match claim {
        Claim::List(items) => {
            let items: Vec<String> = items.iter().filter_map(scalar).collect();
            listed(items.iter().map(String::as_str))
        }
        Claim::Object(_) => carried(&claim.to_string()),
        Claim::Null | Claim::Bool(_) | Claim::Number(_) | Claim::Text(_) => carried(&scalar(claim)?),
    }
}

fn scalar(claim: &Claim) -> Option<String> {
    match claim {
        Claim::Text(text) => Some(text.to_string()),
        Claim::Number(number) => Some(number.to_string()),
        Claim::Bool(truth) => Some(truth.to_string()),
        Claim::Null | Claim::List(_) | Claim::Object(_) => None,
    }
}
