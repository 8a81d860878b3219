//! Taking a session's tokens back at the provider (RFC 7009).

use reqwest::Url;
use serde_json::Value;
use tokio::time::Instant;
use url::form_urlencoded;

use super::{
    Settings,
    client::Provider,
    http::Reply,
    link::{bad_status, failed},
    token::authenticate,
};
use crate::{secret::Secret, session::SessionTokens, telemetry::Call};

impl Provider {
    /// Takes the refresh token back, then the access token, as good as can be (RV-01): every failure is reported and
    /// counted, none is tried again, and after one the rest is left. Not to be waited for by anybody.
    pub async fn revoke(&self, tokens: &SessionTokens) {
        if !self.settings().logout.revoke {
            return;
        }
        let Ok(_one_of_few) = self.revocations.try_acquire() else {
            let full = Some("too many revocations are under way");
            self.link.report("revocation", Instant::now(), Call::Failed, full);
            return;
        };
        let Ok(metadata) = self.metadata().await else {
            return;
        };
        let Some(endpoint) = &metadata.revocation_endpoint else {
            return;
        };
        if let Some(token) = &tokens.refresh_token
            && !self.revoke_one(endpoint, token, "refresh_token").await
        {
            return;
        }
        if tokens.access_expires.is_none_or(|end| self.link.now() < end) {
            self.revoke_one(endpoint, &tokens.access_token, "access_token").await;
        }
    }

    async fn revoke_one(&self, endpoint: &Url, token: &Secret<String>, hint: &str) -> bool {
        let began = Instant::now();
        let (form, authorization) = request(self.settings(), token, hint);
        let (call, cause) = match self.link.http.post(endpoint, form, authorization.as_deref()).await {
            Ok(reply) => outcome(&reply),
            Err(error) => {
                let (call, unreachable) = failed(error);
                (call, Some(unreachable.cause))
            }
        };
        self.link.report("revocation", began, call, cause.as_deref());
        call == Call::Ok
    }
}

/// The form and the `Authorization` header (its section 2.1).
fn request(settings: &Settings, token: &Secret<String>, hint: &str) -> (String, Option<String>) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token.expose())
        .append_pair("token_type_hint", hint);
    let authorization = authenticate(settings, &mut form);
    (form.finish(), authorization)
}

/// What an answer says (its section 2.2): 200 also for a token that was not good any more. A provider that takes only
/// one kind of token back has done what it can.
fn outcome(reply: &Reply) -> (Call, Option<String>) {
    let code = || {
        let answer: Value = serde_json::from_slice(&reply.body).ok()?;
        answer.get("error")?.as_str().map(str::to_owned)
    };
    match reply.status {
        200..=299 => (Call::Ok, None),
        400..=499 if reply.status != 408 && reply.status != 429 => match code().as_deref() {
            Some("unsupported_token_type") => (Call::Ok, None),
            Some("invalid_client" | "unauthorized_client") => (
                Call::Refused,
                Some("the provider refuses this client's credentials at its revocation endpoint".to_owned()),
            ),
            Some(_) | None => (Call::Refused, Some(format!("status {}", reply.status))),
        },
        _ => (Call::Failed, Some(bad_status(reply).cause)),
    }
}
