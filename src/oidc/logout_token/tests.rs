//! Rows BL-02 to BL-07 on tokens really signed.

use serde_json::json;

use super::*;
use crate::oidc::id_token::tests::{self as id_token, CLIENT, ISSUER, NOW, RS256, SECRET_KEY, SKEW, keys, set, sign};

fn claims() -> Value {
    json!({
        "iss": ISSUER.as_str(), "aud": CLIENT, "iat": NOW - 5, "exp": NOW + 100, "jti": "j-1", "sid": "p-1", "sub": "ada",
        "events": { EVENT: {} },
    })
}

fn claim(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(names: &[&str]) -> Value {
    let mut claims = claims();
    for name in names {
        claims.as_object_mut().unwrap().remove(*name);
    }
    claims
}

fn header(typ: &Value) -> Value {
    json!({"alg": "RS256", "kid": "rsa", "typ": typ})
}

fn token(claims: &Value) -> String {
    sign(&header(&json!("logout+jwt")), claims)
}

fn expect() -> Expect<'static> {
    Expect {
        issuer: &ISSUER,
        client_id: CLIENT,
        client_secret: Some(&SECRET_KEY),
        algs: &RS256,
        now: UnixTime::from_secs(NOW),
        skew: SKEW,
    }
}

fn verdict(raw: &str) -> Result<VerifiedLogoutToken, LogoutTokenError> {
    Ok(Candidate::read(raw, &expect())?.verify(&keys())?)
}

#[track_caller]
fn refused(claims: &Value, error: impl Into<LogoutTokenError>) {
    assert_eq!(verdict(&token(claims)), Err(error.into()), "{claims}");
}

#[track_caller]
fn accepted(claims: &Value) -> VerifiedLogoutToken {
    verdict(&token(claims)).unwrap_or_else(|error| panic!("{error}: {claims}"))
}

#[test]
fn a_good_token_says_whose_session_ends() {
    // BL-07
    let good = accepted(&claims());
    assert_eq!(good.whose(), &Whose::Sid("p-1".to_owned()), "sid before sub");
    assert_eq!(good.id(), "j-1");
    assert_eq!(good.issued(), UnixTime::from_secs(NOW - 5));
    assert_eq!(good.expires(), UnixTime::from_secs(NOW + 100) + SKEW);
    assert_eq!(accepted(&without(&["sub"])).whose(), &Whose::Sid("p-1".to_owned()));
    assert_eq!(accepted(&without(&["sid"])).whose(), &Whose::Subject("ada".to_owned()));
}

#[test]
fn issuer_and_audience_are_held_as_for_an_id_token() {
    // BL-02
    for other in [
        json!("https://id.example.org/realm/"),
        json!([ISSUER.as_str()]),
        json!(null),
    ] {
        refused(&claim("iss", other), IdTokenError::WrongIssuer);
    }
    accepted(&claim("aud", json!([CLIENT])));
    for other in [
        json!("another"),
        json!([]),
        json!([CLIENT, "another"]),
        json!(null),
        json!(7),
    ] {
        refused(&claim("aud", other), IdTokenError::WrongAudience);
    }
    refused(&without(&["iss"]), IdTokenError::WrongIssuer);
    refused(&without(&["aud"]), IdTokenError::WrongAudience);
}

#[test]
fn times_are_held_with_the_skew() {
    // BL-02, IP-11 late
    accepted(&claim("exp", json!(NOW - 59)));
    refused(&claim("exp", json!(NOW - 60)), IdTokenError::WrongTime);
    accepted(&claim("iat", json!(NOW + 60)));
    refused(&claim("iat", json!(NOW + 61)), IdTokenError::WrongTime);
    refused(&claim("iat", json!(NOW - 90_000)), IdTokenError::WrongTime);
    refused(&claim("nbf", json!(NOW + 61)), IdTokenError::WrongTime);
    refused(&without(&["iat"]), IdTokenError::Malformed);
    for odd in [json!("1800000000"), json!(null), json!([1])] {
        refused(&claim("exp", odd.clone()), IdTokenError::Malformed);
        refused(&claim("iat", odd), IdTokenError::Malformed);
    }
}

#[test]
fn without_exp_it_is_good_for_two_minutes() {
    // BL-02
    let mut old = without(&["exp"]);
    assert_eq!(accepted(&old).expires(), UnixTime::from_secs(NOW + 115) + SKEW);
    old["iat"] = json!(NOW - 179);
    accepted(&old);
    old["iat"] = json!(NOW - 180);
    refused(&old, IdTokenError::WrongTime);
}

#[test]
fn a_far_expiry_is_not_remembered_for_longer_than_the_token_is_good() {
    let far = accepted(&claim("exp", json!(NOW + 10_000_000)));
    assert_eq!(far.expires(), UnixTime::from_secs(NOW - 5 + 86_400) + SKEW);
}

#[test]
fn the_event_is_there_as_an_object() {
    // BL-03
    for bad in [
        json!(EVENT),
        json!([EVENT]),
        json!({}),
        json!(null),
        json!({"http://schemas.openid.net/event/backchannel_logout": {}}),
        json!({"http://schemas.openid.net/event/backchannel-logout/": {}}),
        json!({ EVENT: [] }),
        json!({ EVENT: "" }),
        json!({ EVENT: null }),
        json!({ EVENT: true }),
    ] {
        refused(&claim("events", bad), LogoutTokenError::NoEvent);
    }
    refused(&without(&["events"]), LogoutTokenError::NoEvent);
    accepted(&claim("events", json!({ EVENT: {"more": 1} })));
    accepted(&claim("events", json!({ EVENT: {}, "https://example.org/other": {} })));
}

