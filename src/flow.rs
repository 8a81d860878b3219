//! Carries the gate's decisions out, in order.
//!
//! [`Gateway`] is the whole of the room to others: the proxy asks it about each request through [`Front`].

mod admit;
mod assertions;
mod audit;
mod callback;
mod cookies;
mod former;
mod gateway;
mod limits;
mod live;
mod open;
mod own_sessions;
mod provider_logout;
mod registration;
mod renew;
mod reply;
mod sessions;
mod sign_in;
mod sign_out;
mod wanted;
mod whoami;

pub use self::{
    assertions::Assertions,
    gateway::{Gateway, Parts},
    live::Live,
    registration::Registration,
    wanted::{Filter, Wanted},
};

use std::{future::Future, net::IpAddr, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::{
    gate::{Admission, Caller, Refusal, Target},
    identity::{Bundle, ClientCertificate},
    policy::RouteId,
};

/// A request in normal form, as the proxy saw it.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Method.
    pub method: &'a Method,
    /// Target.
    pub target: &'a Target,
    /// Who calls, by method and headers.
    pub caller: Caller,
    /// Headers as the client sent them.
    pub headers: &'a HeaderMap,
    /// The body, of a request that [`Front::body_limit`] wants it of; else empty.
    pub body: &'a [u8],
    /// The client's address, by the trusted proxies.
    pub client: Option<IpAddr>,
    /// What the client showed in the handshake of its connection, where the listener asks for it.
    pub certificate: Option<&'a ClientCertificate>,
    /// The scheme and port that browsers use to reach this listener.
    pub public: Public,
    /// What this listener is there for.
    pub duty: Duty,
    /// The request's identifier.
    pub request_id: &'a str,
}

/// How browsers reach a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Public {
    /// Whether by https.
    pub https: bool,
    /// On which port.
    pub port: u16,
}

/// What a listener is there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// To serve the site.
    Serve,
    /// To send everybody to https, and nothing else.
    ToHttps {
        /// The port on which browsers reach it.
        port: u16,
    },
}

/// What to do with a request.
#[derive(Debug)]
pub enum Answer {
    /// Forward it.
    Forward(Admission),
    /// Answer it with this.
    Reply(Reply),
}

/// A whole response of the gateway itself.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers, without `Content-Length`, `Date` and `Connection`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Body; not sent for HEAD.
    pub body: Bytes,
    /// For logs and metrics: a refusal's code or an endpoint's name.
    pub outcome: &'static str,
    /// For logs and metrics: what it was decided about; `None` where no route was asked for.
    pub about: Option<About>,
}

/// The route and the person that an answer of the gateway itself is about.
#[derive(Clone, Debug)]
pub struct About {
    /// The route.
    pub route: RouteId,
    /// The keyed hash of the subject, where there is a session.
    pub subject_hash: Option<Arc<str>>,
}

/// Resolves when something ends.
pub type Ending = BoxFuture<'static, ()>;

/// What the proxy asks of the gateway. A trait so that the proxy can be tested in front of a stub; calls are
/// dispatched statically.
pub trait Front: Send + Sync + 'static {
    /// Decides about a request, carries the decision out, and says what to do with it.
    fn answer(&self, incoming: &Incoming<'_>) -> impl Future<Output = Answer> + Send;

    /// How much of a request's body is to be read before it is decided about, in bytes; `None` for none of it. A longer
    /// one is refused.
    fn body_limit(&self, method: &Method, target: &Target) -> Option<usize> {
        let _ = (method, target);
        None
    }

    /// The response to a request that is not forwarded: a page for a navigation, problem JSON for the others.
    fn refuse(&self, refusal: Refusal, caller: Caller, request_id: &str) -> Reply;

    /// The headers to set for the upstream, prepared once for a session and route; `None` sets none.
    fn bundle(&self, admission: &Admission) -> Option<Arc<Bundle>>;

    /// Whether a cookie is the gateway's own: never sent to an upstream, never taken from one.
    fn is_own_cookie(&self, name: &[u8]) -> bool;

    /// First 16 hex digits of a keyed hash of issuer and subject, for the access line.
    fn subject_hash(&self, admission: &Admission) -> Option<Arc<str>>;

    /// Resolves when the session of an admission ends, by time or by sign-out: whatever is still open is cut then. `None`
    /// for an admission without a session. Most exchanges are over before it is polled.
    fn until_ended(self: &Arc<Self>, admission: &Admission) -> Option<Ending>;
}
