//! Sign-out: here first, then at the provider (OpenID Connect RP-Initiated Logout 1.0).

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Gateway, Incoming, Reply, admit::who, cookies, reply};
use crate::{
    gate::{Caller, Endpoint, Presence, Refusal, ReturnTo, SignOut, sign_out},
    pages::{self, Action},
    provider::EndSession,
    session::{CookieName, Session},
    task,
    telemetry::{Act, Event, trace},
};

impl Gateway {
    /// `return_to` is the page to go on to afterwards.
    pub(super) async fn sign_out(&self, incoming: &Incoming<'_>, caller: Caller, return_to: &ReturnTo) -> Reply {
        if !matches!(*incoming.method, Method::GET | Method::HEAD | Method::POST) {
            let refused = self.refuse_plainly(Refusal::Method, caller, incoming);
            return reply::allow(refused, &[Method::GET, Method::HEAD, Method::POST]);
        }
        let own_origin = reply::origin(incoming.public, incoming.target.host().as_str());
        match sign_out::judge(incoming.method, incoming.headers, &own_origin) {
            SignOut::Proceed => self.proceed(incoming, caller, &own_origin, return_to).await,
            SignOut::Confirm => self.confirm(incoming, return_to).await,
            SignOut::Refuse => {
                self.audit(incoming, Act::SignOut, Refusal::CrossSite.code(), None);
                self.refuse_plainly(Refusal::CrossSite, caller, incoming)
            }
        }
    }

    async fn proceed(&self, incoming: &Incoming<'_>, caller: Caller, own_origin: &str, return_to: &ReturnTo) -> Reply {
        let began = Instant::now();
        let mut found = self.kept(incoming).await;
        if matches!(found, Presence::Down) && a_moment_passed(began).await {
            found = self.kept(incoming).await;
        }
        let session = match found {
            Presence::Session(session) => Some(session),
            Presence::Nothing | Presence::Unreadable => None,
            // Without the store the session cannot be ended, and a cookie deleted alone would leave it alive.
            Presence::Down => return self.refuse_plainly(Refusal::StoreDown, caller, incoming),
        };
        if let Some(session) = &session {
            let mut ended = self.parts().sessions.end(&session.handle).await;
            if ended.is_err() && a_moment_passed(began).await {
                ended = self.parts().sessions.end(&session.handle).await;
            }
            if ended.is_err() {
                self.audit(incoming, Act::SignOut, Refusal::StoreDown.code(), Some(session));
                return self.refuse_plainly(Refusal::StoreDown, caller, incoming);
            }
            self.emit(&Event::SignOut {
                provider: session.record.identity.provider(),
            });
            self.emit(&Event::Session { what: "signed_out" });
            self.audit(incoming, Act::SignOut, "ok", Some(session));
        }
        let mut reply = self.onward(incoming, session.as_deref(), own_origin, return_to).await;
        if let Some(session) = session {
            self.revoke_behind(session);
        }
        let https = incoming.public.https;
        reply
            .headers
            .push(cookies::clear(CookieName::of(https).as_str(), https));
        reply
    }

    /// On to the provider's end-session endpoint, or to our own page when there is none or it is not known now.
    async fn onward(
        &self,
        incoming: &Incoming<'_>,
        session: Option<&Session>,
        own_origin: &str,
        return_to: &ReturnTo,
    ) -> Reply {
        let local = format!("{SIGNED_OUT}?{}", reply::LOCAL_ONLY);
        // It ended before, or another click was quicker and its way to the provider was given up for this one.
        let Some(session) = session else {
            return to(incoming, &local);
        };
        let Some(request) = self.end_session(session, own_origin, return_to).await else {
            return to(incoming, &local);
        };
        if asked_by_script(incoming) {
            return to(incoming, request.short_redirect().as_str());
        }
        match request.redirect() {
            Some(url) => to(incoming, url.as_str()),
            None => finish(incoming, &request, &local),
        }
    }

    async fn end_session(&self, session: &Session, own_origin: &str, return_to: &ReturnTo) -> Option<EndSession> {
        let provider = self.provider_of_session(session)?;
        let ring = self.parts().ring.load();
        let state = sign_out::state(&ring, self.parts().entropy.bytes(), return_to, self.now());
        let id_token = session.record.tokens.id_token.expose();
        provider
            .end_session(id_token, &format!("{own_origin}{SIGNED_OUT}"), &state)
            .await
    }

