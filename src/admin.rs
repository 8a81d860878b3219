//! The admin listener: health, metrics and the administration of sessions, apart from what people reach.

mod explain;
mod sessions;
mod token;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Json, Router,
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub use self::token::Guard;
use crate::{
    flow::{Gateway, Live},
    telemetry::Telemetry,
};

/// What the admin endpoints look at.
#[derive(Clone, Debug)]
pub struct Admin {
    live: Arc<Live>,
    telemetry: Telemetry,
    draining: Arc<AtomicBool>,
    guard: Guard,
}

/// `/ready?full=1` asks for the providers too.
#[derive(Debug, Deserialize)]
struct Asked {
    full: Option<String>,
}

impl Admin {
    /// Looks at the gateway in force. `draining` turns readiness off before the listeners close.
    #[must_use]
    pub fn new(live: Arc<Live>, telemetry: Telemetry, draining: Arc<AtomicBool>) -> Self {
        Self {
            live,
            telemetry,
            draining,
            guard: Guard::default(),
        }
    }

    /// Opens `/sessions` and `/explain` to who has the token of the guard; while it has none the paths do not exist.
    #[must_use]
    pub fn guarded_by(mut self, guard: &Guard) -> Self {
        self.guard = guard.clone();
        self
    }

    /// `/live`: the process runs. `/ready`: it can serve people who are signed in, that is, the session store answers and no
    /// shutdown has begun; with `?full=1` also whether every provider has answered. `/metrics`: Prometheus' text format.
    /// `/sessions`: lists and ends sessions; `/explain`: says what would be decided; both for who has the token.
    pub fn router(self) -> Router {
        let administration = sessions::router(self.clone())
            .merge(explain::router(self.clone()))
            .route_layer(from_fn_with_state(self.guard.clone(), unless_unguarded));
        Router::new()
            .route("/live", get(|| async { Json(json!({ "live": true })) }))
            .route("/ready", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self)
            .merge(administration)
    }
}

async fn unless_unguarded(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.is_set() {
        next.run(request).await
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

async fn ready(State(admin): State<Admin>, Query(asked): Query<Asked>) -> Response {
    let draining = admin.draining.load(Ordering::Relaxed);
    let gateway = admin.live.gateway();
    let store = gateway.store_ready().await;
    let mut report = Map::new();
    report.insert("draining".to_owned(), draining.into());
    report.insert(
        "store".to_owned(),
        store
            .as_ref()
            .map_or_else(|cause| cause.clone().into(), |()| "ok".into()),
    );
    let mut ready = !draining && store.is_ok();
    if asked.full.is_some_and(|full| full == "1") {
        let (all, providers) = providers(&gateway).await;
        ready &= all;
        report.insert("providers".to_owned(), providers);
    }
    report.insert("ready".to_owned(), ready.into());
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Value::Object(report))).into_response()
}

/// Asks every provider that has not answered yet, so that the report is about now (DJ-09).
async fn providers(gateway: &Gateway) -> (bool, Value) {
    let mut report = Map::new();
    let mut all = true;
    for (name, provider) in gateway.providers() {
        let word = match provider.metadata().await {
            Ok(_) => "ok".to_owned(),
            Err(down) => {
                all = false;
                down.to_string()
            }
        };
        report.insert(name.as_str().to_owned(), word.into());
    }
    (all, Value::Object(report))
}

async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let (content_type, text) = if asks_for_open_metrics(&headers) {
        (
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            admin.telemetry.render_open(),
        )
    } else {
        ("text/plain; version=0.0.4", admin.telemetry.render())
    };
    ([(header::CONTENT_TYPE, content_type), (header::VARY, "Accept")], text).into_response()
}

/// Whether OpenMetrics is liked, and plain text no better (RFC 9110 section 12.5.1).
fn asks_for_open_metrics(headers: &HeaderMap) -> bool {
    let ranges = || {
        let values = headers.get_all(header::ACCEPT).iter();
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
    };
    let liked = |kind: &str| {
        let weights = ranges().filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts.next()?.eq_ignore_ascii_case(kind);
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
            named.then(|| weight.unwrap_or(1.0))
        });
        weights.fold(0.0, f32::max)
    };
    let open = liked("application/openmetrics-text");
    open > 0.0 && open >= liked("text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_are_for_who_asks_for_them() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, open) in [
            (prometheus, true),
            ("application/openmetrics-text", true),
            ("text/plain, application/openmetrics-text; q=0.9", false),
            ("application/openmetrics-text; q=0", false),
            ("text/plain", false),
            ("*/*", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(asks_for_open_metrics(&headers), open, "{accept}");
        }
        assert!(!asks_for_open_metrics(&HeaderMap::new()));
    }
}
