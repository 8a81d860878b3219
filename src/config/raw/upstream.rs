//! Upstreams.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{File, OneOrMany};
use crate::config::written::{
    Text,
    address::UpstreamUrl,
    measure::{LengthOfTime, LimitOfTime},
    name::{NameText, RoutePath},
};

/// Where requests go: a URL, or an object.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Upstream {
    /// One target.
    Url(Text<UpstreamUrl>),
    /// Everything spelt.
    Object(Box<UpstreamObject>),
}

/// Where requests go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamObject {
    /// A name for logs and metrics. Default: the route's. Routes that give the same name must write the same upstream,
    /// and share its connections and health.
    pub name: Option<Text<NameText>>,
    /// `http://host:port`, `https://host`, `h2c://host:port`, `unix:/path` or `h2c+unix:/path`: one, or a list.
    #[schemars(required)]
    pub targets: Option<OneOrMany<Text<UpstreamUrl>>>,
    /// How a target is chosen.
    #[schemars(extend("default" = "round_robin"))]
    pub balance: Balance,
    /// How `https` targets are verified.
    #[schemars(extend("default" = {}))]
    pub tls: UpstreamTls,
    /// Deadlines.
    #[schemars(extend("default" = {}))]
    pub timeouts: UpstreamTimeouts,
    /// Connections.
    #[schemars(extend("default" = {}))]
    pub pool: Pool,
    /// Lets a target rest when it fails several times in a row.
    pub ejection: Option<Ejection>,
    /// Asks each target regularly whether it is well.
    pub health: Option<Health>,
}

/// How a target is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest requests under way.
    LeastConnections,
}

/// How `https` targets are verified.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTls {
    /// CA certificates in PEM; the system's without it.
    pub ca_file: Option<File>,
    /// The name that is sent (SNI) and verified. Default: the target's host.
    pub sni: Option<String>,
    /// A client certificate chain in PEM.
    pub client_certificate_file: Option<File>,
    /// Its private key in PEM.
    pub client_key_file: Option<File>,
    /// Verifies nothing: anyone on the way can read and change everything.
    #[schemars(extend("default" = false))]
    pub insecure_skip_verify: bool,
}

/// Deadlines of an upstream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTimeouts {
    /// To connect, TLS included.
    #[schemars(extend("default" = "5s"))]
    pub connect: Text<LengthOfTime>,
    /// Between two reads, or `off` for upstreams that may be silent for long.
    #[schemars(extend("default" = "60s"))]
    pub read: Text<LimitOfTime>,
    /// Between two writes. What takes none for longer is given up; an answer that it may have begun is waited for as long as `read` says.
    #[schemars(extend("default" = "60s"))]
    pub write: Text<LengthOfTime>,
    /// How long an idle connection is kept.
    #[schemars(extend("default" = "60s"))]
    pub idle: Text<LengthOfTime>,
}

/// Connections to a target.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// HTTP/2 requests at once on one connection.
    #[schemars(range(min = 1, max = 1000), extend("default" = 100))]
    pub h2_streams: usize,
}

/// Lets a target rest when it fails.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ejection {
    /// Connection failures or 502, 503, 504 in a row.
    #[schemars(range(min = 1), extend("default" = 5))]
    pub failures: u32,
    /// For how long.
    #[schemars(extend("default" = "10s"))]
    pub rest: Text<LengthOfTime>,
}

/// Asks each target whether it is well: any 2xx or 3xx.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The path asked for.
    #[schemars(required)]
    pub path: Option<Text<RoutePath>>,
    /// The `Host` header. Default: the target's host.
    #[schemars(length(min = 1))]
    pub host: Option<String>,
    /// Time between two questions.
    #[schemars(extend("default" = "10s"))]
    pub interval: Text<LengthOfTime>,
    /// Deadline of one.
    #[schemars(extend("default" = "2s"))]
    pub timeout: Text<LengthOfTime>,
    /// Failures in a row until a target is left out.
    #[schemars(range(min = 1), extend("default" = 3))]
    pub unhealthy_after: u32,
    /// Successes in a row until it is back.
    #[schemars(range(min = 1), extend("default" = 1))]
    pub healthy_after: u32,
}
