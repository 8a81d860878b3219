//! Rows ID-02 to ID-18 and RF-06, each as a table against tokens really signed.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest, hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};
use rsa::{pkcs1::EncodeRsaPrivateKey as _, pkcs8::EncodePublicKey as _, traits::PublicKeyParts as _};
use serde_json::json;

use super::*;

pub(in crate::oidc) const NOW: i64 = 1_800_000_000;
pub(in crate::oidc) const SKEW: Duration = Duration::from_secs(60);
pub(in crate::oidc) const CLIENT: &str = "doorward";
const NONCE: &str = "n-0S6_WzA2Mj";
const ACCESS_TOKEN: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
pub(in crate::oidc) const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(in crate::oidc) static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::new("https://id.example.org/realm"));
pub(in crate::oidc) static RS256: LazyLock<Vec<String>> = LazyLock::new(|| vec!["RS256".to_owned()]);
pub(in crate::oidc) static SECRET_KEY: LazyLock<Secret<String>> = LazyLock::new(|| Secret::from(SECRET));

struct Rsa {
    private: rsa::RsaPrivateKey,
    pair: RsaKeyPair,
}

static RSA: LazyLock<Rsa> = LazyLock::new(|| {
    let private = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let der = private.to_pkcs1_der().unwrap();
    let pair = RsaKeyPair::from_der(der.as_bytes()).unwrap();
    Rsa { private, pair }
});

static EC: LazyLock<EcdsaKeyPair> = LazyLock::new(|| ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING));
static EC384: LazyLock<EcdsaKeyPair> = LazyLock::new(|| ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING));
static ED: LazyLock<Ed25519KeyPair> = LazyLock::new(|| {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random()).unwrap();
    Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()
});

#[expect(clippy::disallowed_methods, reason = "a test's own keys")]
fn random() -> SystemRandom {
    SystemRandom::new()
}

fn ecdsa(alg: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(alg, &random()).unwrap();
    EcdsaKeyPair::from_pkcs8(alg, pkcs8.as_ref(), &random()).unwrap()
}

pub(in crate::oidc) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa_jwk(kid: &str, key: &rsa::RsaPrivateKey) -> Value {
    json!({"kty": "RSA", "kid": kid, "n": b64(key.n().to_bytes_be()), "e": b64(key.e().to_bytes_be())})
}

fn ec_jwk(kid: &str, crv: &str, pair: &EcdsaKeyPair) -> Value {
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    json!({"kty": "EC", "crv": crv, "kid": kid, "x": b64(x), "y": b64(y)})
}

pub(in crate::oidc) fn set(keys: &Value) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

pub(in crate::oidc) fn keys() -> KeySet {
    set(&json!([
        rsa_jwk("rsa", &RSA.private),
        ec_jwk("ec", "P-256", &EC),
        ec_jwk("ec384", "P-384", &EC384),
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": b64(ED.public_key().as_ref())},
    ]))
}

pub(in crate::oidc) fn claims() -> Value {
    json!({
        "iss": ISSUER.as_str(), "aud": CLIENT, "sub": "ada", "nonce": NONCE,
        "iat": NOW - 5, "exp": NOW + 300, "auth_time": NOW - 100, "acr": "gold",
    })
}

fn claim(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn rsa_signature(padding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; RSA.pair.public().modulus_len()];
    RSA.pair.sign(padding, &random(), message, &mut signature).unwrap();
    signature
}

fn signature(alg: &str, message: &[u8]) -> Vec<u8> {
    let hs = |alg, key: &[u8]| hmac::sign(&hmac::Key::new(alg, key), message).as_ref().to_vec();
    match alg {
        "RS256" => rsa_signature(&RSA_PKCS1_SHA256, message),
        "PS256" => rsa_signature(&RSA_PSS_SHA256, message),
        "ES256" => EC.sign(&random(), message).unwrap().as_ref().to_vec(),
        "ES384" => EC384.sign(&random(), message).unwrap().as_ref().to_vec(),
        "EdDSA" | "Ed25519" => ED.sign(message).as_ref().to_vec(),
        "HS256" => hs(hmac::HMAC_SHA256, SECRET.as_bytes()),
        "HS512" => hs(hmac::HMAC_SHA512, SECRET.as_bytes()),
        _ => Vec::new(),
    }
}

