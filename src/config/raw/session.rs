//! Sessions.

use schemars::JsonSchema;
use serde::Deserialize;

use super::File;
use crate::{
    config::written::{
        Text,
        address::RedisUrl,
        measure::{LengthOfTime, Size},
        name::NameText,
    },
    secret::Secret,
};

/// Where sessions are kept and how long they live.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Where: `memory` for one process whose restart signs everybody out, `redis` for several, or to survive restarts.
    #[schemars(extend("default" = "memory"))]
    pub store: Store,
    /// The memory store.
    #[schemars(extend("default" = {}))]
    pub memory: Memory,
    /// The Redis store. Needed with `store: redis`.
    pub redis: Option<Redis>,
    /// What is kept of opened sessions in this process, with either store, so that most requests ask no store.
    #[schemars(extend("default" = {}))]
    pub cache: Cache,
    /// How long a session lives without being used.
    #[schemars(extend("default" = "8h"))]
    pub idle_timeout: Text<LengthOfTime>,
    /// How long a session lives in all. Renewal never extends it.
    #[schemars(extend("default" = "24h"))]
    pub absolute_timeout: Text<LengthOfTime>,
    /// The keys that seal sessions; `doorward keys generate` makes one. The first seals, all open: put a new one in front to
    /// rotate. All replicas need the same. Without any, the memory store draws one at start; Redis needs at least one.
    #[schemars(extend("default" = []))]
    pub keys: Vec<Key>,
}

/// Where sessions are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// In this process.
    Memory,
    /// In Redis.
    Redis,
}

/// The memory store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Most sessions at once; the least recently used go first.
    #[schemars(range(min = 1), extend("default" = 100_000))]
    pub max_sessions: u64,
}

/// Opened sessions in this process. With Redis it is passed by while changes by other replicas cannot be heard of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Most sessions; the least recently used go first.
    #[schemars(range(min = 1), extend("default" = 20_000))]
    pub max_sessions: u64,
    /// Most memory, about.
    #[schemars(extend("default" = "128MiB"))]
    pub max_size: Text<Size>,
}

/// The Redis store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `redis://host:6379/0`, `rediss://host:6379` for TLS, or `unix:/run/redis.sock`.
    #[schemars(required)]
    pub url: Option<Text<RedisUrl>>,
    /// The user (Redis 6 ACL); without it `default`.
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
    /// CA certificates in PEM for `rediss://`; the system's without it.
    pub ca_file: Option<File>,
    /// A client certificate chain in PEM for `rediss://`.
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

/// A key that seals sessions: 32 bytes in base64.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its name, which is not secret: at most 32 letters, digits, `-`, `_` or `.`.
    #[schemars(required)]
    pub id: Option<Text<NameText>>,
    /// The key. Better by file or environment.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub key: Option<Secret<String>>,
    /// A file with the key; a newline at its end is not part of it.
    pub key_file: Option<File>,
    /// An environment variable with the key.
    #[schemars(length(min = 1))]
    pub key_env: Option<String>,
}
