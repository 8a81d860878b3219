use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn identity(changes: Value) -> VerifiedIdentity {
    let mut value = json!({
        "provider": "corporate", "issuer": "https://id.example", "subject": "s-1",
        "email": "ada@example.com", "email_verified": true, "groups": ["staff", "ops"],
        "name": "Ada", "preferred_username": "ada", "acr": null, "amr": [],
        "auth_time": null, "sid": null, "claims": {},
    });
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn name(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).unwrap()
}

fn rule(at: &str, source: Source) -> HeaderRule {
    HeaderRule { name: name(at), source }
}

fn prepared(plan: &HeaderPlan, who: Option<&VerifiedIdentity>) -> Vec<(String, String)> {
    let (access_token, id_token) = (Secret::from("at"), Secret::from("it"));
    let tokens = Tokens {
        access_token: &access_token,
        id_token: &id_token,
    };
    let bundle = plan.prepare(who.map(|who| (who, tokens)), None);
    let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
    bundle
        .set
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

/// The one header that `source` makes of `who`.
fn one(source: Source, who: &VerifiedIdentity) -> Option<String> {
    let plan = HeaderPlan::new(vec![rule("x-one", source)], false, &[], &[]);
    prepared(&plan, Some(who)).pop().map(|(_, value)| value)
}

fn claim_of(value: &Value) -> Option<String> {
    let path = ClaimPath::parse("a.b").unwrap();
    one(Source::Claim(path), &identity(json!({"claims": {"a": {"b": value}}})))
}

#[test]
fn the_default_headers() {
    let plan = HeaderPlan::new(HeaderRule::defaults(), false, &[], &[]);
    let set = prepared(&plan, Some(&identity(json!({}))));
    let expected = [
        ("x-forwarded-user", "s-1"),
        ("x-forwarded-email", "ada@example.com"),
        ("x-forwarded-groups", "staff,ops"),
        ("x-forwarded-preferred-username", "ada"),
    ];
    assert_eq!(set, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(prepared(&plan, None).is_empty());
}

#[test]
fn nobody_gets_static_headers_only() {
    let rules = vec![
        rule("x-user", Source::Subject),
        rule("x-token", Source::BearerAccessToken),
        rule("x-from", Source::Static(HeaderValue::from_static("doorward"))),
    ];
    let plan = HeaderPlan::new(rules, false, &[], &[]);
    assert_eq!(prepared(&plan, None), [("x-from".to_owned(), "doorward".to_owned())]);
}

#[test]
fn an_unverified_address_is_not_sent_as_the_persons() {
    let who = identity(json!({"email_verified": false, "claims": {"email": "ada@example.com"}}));
    assert_eq!(one(Source::Email, &who), None);
    let asked = Source::Claim(ClaimPath::top("email"));
    assert_eq!(one(asked, &who).as_deref(), Some("ada@example.com"));
}

// UI-06
#[test]
fn a_value_that_reads_two_ways_is_left_out() {
    for bad in [
        "",
        " admin",
        "admin ",
        "\tadmin",
        "admin\u{a0}",
        "a\r\nX-Admin: 1",
        "a\nb",
        "a\0b",
        "a\x7fb",
        "a\u{85}b",
    ] {
        assert_eq!(
            one(Source::Subject, &identity(json!({"subject": bad}))),
            None,
            "{bad:?}"
        );
        let groups = identity(json!({"groups": ["ok", bad, "too"]}));
        assert_eq!(one(Source::Groups, &groups).as_deref(), Some("ok,too"), "{bad:?}");
    }
    let beyond = identity(json!({"subject": "Åsa Ñandú 山"}));
    assert_eq!(one(Source::Subject, &beyond).as_deref(), Some("Åsa Ñandú 山"));
}

#[test]
fn a_group_with_a_comma_forges_no_other() {
    let who = identity(json!({"groups": ["staff", "x,admin", ",admin", "ops"]}));
    assert_eq!(one(Source::Groups, &who).as_deref(), Some("staff,ops"));
    assert_eq!(one(Source::Groups, &identity(json!({"groups": ["x,admin"]}))), None);
    assert_eq!(claim_of(&json!(["staff", "x,admin"])).as_deref(), Some("staff"));
}

#[test]
fn claims_of_every_kind() {
    for (value, sent) in [
        (json!("text"), Some("text")),
        (json!(7), Some("7")),
        (json!(true), Some("true")),
        (json!(null), None),
        (json!(["a", 2, false, null, {"c": 1}]), Some("a,2,false")),
        (json!([]), None),
        (json!({"c": [1, "d"]}), Some(r#"{"c":[1,"d"]}"#)),
    ] {
        assert_eq!(claim_of(&value).as_deref(), sent, "{value}");
    }
}

#[test]
fn tokens_are_sent_where_asked_and_marked_sensitive() {
    let who = identity(json!({}));
    assert_eq!(one(Source::AccessToken, &who).as_deref(), Some("at"));
    assert_eq!(one(Source::BearerAccessToken, &who).as_deref(), Some("Bearer at"));
    assert_eq!(one(Source::IdToken, &who).as_deref(), Some("it"));
    assert!(value::secret("x").unwrap().is_sensitive());
}

#[test]
fn each_name_is_set_once_and_the_assertion_is_ours() {
    let rules = vec![
        rule("x-user", Source::Subject),
        rule("x-user", Source::PreferredUsername),
        rule("x-doorward-assertion", Source::Subject),
    ];
    let plan = HeaderPlan::new(rules.clone(), true, &[], &[]);
    let who = identity(json!({}));
    let token = Secret::from("t");
    let tokens = Tokens {
        access_token: &token,
        id_token: &token,
    };
    let stale = UnixTime::from_secs(5);
    let signed = (HeaderValue::from_static("a.b.c"), stale);
    let bundle = plan.prepare(Some((&who, tokens)), Some(signed.clone()));
    let expected = vec![
        (name("x-user"), HeaderValue::from_static("s-1")),
        (ASSERTION, HeaderValue::from_static("a.b.c")),
    ];
    assert_eq!((bundle.set, bundle.stale_at), (expected, Some(stale)));
    let without = HeaderPlan::new(vec![], false, &[], &[]).prepare(None, Some(signed));
    assert!(without.set.is_empty() && without.stale_at.is_none());
}

#[test]
fn what_is_ours_is_stripped_under_every_spelling() {
    let plan = HeaderPlan::new(
        HeaderRule::defaults(),
        false,
        &[name("x-secret")],
        &[name("remote_user"), name("x-other-route")],
    );
    for ours in [
        "x-forwarded-user",
        "X-Forwarded-User",
        "x_forwarded_user",
        "x-forwarded.user",
        "X_Forwarded-USER",
        "x-secret",
        "x_secret",
        "remote-user",
        "remote_user",
        "remote.user",
        "x-other-route",
        "x-doorward-assertion",
        "x_doorward_assertion",
        "x-doorward-anything",
        "x.doorward.x",
        "x~forwarded~user",
    ] {
        assert!(plan.strips(&name(ours)), "{ours}");
    }
    for theirs in [
        "host",
        "accept",
        "cookie",
        "x-forwarded-users",
        "forwarded-user",
        "xforwardeduser",
        "x-doorwardx",
        "x-forwarded-for",
    ] {
        assert!(!plan.strips(&name(theirs)), "{theirs}");
    }
}

proptest! {
    #[test]
    fn every_spelling_of_a_reserved_name_goes(
        base in "[a-z][a-z0-9_.-]{0,70}",
        marks in prop::collection::vec(prop::sample::select(vec!['_', '.', '-']), 71),
        upper in prop::collection::vec(any::<bool>(), 71),
    ) {
        let plan = HeaderPlan::new(vec![], false, &[], &[name(&base)]);
        let spelt: String = base.chars().zip(marks.iter().zip(&upper)).map(|(c, (mark, upper))| match c {
            '_' | '.' | '-' => *mark,
            c if *upper => c.to_ascii_uppercase(),
            c => c,
        }).collect();
        prop_assert!(plan.strips(&name(&spelt)));
        let longer = format!("{spelt}x");
        prop_assert!(!plan.strips(&name(&longer)) || longer.to_lowercase().replace(['_', '.'], "-").starts_with("x-doorward-"));
    }

    #[test]
    fn whatever_is_sent_has_no_line_break_and_is_not_trimmed(text: String, groups: Vec<String>) {
        if let Some(sent) = one(Source::Subject, &identity(json!({"subject": text}))) {
            prop_assert_eq!(sent, text);
        }
        let real: std::collections::HashSet<&str> = groups.iter().map(String::as_str).collect();
        if let Some(sent) = one(Source::Groups, &identity(json!({"groups": groups}))) {
            for read in sent.split(',') {
                prop_assert!(real.contains(read), "{} from {:?}", read, groups);
            }
        }
    }
}