#[test]
fn a_nonce_is_refused_whatever_it_is() {
    // BL-04
    for nonce in [json!("n"), json!(""), json!(null), json!(7)] {
        refused(&claim("nonce", nonce), LogoutTokenError::Nonce);
    }
}

#[test]
fn it_names_somebody() {
    // BL-04
    refused(&without(&["sub", "sid"]), LogoutTokenError::Nobody);
    for bad in [json!(""), json!(7), json!(null), json!(["p-1"]), json!("x".repeat(256))] {
        refused(&claim("sid", bad), LogoutTokenError::BadSid);
    }
    for bad in [json!(""), json!(7), json!(null), json!("\u{e9}")] {
        refused(&claim("sub", bad), IdTokenError::BadSubject);
    }
}

#[test]
fn it_has_an_identifier() {
    // BL-05
    refused(&without(&["jti"]), LogoutTokenError::BadId);
    for bad in [json!(""), json!(7), json!(null), json!("x".repeat(256))] {
        refused(&claim("jti", bad), LogoutTokenError::BadId);
    }
}

#[test]
fn only_its_own_type_or_none_is_taken() {
    // BL-06
    for typ in ["logout+jwt", "application/logout+jwt", "Logout+JWT", "JWT"] {
        let raw = sign(&header(&json!(typ)), &claims());
        assert!(verdict(&raw).is_ok(), "{typ}");
    }
    assert!(verdict(&sign(&json!({"alg": "RS256", "kid": "rsa"}), &claims())).is_ok());
    for typ in [
        json!("at+jwt"),
        json!("dpop+jwt"),
        json!("secevent+jwt"),
        json!("logout"),
        json!(""),
        json!(null),
        json!(7),
    ] {
        let raw = sign(&header(&typ), &claims());
        assert_eq!(verdict(&raw), Err(IdTokenError::WrongType.into()), "{typ}");
    }
}

#[test]
fn an_id_token_is_no_logout_token_nor_the_other_way_round() {
    // BL-06, ID-18
    let header = json!({"alg": "RS256", "kid": "rsa"});
    let raw = sign(&header, &id_token::claims());
    assert_eq!(verdict(&raw), Err(LogoutTokenError::NoEvent));
    let mut dressed = id_token::claims();
    dressed["events"] = json!({ EVENT: {} });
    dressed["jti"] = json!("j");
    assert_eq!(verdict(&sign(&header, &dressed)), Err(LogoutTokenError::Nonce));
    assert!(
        crate::oidc::VerifiedIdToken::claims_before(&token(&claims())).is_none(),
        "by its type"
    );
}

#[test]
fn the_algorithm_and_the_signature_are_the_id_tokens() {
    // BL-02, BL-12
    let none = sign(&json!({"alg": "none", "typ": "logout+jwt"}), &claims());
    assert_eq!(verdict(&none), Err(IdTokenError::AlgNotAllowed.into()));
    let by_secret = sign(&json!({"alg": "HS256", "typ": "logout+jwt"}), &claims());
    assert_eq!(verdict(&by_secret), Err(IdTokenError::AlgNotAllowed.into()));
    let other = sign(&json!({"alg": "ES256", "kid": "ec"}), &claims());
    assert_eq!(verdict(&other), Err(IdTokenError::AlgNotAllowed.into()));
    let stranger = sign(&json!({"alg": "RS256", "kid": "stranger"}), &claims());
    assert_eq!(verdict(&stranger), Err(IdTokenError::UnknownKey.into()));
    let good = token(&claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", id_token::b64([0; 256]));
    assert_eq!(verdict(&forged), Err(IdTokenError::BadSignature.into()));
    // The same candidate verifies once the key is there.
    let candidate = Candidate::read(&good, &expect()).unwrap();
    assert_eq!(candidate.verify(&set(&json!([]))), Err(IdTokenError::UnknownKey));
    assert!(candidate.verify(&keys()).is_ok());
}

#[test]
fn what_is_no_token_or_too_long_is_malformed() {
    for raw in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d.e"] {
        assert_eq!(verdict(raw), Err(IdTokenError::Malformed.into()), "{raw}");
    }
    let long = token(&claim("more", json!("x".repeat(LONGEST))));
    assert_eq!(verdict(&long), Err(IdTokenError::Malformed.into()));
}

#[test]
fn every_reason_has_a_code_of_its_own_kind() {
    let codes = [
        LogoutTokenError::NoEvent,
        LogoutTokenError::Nonce,
        LogoutTokenError::Nobody,
        LogoutTokenError::BadSid,
        LogoutTokenError::BadId,
        IdTokenError::UnknownKey.into(),
        IdTokenError::BadSignature.into(),
        IdTokenError::AlgNotAllowed.into(),
        IdTokenError::WrongType.into(),
        IdTokenError::WrongIssuer.into(),
        IdTokenError::WrongAudience.into(),
        IdTokenError::WrongTime.into(),
        IdTokenError::BadSubject.into(),
        IdTokenError::Malformed.into(),
    ]
    .map(LogoutTokenError::code);
    let distinct: std::collections::BTreeSet<_> = codes.iter().collect();
    assert_eq!(distinct.len(), codes.len());
}
