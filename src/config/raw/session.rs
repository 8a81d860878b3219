//! Sessions.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{File, Redis};
use crate::{
    config::written::{
        Text,
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
    /// How much of the address that a person signs in from is kept with the session, to be shown in lists of sessions.
    #[schemars(extend("default" = "network"))]
    pub client_address: ClientAddress,
    /// The keys that seal sessions; `doorward keys generate` makes one. The first seals, all open. To rotate, add the new one
    /// at the end on every replica, then move it to the front, and take the old one away when the last session that it sealed is
    /// over (`absolute_timeout`). All replicas need the same. Without any, the memory store draws one at start; Redis needs at
    /// least one.
    #[schemars(extend("default" = []))]
    pub keys: Vec<Key>,
    /// A file with the keys instead, one a line: its name, a space and the key; the first seals, `#` begins a comment.
    /// `doorward keys rotate` edits it.
    pub keys_file: Option<File>,
}

/// How much of an address is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAddress {
    /// None of it.
    None,
    /// The network: /24 of IPv4, /48 of IPv6.
    Network,
    /// All of it.
    Full,
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
