//! Who may pass.

use std::collections::BTreeSet;

use super::{
    provider::{EMAIL, claim_path, contains},
    report::Fate,
    server::one_or_many,
    translate::Desk,
    yaml::{Map, Yaml},
};
use crate::config::written::{
    Written as _,
    name::{ClaimName, EmailDomain},
};

/// A domain that nobody has an address at (RFC 2606 section 2): it admits nobody until somebody changes it.
const NOBODY: &str = "nobody.invalid";

/// Options that say who may pass, or by what it is seen.
const DECIDING: [&str; 21] = [
    "email_domains",
    "authenticated_emails_file",
    "allowed_groups",
    "allowed_roles",
    "keycloak_groups",
    "gitlab_groups",
    "gitlab_projects",
    "google_groups",
    "github_org",
    "github_team",
    "github_repo",
    "github_users",
    "bitbucket_team",
    "bitbucket_repository",
    "entra_id_allowed_tenants",
    "azure_tenant",
    "provider",
    "oidc_issuer_url",
    "oidc_email_claim",
    "oidc_groups_claim",
    "user_id_claim",
];

/// Options that name a claim.
const CLAIMS: [&str; 3] = ["oidc_email_claim", "oidc_groups_claim", "user_id_claim"];

/// Who may pass the routes that people sign in for.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) written: Yaml,
    pub(super) notes: Vec<String>,
}