    /// Takes the session's tokens back at the provider. Nobody waits for it (RV-01).
    ///
    /// Only where the person signs out here: a session that the provider ended, or that an administrator ended, cannot be
    /// opened without its cookie, and a frame that anyone can load must not reach so far (RV-02).
    fn revoke_behind(&self, session: Arc<Session>) {
        if let Some(provider) = self.provider_of_session(&session).map(Arc::clone) {
            let revoking = trace::along(async move {
                provider.revoke(&session.record.tokens).await;
            });
            drop(task::spawn("revocation", revoking));
        }
    }

    /// Where the provider sends the browser back to (RL-04).
    pub(super) fn signed_out(&self, incoming: &Incoming<'_>) -> Reply {
        let query = incoming.target.query().unwrap_or_default();
        let onward = sign_out::landed(query, &self.parts().ring.load(), self.now());
        reply::signed_out(incoming, &onward)
    }

    async fn confirm(&self, incoming: &Incoming<'_>, return_to: &ReturnTo) -> Reply {
        let session = match self.kept(incoming).await {
            Presence::Session(session) => Some(session),
            Presence::Nothing | Presence::Unreadable | Presence::Down => None,
        };
        let who = session.as_ref().map(|session| who(session));
        let leads_to = self.end_session_origin(session.as_deref()).await;
        let leads_to: Vec<&str> = leads_to.as_deref().into_iter().collect();
        let path = again(return_to);
        let facts = pages::ConfirmSignOut {
            request_id: incoming.request_id,
            who: who.as_deref(),
            stay: Some("/"),
            action: Action {
                path: &path,
                fields: &[],
                leads_to: &leads_to,
            },
        };
        reply::page(StatusCode::OK, pages::confirm_sign_out(&facts), OUTCOME)
    }

    /// The origin that a sign-out form of ours ends at, for its page's policy.
    pub(super) async fn end_session_origin(&self, session: Option<&Session>) -> Option<String> {
        let provider = self.provider_of_session(session?)?;
        provider.end_session_origin().await
    }
}

/// How soon the store must have said that it cannot, for being asked once more.
const AT_ONCE: Duration = Duration::from_millis(500);
/// How long after that: by then a store that lost its server has looked for another.
const MOMENT: Duration = Duration::from_millis(600);

/// Whether the store is to be asked once more, a moment later: whoever signs out just as another server takes over is not
/// sent away, and ending a session twice comes to the same. A store that was silent is not waited for again.
async fn a_moment_passed(began: Instant) -> bool {
    let at_once = began.elapsed() <= AT_ONCE;
    if at_once {
        sleep(MOMENT).await;
    }
    at_once
}

/// The address of the sign-out that goes on to this page.
fn again(return_to: &ReturnTo) -> String {
    let sign_out = Endpoint::SignOut.path();
    if *return_to == ReturnTo::home() {
        return sign_out.to_owned();
    }
    let back = utf8_percent_encode(return_to.as_str(), NON_ALPHANUMERIC);
    format!("{sign_out}?return_to={back}")
}

/// A redirect, or for a script the address that it would lead to.
fn to(incoming: &Incoming<'_>, onward: &str) -> Reply {
    if asked_by_script(incoming) {
        let said = json!({ "signed_out": true, "continue": onward });
        return reply::json(StatusCode::OK, &said, OUTCOME);
    }
    reply::redirect(incoming.method, onward, OUTCOME)
}

/// A page with a form, for what is too long for an address (RL-02). No page of this site can read it: only a navigation
/// gets it, and it lets itself be framed by nobody.
fn finish(incoming: &Incoming<'_>, request: &EndSession, local: &str) -> Reply {
    let (endpoint, fields) = request.form();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let facts = pages::FinishSignOut {
        request_id: incoming.request_id,
        endpoint: endpoint.as_str(),
        origin: &endpoint.origin().ascii_serialization(),
        fields: &fields,
        stay: Some(local),
    };
    reply::page(StatusCode::OK, pages::finish_sign_out(&facts), OUTCOME)
}

const SIGNED_OUT: &str = Endpoint::SignedOut.path();
const OUTCOME: &str = "sign_out";

/// A script cannot follow a redirect to another site: it gets the address instead.
pub(super) fn asked_by_script(incoming: &Incoming<'_>) -> bool {
    let text = |name| incoming.headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-mode") {
        Some(mode) => mode != "navigate",
        None => !text(header::ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html")),
    }
}
