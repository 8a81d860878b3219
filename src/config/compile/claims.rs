//! Which claims the configuration uses.

use std::collections::BTreeSet;

use super::Desk;
use crate::{config::raw, identity::ClaimPath};

impl Desk<'_, '_> {
    /// Top-level names of the claims that rules and headers use, with the names that this provider gives them.
    pub(super) fn mapped_claims(config: &raw::Config, names: &raw::Claims) -> Vec<String> {
        let mut used = Used {
            names,
            found: BTreeSet::new(),
        };
        used.headers(&config.identity.headers);
        for route in config.routes.iter().flatten() {
            used.headers(&route.headers);
            if let Some(raw::Access::Rule(rule)) = &route.access {
                used.rule(rule);
            }
        }
        used.found.into_iter().collect()
    }
}

struct Used<'u> {
    names: &'u raw::Claims,
    found: BTreeSet<String>,
}

impl Used<'_> {
    fn add(&mut self, path: &ClaimPath) {
        self.found.insert(path.first().to_owned());
    }

    fn headers(&mut self, headers: &raw::Headers) {
        if headers.identity != Some(false) {
            for path in [&self.names.email, &self.names.groups, &self.names.preferred_username] {
                self.found.insert(path.value.first().to_owned());
            }
        }
        for path in headers.claims.values() {
            self.add(&path.value);
        }
    }

    fn rule(&mut self, rule: &raw::Rule) {
        let names = self.names;
        let below = rule.any.iter().chain(&rule.all).flatten();
        for one in below.chain(rule.not.as_deref()) {
            self.rule(one);
        }
        if rule.email.is_some() || rule.email_domain.is_some() {
            self.add(&names.email.value);
            self.found.insert("email_verified".to_owned());
        }
        if rule.group.is_some() {
            self.add(&names.groups.value);
        }
        if let Some(path) = rule.claim.as_ref().and_then(|claim| claim.path.as_ref()) {
            self.add(&path.value);
        }
    }
}
