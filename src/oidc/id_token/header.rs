//! The JOSE header (RFC 7515 section 4). Key references in it (`jku`, `x5u`, `jwk`, `x5c`) are never looked at (ID-07).

use serde_json::Value;

use super::IdTokenError;
use crate::oidc::Claims;

/// Longest `kid` that is looked for.
const LONGEST_KID: usize = 1024;

/// What of the header counts.
#[derive(Debug)]
pub(super) struct Header {
    /// The algorithm's JOSE name, to be held against the configuration.
    pub(super) alg: String,
    /// Which key, if it says so.
    pub(super) kid: Option<String>,
}

impl Header {
    /// Reads the header and refuses other kinds of token.
    pub(super) fn read(members: &Claims) -> Result<Self, IdTokenError> {
        check_type(members)?;
        let kid = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= LONGEST_KID => Some(kid.clone()),
            Some(_) => return Err(IdTokenError::Malformed),
        };
        match members.get("alg") {
            Some(Value::String(alg)) => Ok(Self { alg: alg.clone(), kid }),
            _ => Err(IdTokenError::Malformed),
        }
    }
}

/// Only a plain JWT: no logout, access, client or proof token in an ID token's place (ID-18, RFC 8725 section 3.11),
/// nothing nested, encrypted or compressed, and no extension, since we know none (ID-07, RFC 7515 section 4.1.11).
fn check_type(members: &Claims) -> Result<(), IdTokenError> {
    let foreign = ["crit", "cty", "zip", "enc"]
        .iter()
        .any(|name| members.contains_key(*name));
    let unencoded = members.get("b64").is_some_and(|b64| *b64 != Value::Bool(true));
    let of_type = match members.get("typ") {
        None => true,
        Some(Value::String(typ)) => {
            let typ = typ.to_ascii_lowercase();
            matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "jose")
        }
        Some(_) => false,
    };
    if foreign || unencoded || !of_type {
        return Err(IdTokenError::WrongType);
    }
    Ok(())
}
