//! Where sessions are kept: in this process or in Redis, sealed either way.
//!
//! [`Sessions`] is the door that the rest of the house uses. Behind it a [`Backend`] keeps bytes by key with a version,
//! and a bounded cache keeps opened sessions for as long as it is told of every change.

pub mod backend;
mod breaker;
mod cache;
mod changes;
#[cfg(test)]
mod contract;
pub mod index;
pub mod lease;
mod memory;
mod redis;
pub mod sessions;
mod watch;

pub use self::{
    backend::{Backend, Down, Owner, Written},
    lease::Lease,
    redis::examine::{RedisLook, ServerLook, examine},
    sessions::{BadSettings, Cursor, Listing, NotMade, Page, Saved, Sessions, Shown},
    watch::Watch,
};

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

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
    Redis(Box<RedisSettings>),
}

impl Settings {
    /// The deadline of one call; none where there is nobody to wait for.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        match self {
            Self::Memory { max_sessions: _ } => Duration::ZERO,
            Self::Redis(redis) => redis.timeout,
        }
    }
}

/// How much of opened sessions is kept in this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheSettings {
    /// Most sessions.
    pub sessions: u64,
    /// Most bytes, about.
    pub bytes: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            sessions: 20_000,
            bytes: 128 << 20,
        }
    }
}

/// How to reach Redis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedisSettings {
    /// Where.
    pub servers: RedisServers,
    /// User and password.
    pub login: RedisLogin,
    /// Certificates, where TLS is spoken.
    pub tls: Option<RedisTls>,
    /// Database number.
    pub database: i64,
    /// Put in front of every key, one an installation. Default `doorward:`.
    pub key_prefix: Arc<str>,
    /// Deadline of one call.
    pub timeout: Duration,
    /// Deadline to connect.
    pub connect_timeout: Duration,
}

/// Which servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RedisServers {
    /// One.
    One(RedisAddress),
    /// The master that sentinels name.
    Sentinel {
        /// The sentinels; at least one.
        nodes: Vec<RedisAddress>,
        /// What they call the master.
        service: Arc<str>,
        /// User and password for the sentinels themselves.
        login: RedisLogin,
        /// Certificates, where the sentinels speak TLS.
        tls: Option<RedisTls>,
    },
    /// A cluster.
    Cluster {
        /// Some of its servers; at least one. The others are asked for.
        nodes: Vec<RedisAddress>,
    },
}

/// Who enters.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RedisLogin {
    /// ACL user; `default` without it.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret<String>>,
}

/// What TLS is spoken with.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RedisTls {
    /// CA certificates in PEM; `None` for the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Client certificate chain and key in PEM.
    pub client: Option<(Vec<u8>, Secret<Vec<u8>>)>,
}

/// Where a server listens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RedisAddress {
    /// TCP.
    Tcp {
        /// Host.
        host: String,
        /// Port.
        port: u16,
        /// Whether TLS is spoken there.
        tls: bool,
    },
    /// A unix socket.
    Unix(PathBuf),
}

impl RedisAddress {
    /// Whether TLS is spoken there.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self, Self::Tcp { tls: true, .. })
    }
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}
