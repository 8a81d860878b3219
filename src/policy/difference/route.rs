//! Between two versions of a route.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue, Method};

use super::{Difference, Differences, list, optional, time};
use crate::{
    identity::{HeaderPlan, HeaderRule, Source},
    oidc::ProviderName,
    policy::{
        Access, Cors, Forward, Rate, Route, SignInTerms,
        route::{Matcher, Prompt},
    },
};

impl Route {
    /// What differs in another version of the route, but for its upstream's own settings.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let Self {
            id: _,
            matcher,
            encoded_slashes,
            access,
            sign_in,
            explain_refusals,
            cors,
            rate,
            forward,
        } = self;
        let mut found = Differences::default();
        matched(&mut found, [matcher, &other.matcher]);
        found.note_shown("allow_encoded_slashes", [encoded_slashes, &other.encoded_slashes]);
        found.note("access", [access, &other.access], Access::to_string);
        signed_in(&mut found, [sign_in, &other.sign_in]);
        found.note_shown("explain_refusals", [explain_refusals, &other.explain_refusals]);
        found.note("cors", [cors, &other.cors], optional(Cors::to_string));
        found.note("rate", [rate, &other.rate], optional(Rate::to_string));
        forwarded(&mut found, [forward, &other.forward]);
        found.into_list()
    }
}

fn matched(found: &mut Differences, [before, after]: [&Matcher; 2]) {
    let Matcher { host, path, methods } = before;
    found.note_shown("host", [host, &after.host]);
    found.note_shown("path", [path, &after.path]);
    let words = |methods: &Option<Vec<Method>>| {
        let methods = methods.as_ref().map(list(Method::to_string));
        methods.unwrap_or_else(|| "all".to_owned())
    };
    found.note("methods", [methods, &after.methods], words);
}

fn signed_in(found: &mut Differences, [before, after]: [&SignInTerms; 2]) {
    let SignInTerms {
        provider,
        also,
        scopes,
        acr_values,
        max_age,
        prompt,
        extra,
        skew,
    } = before;
    let name = |name: &ProviderName| name.as_str().to_owned();
    found.note("sign_in.provider", [provider, &after.provider], name);
    found.note("sessions of other providers", [also, &after.also], list(name));
    found.note("sign_in.scopes", [scopes, &after.scopes], list(String::clone));
    found.note(
        "sign_in.acr_values",
        [acr_values, &after.acr_values],
        list(String::clone),
    );
    found.note("sign_in.max_age", [max_age, &after.max_age], optional(time));
    found.note(
        "sign_in.prompt",
        [prompt, &after.prompt],
        optional(|prompt| prompt_words(*prompt)),
    );
    found.note("sign_in.extra_parameters", [extra, &after.extra], names);
    found.note("clock_skew of the provider", [skew, &after.skew], time);
}

fn prompt_words(prompt: Prompt) -> String {
    match prompt {
        Prompt::Login => "login",
        Prompt::Consent => "consent",
        Prompt::SelectAccount => "select_account",
    }
    .to_owned()
}

/// Values may be of the kind that nobody else is to read.
pub(super) fn names(parameters: &BTreeMap<String, String>) -> String {
    list(String::clone)(&parameters.keys().cloned().collect())
}

fn forwarded(found: &mut Differences, [before, after]: [&Forward; 2]) {
    let Forward {
        upstream,
        strip_prefix,
        add_prefix,
        host_header,
        headers,
        response_set,
        response_remove,
        websocket,
        max_body,
    } = before;
    found.note("upstream", [&upstream.name, &after.upstream.name], ToString::to_string);
    found.note_shown("strip_prefix", [strip_prefix, &after.strip_prefix]);
    found.note("add_prefix", [add_prefix, &after.add_prefix], optional(String::clone));
    let value = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    found.note("host_header", [host_header, &after.host_header], optional(value));
    sent(found, [headers, &after.headers]);
    let set = list(|(name, _): &(HeaderName, HeaderValue)| name.to_string());
    found.note("response_headers.set", [response_set, &after.response_set], set);
    let removed = [response_remove, &after.response_remove];
    found.note("response_headers.remove", removed, list(HeaderName::to_string));
    found.note_shown("websocket", [websocket, &after.websocket]);
    let most = |bytes: &Option<u64>| bytes.map_or_else(|| "unlimited".to_owned(), |bytes| format!("{bytes} bytes"));
    found.note("max_body", [max_body, &after.max_body], most);
}

