//! Carries the gate's decisions out, in order.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::gate::{Admission, Target};

/// A request in normal form, as the proxy saw it.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Method.
    pub method: &'a Method,
    /// Target.
    pub target: &'a Target,
    /// Headers as the client sent them.
    pub headers: &'a HeaderMap,
    /// The client's address, by the trusted proxies.
    pub client: Option<IpAddr>,
    /// The scheme and port that browsers use to reach this listener.
    pub public: Public,
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
}
