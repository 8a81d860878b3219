//! `/explain`: says what would be decided about a request, by the configuration in force, for who has the token.

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State, rejection::JsonRejection},
    http::{HeaderMap, Method},
    response::Response,
    routing::post,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Admin,
    sessions::{Desk, Problem, answer},
};
use crate::{
    gate::explain::{self, Assumed, Question},
    identity::ClientCertificate,
    oidc::Claims,
    telemetry::{Act, Audit},
};

/// Most bytes of a question: claims are far smaller.
const MOST: usize = 256 << 10;

/// The request that is to be explained. In a body, so that nobody's claims are in an address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    url: String,
    method: Option<String>,
    claims: Option<Claims>,
    /// In PEM.
    certificate: Option<String>,
}

/// The path of explanations.
pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/explain", post(explain))
        .layer(DefaultBodyLimit::max(MOST))
        .with_state(Desk { admin })
}

async fn explain(
    State(desk): State<Desk>,
    headers: HeaderMap,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Response, Problem> {
    desk.bar(Act::Explain, &headers)?;
    let Json(asked) = asked.map_err(|rejection| Problem::Query(rejection.body_text()))?;
    let method = asked.method.as_deref().unwrap_or("GET").parse::<Method>();
    let method = method.map_err(|_| Problem::Query("`method` is no method".to_owned()))?;
    let target = explain::target(&asked.url);
    let target = target.ok_or_else(|| Problem::Query("`url` is no whole URL".to_owned()))?;
    let certificate = asked.certificate.as_deref().map(str::as_bytes);
    let certificate = certificate.map(ClientCertificate::hypothetical).transpose();
    let certificate = certificate.map_err(|error| Problem::Query(format!("`certificate` in PEM: {error}")))?;
    let question = Question {
        method: &method,
        target,
        caller: Assumed {
            claims: asked.claims.as_ref(),
            certificate: certificate.as_ref(),
        },
    };
    let gateway = desk.admin.live.gateway();
    let parts = gateway.parts();
    let mut vouchers: Vec<_> = parts
        .providers
        .values()
        .map(|known| known.settings().voucher())
        .collect();
    vouchers.sort_by_key(|voucher| voucher.name.as_str());
    let explanation = explain::explain(&parts.site, &vouchers, &question, parts.clock.now());
    gateway.audit_administration(&Audit::new(Act::Explain, "ok"));
    Ok(answer(&json!({ "explanation": explanation })))
}
