//! The JOSE header (RFC 7515 section 4). Key references in it (`jku`, `x5u`, `jwk`, `x5c`) are never looked at (ID-07).

use serde_json::Value;

use super::IdTokenError;
use crate::oidc::Claims;

/// Which kind of token is read: each takes only its own `typ`, and no kind's rules pass another's (RFC 8725 section 3.12).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::oidc) enum Kind {
    /// An ID token.
    Id,
    /// A logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
    Logout,
}

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
    pub(super) fn read(members: &Claims, of: Kind) -> Result<Self, IdTokenError> {
        check_type(members, of)?;
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

impl Kind {
    /// Whether this `typ`, in small letters, names the kind. A bare `JWT` says no more than none at all: providers that
    /// are older than the explicit type write it in logout tokens too.
    fn takes(self, typ: &str) -> bool {
        match self {
            Self::Id => matches!(typ, "jwt" | "jose"),
            Self::Logout => matches!(typ, "logout+jwt" | "jwt"),
        }
    }
}

/// Only a token of this kind: no logout, access, client or proof token in an ID token's place (ID-18, RFC 8725 section
/// 3.11), no such token in a logout token's (BL-06), nothing nested, encrypted or compressed, and no extension, since we know none (ID-07, RFC 7515 section 4.1.11).
fn check_type(members: &Claims, kind: Kind) -> Result<(), IdTokenError> {
    let foreign = ["crit", "cty", "zip", "enc"]
        .iter()
        .any(|name| members.contains_key(*name));
    let unencoded = members.get("b64").is_some_and(|b64| *b64 != Value::Bool(true));
    let of_type = match members.get("typ") {
        None => true,
        Some(Value::String(typ)) => {
            let typ = typ.to_ascii_lowercase();
            kind.takes(typ.strip_prefix("application/").unwrap_or(&typ))
        }
        Some(_) => false,
    };
    if foreign || unencoded || !of_type {
        return Err(IdTokenError::WrongType);
    }
    Ok(())
}
