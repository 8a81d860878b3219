//! The signed assertion: an ES256 JWT (RFC 7515, RFC 7519) that an upstream verifies with our key set.
//!
//! Signing keys are derived from the key ring by HKDF, one for each ring key and term of time: replicas with one ring share
//! them, and a restart keeps them. The first ring key's signs in its term. Those of the term before and of the one to
//! come are published with it, so a verifier that keeps the key set for up to a term never meets a key it lacks.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::SigningKey as PrivateKey;
use ring::{
    digest,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde::Serialize;
use serde_json::json;

use super::VerifiedIdentity;
use crate::{
    entropy::Entropy,
    keys::{KeyId, Ring, RingKey},
    time::UnixTime,
};

/// Longest life of an assertion.
pub const MAX_LIFE: Duration = Duration::from_secs(300);

/// Shortest term of a signing key: verifiers commonly keep a key set for an hour.
pub const SHORTEST_TERM: Duration = Duration::from_secs(2 * 3600);

/// The signing keys of a term and their public halves.
#[derive(Debug)]
pub struct AssertionKeys {
    term: Term,
    signing: SigningKey,
    others: Vec<SigningKey>,
}

/// A span of time with a signing key of its own: the `number`-th of `length` since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Term {
    number: i64,
    length: i64,
}

#[derive(Debug)]
struct SigningKey {
    ring_key: KeyId,
    pair: EcdsaKeyPair,
    public: PublicKey,
    header: String,
}

/// A public key in the members and the order of RFC 7638 section 3.2, which is also good for RFC 7517.
#[derive(Clone, Debug, Serialize)]
struct PublicKey {
    crv: &'static str,
    kty: &'static str,
    x: String,
    y: String,
}

/// The claims of an assertion, in the order they are written.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    idp: &'a str,
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    groups: &'a [String],
    sid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<UnixTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    amr: &'a [String],
    iat: UnixTime,
    exp: UnixTime,
    jti: String,
}

/// What is asserted.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// `iss`: this installation.
    pub issuer: &'a str,
    /// `aud`: the route's name.
    pub audience: &'a str,
    /// Who.
    pub identity: &'a VerifiedIdentity,
    /// `sid`: the session's hashed identifier.
    pub session: &'a str,
    /// `iat`.
    pub now: UnixTime,
    /// `exp` − `iat`, at most [`MAX_LIFE`].
    pub life: Duration,
}

impl AssertionKeys {
    /// Derives the keys of a ring for the term of `rotation` that `now` is in, at least [`SHORTEST_TERM`] long. `entropy`
    /// feeds the signatures only: the keys are the same wherever the ring and the time are.
    #[must_use]
    pub fn derive(ring: &Ring, rotation: Duration, now: UnixTime, entropy: &Entropy) -> Self {
        let term = Term::of(now, rotation);
        let terms = [term.number, term.number - 1, term.number + 1];
        let all = ring.keys().flat_map(|key| terms.map(|number| (key, number)));
        Self {
            term,
            signing: SigningKey::derive(ring.sealing(), term.number, entropy),
            others: all
                .skip(1)
                .map(|(key, number)| SigningKey::derive(key, number, entropy))
                .collect(),
        }
    }

    /// Whether `now` is in the term of these keys.
    #[must_use]
    pub fn serve(&self, now: UnixTime) -> bool {
        self.term.holds(now)
    }

    /// The ring key that the signing key is derived from.
    #[must_use]
    pub const fn signing(&self) -> &KeyId {
        &self.signing.ring_key
    }

    /// A compact JWS of the statement, signed by the first key; `jti` is drawn from `entropy`.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "claims are JSON, and ECDSA fails only without randomness, which ends the process elsewhere too (GW-14)"
    )]
    pub fn sign(&self, statement: &Statement<'_>, entropy: &Entropy) -> String {
        let claims = serde_json::to_vec(&Claims::of(statement, entropy)).expect("claims are JSON");
        let mut jws = String::with_capacity(claims.len() * 2);
        jws.push_str(&self.signing.header);
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut jws);
        let signature = self
            .signing
            .pair
            .sign(entropy.rng(), jws.as_bytes())
            .expect("randomness to sign with");
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
        jws
    }

    /// The public key set (RFC 7517) as JSON.
    #[must_use]
    pub fn jwks(&self) -> String {
        let keys: Vec<_> = std::iter::once(&self.signing)
            .chain(&self.others)
            .map(|key| {
                let PublicKey { crv, kty, x, y } = &key.public;
                json!({
                    "kty": kty, "crv": crv, "x": x, "y": y,
                    "kid": key.public.thumbprint(), "use": "sig", "alg": "ES256",
                })
            })
            .collect();
        json!({ "keys": keys }).to_string()
    }
}

impl Term {
    fn of(now: UnixTime, rotation: Duration) -> Self {
        let length = i64::try_from(rotation.max(SHORTEST_TERM).as_secs()).unwrap_or(i64::MAX);
        Self {
            number: now.secs().div_euclid(length),
            length,
        }
    }

    const fn holds(self, now: UnixTime) -> bool {
        now.secs().div_euclid(self.length) == self.number
    }
}

