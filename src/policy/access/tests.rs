use serde_json::{Value, json};

use super::*;
use crate::identity::certificate::tests::client;

#[expect(clippy::needless_pass_by_value, reason = "`json!` at every call")]
fn identity(change: Value) -> VerifiedIdentity {
    let mut whole = json!({
        "provider": "corporate", "issuer": "https://id.test", "subject": "s-1", "email": "Ada@Example.com",
        "email_verified": true, "groups": ["staff", "ops"], "name": null, "preferred_username": null, "acr": null,
        "amr": [], "auth_time": null, "sid": null,
        "claims": {"sub": "s-1", "level": 3, "admin": true, "nothing": null, "scope": "read write",
                   "realm_access": {"roles": ["editor", 7]}},
    });
    whole
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn group(name: &str) -> Rule {
    Rule::Group(list(&[name]))
}

fn claim(path: &str, test: ClaimTest) -> Rule {
    Rule::Claim {
        path: ClaimPath::parse(path).unwrap(),
        test,
    }
}

fn not(rule: Rule) -> Rule {
    Rule::Not(Box::new(rule))
}

fn meets(rule: &Rule) -> bool {
    rule.evaluate(&identity(json!({})), None).is_ok()
}

#[test]
fn emails_count_when_verified() {
    // ID-19
    let rules = [
        Rule::Email(list(&["bob@example.com", "ada@example.COM"])),
        Rule::EmailDomain(list(&["EXAMPLE.com"])),
    ];
    for rule in &rules {
        assert!(meets(rule));
        for change in [
            json!({"email_verified": false}),
            json!({"email": null}),
            json!({"email": "ada@example.com.evil.test"}),
            json!({"email": "ada@evil.test@example.com"}),
            json!({"email": "ada"}),
            json!({"email": "ada@"}),
            json!({"email": ""}),
        ] {
            assert!(
                rule.evaluate(&identity(change.clone()), None).is_err(),
                "{rule} {change}"
            );
        }
    }
    assert!(
        Rule::EmailDomain(list(&["xample.com", "com", ""]))
            .evaluate(&identity(json!({})), None)
            .is_err()
    );
}

#[test]
fn groups_and_providers_are_compared_exactly() {
    assert!(meets(&Rule::Group(list(&["admins", "ops"]))));
    for other in ["Ops", "op", "opsx", ""] {
        assert!(!meets(&group(other)), "{other}");
    }
    assert!(group("ops").evaluate(&identity(json!({"groups": []})), None).is_err());
    assert!(meets(&Rule::Provider(vec![
        ProviderName::new("other"),
        ProviderName::new("corporate")
    ])));
    assert!(!meets(&Rule::Provider(vec![ProviderName::new("Corporate")])));
}

#[test]
fn claims_are_tested_by_type_and_value() {
    use ClaimTest::{Contains, Equals, OneOf};
    for (path, test, expected) in [
        ("level", Equals(json!(3).into()), true),
        ("level", Equals(json!("3").into()), false),
        ("level", OneOf(vec![json!(2).into(), json!(3).into()]), true),
        ("level", OneOf(vec![json!(2).into()]), false),
        ("admin", Equals(json!(true).into()), true),
        ("admin", Equals(json!("true").into()), false),
        ("realm_access.roles", Contains(json!("editor").into()), true),
        ("realm_access.roles", Contains(json!("edit").into()), false),
        ("realm_access.roles", Contains(json!(7).into()), true),
        ("realm_access.roles", Equals(json!("editor").into()), false),
        ("realm_access.roles.editor", Equals(json!(true).into()), false),
        ("realm_access", Contains(json!("roles").into()), false),
        ("scope", Contains(json!("write").into()), true),
        ("scope", Contains(json!("").into()), false),
        ("level", Contains(json!(3).into()), false),
        ("missing", Equals(json!(null).into()), false),
        ("nothing", Equals(json!(null).into()), false),
        ("nothing", OneOf(vec![json!(null).into()]), false),
        ("missing", Contains(json!("x").into()), false),
    ] {
        let rule = claim(path, test);
        assert_eq!(meets(&rule), expected, "{rule}");
    }
}

#[test]
fn any_all_and_not_are_what_the_words_say() {
    let (yes, no) = (|| group("ops"), || group("admins"));
    assert!(meets(&Rule::Any(vec![no(), yes()])));
    assert!(!meets(&Rule::Any(vec![no(), no()])));
    assert!(meets(&Rule::All(vec![yes(), yes()])));
    assert!(!meets(&Rule::All(vec![yes(), no()])));
    assert!(meets(&not(no())));
    assert!(!meets(&not(yes())));
    assert!(meets(&not(not(yes()))));
    assert!(meets(&not(claim("missing", ClaimTest::Equals(json!(true).into())))));
    assert!(meets(&not(Rule::All(vec![yes(), no()]))));
}

#[test]
fn an_empty_list_never_grants() {
    let empties = || {
        [
            Rule::Any(Vec::new()),
            Rule::All(Vec::new()),
            Rule::Email(Vec::new()),
            Rule::EmailDomain(Vec::new()),
            Rule::Group(Vec::new()),
            Rule::Provider(Vec::new()),
            claim("level", ClaimTest::OneOf(Vec::new())),
        ]
    };
    for (index, empty) in empties().into_iter().enumerate() {
        assert!(!meets(&empty), "{index}");
        assert!(!meets(&Rule::All(vec![group("ops"), empty.clone()])), "{index} in all");
        assert!(
            !meets(&not(Rule::Any(vec![empty.clone(), group("admins")]))),
            "{index} in not any"
        );
        assert!(!meets(&not(empty)), "{index} in not");
    }
}

#[test]
fn what_is_missing_is_said_without_the_persons_claims() {
    let deep = Rule::All(vec![
        group("ops"),
        Rule::Any(vec![
            Rule::Group(list(&["admins", "on-call \"x\""])),
            Rule::EmailDomain(list(&["corp.test"])),
        ]),
        Rule::Email(list(&["boss@corp.test"])),
        not(group("staff")),
        not(Rule::Any(vec![group("staff")])),
        claim("realm_access.roles", ClaimTest::Contains(json!("owner").into())),
        claim("level", ClaimTest::OneOf(vec![json!(4).into(), json!("five").into()])),
        Rule::Provider(vec![ProviderName::new("partners")]),
        Rule::Any(Vec::new()),
    ]);
    let Err(Unmet(told)) = deep.evaluate(&identity(json!({})), None) else {
        panic!("met")
    };
    insta::assert_snapshot!(told.replace("; and ", ";\nand "), @r#"
    (member of group "admins" or "on-call \"x\""; or a verified email address at "corp.test");
    and a verified email address on the list of this route;
    and not member of group "staff";
    and not (member of group "staff");
    and claim "realm_access.roles" containing "owner";
    and claim "level" equal to 4 or "five";
    and signed in with "partners";
    and a condition that nobody can meet (an empty list)
    "#);
    assert!(!told.contains("boss@corp.test") && !told.contains("Example"), "{told}");
}

fn certificate(test: CertificateTest) -> Rule {
    Rule::ClientCertificate(test)
}

#[test]
fn a_certificate_is_tested_by_what_is_in_it_and_where() {
    // MT-01
    let shown = client(
        "till-1",
        &[
            "Till.Shop.Test",
            "till@shop.test",
            "spiffe://shop.test/till",
            "*.wild.test",
        ],
    );
    let uri = "spiffe://shop.test/till";
    for (test, met) in [
        (CertificateTest::Any, true),
        (CertificateTest::Subject(list(&["CN=other", "CN=till-1"])), true),
        (CertificateTest::Subject(list(&["cn=till-1"])), false),
        (CertificateTest::Subject(list(&["till-1"])), false),
        (CertificateTest::Subject(list(&["CN=till-1,O=Shop"])), false),
        (CertificateTest::Dns(list(&["TILL.shop.test"])), true),
        (CertificateTest::Dns(list(&["shop.test"])), false),
        (CertificateTest::Dns(list(&["a.wild.test"])), false),
        (CertificateTest::Dns(list(&["*.wild.test"])), true),
        (CertificateTest::Dns(list(&["*.shop.test"])), false),
        (CertificateTest::Dns(list(&["till@shop.test"])), false),
        (CertificateTest::Email(list(&["Till@Shop.test"])), true),
        (CertificateTest::Email(list(&["till.shop.test"])), false),
        (CertificateTest::Uri(list(&[uri])), true),
        (CertificateTest::Uri(list(&["spiffe://shop.test/TILL"])), false),
        (CertificateTest::Uri(list(&["spiffe://shop.test"])), false),
        (CertificateTest::Dns(list(&[uri])), false),
    ] {
        let rule = certificate(test);
        assert_eq!(rule.by_certificate(Some(&shown)), Some(met), "{rule}");
        assert_eq!(rule.holds_for(&identity(json!({})), Some(&shown)), met, "{rule}");
        assert_eq!(rule.by_certificate(None), Some(false), "{rule}");
        assert!(!meets(&rule), "{rule}");
    }
    for empty in [
        CertificateTest::Subject(Vec::new()),
        CertificateTest::Dns(Vec::new()),
        CertificateTest::Email(Vec::new()),
        CertificateTest::Uri(Vec::new()),
    ] {
        let rule = certificate(empty);
        assert_eq!(rule.by_certificate(Some(&shown)), None, "{rule}");
        assert_eq!(not(rule).by_certificate(Some(&shown)), None);
    }
}

#[test]
fn a_certificate_alone_decides_only_what_no_person_could_change() {
    let shown = client("till-1", &[]);
    let till = || certificate(CertificateTest::Subject(list(&["CN=till-1"])));
    let desk = || certificate(CertificateTest::Subject(list(&["CN=desk"])));
    let any = || certificate(CertificateTest::Any);
    let staff = || group("staff");
    // With the certificate, and without one.
    for (rule, with, without) in [
        (staff(), None, None),
        (not(staff()), None, None),
        (till(), Some(true), Some(false)),
        (desk(), Some(false), Some(false)),
        // That there is no certificate lets nobody in, nor that it is another.
        (not(till()), Some(false), None),
        (not(desk()), None, None),
        (Rule::Any(vec![till(), staff()]), Some(true), None),
        (Rule::Any(vec![desk(), staff()]), None, None),
        (Rule::Any(vec![not(desk()), staff()]), None, None),
        (Rule::Any(vec![not(desk()), till()]), None, None),
        (Rule::All(vec![not(desk()), any()]), Some(true), Some(false)),
        (Rule::All(vec![till(), staff()]), None, Some(false)),
        (Rule::All(vec![desk(), staff()]), Some(false), Some(false)),
        (Rule::All(vec![not(till()), staff()]), Some(false), None),
        (Rule::All(vec![till(), not(staff())]), None, Some(false)),
        (Rule::All(vec![till(), Rule::Any(Vec::new())]), None, Some(false)),
        (Rule::Any(Vec::new()), None, None),
        (Rule::All(Vec::new()), None, None),
    ] {
        assert_eq!(rule.by_certificate(Some(&shown)), with, "with: {rule}");
        assert_eq!(rule.by_certificate(None), without, "without: {rule}");
        // A person changes nothing about what is decided.
        for (decided, shown) in [(with, Some(&shown)), (without, None)] {
            for groups in [json!(["staff"]), json!([])] {
                let person = identity(json!({ "groups": groups }));
                let met = rule.holds_for(&person, shown);
                assert!(decided.is_none_or(|decided| decided == met), "{rule}");
            }
        }
    }
}

#[test]
fn what_a_certificate_lacks_is_told_without_the_addresses_of_others() {
    let said = |rule: &Rule| rule.evaluate(&identity(json!({})), None).unwrap_err().0;
    for (test, expected) in [
        (CertificateTest::Any, "a client certificate"),
        (
            CertificateTest::Subject(list(&["CN=a", "CN=b"])),
            "a client certificate of \"CN=a\" or \"CN=b\"",
        ),
        (
            CertificateTest::Dns(list(&["a.test"])),
            "a client certificate for the host \"a.test\"",
        ),
        (
            CertificateTest::Email(list(&["ada@a.test"])),
            "a client certificate for an email address on the list of this route",
        ),
    ] {
        assert_eq!(said(&certificate(test)), expected);
    }
    let both = Rule::All(vec![group("staff"), not(not(certificate(CertificateTest::Any)))]);
    assert_eq!(said(&both), "not (not a client certificate)");
}
