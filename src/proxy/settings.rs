//! A listener's settings.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;

use crate::flow::{Duty, Public};

/// One listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Where it listens.
    pub bind: Bind,
    /// Certificates, for https; `None` for http.
    pub tls: Option<ListenerTls>,
    /// How browsers reach it.
    pub public: Public,
    /// What it is there for.
    pub duty: Duty,
    /// What browsers are told of https for good (RFC 6797); `None` tells them nothing.
    pub hsts: Option<HeaderValue>,
    /// Peers whose `X-Forwarded-For` and `X-Request-Id` are believed. Empty: nobody's.
    pub trusted_proxies: Vec<IpNet>,
    /// Headers that upstreams get as those peers send them.
    pub trusted_headers: Vec<HeaderName>,
    /// Whether every connection comes from one of them and begins with a PROXY header.
    pub proxy_protocol: bool,
    /// Limits.
    pub limits: Limits,
}

/// Where a listener listens.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Bind {
    /// An address and port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// A unix socket, made with mode 0660.
    Unix(PathBuf),
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What a listener shows and asks in a TLS handshake.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ListenerTls {
    /// For clients that name no host (RFC 6066 section 3) or one that no certificate is for.
    pub default: TlsFiles,
    /// For clients that name a host of theirs. Which those are the certificates say themselves.
    pub more: Vec<TlsFiles>,
    /// What clients show in turn; `None` asks them for nothing.
    pub client_ca: Option<ClientCa>,
}

/// Whose certificates clients show (RFC 8446 section 4.3.2).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ClientCa {
    /// The authorities that sign them, in PEM, read at start and at every reload.
    pub file: PathBuf,
    /// Whether they must. What is shown is verified in any case.
    pub required: bool,
}

impl From<TlsFiles> for ListenerTls {
    /// One certificate, whatever host a client names.
    fn from(default: TlsFiles) -> Self {
        Self {
            default,
            more: Vec::new(),
            client_ca: None,
        }
    }
}

/// A certificate by files, read at start and at every reload.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TlsFiles {
    /// Certificate chain in PEM, the server's own first.
    pub certificate: PathBuf,
    /// Private key in PEM.
    pub key: PathBuf,
}

/// Limits on what a client may send and how long it may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Largest request head in bytes: target, names and values.
    pub head: usize,
    /// Most header lines.
    pub headers: usize,
    /// Longest request target in bytes.
    pub target: usize,
    /// Longest time from the first byte of a request's head to its last.
    pub head_time: Duration,
    /// How long an idle connection is kept.
    pub keepalive: Duration,
    /// Longest wait between two reads of a request body.
    pub read: Duration,
    /// Least average of a request's body in bytes a second, once it has lasted for `read`; `None` for any.
    pub body_rate: Option<u64>,
    /// Longest wait between two writes of a response.
    pub write: Duration,
    /// Longest TLS handshake.
    pub handshake: Duration,
    /// Most connections at once; `None` for no limit.
    pub connections: Option<usize>,
    /// Most connections at once from one address, trusted proxies aside; `None` for no limit.
    pub connections_per_address: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 32 * 1024,
            headers: 100,
            target: 8 * 1024,
            head_time: Duration::from_secs(15),
            keepalive: Duration::from_secs(75),
            read: Duration::from_secs(60),
            body_rate: Some(64),
            write: Duration::from_secs(60),
            handshake: Duration::from_secs(10),
            connections: None,
            connections_per_address: None,
        }
    }
}
