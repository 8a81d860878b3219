//! The token endpoint (RFC 6749 sections 4.1.3 and 6, OpenID Connect Core 1.0 sections 3.1.3 and 12).

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use ring::error::Unspecified;
use serde_json::{Map, Value, json};

use super::{
    Provider,
    answer::{error_answer, json_answer, server_error},
    client::Unproved,
    grant::{Granted, Issue, Redemption},
    key::half_hash,
    params::Params,
};
use crate::demo::people::Person;

pub(super) async fn exchange(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: String) -> Response {
    let params = Params::parse(&body);
    if params.repeats() {
        return error_answer(StatusCode::BAD_REQUEST, "invalid_request", "a parameter stands twice");
    }
    if let Err(unproved) = provider.client.prove(&headers, &params) {
        return reject_client(unproved);
    }
    match params.get("grant_type") {
        Some("authorization_code") => provider.by_code(&params),
        Some("refresh_token") => provider.by_refresh_token(&params),
        Some(_) => error_answer(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "ask with a code or a refresh token",
        ),
        None => error_answer(StatusCode::BAD_REQUEST, "invalid_request", "grant_type is missing"),
    }
}

fn reject_client(unproved: Unproved) -> Response {
    match unproved {
        Unproved::Malformed => error_answer(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "prove the client in one way, and in one only",
        ),
        Unproved::Rejected => {
            let mut response = error_answer(
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "unknown client or wrong secret",
            );
            let challenge = HeaderValue::from_static("Basic realm=\"doorward demo\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
    }
}

impl Provider {
    fn by_code(&self, params: &Params) -> Response {
        let (Some(code), Some(redirect_uri), Some(verifier)) = (
            params.get("code"),
            params.get("redirect_uri"),
            params.get("code_verifier"),
        ) else {
            let what = "code, redirect_uri and code_verifier are required";
            return error_answer(StatusCode::BAD_REQUEST, "invalid_request", what);
        };
        let draws = (self.entropy.token(), &*self.entropy.token());
        let redeemed = self.grants().redeem(
            Redemption {
                code,
                redirect_uri,
                verifier,
            },
            draws,
            self.now(),
            self.lives,
        );
        self.answer(redeemed)
    }

    fn by_refresh_token(&self, params: &Params) -> Response {
        let Some(token) = params.get("refresh_token") else {
            return error_answer(StatusCode::BAD_REQUEST, "invalid_request", "refresh_token is required");
        };
        let refreshed = self
            .grants()
            .refresh(token, &self.entropy.token(), self.now(), self.lives);
        self.answer(refreshed)
    }

    fn answer(&self, issue: Result<Issue, &'static str>) -> Response {
        match issue {
            Ok(issue) => match self.tokens(&issue) {
                Ok(tokens) => json_answer(StatusCode::OK, &tokens),
                Err(Unspecified) => server_error(),
            },
            Err(what) => error_answer(StatusCode::BAD_REQUEST, "invalid_grant", what),
        }
    }

    /// The token response of an issue (RFC 6749 section 5.1).
    fn tokens(&self, issue: &Issue) -> Result<Value, Unspecified> {
        let now = self.now();
        let access_token = self
            .key
            .sign("at+jwt", &self.access_claims(issue, now), &self.entropy)?;
        let id_token = self
            .key
            .sign("JWT", &self.id_claims(issue, &access_token, now), &self.entropy)?;
        Ok(json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.lives.token,
            "refresh_token": issue.refresh_token,
            "scope": issue.granted.scope,
            "id_token": id_token,
        }))
    }

    /// An access token as RFC 9068 has it. `jti` names family and serial; `renewal` counts for people to see.
    fn access_claims(&self, issue: &Issue, now: i64) -> Value {
        json!({
            "iss": self.issuer,
            "sub": issue.granted.session.person.sub,
            "aud": format!("{}/userinfo", self.issuer),
            "client_id": self.client.id,
            "scope": issue.granted.scope,
            "iat": now,
            "exp": now.saturating_add(self.lives.token),
            "jti": format!("{}.{}", issue.family, issue.serial),
            "renewal": issue.serial,
        })
    }

    fn id_claims(&self, issue: &Issue, access_token: &str, now: i64) -> Value {
        let Granted { session, nonce, scope } = &issue.granted;
        let mut claims = person_claims(session.person, scope);
        let fixed = json!({
            "iss": self.issuer,
            "aud": self.client.id,
            "iat": now,
            "exp": now.saturating_add(self.lives.token),
            "auth_time": session.auth_time,
            "amr": ["pwd"],
            "sid": session.sid,
            "at_hash": half_hash(access_token.as_bytes()),
        });
        if let Value::Object(fixed) = fixed {
            claims.extend(fixed);
        }
        // A renewed ID token has no nonce: it answers no authorization request (OIDC Core 12.2).
        if let Some(nonce) = nonce.as_ref().filter(|_| issue.serial == 0) {
            claims.insert("nonce".to_owned(), json!(nonce));
        }
        Value::Object(claims)
    }
}

/// What the scopes tell about the person (OpenID Connect Core 1.0 section 5.4).
pub(super) fn person_claims(person: &Person, scope: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(person.sub));
    for scope in scope.split(' ') {
        match scope {
            "profile" => {
                claims.insert("name".to_owned(), json!(person.name));
                claims.insert("preferred_username".to_owned(), json!(person.username));
            }
            "email" => {
                claims.insert("email".to_owned(), json!(person.email));
                claims.insert("email_verified".to_owned(), json!(true));
            }
            "groups" => {
                claims.insert("groups".to_owned(), json!(person.groups));
            }
            _ => {}
        }
    }
    claims
}
