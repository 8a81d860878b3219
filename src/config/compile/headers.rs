//! Request headers to the upstream.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue};

use super::{
    Desk,
    names::{is_forbidden, is_forwarding},
};
use crate::{
    config::{
        Path, raw,
        written::{
            Written as _,
            name::{HeaderText, HeaderTitle},
        },
    },
    identity::headers::{ASSERTION, HeaderRule, Source, folded},
};

/// What a route or all routes say of request headers.
pub(super) struct Said {
    rules: Vec<HeaderRule>,
    remove: Vec<HeaderName>,
    identity: Option<bool>,
}

impl Said {
    /// The rules of a route: its own, then those of all routes about other headers, then the identity's.
    /// `former`: whether the site stands in for oauth2-proxy, whose names the identity has as well then.
    pub(super) fn joined(&self, common: &Self, former: bool) -> (Vec<HeaderRule>, Vec<HeaderName>) {
        let mut rules = self.rules.clone();
        let identity = self.identity.or(common.identity).unwrap_or(true);
        let defaults = if identity { identities(former) } else { Vec::new() };
        for rule in common.rules.iter().cloned().chain(defaults) {
            let name = folded(&rule.name);
            if rules.iter().all(|own| folded(&own.name) != name) {
                rules.push(rule);
            }
        }
        let remove = self.remove.iter().chain(&common.remove).cloned().collect();
        (rules, remove)
    }

    /// The names that it sets.
    pub(super) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.rules.iter().map(|rule| &rule.name)
    }
}

impl Desk<'_, '_> {
    pub(super) fn said(&mut self, path: &Path, written: &raw::Headers) -> Said {
        let mut rules: Vec<(Path, HeaderRule)> = Vec::new();
        let claims = path.key("claims");
        for (title, claim) in &written.claims {
            let here = claims.key(title);
            let source = Source::Claim(claim.value.clone());
            rules.extend(self.titled(here, title, source));
        }
        let fixed = path.key("static");
        for (title, value) in &written.fixed {
            let here = fixed.key(title);
            if let Some(value) = self.static_value(&here, value) {
                rules.extend(self.titled(here, title, Source::Static(value)));
            }
        }
        rules.extend(tokens(path, written));
        let mut seen = BTreeMap::new();
        for (here, rule) in &rules {
            self.allowed(here, &rule.name);
            if let Some(other) = seen.insert(folded(&rule.name).into_owned(), rule.name.clone()) {
                self.found.add(
                    here,
                    format!("{} and {other} are one header to some applications", rule.name),
                    "keep one of the two",
                );
            }
        }
        let remove = path.key("remove");
        for (index, name) in written.remove.iter().enumerate() {
            let here = remove.index(index);
            self.allowed(&here, &name.value);
            if seen.contains_key(&*folded(&name.value)) {
                self.set_and_removed(&here, &name.value);
            }
        }
        Said {
            rules: rules.into_iter().map(|(_, rule)| rule).collect(),
            remove: written.remove.iter().map(|one| one.value.clone()).collect(),
            identity: written.identity,
        }
    }

    pub(super) fn set_and_removed(&mut self, here: &Path, name: &HeaderName) {
        self.found.add(
            here,
            format!("{name} is both set and removed"),
            "keep one of the two; what is set replaces what was there",
        );
    }

    fn titled(&mut self, here: Path, title: &str, source: Source) -> Option<(Path, HeaderRule)> {
        let name = self.title(&here, title)?;
        Some((here, HeaderRule { name, source }))
    }

    /// A header's name that stands as a key.
    pub(super) fn title(&mut self, here: &Path, title: &str) -> Option<HeaderName> {
        HeaderTitle::read(title).map_or_else(
            |_| {
                let what = format!("{title:?} is not a header name");
                self.found.add(here, what, HeaderTitle::HINT);
                None
            },
            Some,
        )
    }

    fn allowed(&mut self, here: &Path, name: &HeaderName) {
        if is_forbidden(name) {
            let what = format!("{name} is not yours to set or remove");
            let hint = if name.as_str() == "host" {
                "write `host_header`"
            } else {
                "it belongs to the connection or the session"
            };
            self.found.add(here, what, hint);
        } else if folded(name).starts_with("x-doorward-") || *name == ASSERTION {
            let what = format!("{name} is Doorward's own header");
            self.found.add(here, what, "choose another name");
        } else if is_forwarding(name) {
            let what = format!("{name} is not yours to set or remove");
            let hint = "Doorward says itself where a request comes from; whom it believes stands in `trusted_proxies`";
            self.found.add(here, what, hint);
        }
    }

    pub(super) fn static_value(&mut self, here: &Path, written: &raw::StaticValue) -> Option<HeaderValue> {
        let secret = match written {
            raw::StaticValue::Text(text) => text.clone(),
            raw::StaticValue::From(from) => {
                let read = match (&from.file, &from.env) {
                    (Some(file), None) => self.source.secret_file(file),
                    (None, Some(name)) => self.source.secret_env(name),
                    (None, None) | (Some(_), Some(_)) => {
                        let what = "write exactly one of `file` and `env`";
                        self.found.missing(here, what, "");
                        return None;
                    }
                };
                match read {
                    Ok(secret) => secret,
                    Err(why) => {
                        let hint = "make it readable for the user that Doorward runs as";
                        self.found.add(here, why.to_string(), hint);
                        return None;
                    }
                }
            }
        };
        if let Ok(mut value) = HeaderText::read(secret.expose()) {
            value.set_sensitive(true);
            return Some(value);
        }
        let what = format!("this is not {}", HeaderText::WHAT);
        self.found.add(here, what, HeaderText::HINT);
        None
    }
}

/// Headers with tokens.
fn tokens(path: &Path, written: &raw::Headers) -> Vec<(Path, HeaderRule)> {
    let mut rules = Vec::new();
    if written.bearer_access_token {
        let (name, source) = (http::header::AUTHORIZATION, Source::BearerAccessToken);
        let here = path.key("bearer_access_token");
        rules.push((here, HeaderRule { name, source }));
    }
    for (key, name, source) in [
        ("access_token", &written.access_token, Source::AccessToken),
        ("id_token", &written.id_token, Source::IdToken),
    ] {
        if let Some(name) = name {
            let name = name.value.clone();
            rules.push((path.key(key), HeaderRule { name, source }));
        }
    }
    rules
}

/// The headers with the identity.
fn identities(former: bool) -> Vec<HeaderRule> {
    let formers = if former { HeaderRule::former() } else { Vec::new() };
    HeaderRule::defaults().into_iter().chain(formers).collect()
}

/// Every name that any of them sets, and the identity's: stripped on every route. Those of oauth2-proxy too, though nobody
/// stands in for it: an app that came from there may still believe them.
pub(super) fn reserved<'s>(all: impl Iterator<Item = &'s Said>) -> Vec<HeaderName> {
    let mut seen = BTreeSet::new();
    let defaults = identities(true).into_iter().map(|rule| rule.name);
    let defaults = defaults.chain(HeaderRule::FORMER_TOKENS);
    let named: Vec<HeaderName> = all.flat_map(|said| said.names().cloned().collect::<Vec<_>>()).collect();
    defaults
        .chain(named)
        .filter(|name| *name != http::header::AUTHORIZATION)
        .filter(|name| seen.insert(name.as_str().to_owned()))
        .collect()
}
