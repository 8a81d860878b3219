//! Discovery documents.

use doorward::oidc::{Issuer, Metadata};
use serde_json::Value;

use super::signed::ISSUER;

/// What is accepted is about our issuer, and sends nobody anywhere without TLS.
pub fn run(data: &[u8]) {
    let issuer = Issuer::new(ISSUER);
    let strict = Metadata::parse(data, &issuer, false);
    let lax = Metadata::parse(data, &issuer, true);
    assert!(strict.is_err() || lax.is_ok(), "less is refused where http is allowed");
    let Ok(metadata) = strict else {
        return;
    };
    let document: Value = serde_json::from_slice(data).expect("JSON");
    assert_eq!(document["issuer"], ISSUER);
    let endpoints = [
        Some(&metadata.authorization_endpoint),
        Some(&metadata.token_endpoint),
        Some(&metadata.jwks_uri),
        metadata.userinfo_endpoint.as_ref(),
        metadata.end_session_endpoint.as_ref(),
        metadata.revocation_endpoint.as_ref(),
    ];
    for url in endpoints.into_iter().flatten() {
        assert_eq!(url.scheme(), "https");
        assert!(url.has_host() && url.fragment().is_none());
        assert!(url.username().is_empty() && url.password().is_none());
    }
    assert!(!metadata.token_auth_methods.is_empty());
}
