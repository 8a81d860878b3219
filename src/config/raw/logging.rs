//! Logs: the lines of the process, of requests and of the audit trail.

use schemars::JsonSchema;
use serde::Deserialize;

use super::File;

/// Logs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// JSON lines for machines or text for people.
    #[schemars(extend("default" = "json"))]
    pub format: Format,
    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, also by part, such as `info,doorward::store=debug`.
    #[schemars(extend("default" = "info"))]
    pub level: String,
    /// Whether each request makes a line.
    #[schemars(extend("default" = true))]
    pub access_log: bool,
    /// Which requests make one, and what stands in it.
    #[schemars(extend("default" = {}))]
    pub access: Access,
    /// The audit trail: sign-ins, refusals, failed renewals, sign-outs and what administrators do, one JSON line each.
    #[schemars(extend("default" = {}))]
    pub audit: Audit,
}

/// The lines of requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// The share of requests that went well (answered 1xx, 2xx or 3xx, and nothing broke off) that make a line, from `0` to `1`.
    /// All others make one.
    #[schemars(range(min = 0, max = 1), extend("default" = 1))]
    pub sample: f64,
    /// How the client's address is told.
    #[schemars(extend("default" = "full"))]
    pub client_address: AddressTold,
    /// What is left out of each line.
    #[schemars(extend("default" = []))]
    pub omit: Vec<Omitted>,
}

/// How a client's address is told.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddressTold {
    /// All of it.
    Full,
    /// The network: /24 of IPv4, /48 of IPv6.
    Network,
    /// By a hash keyed by the first session key: the same on all replicas, another when the keys are rotated.
    Hash,
    /// Not at all.
    None,
}

/// What can be left out of a request's line.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Omitted {
    /// The host that was asked for.
    Host,
    /// The path, without query as always.
    Path,
    /// The keyed hash of the person.
    Subject,
    /// The trace's identifier.
    TraceId,
}

/// The audit trail. Its lines have the target `doorward::audit`, whatever `level` says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Whether it is written.
    #[schemars(extend("default" = true))]
    pub enabled: bool,
    /// A file that lines are added to. Default: standard output, among the other lines.
    pub file: Option<File>,
    /// How people are named: `hash`, a keyed hash as on access lines, or `subject`, the provider's identifier too.
    #[schemars(extend("default" = "hash"))]
    pub person: Person,
}

/// How people are named.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// By a keyed hash.
    Hash,
    /// By the provider's subject too.
    Subject,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}
