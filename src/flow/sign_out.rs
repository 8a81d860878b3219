//! Sign-out: here first, then at the provider (OpenID Connect RP-Initiated Logout 1.0).

use http::{Method, StatusCode, header};
use serde_json::json;

use super::{Gateway, Incoming, Reply, admit::who, cookies, reply};
use crate::{
    gate::{Caller, Presence, Refusal, SignOut, sign_out},
    pages::{self, Action},
    session::{CookieName, Session},
    telemetry::Event,
};

impl Gateway {
    pub(super) async fn sign_out(&self, incoming: &Incoming<'_>, caller: Caller) -> Reply {
        if !matches!(*incoming.method, Method::GET | Method::HEAD | Method::POST) {
            let refused = self.refuse_plainly(Refusal::Method, caller, incoming);
            return reply::allow(refused, &[Method::GET, Method::HEAD, Method::POST]);
        }
        let own_origin = reply::origin(incoming.public, incoming.target.host().as_str());
        match sign_out::judge(incoming.method, incoming.headers, &own_origin) {
            SignOut::Proceed => self.proceed(incoming, caller, &own_origin).await,
            SignOut::Confirm => self.confirm(incoming).await,
            SignOut::Refuse => self.refuse_plainly(Refusal::CrossSite, caller, incoming),
        }
    }

    async fn proceed(&self, incoming: &Incoming<'_>, caller: Caller, own_origin: &str) -> Reply {
        let session = match self.presence(incoming).await {
            Presence::Session(session) => Some(session),
            Presence::Nothing | Presence::Unreadable => None,
            // Without the store the session cannot be ended, and a cookie deleted alone would leave it alive.
            Presence::Down => return self.refuse_plainly(Refusal::StoreDown, caller, incoming),
        };
        if let Some(session) = &session {
            if self.parts().sessions.end(&session.handle).await.is_err() {
                return self.refuse_plainly(Refusal::StoreDown, caller, incoming);
            }
            self.emit(&Event::SignOut {
                provider: session.record.identity.provider(),
            });
            self.emit(&Event::Session { what: "signed_out" });
        }
        let onward = self.onward(session.as_deref(), own_origin).await;
        let mut reply = if asked_by_script(incoming) {
            reply::json(
                StatusCode::OK,
                &json!({ "signed_out": true, "continue": onward }),
                "sign_out",
            )
        } else {
            reply::redirect(incoming.method, &onward, "sign_out")
        };
        let https = incoming.public.https;
        reply
            .headers
            .push(cookies::clear(CookieName::of(https).as_str(), https));
        reply
    }

    /// The provider's end-session endpoint, or our own page when there is none or it is not known now.
    async fn onward(&self, session: Option<&Session>, own_origin: &str) -> String {
        let landing = format!("{own_origin}{}", reply::SIGNED_OUT);
        let local = format!("{}?{}", reply::SIGNED_OUT, reply::LOCAL_ONLY);
        let Some(session) = session else {
            return reply::SIGNED_OUT.to_owned();
        };
        let Some(provider) = self.parts().providers.get(session.record.identity.provider()) else {
            return local;
        };
        let hint = session.record.tokens.id_token.expose();
        provider
            .end_session_url(hint, &landing, None)
            .await
            .map_or(local, String::from)
    }

    async fn confirm(&self, incoming: &Incoming<'_>) -> Reply {
        let session = match self.presence(incoming).await {
            Presence::Session(session) => Some(session),
            Presence::Nothing | Presence::Unreadable | Presence::Down => None,
        };
        let who = session.as_ref().map(|session| who(session));
        let leads_to = self.end_session_origin(session.as_deref()).await;
        let leads_to: Vec<&str> = leads_to.as_deref().into_iter().collect();
        let facts = pages::ConfirmSignOut {
            request_id: incoming.request_id,
            who: who.as_deref(),
            stay: Some("/"),
            action: Action {
                path: "/.doorward/sign-out",
                fields: &[],
                leads_to: &leads_to,
            },
        };
        reply::page(StatusCode::OK, pages::confirm_sign_out(&facts), "sign_out")
    }

    /// The origin that a sign-out form of ours ends at, for its page's policy.
    pub(super) async fn end_session_origin(&self, session: Option<&Session>) -> Option<String> {
        let provider = self.parts().providers.get(session?.record.identity.provider())?;
        let url = provider.end_session_url("", "", None).await?;
        Some(url.origin().ascii_serialization())
    }
}

/// A script cannot follow a redirect to another site: it gets the address instead.
fn asked_by_script(incoming: &Incoming<'_>) -> bool {
    let text = |name| incoming.headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-mode") {
        Some(mode) => mode != "navigate",
        None => !text(header::ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html")),
    }
}