impl<'a> Claims<'a> {
    fn of(statement: &Statement<'a>, entropy: &Entropy) -> Self {
        let who = statement.identity;
        Self {
            iss: statement.issuer,
            aud: statement.audience,
            sub: who.subject(),
            idp: who.issuer().as_str(),
            provider: who.provider().as_str(),
            email: who.email(),
            email_verified: who.email_verified(),
            name: who.name(),
            preferred_username: who.preferred_username(),
            groups: who.groups(),
            sid: statement.session,
            auth_time: who.auth_time(),
            acr: who.acr(),
            amr: who.amr(),
            iat: statement.now,
            exp: statement.now + statement.life.min(MAX_LIFE),
            jti: URL_SAFE_NO_PAD.encode(entropy.bytes::<16>()),
        }
    }
}

impl SigningKey {
    #[expect(
        clippy::expect_used,
        reason = "the public point was computed from this very private key"
    )]
    fn derive(key: &RingKey, term: i64, entropy: &Entropy) -> Self {
        let private = private(key, term);
        let point = private.verifying_key().to_sec1_point(false);
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &private.to_bytes(),
            point.as_bytes(),
            entropy.rng(),
        )
        .expect("a private key and its own public point");
        let coordinate = |bytes: Option<&p256::FieldBytes>| {
            URL_SAFE_NO_PAD.encode(bytes.expect("an uncompressed point has both coordinates"))
        };
        let public = PublicKey {
            crv: "P-256",
            kty: "EC",
            x: coordinate(point.x()),
            y: coordinate(point.y()),
        };
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": public.thumbprint() });
        Self {
            ring_key: key.id.clone(),
            pair,
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
            public,
        }
    }
}

impl PublicKey {
    /// The JWK thumbprint (RFC 7638), used as `kid`.
    #[expect(clippy::expect_used, reason = "four strings are JSON")]
    fn thumbprint(&self) -> String {
        let members = serde_json::to_vec(self).expect("four strings are JSON");
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &members))
    }
}

