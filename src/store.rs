//! Where sessions are kept: in this process or in Redis, sealed either way.
//!
//! [`Sessions`] is the door that the rest of the house uses. Behind it a [`Backend`] keeps bytes by key with a version,
//! and a bounded cache keeps opened sessions where it can be told of every change.

pub mod backend;
mod breaker;
mod cache;
#[cfg(test)]
mod contract;
pub mod lease;
mod memory;
mod redis;
pub mod sessions;

pub use self::{
    backend::{Backend, Down, Owner, Written},
    lease::Lease,
    sessions::{BadSettings, Saved, Sessions},
};

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::secret::Secret;

/// Which store, and how to reach it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settings {
    /// In this process: the embedded default, bounded.
    Memory {
        /// Most sessions at once; the least recently used go first.
        max_sessions: u64,
    },
    /// In Redis.
    Redis(RedisSettings),
}

/// How to reach Redis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedisSettings {
    /// Where.
    pub address: RedisAddress,
    /// ACL user.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret<String>>,
    /// Database number.
    pub database: i64,
    /// Put in front of every key, one an installation. Default `doorward:`.
    pub key_prefix: Arc<str>,
    /// Deadline of one call.
    pub timeout: Duration,
    /// Deadline to connect.
    pub connect_timeout: Duration,
    /// CA certificates in PEM for `rediss://`; `None` for the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Client certificate chain and key in PEM.
    pub client: Option<(Vec<u8>, Secret<Vec<u8>>)>,
}

/// Where Redis listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RedisAddress {
    /// `redis://` or, with `tls`, `rediss://`.
    Tcp {
        /// Host.
        host: String,
        /// Port.
        port: u16,
        /// Whether TLS.
        tls: bool,
    },
    /// A unix socket.
    Unix(PathBuf),
}