impl Desk<'_> {
    /// `vouched`: an application is told an address that stands for a person, which the provider must vouch for then.
    pub(super) fn access(&mut self, vouched: bool) -> Access {
        let mut notes = Vec::new();
        let mut all = Vec::new();
        all.extend(self.addresses(&mut notes));
        all.extend(self.groups(&mut notes));
        all.extend(self.unread(&mut notes));
        if vouched {
            let mut claim = Map::default();
            claim.put("path", "email_verified").put("equals", true);
            all.push(rule("claim", claim));
            notes.push(
                "the address goes to applications as somebody's name, so the provider has to vouch for it".to_owned(),
            );
        }
        let written = match all.pop() {
            None => Yaml::from("signed_in"),
            Some(only) if all.is_empty() => Yaml::Map(only),
            Some(last) => {
                all.push(last);
                Yaml::Map(rule("all", Yaml::from(all)))
            }
        };
        Access { written, notes }
    }

    /// What decides who may pass and cannot be read: nobody passes until it is given.
    fn unread(&self, notes: &mut Vec<String>) -> Option<Map> {
        let odd =
            |key: &str| CLAIMS.contains(&key) && self.given.text(key).is_some_and(|one| claim_path(one).is_none());
        let decides = |key: &&&str| self.given.is_elsewhere(key) || odd(key);
        let keys = DECIDING.iter().filter(decides).copied();
        let wanted = self.given.wanted.iter().filter(|one| !one.is_met(self.given));
        let unread: Vec<&str> = keys.chain(wanted.map(|one| one.written.as_str())).collect();
        if unread.is_empty() {
            return None;
        }
        let unread = unread.join(", ");
        notes.push(format!(
            "CHANGE: {unread} cannot be read from here and may restrict who passes; {NOBODY} admits nobody"
        ));
        Some(rule("email_domain", NOBODY))
    }

    /// Whom oauth2-proxy let in where every domain was good: whoever has an address, unless the provider calls it unverified.
    fn anybody(&mut self) -> Vec<Map> {
        let path = self.email_claim();
        let mut rules = Vec::new();
        // Everybody has a subject; and Entra ID's old interface had a name for everybody in place of an address.
        if path != "sub" && self.kind() != "azure" {
            rules.push(contains(&path, if path == EMAIL { "@" } else { "" }));
        }
        if path == EMAIL && !self.given.truth("insecure_oidc_allow_unverified_email") {
            let no = Yaml::List(vec![Yaml::Truth(false), Yaml::from("false")]);
            let mut claim = Map::default();
            claim.put("path", "email_verified").put("one_of", no);
            rules.push(rule("not", Yaml::Map(rule("claim", claim))));
        }
        rules
    }

    /// By address: of a domain, or listed.
    fn addresses(&mut self, notes: &mut Vec<String>) -> Vec<Map> {
        let domains = self.given.list("email_domains");
        if domains.iter().any(|(_, domain)| *domain == "*") {
            if self.given.text("authenticated_emails_file").is_some() {
                let what = "the file restricts nobody, since `email_domains` has `*`, which is anybody";
                self.say("authenticated_emails_file", Fate::Needless, what);
            }
            self.say(
                "email_domains",
                Fate::Translated,
                "`*` is anybody who has an address that the provider does not call unverified",
            );
            return self.anybody();
        }
        let (good, bad): (Vec<_>, Vec<_>) = domains.into_iter().partition(|(_, one)| EmailDomain::read(one).is_ok());
        for (setting, one) in bad {
            let what = format!("{one:?}: a rule compares domains whole; list each, nobody passes by this one");
            self.note(setting, Fate::Missing, what);
        }
        let mut any = Vec::new();
        if !good.is_empty() {
            let good = good.into_iter().map(|(_, one)| one.to_owned()).collect();
            any.push(rule("email_domain", one_or_many(good)));
            self.say(
                "email_domains",
                Fate::Translated,
                "a rule on `email_domain`, of addresses that the provider vouches for",
            );
        }
        any.extend(self.listed(notes));
        if any.is_empty() {
            notes.push(format!("CHANGE: who may pass; {NOBODY} admits nobody"));
            any.push(rule("email_domain", NOBODY));
            let what = "nothing says who may pass in a way that can be translated: nobody does until you write it";
            self.note_absent(Fate::Missing, "email_domains", what);
        }
        if matches!(self.kind(), "entra-id" | "azure") {
            let what = "Entra ID does not call addresses verified by itself: nobody passes by one until its optional claim \
                        says so; a rule on `group` does without";
            self.note_absent(Fate::Stricter, "email_domains", what);
        }
        one_of(any).into_iter().collect()
    }

    /// By a list of addresses in a file.
    fn listed(&mut self, notes: &mut Vec<String>) -> Option<Map> {
        self.given.text("authenticated_emails_file")?;
        let Some(text) = self.wishes.emails.or(self.given.emails.as_deref()) else {
            notes.push("CHANGE: the addresses of authenticated_emails_file; give them with --emails".to_owned());
            let what = "the addresses are not at hand: give the file with --emails; nobody passes by it until then";
            self.say("authenticated_emails_file", Fate::Missing, what);
            return Some(rule("email", format!("nobody@{NOBODY}")));
        };
        // The first column of a table.
        let lines = text
            .lines()
            .map(|line| line.split(',').next().unwrap_or_default().trim());
        let listed: BTreeSet<String> = lines
            .filter(|line| line.contains('@') && !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        let what = format!(
            "a rule on `email` with {} of them; the file is not read again",
            listed.len()
        );
        self.say("authenticated_emails_file", Fate::Translated, what);
        let listed: Vec<String> = listed.into_iter().collect();
        (!listed.is_empty()).then(|| rule("email", one_or_many(listed)))
    }

    /// By group, role or team: any of them. What has no equivalent stays here as a group that the provider does not name; where it
    /// was asked besides, it still is.
    fn groups(&mut self, notes: &mut Vec<String>) -> Vec<Map> {
        let list = |keys: &[&str]| -> BTreeSet<String> { keys.iter().flat_map(|key| self.given.values(key)).collect() };
        let named = list(&["allowed_groups", "keycloak_groups", "gitlab_groups"]);
        let instead = list(&["gitlab_projects", "github_users"]);
        let besides =
            ["google_groups", "github_repo", "bitbucket_team", "bitbucket_repository"].map(|key| list(&[key]));
        if !instead.is_empty() || besides.iter().any(|unmet| !unmet.is_empty()) {
            notes.push("CHANGE: this provider names none of some of these groups, so nobody passes by them".to_owned());
        }
        if self.given.list("entra_id_allowed_tenants").len() > 1 {
            notes.push("people of one tenant only: that of the issuer".to_owned());
        }
        let groups: BTreeSet<String> = named.into_iter().chain(instead).chain(self.teams()).collect();
        let of = |groups: BTreeSet<String>| {
            let groups: Vec<String> = groups.into_iter().collect();
            (!groups.is_empty()).then(|| rule("group", one_or_many(groups)))
        };
        let any: Vec<Map> = of(groups).into_iter().chain(self.roles()).collect();
        one_of(any)
            .into_iter()
            .chain(besides.into_iter().filter_map(of))
            .collect()
    }

    /// As Dex writes them: `org` and `org:team`.
    fn teams(&self) -> Vec<String> {
        let org = self.given.text("github_org");
        let teams = self.given.text("github_team").unwrap_or_default();
        let teams: Vec<&str> = teams
            .split(',')
            .map(str::trim)
            .filter(|team| !team.is_empty())
            .collect();
        match org {
            Some(org) if teams.is_empty() => vec![org.to_owned()],
            _ => teams
                .into_iter()
                .map(|team| match (team.contains(':'), org) {
                    (false, Some(org)) => format!("{org}:{team}"),
                    (_, None) | (true, Some(_)) => team.to_owned(),
                })
                .collect(),
        }
    }

    /// Roles of Keycloak: of the realm, or `client:role`.
    fn roles(&self) -> Vec<Map> {
        let roles = self.given.values("allowed_roles").into_iter();
        let of_client = |role: &str| {
            let (client, role) = role.split_once(':')?;
            let client = client.replace('\\', "\\\\").replace('.', "\\.");
            let path = format!("resource_access.{client}.roles");
            ClaimName::read(&path).ok().map(|_| contains(&path, role))
        };
        roles
            .map(|role| of_client(&role).unwrap_or_else(|| contains("realm_access.roles", &role)))
            .collect()
    }
}

fn rule(key: &str, value: impl Into<Yaml>) -> Map {
    let mut rule = Map::default();
    rule.put(key, value);
    rule
}

fn one_of(mut any: Vec<Map>) -> Option<Map> {
    let last = any.pop()?;
    if any.is_empty() {
        return Some(last);
    }
    any.push(last);
    Some(rule("any", any))
}
