use serde_json::json;

use super::*;
use crate::{
    identity::{ClaimPath, certificate::tests::client},
    policy::{Rate, RateBy, Rule, access::CertificateTest, route::tests::route},
};

struct Known {
    name: ProviderName,
    issuer: Issuer,
    claim_names: ClaimNames,
}

fn provider() -> Known {
    Known {
        name: ProviderName::new("corporate"),
        issuer: Issuer::new("https://id.test"),
        claim_names: ClaimNames {
            email: ClaimPath::top("email"),
            groups: ClaimPath::parse("realm.roles").unwrap(),
            name: ClaimPath::top("name"),
            preferred_username: ClaimPath::top("preferred_username"),
        },
    }
}

impl Known {
    fn voucher(&self) -> Voucher<'_> {
        Voucher {
            name: &self.name,
            issuer: &self.issuer,
            claim_names: &self.claim_names,
        }
    }
}

fn explained(providers: &[Known], groups: &[&str]) -> String {
    let mut staff = route("* /staff/*");
    staff.access = Access::Rule(Rule::All(vec![
        Rule::EmailDomain(vec!["example.com".to_owned()]),
        Rule::Group(vec!["staff".to_owned()]),
    ]));
    let claims = json!({
        "sub": "1",
        "email": "eve@example.com",
        "email_verified": true,
        "realm": { "roles": groups },
    });
    let vouchers: Vec<Voucher<'_>> = providers.iter().map(Known::voucher).collect();
    let lines = explain_route(
        &vouchers,
        &staff,
        Assumed {
            claims: claims.as_object(),
            certificate: None,
        },
        UnixTime::from_secs(1_795_425_514),
    );
    lines.join("\n") + "\n"
}

#[test]
fn what_is_missing_is_said_with_the_line_of_the_table() {
    insta::assert_snapshot!(explained(&[provider()], &["sales"]), @r#"
    route    * /staff/*
    host     *
    path     /staff and all below it
    access   rule: a verified email address at "example.com"; and member of group "staff"

    without a session
      rule       | no session                                             | navigation | 302 to the provider
      rule       | no session                                             | api        | 401 sign_in_needed
      rule       | no session                                             | websocket  | 401 sign_in_needed

    signed in with corporate
      rule unmet: needs member of group "staff"
      rule       | session, rule unmet                                    | navigation | 403 not_allowed
      rule       | session, rule unmet                                    | api        | 403 not_allowed
      rule       | session, rule unmet                                    | websocket  | 403 not_allowed
    "#);
}

#[test]
fn claims_are_read_by_the_names_of_the_provider() {
    let text = explained(&[provider()], &["staff"]);
    assert!(text.contains("\n  rule met\n"), "{text}");
    assert_eq!(text.matches("forward with identity").count(), 3, "{text}");
}

#[test]
fn without_a_provider_nobody_has_a_session() {
    let text = explained(&[], &["staff"]);
    assert!(text.ends_with("nobody has a session\n"), "{text}");
}

#[test]
fn a_certificate_and_a_rate_are_explained() {
    let mut till = route("* /till/*");
    till.access = Access::Rule(Rule::Any(vec![
        Rule::ClientCertificate(CertificateTest::Subject(vec!["CN=till-1".to_owned()])),
        Rule::Group(vec!["staff".to_owned()]),
    ]));
    till.rate = Some(Rate {
        requests: 50.try_into().unwrap(),
        per: std::time::Duration::from_secs(1),
        burst: 200.try_into().unwrap(),
        by: RateBy::Address,
    });
    let explained = |certificate: Option<&ClientCertificate>, secs| {
        let caller = Assumed {
            claims: None,
            certificate,
        };
        explain_route(&[], &till, caller, UnixTime::from_secs(secs)).join("\n") + "\n"
    };
    let (shown, other) = (client("till-1", &[]), client("till-2", &[]));
    insta::assert_snapshot!(explained(Some(&shown), 1_795_425_514), @r#"
    route    * /till/*
    host     *
    path     /till and all below it
    access   rule: a client certificate of "CN=till-1"; or member of group "staff"
    rate     50 per 1s, 200 at once, by address; beyond it 429
    client   with the certificate of CN=till-1, taken as signed by an authority of the listener

    without a session
      certified  | no session                                             | navigation | forward without identity
      certified  | no session                                             | api        | forward without identity
      certified  | no session                                             | websocket  | forward without identity
    "#);
    let without = explained(None, 1_795_425_514);
    assert!(
        !without.contains("\nclient ") && without.contains("302 to the provider"),
        "{without}"
    );
    assert!(explained(Some(&other), 1_795_425_514).contains("302 to the provider"));
    // It ended.
    let late = explained(Some(&shown), 5_000_000_000);
    assert!(
        late.contains("counts as none") && late.contains("302 to the provider"),
        "{late}"
    );
}

fn read(url: &str) -> String {
    match target(url).unwrap() {
        Ok(target) => format!("{} {}", target.authority(), target.path_and_query()),
        Err(refusal) => refusal.code().to_owned(),
    }
}

#[test]
fn a_url_is_read_as_it_would_come_over_the_wire() {
    assert_eq!(read("https://App.test:8443/x?y=/z#f"), "app.test:8443 /x?y=/z");
    assert_eq!(read("http://app.test"), "app.test /");
    assert_eq!(read("http://app.test?x"), "app.test /?x");
    assert_eq!(read("http://app.test/a/../b"), "bad_target");
    assert_eq!(read("http://user@app.test/"), "bad_host");
    assert!(target("/path").is_none());
}
