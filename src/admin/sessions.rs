//! `/sessions`: lists and ends sessions, for who has the token.

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use super::{Admin, token::Barred};
use crate::{
    flow::{Filter, Wanted},
    store::{Cursor, Down, Page},
    telemetry::{Act, Audit},
};

/// Sessions on a page, unless the request says.
const USUAL: usize = 100;
/// Most sessions on a page.
const MOST: usize = 500;

/// The router's state.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) admin: Admin,
}

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    wanted: Wanted,
    after: Option<Cursor>,
    limit: Option<usize>,
    all: bool,
}

/// A query, not read yet.
type Words = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Why a request is answered with a problem.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    Barred(Barred),
    Query(String),
    Everything,
    Down(Down),
}

/// The paths of session administration.
pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/sessions", get(list).delete(end))
        .with_state(Desk { admin })
}

async fn list(State(desk): State<Desk>, headers: HeaderMap, words: Words) -> Result<Response, Problem> {
    let asked = desk.admit(Act::ListSessions, &headers, words)?;
    let page = asked.page()?;
    let wanted = asked.wanted;
    let listing = desk.admin.live.gateway().list_sessions(&wanted, page).await;
    desk.note(
        Act::ListSessions,
        listing.as_ref().map(|listing| listing.sessions.len()),
        &wanted.by(),
    );
    let listing = listing.map_err(Problem::Down)?;
    let sessions: Vec<_> = listing.sessions.iter().map(|shown| &shown.entry).collect();
    let next = listing.next.map(|cursor| cursor.to_string());
    Ok(answer(&json!({ "sessions": sessions, "next": next })))
}

async fn end(State(desk): State<Desk>, headers: HeaderMap, words: Words) -> Result<Response, Problem> {
    let asked = desk.admit(Act::EndSessions, &headers, words)?;
    if asked.after.is_some() || asked.limit.is_some() {
        return Err(Problem::Query("`after` and `limit` are for listing".to_owned()));
    }
    let wanted = asked.wanted;
    if wanted.is_everything() && !asked.all {
        return Err(Problem::Everything);
    }
    let ended = desk.admin.live.gateway().end_sessions(&wanted).await;
    desk.note(Act::EndSessions, ended.as_ref().copied(), &wanted.by());
    let ended = ended.map_err(Problem::Down)?;
    Ok(answer(&json!({ "ended": ended })))
}

pub(super) fn answer(body: &serde_json::Value) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

impl Desk {
    /// First the token: whoever lacks it learns nothing of what they asked.
    fn admit(&self, act: Act, headers: &HeaderMap, words: Words) -> Result<Asked, Problem> {
        self.bar(act, headers)?;
        let Query(words) = words.map_err(|rejection| Problem::Query(rejection.body_text()))?;
        Asked::read(&words)
    }

    /// Who has no token is told that, and nothing else.
    pub(super) fn bar(&self, act: Act, headers: &HeaderMap) -> Result<(), Problem> {
        if let Err(barred) = self.admin.guard.check(headers) {
            let outcome = match barred {
                Barred::NoToken => "no_token",
                Barred::WrongToken => "wrong_token",
            };
            self.admin
                .live
                .gateway()
                .audit_administration(&Audit::new(act, outcome));
            return Err(Problem::Barred(barred));
        }
        Ok(())
    }

    fn note(&self, act: Act, count: Result<usize, &Down>, by: &str) {
        let audit = Audit {
            sessions: count.ok(),
            by: Some(by),
            ..Audit::new(act, if count.is_ok() { "ok" } else { "store_down" })
        };
        self.admin.live.gateway().audit_administration(&audit);
    }
}

impl Asked {
    fn read(words: &[(String, String)]) -> Result<Self, Problem> {
        let mut asked = Self::default();
        for (at, (name, value)) in words.iter().enumerate() {
            if words.iter().take(at).any(|(before, _)| before == name) {
                return Err(Problem::Query(format!("`{name}` is there twice")));
            }
            asked.take(name, value).map_err(Problem::Query)?;
        }
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        if let Some(filter) = Filter::named(name) {
            return self.wanted.set(filter, value).map_err(|bad| bad.to_string());
        }
        match name {
            "after" => {
                let cursor = value.parse();
                self.after = Some(cursor.map_err(|_| "`after` is not the `next` of an answer".to_owned())?);
            }
            "limit" => self.limit = Some(value.parse().map_err(|_| out_of_bounds())?),
            "all" => self.all = value.parse().map_err(|_| "`all` is true or false".to_owned())?,
            _ => {
                return Err(format!(
                    "`{name}` is not known; {} are, with after, limit and all",
                    filters()
                ));
            }
        }
        Ok(())
    }

    fn page(&self) -> Result<Page, Problem> {
        let (after, limit) = (self.after, self.limit.unwrap_or(USUAL));
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::Query(out_of_bounds()));
        }
        Ok(Page { after, limit })
    }
}

fn out_of_bounds() -> String {
    format!("`limit` is 1 to {MOST}")
}

fn filters() -> String {
    Filter::ALL.map(Filter::name).join(", ")
}

impl IntoResponse for Problem {
    /// Problem JSON (RFC 9457).
    fn into_response(self) -> Response {
        let (status, kind, title, detail) = match self {
            Self::Barred(barred) => (
                StatusCode::UNAUTHORIZED,
                "admin_token",
                "This needs the administration's token",
                match barred {
                    Barred::NoToken => "Send `Authorization: Bearer` with the token of admin.token_file.",
                    Barred::WrongToken => "The token is not the one of admin.token_file.",
                }
                .to_owned(),
            ),
            Self::Query(why) => (StatusCode::BAD_REQUEST, "query", "The query is not valid", why),
            Self::Everything => (
                StatusCode::BAD_REQUEST,
                "everything",
                "This would end every session",
                format!("Say which, by any of {}, or add all=true.", filters()),
            ),
            Self::Down(down) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "store_down",
                "The session store does not answer",
                format!("{down}. Nothing is known to have changed; ask again."),
            ),
        };
        let body = json!({
            "type": format!("urn:doorward:problem:{kind}"),
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
        });
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        (status, headers, body.to_string()).into_response()
    }
}
