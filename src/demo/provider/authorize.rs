//! The authorization endpoint (OpenID Connect Core 1.0 section 3.1.2, RFC 7636, RFC 9207).

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::{
    Provider,
    answer::redirect,
    grant::{Code, Granted},
    params::{Params, with_query},
    request::{Invalid, Prompt, Request},
    session::BrowserSession,
    sign_in,
};

/// What comes next for a request.
#[derive(Clone, Debug)]
pub(super) enum Next {
    Grant(BrowserSession),
    /// Ask, offering to go on with this session.
    Ask {
        go_on_as: Option<BrowserSession>,
    },
    LoginRequired,
}

pub(super) async fn by_get(
    State(provider): State<Arc<Provider>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    provider.authorize(&Params::parse(query.as_deref().unwrap_or("")), &headers)
}

pub(super) async fn by_post(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: String) -> Response {
    provider.authorize(&Params::parse(&body), &headers)
}

impl Provider {
    fn authorize(&self, params: &Params, headers: &HeaderMap) -> Response {
        let request = match Request::read(params, &self.client) {
            Ok(request) => request,
            Err(invalid) => return self.refuse(invalid),
        };
        let session = self.sessions().find(headers, self.now());
        match self.next(&request, session) {
            Next::Grant(session) => self.grant(&request, session),
            Next::Ask { go_on_as } => sign_in::ask(&request, go_on_as.as_ref(), None),
            Next::LoginRequired => {
                self.refuse(request.error("login_required", "nobody is signed in, or not recently enough"))
            }
        }
    }

    fn next(&self, request: &Request, session: Option<BrowserSession>) -> Next {
        let session = session.filter(|session| request.accepts(session, self.now()));
        match (request.prompt, session) {
            (Prompt::None, Some(session)) if self.hint_fits(request, &session) => Next::Grant(session),
            (Prompt::None, _) => Next::LoginRequired,
            (Prompt::SelectAccount, session) => Next::Ask { go_on_as: session },
            (Prompt::Usual, Some(session)) if request.hints_at(&session) => Next::Grant(session),
            (Prompt::Usual | Prompt::Login, _) => Next::Ask { go_on_as: None },
        }
    }

    /// Without a hint, or with an ID token of ours about the same person (OIDC Core 3.1.2.1).
    fn hint_fits(&self, request: &Request, session: &BrowserSession) -> bool {
        request.id_token_hint.as_deref().is_none_or(|token| {
            self.key
                .verify("JWT", token)
                .is_some_and(|claims| claims.text("sub") == Some(session.person.sub))
        })
    }

    /// Sends the browser back with a code.
    pub(super) fn grant(&self, request: &Request, session: BrowserSession) -> Response {
        let value = self.entropy.token();
        let granted = Granted {
            session,
            nonce: request.nonce.clone(),
            scope: request.scope.clone(),
        };
        let code = Code {
            granted,
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            expires: self.now().saturating_add(self.lives.code),
        };
        self.grants().add(value.clone(), code);
        self.respond(&request.redirect_uri, request.state.as_deref(), &[("code", &value)])
    }

    /// Tells the client, or the person where the client cannot be trusted.
    pub(super) fn refuse(&self, invalid: Invalid) -> Response {
        match invalid {
            Invalid::Page(what) => sign_in::invalid(what),
            Invalid::Redirect {
                redirect_uri,
                state,
                error,
                description,
            } => {
                let pairs = [("error", error), ("error_description", description)];
                self.respond(&redirect_uri, state.as_deref(), &pairs)
            }
        }
    }

    fn respond(&self, redirect_uri: &str, state: Option<&str>, pairs: &[(&str, &str)]) -> Response {
        let mut all = pairs.to_vec();
        all.extend(state.map(|state| ("state", state)));
        all.push(("iss", &self.issuer));
        redirect(with_query(redirect_uri, &all))
    }
}
