//! Who am I: the caller's own identity, as a page or as JSON; never a token (BF-02).

use http::{Method, StatusCode};
use serde_json::json;

use super::{Gateway, Incoming, Reply, reply, sign_in::Wish};
use crate::{
    gate::{Caller, Endpoint, Presence, Refusal, ReturnTo},
    identity::Claim,
    pages::{self, Action, Context, Times},
    session::Session,
};

impl Gateway {
    pub(super) async fn whoami(&self, incoming: &Incoming<'_>, caller: Caller) -> Reply {
        if !matches!(*incoming.method, Method::GET | Method::HEAD) {
            let refused = self.refuse_plainly(Refusal::Method, caller, incoming);
            return reply::allow(refused, &[Method::GET, Method::HEAD]);
        }
        match self.presence(incoming).await {
            Presence::Session(session) if self.lives(&session) => match caller {
                Caller::Navigation => self.whoami_page(incoming, &session).await,
                Caller::Api | Caller::WebSocket => self.whoami_json(&session),
            },
            Presence::Down => self.refuse_plainly(Refusal::StoreDown, caller, incoming),
            Presence::Session(_) | Presence::Nothing | Presence::Unreadable => self.nobody(incoming, caller).await,
        }
    }

    /// Who wants to see what is theirs signs in first.
    pub(super) async fn nobody(&self, incoming: &Incoming<'_>, caller: Caller) -> Reply {
        let back = ReturnTo::of(incoming.target);
        match (caller, self.terms_of(incoming, &back)) {
            (Caller::Navigation, Some(terms)) => self.begin(incoming, caller, &terms, Wish::new(back)).await,
            (Caller::Navigation | Caller::Api | Caller::WebSocket, _) => reply::refusal(
                Refusal::SignInNeeded,
                caller,
                &Context {
                    request_id: incoming.request_id,
                    start_again: Some(&reply::sign_in_link(&back, false)),
                    ..Context::default()
                },
            ),
        }
    }

    async fn whoami_page(&self, incoming: &Incoming<'_>, session: &Session) -> Reply {
        let identity = &session.record.identity;
        let printed: Vec<(&str, String)> = identity
            .claims()
            .iter()
            .map(|(name, claim)| (name, print(claim)))
            .collect();
        let claims: Vec<(&str, &str)> = printed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let groups: Vec<&str> = identity.groups().iter().map(String::as_str).collect();
        let leads_to = self.end_session_origin(Some(session)).await;
        let leads_to: Vec<&str> = leads_to.as_deref().into_iter().collect();
        let facts = pages::WhoAmI {
            request_id: incoming.request_id,
            name: identity.name(),
            email: identity.email(),
            subject: identity.subject(),
            issuer: identity.issuer().as_str(),
            groups: &groups,
            claims: &claims,
            times: self.times(session),
            sign_out: Action {
                path: Endpoint::SignOut.path(),
                fields: &[],
                leads_to: &leads_to,
            },
        };
        reply::page(StatusCode::OK, pages::whoami(&facts), "whoami")
    }

    fn whoami_json(&self, session: &Session) -> Reply {
        let identity = &session.record.identity;
        let Times {
            signed_in,
            idle_end,
            end,
            token_end,
            now: _,
        } = self.times(session);
        let body = json!({
            "subject": identity.subject(),
            "issuer": identity.issuer(),
            "provider": identity.provider(),
            "email": identity.email(),
            "email_verified": identity.email_verified(),
            "groups": identity.groups(),
            "name": identity.name(),
            "preferred_username": identity.preferred_username(),
            "claims": identity.claims(),
            "session": {
                "signed_in": signed_in,
                "ends_unused": idle_end,
                "ends": end,
                "token_ends": token_end,
                "renewals": session.record.renewals,
            },
        });
        reply::json(StatusCode::OK, &body, "whoami")
    }

    fn times(&self, session: &Session) -> Times {
        let (record, terms) = (&session.record, &self.parts().terms);
        Times {
            now: self.now(),
            signed_in: record.created,
            idle_end: Some(record.seen + terms.idle),
            end: record.created + terms.absolute,
            token_end: record.tokens.access_expires,
        }
    }
}

fn print(claim: &Claim) -> String {
    claim.as_str().map_or_else(|| claim.to_string(), str::to_owned)
}