fn sent(found: &mut Differences, plans: [&HeaderPlan; 2]) {
    let [before, after] = plans.map(|plan| plan.rules().to_vec());
    let words = list(|rule: &HeaderRule| format!("{} from {}", rule.name, source_words(&rule.source)));
    found.note("headers", [&before, &after], words);
    let [before, after] = plans.map(HeaderPlan::assertion);
    found.note_shown("assertion", [&before, &after]);
    let [before, after] = plans.map(HeaderPlan::stripped);
    let alone = |these: &BTreeSet<String>| {
        let others = if *these == before { &after } else { &before };
        list(String::clone)(&these.difference(others).cloned().collect())
    };
    found.note("request headers removed", [&before, &after], alone);
}

/// A fixed text may be a secret.
fn source_words(source: &Source) -> String {
    match source {
        Source::Subject => "the subject",
        Source::Email => "the verified email",
        Source::Groups => "the groups",
        Source::PreferredUsername => "the preferred user name",
        Source::Claim(path) => return format!("claim {path}"),
        Source::Static(_) => "a fixed text",
        Source::AccessToken => "the access token",
        Source::BearerAccessToken => "the access token as Bearer",
        Source::IdToken => "the ID token",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::policy::{Rule, route::tests::route};

    fn told(before: &Route, after: &Route) -> Vec<String> {
        before.differences(after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_same_route_has_no_differences() {
        let one = route("GET app.test /a/*");
        assert_eq!(one.differences(&one.clone()), []);
    }

    #[test]
    fn each_key_is_told_by_its_name() {
        let before = route("GET app.test /a/*");
        let mut after = route("GET,POST other.test /b");
        after.access = Access::Rule(Rule::Group(vec!["staff".to_owned()]));
        after.sign_in.max_age = Some(Duration::from_secs(600));
        after.sign_in.extra.insert("hint".to_owned(), "private".to_owned());
        after.forward.strip_prefix = true;
        after.forward.max_body = Some(10);
        insta::assert_snapshot!(told(&before, &after).join("\n"), @r#"
        host: app.test -> other.test
        path: /a/* -> /b
        methods: GET -> GET, POST
        access: open: anyone, and no session is looked up -> rule: member of group "staff"
        sign_in.max_age: none -> 10m
        sign_in.extra_parameters: none -> hint
        strip_prefix: false -> true
        max_body: unlimited -> 10 bytes
        "#);
    }

    #[test]
    fn values_of_headers_are_not_shown() {
        let with = |value: &'static str| {
            let mut route = route("app.test /");
            let rule = HeaderRule {
                name: HeaderName::from_static("x-api-key"),
                source: Source::Static(HeaderValue::from_static(value)),
            };
            route.forward.headers = HeaderPlan::new(vec![rule], true, &[], &[]).into();
            let set = (HeaderName::from_static("x-kept"), HeaderValue::from_static(value));
            route.forward.response_set = vec![set];
            route
        };
        let told = told(&with("hunter2"), &with("hunter3"));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told.iter().all(|line| line.ends_with("another value, not shown")),
            "{told:?}"
        );
        assert!(!told.concat().contains("hunter"), "{told:?}");
    }

    #[test]
    fn an_upstream_of_another_name_is_a_difference() {
        let (before, mut after) = (route("app.test /"), route("app.test /"));
        Arc::make_mut(&mut after.forward.upstream).name = "other".into();
        assert_eq!(told(&before, &after), ["upstream: app -> other"]);
    }
}
