use serde_json::json;

use super::*;

fn object(value: Value) -> Claims {
    let Value::Object(claims) = value else {
        panic!("not an object: {value}")
    };
    claims
}

/// The identity of two documents. The witnesses are made in their own room; here only their claims are of interest.
fn read(signed: Value, told: Option<Value>) -> VerifiedIdentity {
    read_by(&ClaimNames::default(), signed, told)
}

fn read_by(names: &ClaimNames, signed: Value, told: Option<Value>) -> VerifiedIdentity {
    let (signed, told) = (object(signed), told.map(object));
    VerifiedIdentity::of(
        &ProviderName::new("corporate"),
        &Issuer::new("https://id.example"),
        ("s-1", &signed),
        told.as_ref(),
        names,
    )
}

#[test]
fn fields_are_read_and_the_id_token_wins() {
    let who = read(
        json!({"sub": "s-1", "email": "ada@example.com", "email_verified": true, "acr": "2", "amr": ["pwd", "otp"],
               "auth_time": 900, "sid": "p-1", "name": "Ada"}),
        Some(json!({"sub": "s-1", "name": "Mallory", "preferred_username": "ada", "groups": ["staff", 7, "", "ops"]})),
    );
    assert_eq!(who.subject(), "s-1");
    assert_eq!(who.email(), Some("ada@example.com"));
    assert!(who.email_verified());
    assert_eq!(who.name(), Some("Ada"));
    assert_eq!(who.preferred_username(), Some("ada"));
    assert_eq!(who.groups(), ["staff", "ops"]);
    assert_eq!((who.acr(), who.amr().len(), who.sid()), (Some("2"), 2, Some("p-1")));
    assert_eq!(who.auth_time(), Some(UnixTime::from_secs(900)));
    assert_eq!(who.claims().get("groups"), Some(&json!(["staff", 7, "", "ops"]).into()));
}

#[test]
fn groups_are_a_string_or_strings() {
    let groups = |value: Value| read(json!({"groups": value}), None).groups().to_vec();
    assert_eq!(groups(json!("staff")), ["staff"]);
    assert_eq!(groups(json!(["a", "b"])), ["a", "b"]);
    for none in [
        json!(null),
        json!(7),
        json!({"a": 1}),
        json!([]),
        json!(""),
        json!([["a"]]),
    ] {
        assert!(groups(none.clone()).is_empty(), "{none}");
    }
}

// ID-19
#[test]
fn only_the_boolean_verifies() {
    for (value, verified) in [
        (json!(true), true),
        (json!(false), false),
        (json!("true"), false),
        (json!(1), false),
        (json!(null), false),
        (json!([true]), false),
    ] {
        let who = read(json!({"email": "a@b.example", "email_verified": value}), None);
        assert_eq!(who.email_verified(), verified, "{value}");
        assert!(who.email().is_some());
    }
}

// ID-19
#[test]
fn an_address_that_reads_two_ways_is_dropped() {
    for bad in [
        "a@b@c.example",
        "nobody",
        "@b.example",
        "a@",
        "a\n@b.example",
        "a @b.example",
        "a@b.example\u{85}",
        "",
        "a@b\t",
    ] {
        let who = read(json!({"email": bad, "email_verified": true}), None);
        assert_eq!((who.email(), who.email_verified()), (None, false), "{bad:?}");
    }
}

#[test]
fn one_documents_word_does_not_verify_anothers_address() {
    let signed = json!({"sub": "s-1", "email": "ceo@example.com"});
    let other = json!({"sub": "s-1", "email": "mallory@example.com", "email_verified": true});
    let who = read(signed.clone(), Some(other));
    assert_eq!((who.email(), who.email_verified()), (Some("ceo@example.com"), false));
    assert_eq!(who.claims().get("email_verified"), Some(&Claim::Bool(false)));
    let same = json!({"sub": "s-1", "email": "ceo@example.com", "email_verified": true});
    assert!(read(signed, Some(same.clone())).email_verified());
    assert!(read(json!({"sub": "s-1"}), Some(same)).email_verified());
    // And the other way round: the ID token's flag is about its own address, here none.
    let flag_only = json!({"sub": "s-1", "email_verified": true});
    let address_only = json!({"sub": "s-1", "email": "mallory@example.com"});
    assert!(!read(flag_only, Some(address_only)).email_verified());
}

#[test]
fn the_flag_is_about_email_and_no_other_claim() {
    let names = ClaimNames {
        email: ClaimPath::top("preferred_username"),
        ..ClaimNames::default()
    };
    let of = |email: &str| json!({"email": email, "email_verified": true, "preferred_username": "ceo@example.com"});
    let who = read_by(&names, of("mallory@example.org"), None);
    assert_eq!((who.email(), who.email_verified()), (Some("ceo@example.com"), false));
    assert!(read_by(&names, of("ceo@example.com"), None).email_verified());
}

#[test]
fn how_someone_signed_in_is_signed() {
    let who = read(
        json!({"sub": "s-1"}),
        Some(json!({"sub": "s-1", "acr": "9", "amr": ["hwk"], "auth_time": 5, "sid": "x"})),
    );
    assert_eq!(
        (who.acr(), who.amr().len(), who.auth_time(), who.sid()),
        (None, 0, None, None)
    );
}

#[test]
fn a_moment_is_a_number() {
    for (value, secs) in [
        (json!(900), Some(900)),
        (json!(900.9), Some(900)),
        (json!("900"), None),
        (json!(1e300), Some(i64::MAX)),
        (json!(null), None),
    ] {
        assert_eq!(moment(&value.clone().into()).map(UnixTime::secs), secs, "{value}");
    }
}
