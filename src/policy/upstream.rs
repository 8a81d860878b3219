//! Upstreams: targets and how to reach them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::secret::Secret;

/// A named group of targets with one way to reach them.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// A name for logs and metrics: the route's, unless written.
    pub name: Arc<str>,
    /// At least one.
    pub targets: Vec<Target>,
    /// How a target is chosen.
    pub balance: Balance,
    /// How TLS targets are verified.
    pub tls: Tls,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Idle connections.
    pub pool: Pool,
    /// Passive ejection, if wanted.
    pub ejection: Option<Ejection>,
    /// Active checks, if wanted.
    pub health: Option<HealthCheck>,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The protocol spoken to it.
    pub protocol: Protocol,
    /// Where it listens.
    pub address: Address,
}

/// Where a target listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A DNS name or IP address, and a port; resolved when needed, never in the request's way.
    Tcp {
        /// Name, IPv4 or IPv6 address without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

/// The protocol spoken to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1 in clear.
    Http,
    /// HTTP/2 or HTTP/1.1 over TLS, as negotiated.
    Https,
    /// HTTP/2 in clear, by prior knowledge.
    H2c,
}

/// How a target is chosen among the healthy ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest requests under way.
    LeastConnections,
}

/// How TLS targets are verified.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Tls {
    /// CA certificates in PEM; `None` for the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// The name sent and verified; `None` for the target's host name.
    pub sni: Option<String>,
    /// Client certificate chain and private key in PEM.
    pub client: Option<(Vec<u8>, Secret<Vec<u8>>)>,
    /// Whether verification is off, spelt `insecure_skip_verify`.
    pub insecure_skip_verify: bool,
}

/// Deadlines of an upstream. Every one is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Duration,
    /// Between two reads; `None` for WebSocket and event-stream routes that may be silent.
    pub read: Option<Duration>,
    /// Between two writes.
    pub write: Duration,
    /// How long an idle connection is kept.
    pub idle: Duration,
}

/// Connections to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// HTTP/2 requests at once on one connection.
    pub h2_streams: usize,
}

/// Passive ejection: a target that fails in a row rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// Connection failures or 502/503/504 in a row.
    pub failures: u32,
    /// For how long.
    pub rest: Duration,
}

/// Active checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path asked for; any 2xx or 3xx is healthy.
    pub path: String,
    /// The `Host` header.
    pub host: Option<String>,
    /// Time between two checks.
    pub interval: Duration,
    /// Deadline of one.
    pub timeout: Duration,
    /// Failures in a row until unhealthy.
    pub unhealthy_after: u32,
    /// Successes in a row until healthy.
    pub healthy_after: u32,
}
