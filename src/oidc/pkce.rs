//! Proof Key for Code Exchange (RFC 7636), method S256 only.

/// The S256 challenge of a verifier (RFC 7636 section 4.2).
#[must_use]
pub fn challenge(verifier: &str) -> String {
    let _ = verifier;
    todo!()
}
