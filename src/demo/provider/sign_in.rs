//! The provider's pages: the sign-in form, and what it does.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header::SET_COOKIE},
    response::Response,
};
use url::Url;

use super::{
    Provider,
    answer::page_answer,
    client::same,
    params::Params,
    request::{Prompt, Request},
    session::{BrowserSession, is_own_form, set_cookie},
};
use crate::{
    demo::people::{PEOPLE, Person},
    pages::{FormAction, Page},
};

/// Parameters that only the form knows, and that are never part of an authorization request.
const FILL: &str = "fill";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    error: Option<&'a str>,
    go_on_as: Option<&'a Person>,
    chosen: Option<&'a Person>,
    email: &'a str,
    request: &'a str,
    people: Vec<(&'static Person, String)>,
}

#[derive(Template)]
#[template(path = "provider_note.html")]
struct NotePage<'a> {
    title: &'a str,
    text: &'a str,
    people: &'a [Person],
}

/// The sign-in form.
pub(super) fn ask(request: &Request, go_on_as: Option<&BrowserSession>, error: Option<&str>) -> Response {
    let carried = request.params.without(&[FILL]);
    let bare = request.params.without(&[FILL, "login_hint"]);
    let hint = request.login_hint.as_deref().unwrap_or("");
    let chosen = Person::by_email(hint).filter(|_| request.params.get(FILL).is_some());
    let page = SignInPage {
        error,
        go_on_as: go_on_as.map(|session| session.person),
        chosen,
        email: hint,
        request: &carried,
        people: PEOPLE.iter().map(|person| (person, fill_link(&bare, person))).collect(),
    };
    // The form ends at the client's callback, which redirects on within its own origin.
    let origin = Url::parse(&request.redirect_uri)
        .map(|uri| uri.origin().ascii_serialization())
        .unwrap_or_default();
    let status = if error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    page_answer(status, Page::render(&page, FormAction::Here(&[&origin])))
}

/// A link that fills the form with somebody, so that the demo takes two clicks.
fn fill_link(bare: &str, person: &Person) -> String {
    format!("/authorize?{bare}&login_hint={}&{FILL}=1", person.email)
}

/// A request whose client cannot be trusted.
pub(super) fn invalid(text: &str) -> Response {
    note(StatusCode::BAD_REQUEST, "This sign-in link is not valid", text)
}

pub(super) fn note(status: StatusCode, title: &str, text: &str) -> Response {
    page_answer(
        status,
        Page::render(
            &NotePage {
                title,
                text,
                people: &[],
            },
            FormAction::Nowhere,
        ),
    )
}

/// The first page of the provider, for whoever looks in.
pub(super) async fn home() -> Response {
    let text = "Doorward's demo signs people in here. Start at the demo's own address, not at this one.";
    let page = NotePage {
        title: "Development identity provider",
        text,
        people: &PEOPLE,
    };
    page_answer(StatusCode::OK, Page::render(&page, FormAction::Nowhere))
}

pub(super) async fn submit(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: String) -> Response {
    let form = Params::parse(&body);
    if !is_own_form(&headers) {
        return note(
            StatusCode::FORBIDDEN,
            "This form came from another site",
            "Start again from the app.",
        );
    }
    let request = match Request::read(&Params::parse(form.get("request").unwrap_or("")), &provider.client) {
        Ok(request) => request,
        Err(invalid) => return provider.refuse(invalid),
    };
    if form.get("go_on").is_some() {
        return provider.go_on(&request, &headers);
    }
    let person = Person::by_email(form.get("email").unwrap_or(""))
        .filter(|person| same(person.password, form.get("password").unwrap_or("")));
    match person {
        Some(person) => provider.sign_in(&request, person, &headers),
        None => ask(
            &request,
            None,
            Some("That email address and password do not belong together."),
        ),
    }
}

impl Provider {
    /// Goes on with the browser's session, where the request lets it.
    fn go_on(&self, request: &Request, headers: &HeaderMap) -> Response {
        let session = self
            .sessions()
            .find(headers, self.now())
            .filter(|session| request.accepts(session, self.now()));
        match session {
            Some(session) if request.prompt != Prompt::Login => self.grant(request, session),
            _ => ask(request, None, Some("Please sign in once more.")),
        }
    }

    /// Starts a new session in place of the browser's old one.
    fn sign_in(&self, request: &Request, person: &'static Person, headers: &HeaderMap) -> Response {
        let now = self.now();
        let session = BrowserSession {
            person,
            sid: self.entropy.token(),
            auth_time: now,
            end: now.saturating_add(self.lives.session),
        };
        let cookie = self.entropy.token();
        {
            let mut sessions = self.sessions();
            sessions.end(headers);
            sessions.begin(cookie.clone(), session.clone());
        }
        let mut response = self.grant(request, session);
        if let Ok(value) = HeaderValue::from_str(&set_cookie(&cookie)) {
            response.headers_mut().append(SET_COOKIE, value);
        }
        response
    }
}