/// A scalar of the curve, by drawing until one is in range: the second draw is needed once in 2^32 keys.
fn private(key: &RingKey, term: i64) -> PrivateKey {
    let mut draw = 0_u64;
    loop {
        let more = [term.to_be_bytes(), draw.to_be_bytes()].concat();
        let scalar = key.derive("assertion key ES256", &more);
        if let Ok(private) = PrivateKey::from_slice(scalar.as_slice()) {
            return private;
        }
        draw += 1;
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;
    use crate::keys::generate;

    const NOW: UnixTime = UnixTime::from_secs(1000);

    fn ring(fills: &[u8]) -> Ring {
        let key = |fill: &u8| RingKey::decode(&format!("k{fill}"), &generate([*fill; 32])).unwrap();
        Ring::new(fills.iter().map(key).collect()).unwrap()
    }

    fn keys(fills: &[u8]) -> AssertionKeys {
        at(fills, NOW)
    }

    const ROTATION: Duration = Duration::from_secs(86_400);

    fn at(fills: &[u8], now: UnixTime) -> AssertionKeys {
        AssertionKeys::derive(&ring(fills), ROTATION, now, &Entropy::system())
    }

    fn identity(changes: &Value) -> VerifiedIdentity {
        let mut value = json!({
            "provider": "corporate", "issuer": "https://id.example", "subject": "s-1",
            "email": "ada@example.com", "email_verified": true, "groups": ["staff", "a,b"],
            "name": null, "preferred_username": null, "acr": null, "amr": ["pwd"],
            "auth_time": 900, "sid": "not ours", "claims": {},
        });
        for (name, change) in changes.as_object().unwrap() {
            value[name] = change.clone();
        }
        serde_json::from_value(value).unwrap()
    }

    fn statement(identity: &VerifiedIdentity) -> Statement<'_> {
        Statement {
            issuer: "https://app.example",
            audience: "wiki",
            identity,
            session: "hashed",
            now: NOW,
            life: Duration::from_secs(60),
        }
    }

    fn decode(part: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(part).unwrap()
    }

    fn json_of(part: &str) -> Value {
        serde_json::from_slice(&decode(part)).unwrap()
    }

    /// Verifies as an upstream would, with the key set only, by two libraries; gives header and claims.
    fn verify(jws: &str, jwks: &str) -> Option<(Value, Value)> {
        let (signed, signature) = jws.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header = json_of(header);
        let set: Value = serde_json::from_str(jwks).unwrap();
        let key = set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|key| key["kid"] == header["kid"])?;
        let coordinate = |name: &str| decode(key[name].as_str().unwrap());
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let signature = decode(signature);
        let by_ring = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point)
            .verify(signed.as_bytes(), &signature)
            .is_ok();
        let by_p256 = VerifyingKey::from_sec1_bytes(&point)
            .unwrap()
            .verify(signed.as_bytes(), &Signature::from_slice(&signature).unwrap())
            .is_ok();
        assert_eq!(by_ring, by_p256);
        by_ring.then(|| (header, json_of(claims)))
    }

    #[test]
    fn two_libraries_verify_what_is_signed() {
        let keys = keys(&[1]);
        let who = identity(&json!({}));
        let jws = keys.sign(&statement(&who), &Entropy::system());
        let (header, mut claims) = verify(&jws, &keys.jwks()).unwrap();
        assert_eq!(header["alg"], "ES256");
        assert_eq!(header["typ"], "JWT");
        let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
        assert_eq!(jti.as_str().unwrap().len(), 22);
        assert_eq!(
            claims,
            json!({
                "iss": "https://app.example", "aud": "wiki", "sub": "s-1", "idp": "https://id.example",
                "provider": "corporate", "email": "ada@example.com", "email_verified": true,
                "groups": ["staff", "a,b"], "sid": "hashed", "auth_time": 900, "amr": ["pwd"],
                "iat": 1000, "exp": 1060,
            })
        );
        let forged = jws.replacen('.', ".A", 1);
        assert!(verify(&forged, &keys.jwks()).is_none());
        assert!(verify(&jws, &super::tests::keys(&[2]).jwks()).is_none());
    }

    #[test]
    fn groups_are_always_a_list_and_life_is_bounded() {
        let keys = keys(&[1]);
        let who = identity(&json!({"groups": [], "email": null, "email_verified": false}));
        let long = Statement {
            life: Duration::from_secs(86_400),
            ..statement(&who)
        };
        let jws = keys.sign(&long, &Entropy::system());
        let (_, claims) = verify(&jws, &keys.jwks()).unwrap();
        assert_eq!(claims["groups"], json!([]));
        assert_eq!(claims["exp"], 1300);
        assert!(claims.get("email").is_none());
        assert_eq!(claims["email_verified"], false);
    }

    #[test]
    fn replicas_with_one_ring_share_keys_and_a_turned_ring_keeps_the_old() {
        let (one, other) = (keys(&[1]), keys(&[1]));
        assert_eq!(one.jwks(), other.jwks());
        let turned = keys(&[2, 1]);
        assert_eq!(turned.signing().as_str(), "k2");
        let who = identity(&json!({}));
        for signer in [&one, &turned] {
            let jws = signer.sign(&statement(&who), &Entropy::system());
            assert!(verify(&jws, &turned.jwks()).is_some());
        }
        // Published before it is used: the new key stands second in the ring first.
        let before = keys(&[1, 2]);
        let jws = turned.sign(&statement(&who), &Entropy::system());
        assert!(verify(&jws, &before.jwks()).is_some());
    }

    #[test]
    fn a_key_is_published_a_term_before_it_signs_and_kept_a_term_after() {
        let who = identity(&json!({}));
        let kids = |keys: &AssertionKeys| -> Vec<String> {
            let set: Value = serde_json::from_str(&keys.jwks()).unwrap();
            let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
            set["keys"].as_array().unwrap().iter().map(kid).collect()
        };
        let day = |n: u64| at(&[1, 2], NOW + ROTATION * u32::try_from(n).unwrap());
        let (first, second, third, fourth) = (day(0), day(1), day(2), day(3));
        let jws = second.sign(&statement(&who), &Entropy::system());
        for (keys, known) in [(&first, true), (&second, true), (&third, true), (&fourth, false)] {
            assert_eq!(verify(&jws, &keys.jwks()).is_some(), known);
        }
        assert_eq!(
            kids(&first).len(),
            6,
            "of each ring key the terms before, now and to come"
        );
        assert_ne!(kids(&first)[0], kids(&second)[0]);
        // Also when the ring was turned meanwhile.
        let turned = at(&[2, 1], NOW + ROTATION);
        let jws = turned.sign(&statement(&who), &Entropy::system());
        assert!(verify(&jws, &first.jwks()).is_some());
    }

    #[test]
    fn a_term_is_never_shorter_than_verifiers_keep_a_key_set() {
        let short = |now: u64| {
            let now = UnixTime::from_secs(0) + Duration::from_secs(now);
            AssertionKeys::derive(&ring(&[1]), Duration::from_secs(1), now, &Entropy::system())
        };
        assert_eq!(short(0).jwks(), short(7199).jwks());
        assert_ne!(short(0).jwks(), short(7200).jwks());
        let keys = short(7200);
        assert!(keys.serve(UnixTime::from_secs(7200)) && keys.serve(UnixTime::from_secs(14_399)));
        assert!(!keys.serve(UnixTime::from_secs(7199)) && !keys.serve(UnixTime::from_secs(14_400)));
    }

    #[test]
    fn nothing_private_is_published() {
        let set: Value = serde_json::from_str(&keys(&[1, 2]).jwks()).unwrap();
        for key in set["keys"].as_array().unwrap() {
            let names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names, ["kty", "crv", "x", "y", "kid", "use", "alg"]);
        }
    }

    // The key of RFC 7517 appendix A.1; its thumbprint as other libraries give it.
    #[test]
    fn the_thumbprint_is_of_the_required_members_in_order() {
        let key = PublicKey {
            crv: "P-256",
            kty: "EC",
            x: "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4".to_owned(),
            y: "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM".to_owned(),
        };
        assert_eq!(key.thumbprint(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }
}
