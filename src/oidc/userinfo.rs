//! Userinfo (OpenID Connect Core 1.0 section 5.3).

use super::Claims;

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
    /// Reads a userinfo body and compares its `sub` with the verified ID token's.
    ///
    /// # Errors
    /// When it is no object or about somebody else.
    pub fn parse(body: &[u8], subject: &str) -> Result<Self, UserInfoError> {
        let _ = (body, subject);
        todo!()
    }

    /// The claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }
}
