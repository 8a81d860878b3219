//! The endpoints of oauth2-proxy, carried out by our own.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{Gateway, Incoming, Reply, reply, sign_in::Wish};
use crate::{
    gate::{Caller, Former, Presence, Refusal, ReturnTo, former},
    session::Session,
};

impl Gateway {
    pub(super) async fn former(&self, endpoint: Former, incoming: &Incoming<'_>, caller: Caller) -> Reply {
        match endpoint {
            Former::SignIn => self.start(incoming, caller, Wish::new(self.rd(incoming))).await,
            Former::Callback => self.callback(incoming, caller).await,
            Former::SignOut => self.sign_out(incoming, caller, &self.rd(incoming)).await,
            Former::UserInfo => self.user_info(incoming).await,
        }
    }

    fn rd(&self, incoming: &Incoming<'_>) -> ReturnTo {
        let Some(folder) = self.parts().site.former() else {
            return ReturnTo::home();
        };
        let own_origin = reply::origin(incoming.public, incoming.target.host().as_str());
        former::return_to(incoming.target.query().unwrap_or_default(), &own_origin, folder)
    }

    /// Whoever asks, by a page or by a script, reads JSON, as scripts that were written for oauth2-proxy do.
    async fn user_info(&self, incoming: &Incoming<'_>) -> Reply {
        if !matches!(*incoming.method, Method::GET | Method::HEAD) {
            let refused = self.refuse_plainly(Refusal::Method, Caller::Api, incoming);
            return reply::allow(refused, &[Method::GET, Method::HEAD]);
        }
        match self.presence(incoming).await {
            Presence::Session(session) if self.lives(&session) => {
                reply::json(StatusCode::OK, &user_info(&session), "userinfo")
            }
            Presence::Down => self.refuse_plainly(Refusal::StoreDown, Caller::Api, incoming),
            Presence::Session(_) | Presence::Nothing | Presence::Unreadable => {
                self.refuse_plainly(Refusal::SignInNeeded, Caller::Api, incoming)
            }
        }
    }
}

/// As oauth2-proxy writes it: `user` and `email` always, the others where there are some. The address is one that the
/// provider vouches for, as in the headers.
fn user_info(session: &Session) -> Value {
    let identity = &session.record.identity;
    let email = identity.email().filter(|_| identity.email_verified());
    let mut said = Map::new();
    said.insert("user".to_owned(), json!(identity.subject()));
    said.insert("email".to_owned(), json!(email.unwrap_or_default()));
    if !identity.groups().is_empty() {
        said.insert("groups".to_owned(), json!(identity.groups()));
    }
    if let Some(name) = identity.preferred_username() {
        said.insert("preferredUsername".to_owned(), json!(name));
    }
    Value::Object(said)
}