fn sign_text(header: &str, payload: &str, alg: &str) -> String {
    let message = format!("{}.{}", b64(header), b64(payload));
    let signature = signature(alg, message.as_bytes());
    format!("{message}.{}", b64(signature))
}

pub(in crate::oidc) fn sign(header: &Value, claims: &Value) -> String {
    let alg = header["alg"].as_str().unwrap_or_default();
    sign_text(&header.to_string(), &claims.to_string(), alg)
}

fn token(claims: &Value) -> String {
    sign(&json!({"alg": "RS256", "kid": "rsa"}), claims)
}

fn expect() -> Expect<'static> {
    Expect {
        issuer: &ISSUER,
        client_id: CLIENT,
        client_secret: Some(&SECRET_KEY),
        algs: &RS256,
        nonce: Some(NONCE),
        access_token: ACCESS_TOKEN,
        max_age: None,
        acr_values: &[],
        before: None,
        now: UnixTime::from_secs(NOW),
        skew: SKEW,
    }
}

fn verdict(raw: &str, expect: &Expect<'_>) -> Result<String, IdTokenError> {
    VerifiedIdToken::verify(raw, &keys(), expect).map(|token| token.subject().to_owned())
}

fn refused(claims: &Value, error: IdTokenError) {
    assert_eq!(verdict(&token(claims), &expect()), Err(error), "{claims}");
}

fn accepted(claims: &Value) {
    assert_eq!(verdict(&token(claims), &expect()), Ok("ada".to_owned()), "{claims}");
}

#[test]
fn a_good_token_is_verified_and_read() {
    let verified = VerifiedIdToken::verify(&token(&claims()), &keys(), &expect()).unwrap();
    assert_eq!(verified.subject(), "ada");
    assert_eq!(verified.claims()["acr"], "gold");
}

#[test]
fn the_issuer_is_compared_byte_for_byte() {
    // ID-02
    for other in [
        json!("https://id.example.org/realm/"),
        json!("https://ID.example.org/realm"),
        json!("https://id.example.org:443/realm"),
        json!("https://id.example.org/re\u{0430}lm"),
        json!("http://id.example.org/realm"),
        json!(["https://id.example.org/realm"]),
        json!(null),
    ] {
        refused(&claim("iss", other), IdTokenError::WrongIssuer);
    }
    refused(&without("iss"), IdTokenError::WrongIssuer);
}

#[test]
fn we_are_the_only_audience() {
    // ID-03
    accepted(&claim("aud", json!([CLIENT])));
    for other in [
        json!("another"),
        json!("Doorward"),
        json!([]),
        json!(["another"]),
        json!([CLIENT, "another"]),
        json!([CLIENT, 7]),
        json!([[CLIENT]]),
        json!({"doorward": true}),
        json!(null),
        json!(7),
    ] {
        refused(&claim("aud", other), IdTokenError::WrongAudience);
    }
    refused(&without("aud"), IdTokenError::WrongAudience);
}

#[test]
fn azp_names_us_wherever_it_is() {
    // ID-04
    accepted(&claim("azp", json!(CLIENT)));
    for other in [json!("another"), json!([CLIENT]), json!(null), json!("")] {
        refused(&claim("azp", other), IdTokenError::WrongAudience);
    }
    let mut twice = claim("aud", json!([CLIENT, CLIENT]));
    refused(&twice, IdTokenError::WrongAudience);
    twice["azp"] = json!(CLIENT);
    accepted(&twice);
    let mut untrusted = claim("aud", json!([CLIENT, "another"]));
    untrusted["azp"] = json!(CLIENT);
    refused(&untrusted, IdTokenError::WrongAudience);
}

