//! Sessions that the provider ends: by a signed token of its own (back channel), or by a frame in the browser (front
//! channel). Neither needs a cookie, so both work on every host and every replica (BL-08).

use std::{fmt, time::Duration};

use http::{Method, StatusCode, header};
use moka::sync::Cache;
use serde_json::json;

use super::{Gateway, Incoming, Reply, reply};
use crate::{
    gate::{
        Caller, Endpoint, Heard, Refusal,
        provider_logout::{framed, posted},
    },
    oidc::{VerifiedLogoutToken, Whose},
    pages,
    provider::{NoLogout, Provider},
    session::Mark,
    store::Down,
    telemetry::{Act, Audit, Channel, Event},
};

/// Most tokens that this process knows as done without asking the store.
const MOST_KNOWN: u64 = 10_000;
/// How long it knows them: storms of repetitions are over by then.
const KNOWN: Duration = Duration::from_secs(300);

/// Tokens that were carried out by this process a while ago: a storm of repetitions does not reach the store (IP-11).
#[derive(Clone)]
pub(super) struct Repeats(Cache<Mark, ()>);

impl Default for Repeats {
    fn default() -> Self {
        let known = Cache::builder().max_capacity(MOST_KNOWN).time_to_live(KNOWN);
        Self(known.build())
    }
}

impl fmt::Debug for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repeats").field(&self.0.entry_count()).finish()
    }
}

impl Gateway {
    /// OpenID Connect Back-Channel Logout 1.0 section 2.5.
    pub(super) async fn back_channel_logout(&self, incoming: &Incoming<'_>, caller: Caller) -> Reply {
        let Some(provider) = self.named(Endpoint::BackChannelLogout, incoming) else {
            return self.refuse_plainly(Refusal::NotFound, caller, incoming);
        };
        if *incoming.method != Method::POST {
            let refused = self.refuse_plainly(Refusal::Method, caller, incoming);
            return reply::allow(refused, &[Method::POST]);
        }
        let content_type = incoming.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let heard = match posted(content_type, incoming.body) {
            Ok(token) => self.hear(provider, &token).await,
            Err(code) => Heard::Refused(code),
        };
        self.tell(incoming, provider, Channel::Back, heard);
        match heard {
            Heard::Ended(_) | Heard::Again => reply::json(StatusCode::OK, &json!({}), BACK),
            Heard::Refused(code) => {
                let said = json!({ "error": "invalid_request", "error_description": code });
                reply::json(StatusCode::BAD_REQUEST, &said, BACK)
            }
            Heard::Later(refusal) => self.refuse_plainly(refusal, caller, incoming),
        }
    }

    /// Verifies first: what proves nothing never reaches the store (BL-12).
    async fn hear(&self, provider: &Provider, token: &str) -> Heard {
        let logout = match provider.logout(token).await {
            Ok(logout) => logout,
            Err(NoLogout::Refused(error)) => return Heard::Refused(error.code()),
            Err(NoLogout::Unreachable(_)) => return Heard::Later(Refusal::ProviderDown),
        };
        self.carry_out(provider, &logout)
            .await
            .unwrap_or(Heard::Later(Refusal::StoreDown))
    }

    /// Remembers the token only when all is done: a provider that asks again after a failure is heard again (BL-05).
    async fn carry_out(&self, provider: &Provider, logout: &VerifiedLogoutToken) -> Result<Heard, Down> {
        let (sessions, issuer) = (&self.parts().sessions, &provider.settings().issuer);
        let once = Mark::once(issuer, logout.id());
        if self.repeats().0.contains_key(&once) || sessions.seen(issuer, logout.id()).await? {
            return Ok(Heard::Again);
        }
        let ended = match logout.whose() {
            Whose::Sid(sid) => sessions.end_by_sid(issuer, sid).await?,
            Whose::Subject(subject) => sessions.end_by_subject(issuer, subject, logout.issued()).await?,
        };
        let left = logout.expires().since(self.now()).max(Duration::from_secs(1));
        sessions.first_seen(issuer, logout.id(), left).await?;
        self.repeats().0.insert(once, ());
        Ok(Heard::Ended(ended))
    }

    /// OpenID Connect Front-Channel Logout 1.0 section 3. Nothing proves who asks, so it ends the named session and does no
    /// more: no token is taken back (RV-02), and a `sid` that nobody has leaves nothing behind.
    pub(super) async fn front_channel_logout(&self, incoming: &Incoming<'_>, caller: Caller) -> Reply {
        let named = self.named(Endpoint::FrontChannelLogout, incoming);
        let Some(provider) = named.filter(|provider| provider.settings().logout.front_channel) else {
            return self.refuse_plainly(Refusal::NotFound, caller, incoming);
        };
        if *incoming.method != Method::GET {
            let refused = self.refuse_plainly(Refusal::Method, caller, incoming);
            return reply::allow(refused, &[Method::GET]);
        }
        let issuer = &provider.settings().issuer;
        let heard = match framed(incoming.target.query().unwrap_or_default(), issuer) {
            Ok(sid) => match self.parts().sessions.end_listed_sid(issuer, &sid).await {
                Ok(ended) => Heard::Ended(ended),
                Err(_) => Heard::Later(Refusal::StoreDown),
            },
            Err(code) => Heard::Refused(code),
        };
        self.tell(incoming, provider, Channel::Front, heard);
        match heard {
            Heard::Ended(_) | Heard::Again => frame(provider),
            Heard::Refused(code) => {
                let said = json!({ "error": "invalid_request", "error_description": code });
                reply::json(StatusCode::BAD_REQUEST, &said, FRONT)
            }
            Heard::Later(refusal) => self.refuse_plainly(refusal, caller, incoming),
        }
    }

    fn named(&self, endpoint: Endpoint, incoming: &Incoming<'_>) -> Option<&Provider> {
        let name = endpoint.provider(incoming.target.path())?;
        self.parts().providers.get(&name).map(AsRef::as_ref)
    }

    fn tell(&self, incoming: &Incoming<'_>, provider: &Provider, channel: Channel, heard: Heard) {
        let ended = match heard {
            Heard::Ended(ended) => ended,
            Heard::Again | Heard::Refused(_) | Heard::Later(_) => 0,
        };
        self.emit(&Event::ProviderLogout {
            provider: &provider.settings().name,
            channel,
            outcome: heard.outcome(),
            ended,
        });
        let act = match channel {
            Channel::Back => Act::BackChannelLogout,
            Channel::Front => Act::FrontChannelLogout,
        };
        self.emit(&Event::Audit(Audit {
            provider: Some(&provider.settings().name),
            client: incoming.client,
            request_id: incoming.request_id,
            sessions: Some(ended),
            ..Audit::new(act, heard.outcome())
        }));
    }
}

/// An empty page that the provider may frame.
fn frame(provider: &Provider) -> Reply {
    let origins = provider.own_origins();
    let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
    reply::frame(pages::logout_frame(&origins), FRONT)
}

const BACK: &str = "back_channel_logout";
const FRONT: &str = "front_channel_logout";
