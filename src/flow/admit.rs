//! A request for a route: session, decision, and what comes of it.

use std::sync::Arc;

use super::{About, Answer, Gateway, Incoming, Reply, cookies, reply, sign_in::Wish};
use crate::{
    gate::{self, Caller, Decision, Presence, Refusal, ReturnTo, Verdict, cors, decide, table::AccessKind},
    identity::ClientCertificate,
    pages::Context,
    policy::{Access, Route},
    provider::Provider,
    session::{CookieName, Session},
    telemetry::{Act, Audit, Event},
    time::UnixTime,
};

/// A parent domain can add cookies of the same name; more than a few of them are noise (RFC 6265bis section 8.6).
const MOST_COOKIES: usize = 4;

impl Gateway {
    pub(super) async fn admit(&self, route: &Arc<Route>, incoming: &Incoming<'_>, caller: Caller) -> Answer {
        if let Some(reply) = self.over_rate(route, None, incoming) {
            return Answer::Reply(reply);
        }
        if let Some(admission) = decide::preflight(route, incoming.method, incoming.headers) {
            // Nobody's, whoever the page is of.
            if let Some(reply) = self.over_rate(route, Some(&Presence::Nothing), incoming) {
                return Answer::Reply(reply);
            }
            self.emit(&Event::Decision {
                route: &route.id.0,
                verdict: "preflight",
            });
            return Answer::Forward(admission);
        }
        let certificate = decide::valid(incoming.certificate, self.now());
        let presence = if decide::needs_session(AccessKind::of(&route.access, certificate)) {
            self.presence(incoming).await
        } else {
            Presence::Nothing
        };
        if let Some(reply) = self.over_rate(route, Some(&presence), incoming) {
            return Answer::Reply(reply);
        }
        let terms = &self.parts().terms;
        let now = self.now();
        let decision = gate::judge(route, certificate, presence.clone(), caller, terms, now);
        let (session, wish, verdict) = match decision {
            Decision::Settle(verdict) => (presence, None, verdict),
            Decision::Renew(session) => {
                let renewal = Box::pin(self.renewed(&session)).await;
                let wish = reply::seconds(renewal.retry_after());
                let verdict = decide::settle(route, certificate, &session, renewal, caller, terms, self.now());
                (Presence::Session(session), wish, verdict)
            }
        };
        self.emit(&Event::Decision {
            route: &route.id.0,
            verdict: name(&verdict),
        });
        let reply = match verdict {
            Verdict::Admit(admission) => {
                self.look_after(&admission, now);
                return Answer::Forward(admission);
            }
            Verdict::SignIn => {
                let return_to = ReturnTo::of(incoming.target);
                let beginning = self.begin(incoming, caller, &route.sign_in, Wish::new(return_to));
                Box::pin(beginning).await
            }
            Verdict::Refuse(refusal) => {
                self.audit_refusal(route, &session, refusal, incoming);
                refuse_route(route, &session, refusal, wish, incoming, certificate)
            }
        };
        Answer::Reply(Reply {
            about: Some(self.about(route, &session)),
            ..reply
        })
    }

    fn about(&self, route: &Route, presence: &Presence) -> About {
        let subject_hash = match presence {
            Presence::Session(session) => Some(Arc::clone(session.subject_hash(&self.parts().ring.load()))),
            Presence::Nothing | Presence::Unreadable | Presence::Down => None,
        };
        About {
            route: route.id.clone(),
            subject_hash,
        }
    }

    /// What is behind the request's session cookie. A session of a provider that was taken out of the configuration, or that
    /// has another issuer by now, is none: nothing that is configured vouches for it.
    pub(super) async fn presence(&self, incoming: &Incoming<'_>) -> Presence {
        match self.kept(incoming).await {
            Presence::Session(session) if self.provider_of_session(&session).is_none() => Presence::Nothing,
            presence @ (Presence::Session(_) | Presence::Nothing | Presence::Unreadable | Presence::Down) => presence,
        }
    }

    /// The provider that a session was made at, if it still is that one.
    pub(super) fn provider_of_session(&self, session: &Session) -> Option<&Arc<Provider>> {
        let identity = &session.record.identity;
        let provider = self.parts().providers.get(identity.provider())?;
        (provider.settings().issuer == *identity.issuer()).then_some(provider)
    }

