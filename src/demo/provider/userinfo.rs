//! Userinfo (OpenID Connect Core 1.0 section 5.3), with the token in the header only (RFC 6750 section 2.1).

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::Value;

use super::{
    Provider,
    answer::{error_answer, json_answer},
    token::person_claims,
};
use crate::demo::people::Person;

pub(super) async fn show(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Response {
    if let Some(claims) = provider.userinfo(&headers) {
        return json_answer(StatusCode::OK, &claims);
    }
    let mut response = error_answer(
        StatusCode::UNAUTHORIZED,
        "invalid_token",
        "no token, or one that is not good",
    );
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

impl Provider {
    fn userinfo(&self, headers: &HeaderMap) -> Option<Value> {
        let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let claims = self.key.verify("at+jwt", token.trim())?;
        let (family, _) = claims.text("jti")?.split_once('.')?;
        let good = scheme.eq_ignore_ascii_case("bearer")
            && self.now() < claims.number("exp")?
            && self.grants().is_alive(family);
        if !good {
            return None;
        }
        let person = Person::by_sub(claims.text("sub")?)?;
        Some(Value::Object(person_claims(person, claims.text("scope")?)))
    }
}
