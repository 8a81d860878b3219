//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0).
//!
//! With an ID token of the session that ends, at once; without one the person is asked, as section 2 demands.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::SET_COOKIE},
    response::Response,
};

use super::{
    Provider,
    answer::{page_answer, redirect},
    key::Proved,
    params::{Params, with_query},
    session::{clear_cookie, is_own_form},
    sign_in::note,
};
use crate::pages::{FormAction, Page};

#[derive(Template)]
#[template(path = "provider_sign_out.html")]
struct AskPage<'a> {
    person: &'a str,
    carried: &'a str,
}

pub(super) async fn by_get(
    State(provider): State<Arc<Provider>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    provider.end_session(&Params::parse(query.as_deref().unwrap_or("")), &headers, false)
}

pub(super) async fn by_post(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: String) -> Response {
    let form = Params::parse(&body);
    match form.get("carried") {
        Some(carried) => provider.end_session(&Params::parse(carried), &headers, is_own_form(&headers)),
        None if form.get("agreed").is_some() => provider.end_session(&form, &headers, is_own_form(&headers)),
        None => provider.end_session(&form, &headers, false),
    }
}

impl Provider {
    fn end_session(&self, params: &Params, headers: &HeaderMap, agreed: bool) -> Response {
        let hint = match params.get("id_token_hint").map(|token| self.hinted(token)) {
            Some(None) => {
                return note(
                    StatusCode::BAD_REQUEST,
                    "This sign-out link is not valid",
                    "id_token_hint is not ours.",
                );
            }
            Some(hint) => hint,
            None => None,
        };
        let current = self.sessions().find(headers, self.now());
        let asked_by_its_client = hint
            .as_ref()
            .zip(current.as_ref())
            .is_some_and(|(hint, session)| hint.text("sid") == Some(&session.sid));
        if let Some(session) = current.filter(|_| !agreed && !asked_by_its_client) {
            let carried = params.without(&[]);
            let page = AskPage {
                person: session.person.name,
                carried: &carried,
            };
            let back = self
                .client
                .post_logout_redirect_uris
                .iter()
                .filter_map(|uri| origin(uri))
                .collect::<Vec<_>>();
            let back: Vec<_> = back.iter().map(String::as_str).collect();
            return page_answer(StatusCode::OK, Page::render(&page, FormAction::Here(&back)));
        }
        self.end(headers, hint.as_ref());
        let mut response = self.after_sign_out(params, hint.is_some());
        if let Ok(value) = HeaderValue::from_str(&clear_cookie()) {
            response.headers_mut().append(SET_COOKIE, value);
        }
        response
    }

    /// The claims of an ID token of ours for our client; an expired one will do (section 2 of the standard).
    fn hinted(&self, token: &str) -> Option<Proved> {
        self.key
            .verify("JWT", token)
            .filter(|claims| claims.text("iss") == Some(&self.issuer) && claims.text("aud") == Some(&self.client.id))
    }

    fn end(&self, headers: &HeaderMap, hint: Option<&Proved>) {
        let ended = self.sessions().end(headers);
        let mut grants = self.grants();
        if let Some(session) = ended {
            grants.revoke_session(&session.sid);
        }
        if let Some(sid) = hint.and_then(|claims| claims.text("sid")) {
            grants.revoke_session(sid);
        }
    }

    /// Back to the client if it is known and the address is registered; else a page.
    fn after_sign_out(&self, params: &Params, hinted: bool) -> Response {
        let known = hinted || params.get("client_id") == Some(&self.client.id);
        let registered = &self.client.post_logout_redirect_uris;
        let target = params
            .get("post_logout_redirect_uri")
            .filter(|uri| known && registered.iter().any(|one| one == uri));
        match (target, params.get("state")) {
            (Some(uri), Some(state)) => redirect(with_query(uri, &[("state", state)])),
            (Some(uri), None) => redirect(uri.to_owned()),
            (None, _) => note(
                StatusCode::OK,
                "You are signed out",
                "The identity provider has forgotten you.",
            ),
        }
    }
}

fn origin(uri: &str) -> Option<String> {
    Some(url::Url::parse(uri).ok()?.origin().ascii_serialization())
}
