//! The sample app: shows what the gateway sent it, verified the way a real app would verify it.

mod assertion;
mod key_set;
mod live;
mod view;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

pub use self::assertion::{Claims, Fault, verify};
use self::key_set::KeySet;
use crate::time::Clock;

/// What the app knows: where the gateway's keys are, and what time it is.
#[derive(Debug)]
pub(super) struct App {
    clock: Clock,
    keys: KeySet,
    /// `iss` of a good assertion, where known.
    issuer: Option<String>,
}

/// What became of the assertion on a request.
#[derive(Clone, PartialEq, Debug)]
enum Seen {
    /// There was none.
    Nothing,
    /// It is good: these are its claims.
    Verified(Claims),
    /// It is not: nobody is believed.
    Failed(Fault),
}

impl App {
    /// An app behind the gateway whose key set is at `jwks_url`.
    pub(super) fn new(jwks_url: String, issuer: Option<String>, clock: Clock) -> Result<Self, reqwest::Error> {
        Ok(Self {
            clock,
            keys: KeySet::at(jwks_url)?,
            issuer,
        })
    }

    /// Its routes.
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/", get(home))
            .route("/me", get(me))
            .route("/engineering", get(engineering))
            .route("/poll", get(view::poll))
            .route("/ws", get(view::socket))
            .route("/events", get(view::events))
            .route("/ws/echo", get(live::echo))
            .route("/events/stream", get(live::stream))
            .route("/api/time", get(api_time))
            .route("/api/me", get(api_me))
            .route("/api/token", get(api_token))
            .route("/assets/{name}", get(view::asset))
            .with_state(Arc::new(self))
    }

    async fn look(&self, headers: &HeaderMap) -> Seen {
        let Some(token) = text(headers, "x-doorward-assertion") else {
            return Seen::Nothing;
        };
        let now = self.clock.now().secs();
        match self
            .keys
            .for_token(token)
            .await
            .and_then(|keys| verify(&keys, token, self.issuer.as_deref(), now))
        {
            Ok(claims) => Seen::Verified(claims),
            Err(fault) => Seen::Failed(fault),
        }
    }
}

async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    view::home(&app.look(&headers).await, &headers)
}

async fn me(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    view::received(
        "What this app received",
        "Everyone who is signed in may see this page.",
        &app.look(&headers).await,
        &headers,
    )
}

async fn engineering(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    view::received(
        "Engineering",
        "Only members of the group engineering may see this page.",
        &app.look(&headers).await,
        &headers,
    )
}

async fn api_time(State(app): State<Arc<App>>) -> Response {
    json_answer(&json!({ "now": app.clock.now().to_string() }))
}

async fn api_me(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let (verified, claims) = match app.look(&headers).await {
        Seen::Verified(claims) => (json!(true), Value::Object(claims.0)),
        Seen::Nothing => (Value::Null, Value::Null),
        Seen::Failed(fault) => (json!(fault.to_string()), Value::Null),
    };
    json_answer(&json!({
        "user": text(&headers, "x-forwarded-user"),
        "email": text(&headers, "x-forwarded-email"),
        "groups": text(&headers, "x-forwarded-groups"),
        "assertion_verified": verified,
        "assertion": claims,
    }))
}

/// What the passed-through access token says of itself, never the token: the page that asks runs script.
async fn api_token(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let claims = text(&headers, "x-forwarded-access-token").and_then(assertion::unverified_claims);
    let part = |name: &str| {
        claims
            .as_ref()
            .and_then(|claims| claims.get(name))
            .cloned()
            .unwrap_or(Value::Null)
    };
    json_answer(&json!({
        "now": app.clock.now().secs(),
        "issued": part("iat"),
        "expires": part("exp"),
        "renewal": part("renewal"),
    }))
}

fn json_answer(body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::OK, headers, body.to_string()).into_response()
}

/// A header's text.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
