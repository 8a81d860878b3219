//! Where the browser is sent to sign in: the authorization endpoint.

use std::collections::BTreeMap;

use url::Url;

use super::Settings;
use crate::{
    gate::Attempt,
    oidc::{Metadata, pkce},
    policy::{Prompt, SignInTerms},
};

/// Parameters that are the protocol's or that a verification hangs on: no operator's extra can stand for them.
const OURS: &[&str] = &[
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "acr_values",
    "max_age",
    "prompt",
    "request",
    "request_uri",
];

/// Whether a parameter of the authorization request is Doorward's own.
#[must_use]
pub fn is_own_parameter(name: &str) -> bool {
    OURS.contains(&name)
}

/// The authorization request (OpenID Connect Core 1.0 section 3.1.2.1): a code, with S256 always (AR-01, AR-02).
pub(super) fn authorization(
    settings: &Settings,
    metadata: &Metadata,
    attempt: &Attempt,
    state: &str,
    terms: &SignInTerms,
    switch_account: bool,
) -> Url {
    let scope = scope(settings, terms);
    let challenge = pkce::challenge(&attempt.verifier);
    let mut parameters: Vec<(&str, String)> = [
        ("response_type", "code"),
        ("client_id", &settings.client_id),
        ("redirect_uri", &attempt.redirect_uri),
        ("scope", &scope),
        ("state", state),
        ("nonce", &attempt.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec();
    if !attempt.acr_values.is_empty() {
        parameters.push(("acr_values", attempt.acr_values.join(" ")));
    }
    if let Some(max_age) = attempt.max_age {
        parameters.push(("max_age", max_age.to_string()));
    }
    if let Some(prompt) = prompt(metadata, terms, switch_account) {
        parameters.push(("prompt", prompt.to_owned()));
    }
    let extra = extra(settings, terms);
    parameters.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
    with_query(&metadata.authorization_endpoint, &parameters)
}

/// `openid`, the provider's scopes and the route's, each once.
fn scope(settings: &Settings, terms: &SignInTerms) -> String {
    let mut scopes = vec!["openid"];
    for scope in settings.scopes.iter().chain(&terms.scopes) {
        if !scopes.contains(&scope.as_str()) {
            scopes.push(scope);
        }
    }
    scopes.join(" ")
}

/// Somebody who switches accounts is asked which: by `select_account`, or by `login` at a provider that publishes its
/// prompts and does not have it.
fn prompt(metadata: &Metadata, terms: &SignInTerms, switch_account: bool) -> Option<&'static str> {
    let published = |name: &str| metadata.prompts.iter().any(|prompt| prompt == name);
    if switch_account {
        let only_login = !published("select_account") && published("login");
        return Some(if only_login { "login" } else { "select_account" });
    }
    terms.prompt.map(|prompt| match prompt {
        Prompt::Login => "login",
        Prompt::Consent => "consent",
        Prompt::SelectAccount => "select_account",
    })
}

/// The operator's parameters, the route's before the provider's.
fn extra<'a>(settings: &'a Settings, terms: &'a SignInTerms) -> BTreeMap<&'a str, &'a str> {
    settings
        .extra
        .iter()
        .chain(&terms.extra)
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !is_own_parameter(name))
        .collect()
}

/// The endpoint with these parameters, after those of its own query that have other names: none stands twice.
pub(super) fn with_query(endpoint: &Url, parameters: &[(&str, String)]) -> Url {
    let own: Vec<_> = endpoint
        .query_pairs()
        .filter(|(name, _)| !parameters.iter().any(|(ours, _)| ours == name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut url = endpoint.clone();
    url.query_pairs_mut().clear().extend_pairs(own).extend_pairs(parameters);
    url
}
