//! The provider's answer: a code becomes a session, or a page says why not and offers to start again.

use std::{sync::Arc, time::Duration};

use http::{Method, header};

use super::{Gateway, Incoming, Reply, cookies, limits::Step, reply, sign_in::Wish};
use crate::{
    gate::{
        Answer, Attempt, Caller, Presence, Received, Refusal, ReturnTo, SignInFailure,
        callback::{Onward, Strayed, onward, receive, strayed},
    },
    pages::Context,
    provider::{ExchangeError, Provider},
    session::{Client, CookieName, Session},
    store::NotMade,
    telemetry::{Act, Audit, Event},
};

impl Gateway {
    pub(super) async fn callback(&self, incoming: &Incoming<'_>, caller: Caller) -> Reply {
        if *incoming.method != Method::GET {
            return reply::allow(self.refuse_plainly(Refusal::Method, caller, incoming), &[Method::GET]);
        }
        let pairs: Vec<_> = cookies::pairs(incoming.headers).collect();
        let query = incoming.target.query().unwrap_or_default();
        match receive(
            query,
            &pairs,
            &self.parts().ring.load(),
            incoming.public.https,
            self.now(),
        ) {
            Received::Ours {
                attempt,
                answer,
                cookie_name,
            } => {
                let mut reply = self.complete(incoming, caller, &attempt, answer).await;
                reply.headers.push(cookies::clear(&cookie_name, incoming.public.https));
                reply
            }
            Received::Stray { return_to, again } => {
                let others = pairs.iter().any(|(name, _)| cookies::is_attempt(name));
                self.stray(incoming, caller, return_to, others, again).await
            }
            Received::Refused(failure) => failed(failure, incoming, caller, &ReturnTo::home()),
        }
    }

    async fn stray(
        &self,
        incoming: &Incoming<'_>,
        caller: Caller,
        return_to: ReturnTo,
        others: bool,
        again: u8,
    ) -> Reply {
        let terms = self.terms_of(incoming, &return_to);
        let presence = self.presence(incoming).await;
        let serves = matches!(&presence, Presence::Session(session) if self.serves(session, terms.as_ref()));
        match (strayed(&presence, serves, others, again), terms) {
            (Strayed::GoOn, _) => go_on(&return_to),
            (Strayed::StoreDown, _) => self.refuse_plainly(Refusal::StoreDown, caller, incoming),
            (Strayed::Again(again), Some(terms)) => {
                let wish = Wish::again(return_to, again);
                self.begin(incoming, caller, &terms, wish).await
            }
            (Strayed::Again(_) | Strayed::Fail, _) => failed(SignInFailure::NoAttempt, incoming, caller, &return_to),
        }
    }

    async fn complete(
        &self,
        incoming: &Incoming<'_>,
        caller: Caller,
        attempt: &Attempt,
        answer: Result<Answer, SignInFailure>,
    ) -> Reply {
        if let Some(reply) = self.over_sign_ins(Step::Answer, incoming) {
            return reply;
        }
        let presence = self.presence(incoming).await;
        if let Presence::Session(session) = &presence
            && self.lives(session)
            && attempt.is_met_by(&session.record.identity, self.skew_of(attempt), self.now())
        {
            self.step_done(Step::Answer, incoming);
            self.step_done(Step::Begin, incoming);
            self.emit(&Event::SignIn {
                provider: &attempt.provider,
                outcome: "already",
            });
            self.audit(incoming, Act::SignIn, "already", Some(session));
            return go_on(&attempt.return_to);
        }
        let proved = self.prove(incoming, attempt, answer).await;
        let outcome = match &proved {
            Ok(_) => "ok",
            Err(refusal) => refusal.code(),
        };
        self.emit(&Event::SignIn {
            provider: &attempt.provider,
            outcome,
        });
        let audit = Audit {
            provider: Some(&attempt.provider),
            client: incoming.client,
            request_id: incoming.request_id,
            ..Audit::new(Act::SignIn, outcome)
        };
        self.audit_of(&audit, proved.as_deref().ok());
        if matches!(proved, Ok(_) | Err(Refusal::StoreDown)) {
            // The provider vouched for the person, so nobody made this up.
            self.step_done(Step::Answer, incoming);
            self.step_done(Step::Begin, incoming);
        }
        match proved {
            Ok(session) => self.welcome(incoming, attempt, &session, presence).await,
            Err(Refusal::SignInFailed(failure)) => failed(failure, incoming, caller, &attempt.return_to),
            Err(refusal) => reply::refusal(
                refusal,
                caller,
                &Context {
                    request_id: incoming.request_id,
                    start_again: Some(&reply::sign_in_link(&attempt.return_to, attempt.fresh)),
                    ..Context::default()
                },
            ),
        }
    }

