//! Beginning a sign-in: an attempt is sealed into a cookie and the browser is sent to the provider.

use http::Method;

use super::{Gateway, Incoming, Reply, cookies, limits::Step, reply};
use crate::{
    gate::{Attempt, Caller, Presence, Refusal, ReturnTo, place, sign_in::Draws},
    oidc::{Issuer, ProviderName},
    pages::Context,
    policy::{Found, SignInTerms},
    session::{Life, Session},
    telemetry::Event,
};

impl Gateway {
    /// `/.doorward/sign-in?return_to=…[&switch=1]`: a link on our pages and in problem JSON.
    pub(super) async fn sign_in(&self, incoming: &Incoming<'_>, caller: Caller) -> Reply {
        let asked = Wish::read(incoming.target.query().unwrap_or_default());
        self.start(incoming, caller, asked).await
    }

    /// Begins a sign-in for whoever has no session that serves.
    pub(super) async fn start(&self, incoming: &Incoming<'_>, caller: Caller, asked: Wish) -> Reply {
        if !matches!(*incoming.method, Method::GET | Method::HEAD) {
            let refused = self.refuse_plainly(Refusal::Method, caller, incoming);
            return reply::allow(refused, &[Method::GET, Method::HEAD]);
        }
        let terms = self.terms_of(incoming, &asked.return_to);
        if !asked.switch_account {
            match self.presence(incoming).await {
                Presence::Session(session) if self.serves(&session, terms.as_ref()) => {
                    return reply::redirect(incoming.method, asked.return_to.as_str(), "sign_in");
                }
                Presence::Down => return self.refuse_plainly(Refusal::StoreDown, caller, incoming),
                Presence::Session(_) | Presence::Nothing | Presence::Unreadable => {}
            }
        }
        match terms {
            Some(terms) => self.begin(incoming, caller, &terms, asked).await,
            None => self.refuse_plainly(Refusal::NotFound, caller, incoming),
        }
    }

    /// Sends the browser to the provider.
    pub(super) async fn begin(
        &self,
        incoming: &Incoming<'_>,
        caller: Caller,
        terms: &SignInTerms,
        wish: Wish,
    ) -> Reply {
        let Some(provider) = self.parts().providers.get(&terms.provider) else {
            return self.refuse_plainly(Refusal::Internal, caller, incoming);
        };
        if let Some(reply) = self.over_sign_ins(Step::Begin, incoming) {
            return reply;
        }
        let switch_account = wish.switch_account;
        let attempt = self.attempt(incoming, terms, wish, &provider.settings().issuer);
        let present: Vec<&str> = cookies::pairs(incoming.headers).map(|(name, _)| name).collect();
        let begun = attempt.begin(
            &self.parts().ring.load(),
            &self.draws(),
            &present,
            incoming.public.https,
        );
        match provider
            .authorization_url(&attempt, &begun.state, terms, switch_account)
            .await
        {
            Ok(url) => {
                self.emit(&Event::SignInBegun {
                    provider: &terms.provider,
                });
                let mut reply = reply::redirect(&Method::GET, url.as_str(), "sign_in");
                reply.headers.extend(cookies::attempt(&begun, incoming.public.https));
                reply
            }
            Err(down) => {
                self.step_done(Step::Begin, incoming);
                let start_again = reply::sign_in_link(&attempt.return_to, switch_account);
                let context = Context {
                    request_id: incoming.request_id,
                    start_again: Some(&start_again),
                    retry_after: reply::seconds(down.retry_after),
                    ..Context::default()
                };
                reply::refusal(Refusal::ProviderDown, caller, &context)
            }
        }
    }

    fn attempt(&self, incoming: &Incoming<'_>, terms: &SignInTerms, wish: Wish, issuer: &Issuer) -> Attempt {
        let entropy = &self.parts().entropy;
        Attempt {
            provider: terms.provider.clone(),
            issuer: issuer.clone(),
            nonce: entropy.token(),
            verifier: entropy.token(),
            redirect_uri: self.redirect_uri(incoming, &terms.provider),
            return_to: wish.return_to,
            acr_values: terms.acr_values.clone(),
            max_age: terms.max_age.map(|age| age.as_secs()),
            fresh: wish.switch_account,
            again: wish.again,
            started: self.now(),
        }
    }

