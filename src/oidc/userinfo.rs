//! Userinfo (OpenID Connect Core 1.0 section 5.3).

use serde_json::Value;

use super::{Claims, json};

/// Claims of the userinfo endpoint, whose `sub` was compared with the ID token's.
#[derive(Clone, Debug)]
pub struct UserInfo {
    claims: Claims,
}

/// Why a userinfo answer is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UserInfoError {
    /// Not a JSON object (UI-03).
    #[error("the userinfo answer is not a JSON object")]
    Malformed,
    /// UI-01.
    #[error("the userinfo answer is about another subject")]
    OtherSubject,
}

impl UserInfo {
    /// Reads a userinfo body and compares its `sub` with the verified ID token's. Aggregated and distributed claims
    /// (`_claim_names`, `_claim_sources`) are left as they are: nothing follows their addresses (UI-05).
    ///
    /// # Errors
    /// When it is no object or about somebody else.
    pub fn parse(body: &[u8], subject: &str) -> Result<Self, UserInfoError> {
        let claims = json::object(body).map_err(|_| UserInfoError::Malformed)?;
        if claims.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(UserInfoError::OtherSubject);
        }
        Ok(Self { claims })
    }

    /// The claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_must_be_the_id_tokens() {
        // UI-01
        let info = UserInfo::parse(br#"{"sub":"ada","email":"ada@example.org"}"#, "ada").unwrap();
        assert_eq!(info.claims()["email"], "ada@example.org");
        for other in [
            r#"{"sub":"bob"}"#,
            r#"{"sub":"Ada"}"#,
            r#"{"sub":"ada "}"#,
            r#"{"sub":["ada"]}"#,
            r#"{"sub":null}"#,
            r#"{"email":"ada@example.org"}"#,
        ] {
            assert_eq!(
                UserInfo::parse(other.as_bytes(), "ada").unwrap_err(),
                UserInfoError::OtherSubject,
                "{other}"
            );
        }
    }

    #[test]
    fn only_an_unambiguous_object_is_read() {
        // UI-03, UI-06
        for body in [
            "[]",
            "null",
            "\"ada\"",
            "",
            "<html>",
            r#"[{"sub":"ada"}]"#,
            r#"{"sub":"bob","sub":"ada"}"#,
            "eyJhbGciOiJub25lIn0.e30.",
        ] {
            assert_eq!(
                UserInfo::parse(body.as_bytes(), "ada").unwrap_err(),
                UserInfoError::Malformed,
                "{body}"
            );
        }
    }
}
