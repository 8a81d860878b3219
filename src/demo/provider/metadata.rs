//! Discovery document (OpenID Connect Discovery 1.0 section 3) and key set (RFC 7517).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde_json::json;

use super::{Provider, answer::public_json};

/// The scopes that mean something here.
pub(super) const SCOPES: [&str; 5] = ["openid", "profile", "email", "groups", "offline_access"];

pub(super) async fn configuration(State(provider): State<Arc<Provider>>) -> Response {
    let at = |path: &str| format!("{}{path}", provider.issuer);
    public_json(&json!({
        "issuer": provider.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/jwks"),
        "end_session_endpoint": at("/end-session"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "select_account", "consent"],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "amr", "sid",
            "email", "email_verified", "name", "preferred_username", "groups",
        ],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
    }))
}

pub(super) async fn jwks(State(provider): State<Arc<Provider>>) -> Response {
    public_json(&json!({ "keys": [provider.key.jwk()] }))
}
