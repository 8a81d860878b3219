//! Who may pass.

use super::Desk;
use crate::{
    config::{Path, raw},
    identity::Claim,
    policy::{
        Access, Rule,
        access::{CertificateTest, ClaimTest},
    },
};

impl Desk<'_, '_> {
    pub(super) fn access(&mut self, path: &Path, written: &raw::Access, config: &raw::Config) -> Option<Access> {
        match written {
            raw::Access::Word(raw::Word::Open) => Some(Access::Open),
            raw::Access::Word(raw::Word::Recognised) => Some(Access::Recognised),
            raw::Access::Word(raw::Word::SignedIn) => Some(Access::SignedIn),
            raw::Access::Rule(rule) => self.rule(path, rule, config).map(Access::Rule),
        }
    }

    fn rule(&mut self, path: &Path, written: &raw::Rule, config: &raw::Config) -> Option<Rule> {
        let mut rules = Vec::new();
        if let Some(list) = &written.any {
            rules.push(self.rules(&path.key("any"), list, config).map(Rule::Any));
        }
        if let Some(list) = &written.all {
            rules.push(self.rules(&path.key("all"), list, config).map(Rule::All));
        }
        if let Some(rule) = &written.not {
            let rule = self.rule(&path.key("not"), rule, config);
            rules.push(rule.map(|rule| Rule::Not(Box::new(rule))));
        }
        if let Some(claim) = &written.claim {
            rules.push(self.claim(&path.key("claim"), claim));
        }
        if let Some(names) = &written.provider {
            let path = path.key("provider");
            let names: Option<Vec<_>> = names
                .list()
                .iter()
                .map(|name| self.provider_name(&path, &name.value, config))
                .collect();
            rules.push(names.map(Rule::Provider));
        }
        if let Some(certificate) = &written.client_certificate {
            let path = path.key("client_certificate");
            rules.push(self.certificate_rule(&path, certificate, config));
        }
        rules.extend(self.lists(path, written));
        self.only(path, rules)
    }

    /// The rules that are lists of texts.
    fn lists(&mut self, path: &Path, written: &raw::Rule) -> Vec<Option<Rule>> {
        let mut rules = Vec::new();
        if let Some(list) = &written.email {
            for address in list.list().iter().filter(|one| !is_address(one)) {
                let what = format!("{address:?} is not an email address");
                let hint = "write someone@example.com; for a domain write `email_domain`";
                self.found.add(&path.key("email"), what, hint);
            }
            rules.push(Some(Rule::Email(list.list().to_vec())));
        }
        if let Some(list) = &written.email_domain {
            let domains = list.list().iter().map(|one| one.value.clone()).collect();
            rules.push(Some(Rule::EmailDomain(domains)));
        }
        if let Some(list) = &written.group {
            if list.list().iter().any(String::is_empty) {
                let what = "a group's name is empty";
                self.found.add(&path.key("group"), what, "write its name");
            }
            rules.push(Some(Rule::Group(list.list().to_vec())));
        }
        rules
    }

    fn rules(&mut self, path: &Path, list: &[raw::Rule], config: &raw::Config) -> Option<Vec<Rule>> {
        let rules: Vec<Option<Rule>> = list
            .iter()
            .enumerate()
            .map(|(index, rule)| self.rule(&path.index(index), rule, config))
            .collect();
        rules.into_iter().collect()
    }

    fn only(&mut self, path: &Path, mut rules: Vec<Option<Rule>>) -> Option<Rule> {
        let hint = "write one of any, all, not, email, email_domain, group, claim, provider, client_certificate; join several with `all`";
        match (rules.pop(), rules.is_empty()) {
            (Some(rule), true) => return rule,
            (Some(_), false) => self.found.add(path, "a rule has exactly one key", hint),
            (None, _) => self.found.missing(path, "the rule is empty", hint),
        }
        None
    }