    fn skew_of(&self, attempt: &Attempt) -> Duration {
        let provider = self.parts().providers.get(&attempt.provider);
        provider.map(|one| one.settings().skew).unwrap_or_default()
    }

    /// Everything that stands between an answer and a session, in order; the token endpoint is called last.
    async fn prove(
        &self,
        incoming: &Incoming<'_>,
        attempt: &Attempt,
        answer: Result<Answer, SignInFailure>,
    ) -> Result<Arc<Session>, Refusal> {
        let provider = self.provider_of(incoming, attempt).map_err(Refusal::SignInFailed)?;
        let answer = answer.map_err(Refusal::SignInFailed)?;
        let metadata = provider.metadata().await.map_err(|_| Refusal::ProviderDown)?;
        attempt
            .check_issuer(answer.iss.as_deref(), metadata.iss_parameter_supported)
            .map_err(Refusal::SignInFailed)?;
        let proved = provider
            .exchange(&answer.code, attempt)
            .await
            .map_err(|error| match error {
                ExchangeError::Failed(failure) => Refusal::SignInFailed(failure),
                ExchangeError::Unreachable(_) => Refusal::ProviderDown,
            })?;
        self.parts()
            .sessions
            .create(proved.identity, proved.tokens, self.client_of(incoming))
            .await
            .map_err(|not_made| match not_made {
                NotMade::Down(_) => Refusal::StoreDown,
                NotMade::SignedOut => Refusal::SignInFailed(SignInFailure::SignedOut),
            })
    }

    /// The provider that the attempt began at, when the answer came to that provider's own address.
    fn provider_of(&self, incoming: &Incoming<'_>, attempt: &Attempt) -> Result<&Arc<Provider>, SignInFailure> {
        let provider = self.parts().providers.get(&attempt.provider);
        let provider = provider.ok_or(SignInFailure::NoAttempt)?;
        let origin = reply::origin(incoming.public, incoming.target.host().as_str());
        let here = format!("{origin}{}", incoming.target.path());
        attempt.check_address(&provider.settings().issuer, &here)?;
        Ok(provider)
    }

    /// What a list of sessions says of where this one came from.
    fn client_of(&self, incoming: &Incoming<'_>) -> Client {
        let user_agent = incoming.headers.get(header::USER_AGENT);
        let user_agent = user_agent.and_then(|value| value.to_str().ok());
        Client::of(user_agent, incoming.client, self.parts().address_kept)
    }

    /// A new handle at every sign-in; the session it replaces ends (CK-12).
    async fn welcome(&self, incoming: &Incoming<'_>, attempt: &Attempt, session: &Session, before: Presence) -> Reply {
        let https = incoming.public.https;
        let replaced = match &before {
            Presence::Session(old) => Some(&old.record.identity).filter(|_| self.lives(old)),
            Presence::Nothing | Presence::Unreadable | Presence::Down => None,
        };
        let mut reply = match onward(attempt, replaced, &session.record.identity) {
            Onward::Return => go_on(&attempt.return_to),
            Onward::SignOut => reply::redirect(&Method::GET, &reply::sign_out_link(&attempt.return_to), "callback"),
        };
        let name = CookieName::of(https).as_str();
        reply.headers.push(cookies::set(
            name,
            &session.handle.encode(),
            https,
            self.parts().terms.absolute,
        ));
        self.emit(&Event::Session { what: "created" });
        if let Presence::Session(old) = before
            && self.parts().sessions.end(&old.handle).await.is_ok()
        {
            self.emit(&Event::Session { what: "replaced" });
        }
        reply
    }
}

fn go_on(return_to: &ReturnTo) -> Reply {
    reply::redirect(&Method::GET, return_to.as_str(), "callback")
}

fn failed(failure: SignInFailure, incoming: &Incoming<'_>, caller: Caller, return_to: &ReturnTo) -> Reply {
    reply::refusal(
        Refusal::SignInFailed(failure),
        caller,
        &Context {
            request_id: incoming.request_id,
            start_again: Some(&reply::sign_in_link(return_to, failure == SignInFailure::Denied)),
            ..Context::default()
        },
    )
}