#[test]
fn a_changed_token_does_not_verify() {
    // ID-05
    let good = token(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[0] ^= 1;
    let flipped = format!("{message}.{}", b64(&bytes));
    assert_eq!(verdict(&flipped, &expect()), Err(IdTokenError::BadSignature));
    let (header, _) = message.split_once('.').unwrap();
    let other_payload = b64(claim("sub", json!("root")).to_string());
    let moved = format!("{header}.{other_payload}.{signature}");
    assert_eq!(verdict(&moved, &expect()), Err(IdTokenError::BadSignature));
    for cut in ["", "AA"] {
        let cut = format!("{message}.{cut}");
        assert_eq!(verdict(&cut, &expect()), Err(IdTokenError::BadSignature));
    }
}

#[test]
fn each_algorithm_verifies_where_configured_and_only_there() {
    // ID-06, ID-17
    for (alg, kid) in [
        ("RS256", "rsa"),
        ("PS256", "rsa"),
        ("ES256", "ec"),
        ("ES384", "ec384"),
        ("EdDSA", "ed"),
        ("Ed25519", "ed"),
        ("HS256", "any"),
        ("HS512", "any"),
    ] {
        let raw = sign(&json!({"alg": alg, "kid": kid}), &claims());
        let configured = [alg.to_owned(), "none".to_owned()];
        let with = Expect {
            algs: &configured,
            ..expect()
        };
        assert_eq!(verdict(&raw, &with), Ok("ada".to_owned()), "{alg}");
        let others = ["RS384".to_owned(), "none".to_owned(), "HS384".to_owned()];
        let elsewhere = Expect {
            algs: &others,
            ..expect()
        };
        assert_eq!(verdict(&raw, &elsewhere), Err(IdTokenError::AlgNotAllowed), "{alg}");
    }
}

#[test]
fn none_is_never_an_algorithm() {
    // ID-06
    let names = [
        "none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "ES512", "A128KW", "dir",
    ];
    let configured: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    for name in names {
        let raw = sign(&json!({"alg": name, "kid": "rsa"}), &claims());
        let expect = Expect {
            algs: &configured,
            ..expect()
        };
        assert_eq!(verdict(&raw, &expect), Err(IdTokenError::AlgNotAllowed), "{name}");
    }
}

#[test]
fn a_public_key_is_never_a_shared_secret() {
    // ID-06: key confusion
    let pem = RSA
        .private
        .to_public_key()
        .to_public_key_pem(rsa::pkcs8::LineEnding::LF)
        .unwrap();
    let jwk = rsa_jwk("rsa", &RSA.private).to_string();
    let hs: Vec<_> = ["RS256", "HS256"].map(ToOwned::to_owned).to_vec();
    for key in [pem.as_bytes(), pem.trim().as_bytes(), jwk.as_bytes(), b""] {
        let message = format!(
            "{}.{}",
            b64(json!({"alg": "HS256", "kid": "rsa"}).to_string()),
            b64(claims().to_string())
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes());
        let raw = format!("{message}.{}", b64(tag));
        assert_eq!(verdict(&raw, &expect()), Err(IdTokenError::AlgNotAllowed));
        let expect = Expect { algs: &hs, ..expect() };
        assert_eq!(verdict(&raw, &expect), Err(IdTokenError::BadSignature));
    }
}

#[test]
fn hs_needs_a_secret_of_32_bytes() {
    // ID-06, JB-04
    let algs = ["HS256".to_owned()];
    let raw = sign(&json!({"alg": "HS256"}), &claims());
    let short = Secret::from(SECRET.strip_suffix('f').unwrap());
    for secret in [None, Some(&short)] {
        let expect = Expect {
            algs: &algs,
            client_secret: secret,
            ..expect()
        };
        assert_eq!(verdict(&raw, &expect), Err(IdTokenError::AlgNotAllowed));
    }
}

#[test]
fn a_symmetric_key_in_the_set_is_no_key() {
    // ID-06
    let set = set(&json!([{"kty": "oct", "kid": "k", "k": b64(SECRET)}]));
    let algs = ["HS256".to_owned()];
    let raw = sign(&json!({"alg": "HS256", "kid": "k"}), &claims());
    let expect = Expect {
        algs: &algs,
        client_secret: None,
        ..expect()
    };
    let verdict = VerifiedIdToken::verify(&raw, &set, &expect).map(drop);
    assert_eq!(verdict, Err(IdTokenError::AlgNotAllowed));
}

#[test]
fn key_references_in_the_header_are_ignored_and_extensions_refused() {
    // ID-01, ID-07, JB-05, JB-09
    let other = rsa_jwk("rsa", &RSA.private);
    for (name, value) in [
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("jwk", other),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
    ] {
        let mut header = json!({"alg": "RS256", "kid": "rsa"});
        header[name] = value;
        assert!(verdict(&sign(&header, &claims()), &expect()).is_ok(), "{name}");
        header["kid"] = json!("elsewhere");
        assert_eq!(
            verdict(&sign(&header, &claims()), &expect()),
            Err(IdTokenError::UnknownKey)
        );
    }
    for (name, value) in [
        ("crit", json!(["b64"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!("false")),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
    ] {
        let mut header = json!({"alg": "RS256", "kid": "rsa"});
        header[name] = value;
        assert_eq!(
            verdict(&sign(&header, &claims()), &expect()),
            Err(IdTokenError::WrongType),
            "{name}"
        );
    }
}

#[test]
fn the_key_is_chosen_by_kid_type_algorithm_and_use() {
    // ID-08
    let unnamed = sign(&json!({"alg": "RS256"}), &claims());
    assert!(verdict(&unnamed, &expect()).is_ok(), "no kid: all that fit are tried");
    for kid in ["elsewhere", "ec", "../../etc/passwd", "' OR 1=1 --", ""] {
        let raw = sign(&json!({"alg": "RS256", "kid": kid}), &claims());
        assert_eq!(verdict(&raw, &expect()), Err(IdTokenError::UnknownKey), "{kid}");
    }
    let huge = "k".repeat(2000);
    for kid in [json!(huge), json!(7), json!(null), json!(["rsa"])] {
        let raw = sign(&json!({"alg": "RS256", "kid": kid}), &claims());
        assert_eq!(verdict(&raw, &expect()), Err(IdTokenError::Malformed));
    }
    let stranger = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let verify = |keys: Value| VerifiedIdToken::verify(&token(&claims()), &set(&keys), &expect()).map(drop);
    let same_kid = rsa_jwk("rsa", &stranger);
    assert_eq!(
        verify(json!([same_kid, rsa_jwk("rsa", &RSA.private)])),
        Ok(()),
        "duplicate kids"
    );
    assert_eq!(
        verify(json!([same_kid])),
        Err(IdTokenError::BadSignature),
        "DJ-08: kid reused"
    );
    assert_eq!(verify(json!([])), Err(IdTokenError::UnknownKey));
    for (name, value) in [("alg", "PS256"), ("alg", "RSA-OAEP"), ("use", "enc")] {
        let mut key = rsa_jwk("rsa", &RSA.private);
        key[name] = json!(value);
        assert_eq!(verify(json!([key])), Err(IdTokenError::UnknownKey), "{name} {value}");
    }
}

#[test]
fn validity_is_held_against_the_clock_with_skew() {
    // ID-09, IP-06, GW-10
    for (name, good) in [
        ("exp", json!(NOW - 59)),
        ("exp", json!(NOW + 1)),
        ("exp", json!(4_102_444_800_i64)),
        ("exp", json!(1.8e9 + 0.5)),
        ("exp", json!(1_i64 << 53)),
        ("iat", json!(NOW + 60)),
        ("iat", json!(NOW - 86_400)),
        ("iat", json!(1.8e9 - 0.5)),
        ("nbf", json!(NOW + 60)),
        ("nbf", json!(0)),
        ("nbf", json!(-5)),
    ] {
        accepted(&claim(name, good));
    }
    for (name, wrong) in [
        ("exp", json!(NOW - 60)),
        ("exp", json!(NOW - 86_400)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("iat", json!(NOW + 61)),
        ("iat", json!(NOW - 86_461)),
        ("iat", json!(-1)),
        ("nbf", json!(NOW + 61)),
    ] {
        refused(&claim(name, wrong), IdTokenError::WrongTime);
    }
    for name in ["exp", "iat", "nbf"] {
        for odd in [
            json!(format!("{}", NOW + 30)),
            json!(null),
            json!(true),
            json!([NOW]),
            json!(1e300),
            json!(-1e300),
            json!(u64::MAX),
            json!((1_i64 << 53) + 1),
        ] {
            refused(&claim(name, odd), IdTokenError::Malformed);
        }
    }
    refused(&without("exp"), IdTokenError::Malformed);
    refused(&without("iat"), IdTokenError::Malformed);
}

#[test]
fn the_nonce_is_the_one_sent() {
    // ID-10
    for other in [
        json!(format!("{NONCE}1")),
        json!(NONCE.strip_prefix('n')),
        json!(""),
        json!([NONCE]),
        json!(null),
        json!(0),
    ] {
        refused(&claim("nonce", other), IdTokenError::WrongNonce);
    }
    refused(&without("nonce"), IdTokenError::WrongNonce);
}

#[test]
fn max_age_demands_a_recent_sign_in() {
    // ID-11
    let verdict = |claims: &Value, max_age| {
        let expect = Expect {
            max_age: Some(Duration::from_secs(max_age)),
            ..expect()
        };
        verdict(&token(claims), &expect).map(drop)
    };
    assert_eq!(verdict(&claims(), 100), Ok(()));
    assert_eq!(verdict(&claims(), 40), Ok(()), "skew");
    assert_eq!(verdict(&claims(), 39), Err(IdTokenError::TooOld));
    assert_eq!(verdict(&claim("auth_time", json!(NOW)), 0), Ok(()));
    assert_eq!(verdict(&without("auth_time"), 9999), Err(IdTokenError::TooOld));
    assert_eq!(
        verdict(&claim("auth_time", json!(NOW + 61)), 9999),
        Err(IdTokenError::WrongTime)
    );
    assert_eq!(
        verdict(&claim("auth_time", json!("1800000000")), 9999),
        Err(IdTokenError::Malformed)
    );
    accepted(&claim("auth_time", json!("long ago")));
}

#[test]
fn acr_is_one_of_those_asked_for() {
    // ID-12
    let asked = ["silver".to_owned(), "gold".to_owned()];
    let verdict = |claims: &Value| {
        let expect = Expect {
            acr_values: &asked,
            ..expect()
        };
        verdict(&token(claims), &expect).map(drop)
    };
    assert_eq!(verdict(&claims()), Ok(()));
    for unmet in [claim("acr", json!("0")), claim("acr", json!(["gold"])), without("acr")] {
        assert_eq!(verdict(&unmet), Err(IdTokenError::AcrUnmet));
    }
}

#[test]
fn at_hash_fits_where_it_is() {
    // ID-13
    let half = |alg, len| b64(&digest::digest(alg, ACCESS_TOKEN.as_bytes()).as_ref()[..len]);
    accepted(&claim("at_hash", json!(half(&digest::SHA256, 16))));
    for other in [
        json!(half(&digest::SHA256, 32)),
        json!(half(&digest::SHA512, 32)),
        json!(""),
        json!(null),
        json!(["x"]),
    ] {
        refused(&claim("at_hash", other), IdTokenError::WrongAtHash);
    }
    for (alg, kid, hash) in [
        ("ES384", "ec384", half(&digest::SHA384, 24)),
        ("EdDSA", "ed", half(&digest::SHA512, 32)),
        ("HS512", "", half(&digest::SHA512, 32)),
    ] {
        let algs = [alg.to_owned()];
        let expect = Expect {
            algs: &algs,
            ..expect()
        };
        let raw = sign(&json!({"alg": alg, "kid": kid}), &claim("at_hash", json!(hash)));
        assert!(verdict(&raw, &expect).is_ok(), "{alg}");
    }
}

#[test]
fn the_subject_is_short_ascii_text() {
    // ID-14
    let longest = "x".repeat(255);
    let raw = token(&claim("sub", json!(longest)));
    assert_eq!(verdict(&raw, &expect()), Ok(longest));
    for bad in [
        json!(""),
        json!("x".repeat(256)),
        json!("ad\u{e9}"),
        json!("a\u{0}b"),
        json!("a\nb"),
        json!(7),
        json!(null),
        json!(["ada"]),
    ] {
        refused(&claim("sub", bad), IdTokenError::BadSubject);
    }
    refused(&without("sub"), IdTokenError::BadSubject);
}

#[test]
fn json_is_read_in_one_way_only() {
    // ID-15
    let header = r#"{"alg":"RS256","kid":"rsa"}"#;
    let good = claims().to_string();
    let twice = good.replacen('{', r#"{"sub":"root","#, 1);
    let deep = good.replacen('{', &format!(r#"{{"d":{}{},"#, "[".repeat(99), "]".repeat(99)), 1);
    for payload in [
        &twice,
        &deep,
        "[]",
        "null",
        "\"ada\"",
        "7",
        "",
        "{",
        &format!("{good}{good}"),
    ] {
        let raw = sign_text(header, payload, "RS256");
        assert_eq!(verdict(&raw, &expect()), Err(IdTokenError::Malformed), "{payload}");
    }
    for header in [
        r#"{"alg":"none","alg":"RS256","kid":"rsa"}"#,
        "[]",
        "null",
        "",
        r#"{"kid":"rsa"}"#,
        r#"{"alg":7}"#,
    ] {
        let raw = sign_text(header, &good, "RS256");
        assert_eq!(verdict(&raw, &expect()), Err(IdTokenError::Malformed), "{header}");
    }
    let huge = claim("pad", json!("x".repeat(200_000)));
    refused(&huge, IdTokenError::Malformed);
}

#[test]
fn the_form_is_three_strict_segments() {
    // ID-01, ID-16
    let good = token(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let trailing_bits = {
        // 256 bytes end in two bits of padding within the last character: the next character differs in those alone.
        let (rest, last) = signature.split_at(signature.len() - 1);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let next = alphabet.split_once(last).unwrap().1.chars().next().unwrap();
        format!("{message}.{rest}{next}")
    };
    for bad in [
        String::new(),
        "..".to_owned(),
        "a.b".to_owned(),
        message.to_owned(),
        format!("{good}.x"),
        format!(".{good}"),
        format!("{good}.x.y"),
        format!("{good}="),
        format!("{good}=="),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{message}.\n{signature}"),
        format!("{message}.{}", signature.replacen(|c| c != '+', "+", 1)),
        trailing_bits,
        // The form of an encrypted token (RFC 7516 section 7.1), which nobody registered for.
        format!(
            "{}.AAAA.AAAA.AAAA.AAAA",
            b64(json!({"alg": "RS256", "kid": "rsa"}).to_string())
        ),
    ] {
        assert_eq!(verdict(&bad, &expect()), Err(IdTokenError::Malformed), "{bad}");
    }
}

#[test]
fn degenerate_signatures_do_not_verify() {
    // ID-17
    let algs = ["ES256", "RS256", "EdDSA", "HS256"].map(str::to_owned);
    let expect = Expect {
        algs: &algs,
        ..expect()
    };
    let der = {
        let mut der = vec![0x30, 0x44, 2, 0x20];
        der.extend([1; 32]);
        der.extend([2, 0x20]);
        der.extend([1; 32]);
        der
    };
    for (alg, kid, signature) in [
        ("ES256", "ec", vec![0; 64]),
        ("ES256", "ec", vec![0xff; 64]),
        ("ES256", "ec", vec![1; 63]),
        ("ES256", "ec", der),
        ("ES256", "ec", Vec::new()),
        ("RS256", "rsa", vec![0; 256]),
        ("RS256", "rsa", vec![1]),
        ("EdDSA", "ed", vec![0; 64]),
        ("EdDSA", "ed", vec![0; 63]),
        ("HS256", "any", Vec::new()),
        ("HS256", "any", vec![0; 31]),
        ("HS256", "any", vec![0; 32]),
        ("HS256", "any", vec![0; 33]),
    ] {
        let header = json!({"alg": alg, "kid": kid});
        let raw = format!(
            "{}.{}.{}",
            b64(header.to_string()),
            b64(claims().to_string()),
            b64(signature)
        );
        assert_eq!(verdict(&raw, &expect), Err(IdTokenError::BadSignature), "{alg}");
    }
}

#[test]
fn small_rsa_keys_do_not_count() {
    // ID-17
    let small = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
    let keys = set(&json!([rsa_jwk("rsa", &small)]));
    let message = format!(
        "{}.{}",
        b64(json!({"alg": "RS256", "kid": "rsa"}).to_string()),
        b64(claims().to_string())
    );
    let hash = digest::digest(&digest::SHA256, message.as_bytes());
    let signature = small.sign(rsa::Pkcs1v15Sign::new_unprefixed(), hash.as_ref()).unwrap();
    let raw = format!("{message}.{}", b64(signature));
    let verdict = VerifiedIdToken::verify(&raw, &keys, &expect()).map(drop);
    assert_eq!(verdict, Err(IdTokenError::UnknownKey));
}

#[test]
fn other_kinds_of_token_are_no_id_token() {
    // ID-18
    for typ in [json!("JWT"), json!("jwt"), json!("application/jwt"), json!("JOSE")] {
        let raw = sign(&json!({"alg": "RS256", "kid": "rsa", "typ": typ}), &claims());
        assert!(verdict(&raw, &expect()).is_ok(), "{typ}");
    }
    for typ in [
        json!("at+jwt"),
        json!("application/at+jwt"),
        json!("logout+jwt"),
        json!("dpop+jwt"),
        json!("client-authentication+jwt"),
        json!("token-introspection+jwt"),
        json!("secevent+jwt"),
        json!(""),
        json!(null),
        json!(7),
    ] {
        let raw = sign(&json!({"alg": "RS256", "kid": "rsa", "typ": typ}), &claims());
        assert_eq!(verdict(&raw, &expect()), Err(IdTokenError::WrongType), "{typ}");
    }
}

#[test]
fn a_refresh_changes_neither_party_nor_person() {
    // RF-06
    let before = claims().as_object().unwrap().clone();
    let refresh = |claims: &Value, before: &Claims| {
        let expect = Expect {
            nonce: None,
            before: Some(before),
            ..expect()
        };
        verdict(&token(claims), &expect).map(drop)
    };
    assert_eq!(refresh(&claims(), &before), Ok(()));
    assert_eq!(refresh(&without("nonce"), &before), Ok(()));
    assert_eq!(refresh(&without("auth_time"), &before), Ok(()));
    assert_eq!(refresh(&claim("auth_time", json!(1_799_999_900.0)), &before), Ok(()));
    assert_eq!(refresh(&claim("aud", json!([CLIENT])), &before), Ok(()));
    assert_eq!(
        refresh(&claim("nonce", json!("new")), &before),
        Err(IdTokenError::WrongNonce)
    );
    for changed in [
        claim("sub", json!("bob")),
        claim("azp", json!(CLIENT)),
        claim("auth_time", json!(NOW)),
        claim("auth_time", json!("now")),
    ] {
        assert_eq!(refresh(&changed, &before), Err(IdTokenError::Changed), "{changed}");
    }
    for (name, other) in [
        ("iss", json!("https://old.example.org")),
        ("aud", json!("old")),
        ("azp", json!(CLIENT)),
    ] {
        let mut before = before.clone();
        before.insert(name.to_owned(), other);
        assert_eq!(refresh(&claims(), &before), Err(IdTokenError::Changed), "{name}");
    }
    let mut without_nonce = before.clone();
    without_nonce.remove("nonce");
    assert_eq!(refresh(&claims(), &without_nonce), Err(IdTokenError::WrongNonce));
}

#[test]
fn a_refresh_keeps_what_is_known_of_the_sign_in() {
    // RF-06
    let mut before = claims().as_object().unwrap().clone();
    before.insert("sid".to_owned(), json!("s-1"));
    let mut refreshed = claim("acr", json!("silver"));
    refreshed.as_object_mut().unwrap().remove("auth_time");
    let expect = Expect {
        nonce: None,
        before: Some(&before),
        ..expect()
    };
    let verified = VerifiedIdToken::verify(&token(&refreshed), &keys(), &expect).unwrap();
    assert_eq!(verified.claims()["auth_time"], NOW - 100);
    assert_eq!(verified.claims()["sid"], "s-1");
    assert_eq!(verified.claims()["acr"], "silver", "what is said counts");
    assert!(!verified.claims().contains_key("amr"));
}

#[test]
fn equality_is_of_length_and_bytes() {
    assert!(same(b"abc", b"abc") && same(b"", b""));
    assert!(!same(b"abc", b"abd") && !same(b"abc", b"ab") && !same(b"", b"a"));
}
