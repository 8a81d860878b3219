//! The signed form and its signature (RFC 7515 sections 5.2 and 7.1).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    JsonWebKey as _, JsonWebKeyAlgorithm, JwsSigningAlgorithm as _,
    core::{CoreJsonWebKey, CoreJwsSigningAlgorithm},
};

use super::{
    IdTokenError,
    header::{Header, Kind},
};
use crate::{
    oidc::{Claims, KeySet, json},
    secret::Secret,
};

/// Longest token that is read at all, in bytes.
const LONGEST: usize = 128 * 1024;
/// Shortest client secret that is a key for HS*, in bytes (RFC 7518 section 3.2, JB-04).
const SHORTEST_SECRET: usize = 32;
/// Most keys that are tried when the token names none.
const MOST_TRIED: usize = 16;

/// A token in compact form, its signature not yet verified.
#[derive(Debug)]
pub(in crate::oidc) struct Signed<'a> {
    header: Header,
    message: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// What a signature may be made with.
#[derive(Clone, Copy, Debug)]
pub(in crate::oidc) struct Signer<'a> {
    /// The provider's keys.
    pub(in crate::oidc) keys: &'a KeySet,
    /// The algorithms allowed by configuration, never taken from the token (ID-06).
    pub(in crate::oidc) algs: &'a [String],
    /// The client secret, for HS* algorithms only.
    pub(in crate::oidc) client_secret: Option<&'a Secret<String>>,
}

/// What verified the signature.
#[derive(Debug)]
pub(in crate::oidc) struct Proof {
    key: CoreJsonWebKey,
    alg: CoreJwsSigningAlgorithm,
}

impl<'a> Signed<'a> {
    /// Takes the three segments apart: strict base64url, without padding, white space or trailing bits (ID-16).
    pub(in crate::oidc) fn parse(raw: &'a str, kind: Kind) -> Result<Self, IdTokenError> {
        if raw.len() > LONGEST {
            return Err(IdTokenError::Malformed);
        }
        let (message, signature) = raw.rsplit_once('.').ok_or(IdTokenError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(IdTokenError::Malformed)?;
        // A payload with a dot in it, so a form of four or five segments, is no base64url.
        let header = json::object(&decode(header)?).map_err(|_| IdTokenError::Malformed)?;
        Ok(Self {
            header: Header::read(&header, kind)?,
            message,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// Verifies the signature with a key of the set, or with the client secret where HS* is configured.
    pub(in crate::oidc) fn check(&self, by: Signer<'_>) -> Result<Proof, IdTokenError> {
        let alg = allowed(&self.header.alg, by.algs).ok_or(IdTokenError::AlgNotAllowed)?;
        let candidates = if alg.uses_shared_secret() {
            // The library takes the length for granted.
            if Some(self.signature.len()) != tag_length(&self.header.alg) {
                return Err(IdTokenError::BadSignature);
            }
            vec![shared_key(by.client_secret)?]
        } else {
            self.candidates(by.keys, &alg)
        };
        if candidates.is_empty() {
            return Err(IdTokenError::UnknownKey);
        }
        candidates
            .into_iter()
            .find(|key| {
                key.verify_signature(&alg, self.message.as_bytes(), &self.signature)
                    .is_ok()
            })
            .map(|key| Proof { key, alg })
            .ok_or(IdTokenError::BadSignature)
    }

    /// The claims.
    pub(in crate::oidc) fn claims(&self) -> Result<Claims, IdTokenError> {
        json::object(&self.payload).map_err(|_| IdTokenError::Malformed)
    }

    /// Keys by `kid`, type and algorithm; without a `kid`, all that fit (ID-08). The set holds only signature keys.
    fn candidates(&self, keys: &KeySet, alg: &CoreJwsSigningAlgorithm) -> Vec<CoreJsonWebKey> {
        let kid = self.header.kid.as_deref();
        keys.keys
            .keys()
            .iter()
            .filter(|key| kid.is_none() || key.key_id().map(|id| id.as_str()) == kid)
            .filter(|key| fits(key, alg))
            .take(MOST_TRIED)
            .cloned()
            .collect()
    }
}

impl Proof {
    /// The left half of the value's hash by the token's algorithm, as `at_hash` holds it.
    pub(super) fn half_hash(&self, value: &str) -> Option<String> {
        let hash = self.key.hash_bytes(value.as_bytes(), &self.alg).ok()?;
        let half = hash.get(..hash.len() / 2)?;
        Some(URL_SAFE_NO_PAD.encode(half))
    }
}

fn decode(segment: &str) -> Result<Vec<u8>, IdTokenError> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| IdTokenError::Malformed)
}

/// The algorithm of this name, if the configuration allows it (ID-06). `none` is not in our vocabulary.
fn allowed(name: &str, algs: &[String]) -> Option<CoreJwsSigningAlgorithm> {
    let alg = by_name(name)?;
    algs.iter()
        .any(|allowed| by_name(allowed).as_ref() == Some(&alg))
        .then_some(alg)
}

fn by_name(name: &str) -> Option<CoreJwsSigningAlgorithm> {
    Some(match name {
        "RS256" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        "RS384" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
        "RS512" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
        "PS256" => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        "PS384" => CoreJwsSigningAlgorithm::RsaSsaPssSha384,
        "PS512" => CoreJwsSigningAlgorithm::RsaSsaPssSha512,
        "ES256" => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        "ES384" => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        // RFC 9864 names the one curve that EdDSA means here.
        "EdDSA" | "Ed25519" => CoreJwsSigningAlgorithm::EdDsa,
        "HS256" => CoreJwsSigningAlgorithm::HmacSha256,
        "HS384" => CoreJwsSigningAlgorithm::HmacSha384,
        "HS512" => CoreJwsSigningAlgorithm::HmacSha512,
        _ => return None,
    })
}

/// The length of an HS* signature in bytes (RFC 7518 section 3.2).
fn tag_length(name: &str) -> Option<usize> {
    match name {
        "HS256" => Some(32),
        "HS384" => Some(48),
        "HS512" => Some(64),
        _ => None,
    }
}

/// The client secret as a key: never anything of the key set, so a public key is never a shared one (RFC 8725
/// section 2.1).
fn shared_key(client_secret: Option<&Secret<String>>) -> Result<CoreJsonWebKey, IdTokenError> {
    client_secret
        .map(|secret| secret.expose().as_bytes())
        .filter(|secret| secret.len() >= SHORTEST_SECRET)
        .map(|secret| CoreJsonWebKey::new_symmetric(secret.to_vec()))
        .ok_or(IdTokenError::AlgNotAllowed)
}

fn fits(key: &CoreJsonWebKey, alg: &CoreJwsSigningAlgorithm) -> bool {
    let alg_fits = match key.signing_alg() {
        JsonWebKeyAlgorithm::Unspecified => true,
        JsonWebKeyAlgorithm::Algorithm(of_key) => of_key == alg,
        JsonWebKeyAlgorithm::Unsupported => false,
    };
    alg_fits && alg.key_type().as_ref() == Some(key.key_type())
}
