//! Signing keys: real RS256 and ES256, a key set, rotation.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rsa::{pkcs1::EncodeRsaPrivateKey as _, traits::PublicKeyParts as _};
use serde_json::{Value, json};

use super::{
    Members,
    script::{IdTokenEdit, SignWith},
};

/// How the signing key changes (IP-05).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rotation {
    /// The new key signs, the old one stays in the set.
    Gradual,
    /// The new key signs, the old one is gone.
    Immediate,
    /// The new key signs under the old one's identifier.
    SameKid,
    /// The new key signs, the set is empty.
    Empty,
}

/// RSA keys are slow to make, so all providers of a test run share these, under identifiers of their own.
static POOL: [LazyLock<Arc<Rsa>>; 3] = [const { LazyLock::new(Rsa::generate) }; 3];
static NEXT: AtomicUsize = AtomicUsize::new(0);
static SERIAL: AtomicUsize = AtomicUsize::new(0);

struct Rsa {
    pair: RsaKeyPair,
    jwk: Value,
}

pub(super) struct Keys {
    rsa: Vec<(String, Arc<Rsa>)>,
    current: (String, Arc<Rsa>),
    stranger: Arc<Rsa>,
    ec: EcdsaKeyPair,
    ec_kid: String,
    pool_index: usize,
}

impl Rsa {
    fn generate() -> Arc<Self> {
        let private = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
        let pair = RsaKeyPair::from_der(private.to_pkcs1_der().unwrap().as_bytes()).unwrap();
        let jwk = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256",
            "n": b64(private.n().to_bytes_be()), "e": b64(private.e().to_bytes_be()),
        });
        Arc::new(Self { pair, jwk })
    }
}

impl Keys {
    pub(super) fn new() -> Self {
        let pool_index = NEXT.fetch_add(1, Ordering::Relaxed);
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random()).unwrap();
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random());
        let current = (kid("rsa"), pooled(pool_index));
        Self {
            rsa: vec![current.clone()],
            current,
            stranger: pooled(pool_index + 2),
            ec: ec.unwrap(),
            ec_kid: kid("ec"),
            pool_index,
        }
    }

    pub(super) fn rotate(&mut self, how: Rotation) {
        self.pool_index += 1;
        let key = pooled(self.pool_index);
        self.stranger = pooled(self.pool_index + 1);
        let kid = match how {
            Rotation::SameKid => self.current.0.clone(),
            Rotation::Gradual | Rotation::Immediate | Rotation::Empty => kid("rsa"),
        };
        self.current = (kid, key);
        match how {
            Rotation::Gradual => self.rsa.push(self.current.clone()),
            Rotation::Immediate | Rotation::SameKid => self.rsa = vec![self.current.clone()],
            Rotation::Empty => self.rsa.clear(),
        }
    }

    /// The key set, with keys in it that nobody can use (DJ-05).
    pub(super) fn document(&self) -> Value {
        let mut keys: Vec<_> = self
            .rsa
            .iter()
            .map(|(kid, rsa)| {
                let mut jwk = rsa.jwk.clone();
                jwk["kid"] = json!(kid);
                jwk
            })
            .collect();
        if !keys.is_empty() {
            let (x, y) = self.ec.public_key().as_ref()[1..].split_at(32);
            keys.push(json!({"kty": "EC", "crv": "P-256", "kid": self.ec_kid, "x": b64(x), "y": b64(y)}));
            keys.push(json!({"kty": "AKP", "kid": "future", "alg": "ML-DSA-44", "pub": "AAAA"}));
            keys.push(json!({"kty": "RSA", "kid": "broken", "n": "*", "e": "AQAB"}));
        }
        json!({ "keys": keys })
    }

    /// A signed ID token, falsified as the edit says.
    pub(super) fn sign(&self, mut claims: Members, edit: &IdTokenEdit, secret: &str) -> String {
        let (alg, kid) = match edit.sign_with {
            SignWith::Rs256 | SignWith::Stranger => ("RS256", Some(&self.current.0)),
            SignWith::Es256 => ("ES256", Some(&self.ec_kid)),
            SignWith::Nothing => ("none", None),
            SignWith::Secret => ("HS256", None),
        };
        let mut header = Members::new();
        header.insert("alg".to_owned(), json!(alg));
        header.insert("typ".to_owned(), json!("JWT"));
        if let Some(kid) = kid {
            header.insert("kid".to_owned(), json!(kid));
        }
        if let Some(edit) = &edit.header {
            edit(&mut header);
        }
        if let Some(edit) = &edit.claims {
            edit(&mut claims);
        }
        let message = format!(
            "{}.{}",
            b64(Value::Object(header).to_string()),
            b64(Value::Object(claims).to_string())
        );
        let signature = self.signature(edit.sign_with, message.as_bytes(), secret);
        let token = format!("{message}.{}", b64(signature));
        match &edit.raw {
            Some(edit) => edit(token),
            None => token,
        }
    }

    fn signature(&self, with: SignWith, message: &[u8], secret: &str) -> Vec<u8> {
        match with {
            SignWith::Rs256 => rsa_sign(&self.current.1.pair, message),
            SignWith::Stranger => rsa_sign(&self.stranger.pair, message),
            SignWith::Es256 => self.ec.sign(&random(), message).unwrap().as_ref().to_vec(),
            SignWith::Nothing => Vec::new(),
            SignWith::Secret => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                hmac::sign(&key, message).as_ref().to_vec()
            }
        }
    }
}

fn pooled(index: usize) -> Arc<Rsa> {
    Arc::clone(&POOL[index % POOL.len()])
}

fn kid(kind: &str) -> String {
    format!("{kind}-{}", SERIAL.fetch_add(1, Ordering::Relaxed))
}

fn rsa_sign(pair: &RsaKeyPair, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &random(), message, &mut signature)
        .unwrap();
    signature
}

#[expect(clippy::disallowed_methods, reason = "the provider's own keys")]
fn random() -> SystemRandom {
    SystemRandom::new()
}

pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
