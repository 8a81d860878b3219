//! The forms an answer of the provider takes.

use axum::{
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::pages::{HEADERS, Page};

/// JSON that nobody may keep (RFC 6749 section 5.1).
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
    ];
    (status, headers, body.to_string()).into_response()
}

/// JSON that may be kept for a minute: metadata and key set.
pub(super) fn public_json(body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=60"),
    ];
    (headers, body.to_string()).into_response()
}

/// An OAuth error as JSON (RFC 6749 section 5.2).
pub(super) fn error_answer(status: StatusCode, error: &str, description: &str) -> Response {
    json_answer(status, &json!({ "error": error, "error_description": description }))
}

/// A page with its headers.
pub(super) fn page_answer(status: StatusCode, page: Page) -> Response {
    let headers = HEADERS.map(|(name, value)| (HeaderName::from_static(name), value));
    (
        status,
        headers,
        [(header::CONTENT_SECURITY_POLICY, page.csp)],
        page.html,
    )
        .into_response()
}

/// A redirect that turns a POST into a GET (RFC 9700 section 4.12).
pub(super) fn redirect(location: String) -> Response {
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (StatusCode::SEE_OTHER, fixed, [(header::LOCATION, location)]).into_response()
}

/// The system gave no randomness to sign with.
pub(super) fn server_error() -> Response {
    error_answer(
        StatusCode::INTERNAL_SERVER_ERROR,
        "server_error",
        "the provider could not sign",
    )
}