    fn certificate_rule(
        &mut self,
        path: &Path,
        written: &raw::ClientCertificate,
        config: &raw::Config,
    ) -> Option<Rule> {
        let listeners = config.listeners.iter().flatten();
        let mut asked = listeners.filter_map(|one| one.tls.as_ref()?.client_ca.as_ref());
        let first = asked.next();
        if let Some(first) = first
            && asked.any(|other| other.file != first.file)
        {
            let what = "listeners ask for certificates of different authorities, and a rule does not say of which";
            self.found.add(
                path,
                what,
                "name one file in every `client_ca`, with the authorities of all",
            );
        }
        if first.is_none() && !self.found.is_maimed(&Path::top().key("listeners")) {
            let what = "no listener asks clients for a certificate, so nobody has one";
            self.found.add(path, what, "write `client_ca` below a listener's `tls`");
        }
        let test = match written {
            raw::ClientCertificate::Word(raw::AnyCertificate::Any) => Some(CertificateTest::Any),
            raw::ClientCertificate::Test(test) => self.certificate_test(path, test),
        };
        test.map(Rule::ClientCertificate)
    }

    fn certificate_test(&mut self, path: &Path, written: &raw::CertificateTest) -> Option<CertificateTest> {
        let mut tests = Vec::new();
        for (key, list, test) in [
            (
                "subject_dn",
                &written.subject_dn,
                CertificateTest::Subject as fn(Vec<String>) -> _,
            ),
            ("san_dns", &written.san_dns, CertificateTest::Dns),
            ("san_email", &written.san_email, CertificateTest::Email),
            ("san_uri", &written.san_uri, CertificateTest::Uri),
        ] {
            let Some(list) = list else { continue };
            for name in list.list() {
                if let Some(hint) = never_met(key, name) {
                    self.found
                        .add(&path.key(key), format!("no certificate says {name:?}"), hint);
                }
            }
            tests.push(test(list.list().to_vec()));
        }
        let hint = "write one of subject_dn, san_dns, san_email, san_uri, or the word `any`; join several with `all`";
        match (tests.pop(), tests.is_empty()) {
            (Some(test), true) => return Some(test),
            (Some(_), false) => self.found.add(path, "a certificate has exactly one test", hint),
            (None, _) => self.found.missing(path, "the certificate has no test", hint),
        }
        None
    }

    fn claim(&mut self, path: &Path, written: &raw::Claim) -> Option<Rule> {
        let mut tests: Vec<ClaimTest> = Vec::new();
        tests.extend(written.equals.clone().map(|value| ClaimTest::Equals(value.into())));
        tests.extend(written.contains.clone().map(|value| ClaimTest::Contains(value.into())));
        let several = |values: Vec<serde_json::Value>| values.into_iter().map(Claim::from).collect();
        tests.extend(written.one_of.clone().map(several).map(ClaimTest::OneOf));
        let hint = "write one of equals, contains, one_of beside `path`";
        match (tests.pop(), tests.is_empty()) {
            (Some(test), true) => Some(Rule::Claim {
                path: written.path.as_ref()?.value.clone(),
                test,
            }),
            (Some(_), false) => {
                self.found.add(path, "a claim has exactly one test", hint);
                None
            }
            (None, _) => {
                self.found.missing(path, "the claim has no test", hint);
                None
            }
        }
    }
}

/// What to write instead of a name that no certificate has in that place.
fn never_met(key: &str, name: &str) -> Option<&'static str> {
    let spaced = || name.split_once(", ").is_some_and(|(before, _)| !before.ends_with('\\'));
    match key {
        "subject_dn" if !name.contains('=') || spaced() => Some(
            "write it as `openssl x509 -in FILE -noout -subject -nameopt RFC2253,-esc_msb` does: CN=till-1,O=Shop,C=DE",
        ),
        "san_email" if !is_address(name) => Some("write someone@example.com"),
        "san_uri" if !name.contains(':') => Some("write it with its scheme: spiffe://example.com/till"),
        "san_dns" if name.is_empty() || name.contains(['/', ':', '@', ' ']) => Some("write the host alone"),
        _ => None,
    }
}

/// Something, one `@`, something: an identity has no other address.
fn is_address(text: &str) -> bool {
    let spaceless = !text.contains(char::is_whitespace);
    matches!(text.split_once('@'), Some((who, domain)) if !who.is_empty() && !domain.is_empty() && !domain.contains('@'))
        && spaceless
}
