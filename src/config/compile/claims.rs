//! Which claims the configuration uses.

use std::collections::BTreeSet;

use super::Desk;
use crate::{config::raw, identity::ClaimPath};

impl Desk<'_, '_> {
    /// Top-level names of the claims that rules, headers and signed assertions use, with the names that this provider gives them.
    pub(super) fn mapped_claims(config: &raw::Config, names: &raw::Claims) -> Vec<String> {
        let mut used = Used {
            names,
            found: BTreeSet::new(),
        };
        let all = &config.identity.headers;
        used.claims(all);
        for route in config.routes.iter().flatten() {
            used.claims(&route.headers);
            if route.headers.identity.or(all.identity).unwrap_or(true) {
                used.identity();
            }
            if route.assertion.unwrap_or(config.identity.assertion) {
                used.assertion();
            }
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

    /// What a signed assertion says of the person beyond what every ID token has.
    fn assertion(&mut self) {
        for path in [
            &self.names.email,
            &self.names.groups,
            &self.names.name,
            &self.names.preferred_username,
        ] {
            self.found.insert(path.value.first().to_owned());
        }
        self.found.insert("email_verified".to_owned());
    }

    fn identity(&mut self) {
        for path in [&self.names.email, &self.names.groups, &self.names.preferred_username] {
            self.found.insert(path.value.first().to_owned());
        }
    }

    fn claims(&mut self, headers: &raw::Headers) {
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

#[cfg(test)]
mod tests {
    use crate::config::from_text;

    fn mapped(identity: &str, route: &str) -> Vec<String> {
        let text = format!(
            "listeners: [{{ address: \"127.0.0.1:0\" }}]\nproviders:\n  op:\n    issuer: https://id.test\n    client_id: x\n    \
             client_secret: long-enough\nsession: {{ store: memory }}\nidentity: {{ {identity} }}\nroutes:\n  - {{ host: a.test, \
             upstream: \"http://127.0.0.1:1\", access: signed_in{route} }}\n"
        );
        let plan = from_text("test.yaml", &text).unwrap_or_else(|report| panic!("{report}"));
        plan.providers[0].mapped_claims.clone()
    }

    #[test]
    fn what_only_the_assertion_says_is_used() {
        let all = ["email", "email_verified", "groups", "name", "preferred_username"];
        let no_headers = "headers: { identity: false }";
        assert_eq!(mapped(no_headers, ""), all);
        assert_eq!(
            mapped(&format!("assertion: false, {no_headers}"), ", assertion: true"),
            all
        );
        let none: [&str; 0] = [];
        assert_eq!(mapped(no_headers, ", assertion: false"), none);
        assert_eq!(mapped(&format!("assertion: false, {no_headers}"), ""), none);
    }
}
