//! `/sessions`: lists and ends sessions, for who has the token.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Admin,
    token::{Barred, Token},
};
use crate::{
    flow::Wanted,
    oidc::ProviderName,
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
    pub(super) token: Token,
}

/// What is asked for. Times are in seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: Option<String>,
    subject: Option<String>,
    sid: Option<String>,
    provider: Option<String>,
    older_than: Option<u64>,
    idle_for: Option<u64>,
    after: Option<String>,
    limit: Option<usize>,
    all: Option<bool>,
}

/// Why a request is answered with a problem.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    Barred(Barred),
    Query(String),
    Everything,
    Down(Down),
}

/// The paths of session administration.
pub(super) fn router(admin: Admin, token: Token) -> Router {
    Router::new()
        .route("/sessions", get(list).delete(end))
        .with_state(Desk { admin, token })
}

async fn list(
    State(desk): State<Desk>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let asked = desk.admit(Act::ListSessions, &headers, asked)?;
    let (wanted, page) = (asked.wanted(), asked.page()?);
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

async fn end(
    State(desk): State<Desk>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let asked = desk.admit(Act::EndSessions, &headers, asked)?;
    let wanted = asked.wanted();
    if asked.after.is_some() || asked.limit.is_some() {
        return Err(Problem::Query("`after` and `limit` are for listing".to_owned()));
    }
    if wanted.is_everything() && asked.all != Some(true) {
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
    fn admit(
        &self,
        act: Act,
        headers: &HeaderMap,
        asked: Result<Query<Asked>, QueryRejection>,
    ) -> Result<Asked, Problem> {
        self.bar(act, headers)?;
        asked
            .map(|Query(asked)| asked)
            .map_err(|rejection| Problem::Query(rejection.body_text()))
    }

    /// Who has no token is told that, and nothing else.
    pub(super) fn bar(&self, act: Act, headers: &HeaderMap) -> Result<(), Problem> {
        if let Err(barred) = self.token.check(headers) {
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
    fn wanted(&self) -> Wanted {
        let Self {
            id,
            subject,
            sid,
            provider,
            older_than,
            idle_for,
            after: _,
            limit: _,
            all: _,
        } = self;
        Wanted {
            id: id.clone(),
            subject: subject.clone(),
            sid: sid.clone(),
            provider: provider.as_deref().map(ProviderName::new),
            older_than: older_than.map(Duration::from_secs),
            idle_for: idle_for.map(Duration::from_secs),
        }
    }

    fn page(&self) -> Result<Page, Problem> {
        let after = self.after.as_deref().map(str::parse::<Cursor>).transpose();
        let after = after.map_err(|_| Problem::Query("`after` is not the `next` of an answer".to_owned()))?;
        let limit = self.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::Query(format!("`limit` is 1 to {MOST}")));
        }
        Ok(Page { after, limit })
    }
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
                "Say which by id, subject, sid, provider, older_than or idle_for, or add all=true.".to_owned(),
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
