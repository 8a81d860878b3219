//! A person's own sessions: seen, and ended from another of them.

use http::{Method, StatusCode};
use serde_json::json;

use super::{Gateway, Incoming, Reply, reply, sign_out::asked_by_script};
use crate::{
    gate::{Caller, Endpoint, Presence, Refusal, SignOut, sign_out},
    pages,
    session::{Entry, Named, Session},
    store::{Down, Page, Shown},
    telemetry::{Act, Audit, Event},
};

/// As many of a person's sessions as are shown at once.
const SHOWN: usize = 200;

/// Which of their own sessions a person ends, by the request's query.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Which {
    /// `end=others`: all but this one.
    Others,
    /// `end=<public identifier>`: that one, if it is another.
    One(String),
}

impl Gateway {
    pub(super) async fn own_sessions(&self, incoming: &Incoming<'_>, caller: Caller) -> Reply {
        if !matches!(*incoming.method, Method::GET | Method::HEAD | Method::POST) {
            let refused = self.refuse_plainly(Refusal::Method, caller, incoming);
            return reply::allow(refused, &[Method::GET, Method::HEAD, Method::POST]);
        }
        let session = match self.presence(incoming).await {
            Presence::Session(session) if self.lives(&session) => session,
            Presence::Down => return self.refuse_plainly(Refusal::StoreDown, caller, incoming),
            Presence::Session(_) | Presence::Nothing | Presence::Unreadable => {
                return self.nobody(incoming, caller).await;
            }
        };
        if *incoming.method == Method::POST {
            return self.end_own(incoming, caller, &session).await;
        }
        match self.sessions_of(&session).await {
            Ok(all) if caller == Caller::Navigation => self.own_page(incoming, &session, &all),
            Ok(all) => own_json(&session, &all),
            Err(_) => self.refuse_plainly(Refusal::StoreDown, caller, incoming),
        }
    }

    async fn end_own(&self, incoming: &Incoming<'_>, caller: Caller, session: &Session) -> Reply {
        let own_origin = reply::origin(incoming.public, incoming.target.host().as_str());
        let which = Which::read(incoming.target.query().unwrap_or_default());
        match (sign_out::judge(incoming.method, incoming.headers, &own_origin), which) {
            (SignOut::Proceed, Some(which)) => self.end_which(incoming, caller, session, &which).await,
            (SignOut::Proceed, None) => self.refuse_plainly(Refusal::NotFound, caller, incoming),
            (SignOut::Confirm | SignOut::Refuse, _) => {
                let refusal = Refusal::CrossSite;
                self.audit(incoming, Act::EndOwnSessions, refusal.code(), Some(session));
                self.refuse_plainly(refusal, caller, incoming)
            }
        }
    }

    async fn end_which(&self, incoming: &Incoming<'_>, caller: Caller, session: &Session, which: &Which) -> Reply {
        let ended = self.end_others(session, which).await;
        let (outcome, sessions) = match &ended {
            Ok(count) => ("ok", Some(*count)),
            Err(_) => (Refusal::StoreDown.code(), None),
        };
        let audit = Audit {
            client: incoming.client,
            request_id: incoming.request_id,
            sessions,
            ..Audit::new(Act::EndOwnSessions, outcome)
        };
        self.audit_of(&audit, Some(session));
        match ended {
            Ok(count) if asked_by_script(incoming) => {
                reply::json(StatusCode::OK, &json!({ "ended": count }), "sessions")
            }
            Ok(_) => reply::redirect(incoming.method, Endpoint::Sessions.path(), "sessions"),
            Err(_) => self.refuse_plainly(Refusal::StoreDown, caller, incoming),
        }
    }

    /// Never this one: that is what signing out is for.
    async fn end_others(&self, session: &Session, which: &Which) -> Result<usize, Down> {
        let mut ended = 0;
        for shown in self.sessions_of(session).await? {
            let meant = match which {
                Which::Others => true,
                Which::One(id) => *id == shown.entry.id,
            };
            if meant && shown.key != session.key && self.parts().sessions.end_key(&shown.key).await? {
                self.emit(&Event::Session {
                    what: "ended_by_person",
                });
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Everything that is the person's, this session first, then the latest used.
    async fn sessions_of(&self, session: &Session) -> Result<Vec<Shown>, Down> {
        let identity = &session.record.identity;
        let named = [Named::Subject(identity.issuer(), identity.subject())];
        let now = self.now();
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = Page { after, limit: SHOWN };
            let listing = self
                .parts()
                .sessions
                .list(&named, page, |entry| now < entry.expires)
                .await?;
            all.extend(listing.sessions);
            match listing.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        all.sort_by_key(|shown| (shown.key != session.key, std::cmp::Reverse(shown.entry.seen.secs())));
        Ok(all)
    }

    fn own_page(&self, incoming: &Incoming<'_>, session: &Session, all: &[Shown]) -> Reply {
        let rows: Vec<pages::Device<'_>> = all
            .iter()
            .take(SHOWN)
            .map(|shown| device(&shown.entry, shown.key == session.key))
            .collect();
        let facts = pages::OwnSessions {
            request_id: incoming.request_id,
            now: self.now(),
            devices: &rows,
            path: Endpoint::Sessions.path(),
            sign_out: Endpoint::SignOut.path(),
        };
        reply::page(StatusCode::OK, pages::own_sessions(&facts), "sessions")
    }
}

impl Which {
    fn read(query: &str) -> Option<Self> {
        let mut values = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "end");
        let (_, value) = values.next()?;
        match (value.as_ref(), values.next()) {
            (_, Some(_)) | ("", None) => None,
            ("others", None) => Some(Self::Others),
            (id, None) => Some(Self::One(id.to_owned())),
        }
    }
}

fn device(entry: &Entry, is_this: bool) -> pages::Device<'_> {
    pages::Device {
        id: &entry.id,
        agent: entry.client.agent.as_deref(),
        address: entry.client.address.as_deref(),
        signed_in: entry.created,
        used: entry.seen,
        is_this,
    }
}

fn own_json(session: &Session, all: &[Shown]) -> Reply {
    let of = |shown: &Shown| {
        let Entry {
            id,
            provider,
            created,
            seen,
            expires,
            client,
            issuer: _,
            subject: _,
            sid: _,
            routes: _,
        } = &shown.entry;
        json!({
            "id": id, "provider": provider, "created": created, "seen": seen, "expires": expires, "client": client,
            "this": shown.key == session.key,
        })
    };
    let body = json!({ "sessions": all.iter().map(of).collect::<Vec<_>>() });
    reply::json(StatusCode::OK, &body, "sessions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_the_others_and_nothing_else() {
        assert_eq!(Which::read("end=others"), Some(Which::Others));
        assert_eq!(Which::read("end=aB-_&x=1"), Some(Which::One("aB-_".to_owned())));
        for none in ["", "end", "end=", "end=others&end=x", "End=others"] {
            assert_eq!(Which::read(none), None, "{none}");
        }
    }
}
