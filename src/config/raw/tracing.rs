//! Traces.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{File, StaticValue};
use crate::config::written::{Text, collector::CollectorUrl, measure::LengthOfTime};

/// Traces, to an OpenTelemetry collector by OTLP over HTTP (protobuf).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tracing {
    /// The collector, such as `http://collector:4318`. Without a path, `/v1/traces` is meant.
    #[schemars(required)]
    pub endpoint: Option<Text<CollectorUrl>>,
    /// Headers of each post to it, such as one with a token. Better by file or environment.
    #[schemars(extend("default" = {}))]
    pub headers: BTreeMap<String, StaticValue>,
    /// CA certificates in PEM for the collector; the system's without it.
    pub ca_file: Option<File>,
    /// Deadline of one post.
    #[schemars(extend("default" = "10s"))]
    pub timeout: Text<LengthOfTime>,
    /// The share of requests that are traced, from `0` to `1`.
    #[schemars(range(min = 0, max = 1), extend("default" = 0.1))]
    pub sample: f64,
    /// Whose decision is followed instead, where a request says in `traceparent` whether it is traced already.
    #[schemars(extend("default" = "trusted_proxies"))]
    pub follow: Follow,
    /// `service.name` of the traces.
    #[schemars(length(min = 1), extend("default" = "doorward"))]
    pub service_name: String,
    /// Further attributes of this installation, such as `deployment.environment.name: production`.
    #[schemars(extend("default" = {}))]
    pub resource_attributes: BTreeMap<String, String>,
}

/// Whose `traceparent` says whether a request is traced.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Follow {
    /// That of `trusted_proxies`.
    TrustedProxies,
    /// Everybody's: any client can have all its requests traced.
    Everybody,
    /// Nobody's: `sample` decides.
    Nobody,
}
