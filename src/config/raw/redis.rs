//! The Redis store.

use schemars::JsonSchema;
use serde::Deserialize;

use super::File;
use crate::{
    config::written::{Text, address::RedisUrl, measure::LengthOfTime, node::HostAndPort},
    secret::Secret,
};

/// The Redis store: exactly one of `url`, `sentinel` and `cluster` says where. Redis 6 or newer, or what speaks its protocol.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// One server: `redis://host:6379/0`, `rediss://host:6379` for TLS, or `unix:/run/redis.sock`.
    pub url: Option<Text<RedisUrl>>,
    /// The master that sentinels name.
    pub sentinel: Option<RedisSentinel>,
    /// A cluster.
    pub cluster: Option<RedisCluster>,
    /// Whether TLS is spoken, with `sentinel` and `cluster`; a URL says it itself.
    pub tls: Option<bool>,
    /// The user (ACL); without it `default`.
    #[schemars(length(min = 1))]
    pub username: Option<String>,
    /// The password. Better by file or environment.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub password: Option<Secret<String>>,
    /// A file with the password; a newline at its end is not part of it.
    pub password_file: Option<File>,
    /// An environment variable with the password.
    #[schemars(length(min = 1))]
    pub password_env: Option<String>,
    /// Put in front of every key, one an installation.
    #[schemars(length(min = 1), extend("default" = "doorward:"))]
    pub key_prefix: String,
    /// CA certificates in PEM for TLS; the system's without it.
    pub ca_file: Option<File>,
    /// A client certificate chain in PEM for TLS.
    pub client_certificate_file: Option<File>,
    /// Its private key in PEM.
    pub client_key_file: Option<File>,
    /// Deadline of one call.
    #[schemars(extend("default" = "1s"))]
    pub timeout: Text<LengthOfTime>,
    /// Deadline to connect.
    #[schemars(extend("default" = "2s"))]
    pub connect_timeout: Text<LengthOfTime>,
}

/// The master that sentinels name, before and after every failover.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisSentinel {
    /// The sentinels, each as `host:26379`. Best all of them.
    #[schemars(required, length(min = 1))]
    pub nodes: Option<Vec<Text<HostAndPort>>>,
    /// What they call the master: the name behind `sentinel monitor`.
    #[schemars(required, length(min = 1))]
    pub service: Option<String>,
    /// Database number at the master.
    #[schemars(range(min = 0, max = 65535), extend("default" = 0))]
    pub database: u16,
    /// The user at the sentinels, which have their own; without it `default`.
    #[schemars(length(min = 1))]
    pub username: Option<String>,
    /// The password at the sentinels. None unless written: the master's is not sent to them.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub password: Option<Secret<String>>,
    /// A file with the password; a newline at its end is not part of it.
    pub password_file: Option<File>,
    /// An environment variable with the password.
    #[schemars(length(min = 1))]
    pub password_env: Option<String>,
    /// Whether the sentinels speak TLS; as `redis.tls` unless written.
    pub tls: Option<bool>,
    /// CA certificates in PEM for the sentinels; those of `redis` unless written.
    pub ca_file: Option<File>,
    /// A client certificate chain in PEM for the sentinels; that of `redis` unless written.
    pub client_certificate_file: Option<File>,
    /// Its private key in PEM.
    pub client_key_file: Option<File>,
}

/// A cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisCluster {
    /// Some of its servers, each as `host:6379`; the others are asked for. Best one of each place that can fail alone.
    #[schemars(required, length(min = 1))]
    pub nodes: Option<Vec<Text<HostAndPort>>>,
}