    /// What the store keeps behind the request's session cookie. Of several cookies of the name, the one that opens counts (CK-06).
    pub(super) async fn kept(&self, incoming: &Incoming<'_>) -> Presence {
        let name = CookieName::of(incoming.public.https).as_str();
        let mut found = Presence::Nothing;
        for value in cookies::named(incoming.headers, name).take(MOST_COOKIES) {
            found = self.parts().sessions.find_by_cookie(value).await;
            match found {
                Presence::Session(_) | Presence::Down => break,
                Presence::Nothing | Presence::Unreadable => {}
            }
        }
        found
    }

    /// A refusal of somebody who is known. That nobody is signed in is no event: it is where every visit begins.
    fn audit_refusal(&self, route: &Route, presence: &Presence, refusal: Refusal, incoming: &Incoming<'_>) {
        if let (Presence::Session(session), Refusal::NotAllowed) = (presence, refusal) {
            let audit = Audit {
                route: Some(&route.id.0),
                client: incoming.client,
                request_id: incoming.request_id,
                ..Audit::new(Act::Access, refusal.code())
            };
            self.audit_of(&audit, Some(session));
        }
    }

    /// Renewal in the background where it is due, and the coarse note that the session is in use here. Neither is waited for.
    fn look_after(&self, admission: &gate::Admission, now: UnixTime) {
        let Some(session) = admission.session() else {
            return;
        };
        if admission.renew() {
            self.renew_behind(session);
        }
        let route = &admission.route().id.0;
        if self.parts().terms.touch_due(&session.record, now, route) {
            self.touch_behind(session, route);
        }
    }
}

fn refuse_route(
    route: &Route,
    presence: &Presence,
    refusal: Refusal,
    wish: Option<u64>,
    incoming: &Incoming<'_>,
    certificate: Option<&ClientCertificate>,
) -> Reply {
    let session = match presence {
        Presence::Session(session) => Some(session),
        Presence::Nothing | Presence::Unreadable | Presence::Down => None,
    };
    let who = session
        .filter(|_| refusal == Refusal::NotAllowed)
        .map(|session| who(session));
    let missing = session
        .and_then(|session| missing(route, session, certificate))
        .filter(|_| refusal == Refusal::NotAllowed);
    let back = ReturnTo::of(incoming.target);
    let (start, switch) = (reply::sign_in_link(&back, false), reply::sign_in_link(&back, true));
    let reply = reply::refusal(
        refusal,
        incoming.caller,
        &Context {
            request_id: incoming.request_id,
            who: who.as_deref(),
            missing: missing.as_deref(),
            start_again: matches!(refusal, Refusal::SignInNeeded | Refusal::StepUpNeeded).then_some(&start),
            switch_account: (refusal == Refusal::NotAllowed).then_some(&switch),
            retry_after: reply::retry_after(refusal).map(|usual| wish.unwrap_or(usual)),
        },
    );
    let reply = if refusal == Refusal::StepUpNeeded {
        reply::challenged(reply, &route.sign_in)
    } else {
        reply
    };
    reply::shared(reply, cors::readers(route, incoming.headers))
}

/// How a person is called on a page.
pub(super) fn who(session: &Session) -> String {
    let identity = &session.record.identity;
    let name = identity.name().or(identity.preferred_username());
    match (name, identity.email()) {
        (Some(name), Some(email)) => format!("{name} ({email})"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => identity.subject().to_owned(),
    }
}

fn missing(route: &Route, session: &Session, certificate: Option<&ClientCertificate>) -> Option<String> {
    match &route.access {
        Access::Rule(rule) if route.explain_refusals => {
            let unmet = rule.evaluate(&session.record.identity, certificate).err();
            unmet.map(|unmet| unmet.0)
        }
        Access::Open | Access::Recognised | Access::SignedIn | Access::Rule(_) => None,
    }
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Admit(admission) if admission.renew() => "admit_and_renew",
        Verdict::Admit(_) => "admit",
        Verdict::SignIn => "sign_in",
        Verdict::Refuse(refusal) => refusal.code(),
    }
}