    fn draws(&self) -> Draws {
        let entropy = &self.parts().entropy;
        Draws {
            id: entropy.bytes(),
            cookie_nonce: entropy.bytes(),
            state_nonce: entropy.bytes(),
        }
    }

    /// The redirect URI of a provider on the request's host, which a route of the configuration named (AR-08).
    pub(super) fn redirect_uri(&self, incoming: &Incoming<'_>, provider: &ProviderName) -> String {
        let origin = reply::origin(incoming.public, incoming.target.host().as_str());
        let parts = self.parts();
        let callback = place::callback(provider, parts.default_provider.as_ref(), parts.site.former());
        format!("{origin}{callback}")
    }

    /// How people sign in for the page they go back to: as its route says, or by the default provider. Nobody signs in
    /// on a host that no route names: what a client writes into `Host` must not become a redirect URI (AR-08).
    pub(super) fn terms_of(&self, incoming: &Incoming<'_>, return_to: &ReturnTo) -> Option<SignInTerms> {
        let (site, host) = (&self.parts().site, incoming.target.host());
        match site.find(host, return_to.path(), &Method::GET) {
            Found::Route(route) => Some(SignInTerms::clone(&route.sign_in)),
            Found::Nothing if !site.knows(host) => None,
            Found::Nothing | Found::OtherMethods(_) => self.parts().default_provider.clone().map(SignInTerms::of),
        }
    }

    pub(super) fn lives(&self, session: &Session) -> bool {
        self.parts().terms.life(&session.record, self.now()) == Life::Live
    }

    /// Whether nobody has to sign in for a page with these terms: there is a session, and it is what they demand.
    pub(super) fn serves(&self, session: &Session, terms: Option<&SignInTerms>) -> bool {
        self.lives(session) && terms.is_none_or(|terms| terms.met_by(&session.record.identity, self.now()))
    }

    pub(super) fn refuse_plainly(&self, refusal: Refusal, caller: Caller, incoming: &Incoming<'_>) -> Reply {
        super::Front::refuse(self, refusal, caller, incoming.request_id)
    }
}

/// What is wanted of a sign-in beside the route's terms.
pub(super) struct Wish {
    return_to: ReturnTo,
    switch_account: bool,
    again: u8,
}

impl Wish {
    /// To come back to this page.
    pub(super) const fn new(return_to: ReturnTo) -> Self {
        Self {
            return_to,
            switch_account: false,
            again: 0,
        }
    }

    /// The same, after so many lost attempts.
    pub(super) const fn again(return_to: ReturnTo, again: u8) -> Self {
        Self {
            return_to,
            switch_account: false,
            again,
        }
    }

    /// The query of the sign-in endpoint. What does not lead to this site leads to its root.
    fn read(query: &str) -> Self {
        let mut wish = Self::new(ReturnTo::home());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "return_to" => {
                    wish.return_to = ReturnTo::parse(&value).unwrap_or_else(ReturnTo::home);
                }
                "switch" => wish.switch_account = value == "1",
                _ => {}
            }
        }
        wish
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_leads_home() {
        let asked = Wish::read("return_to=%2Fa%3Fb%3D%252F%2F&switch=1&other=2");
        assert_eq!(asked.return_to.as_str(), "/a?b=%2F/");
        assert!(asked.switch_account);
        for hostile in [
            "return_to=https%3A%2F%2Fevil.example",
            "return_to=%2F%2Fevil.example",
            "return_to=%2F%5Cevil",
            "",
        ] {
            let asked = Wish::read(hostile);
            assert_eq!(asked.return_to, ReturnTo::home(), "{hostile}");
            assert!(!asked.switch_account);
        }
    }
}
