//! The Redis store: one connection a server for all requests, made again when it breaks or leads to the wrong server.
//!
//! A session is a string under `<prefix>s:<key>`: its version in 8 bytes, big-endian, for the compare-and-set, then the
//! sealed record. A lease is its owner under `<prefix>l:<key>`. Every key has a time to live. Every command touches one
//! key, its first argument. What finds sessions without their cookie is in `index`. What an ACL user needs is listed in
//! `docs/redis.md`.
//!
//! Whatever changes a session publishes it in the same step, before it writes: who may not publish writes nothing.

mod call;
mod cluster;
mod dial;
mod ended;
pub(super) mod examine;
mod fault;
mod feed;
mod index;
mod keeper;
mod link;
mod node;
mod sentinel;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use redis::Script;

use self::{
    ended::Ended,
    link::{Link, Retry},
};
use super::{
    Backend, BadSettings, Down, Owner, RedisSettings, Written,
    cache::{Mark, mark},
    changes::Ear,
};
use crate::{entropy::Entropy, session::StoreKey, telemetry::Telemetry};

/// Values in Redis.
#[derive(Debug)]
pub(super) struct Redis {
    link: Arc<Link>,
    prefix: Arc<str>,
    ended: Arc<Ended>,
}

/// 0 nothing there, 1 another version, 2 written.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local there = redis.call('GETRANGE', KEYS[1], 0, 7)
         if there == '' then return 0 end
         if there ~= ARGV[1] then return 1 end
         redis.call('PUBLISH', ARGV[4], ARGV[5])
         redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
         return 2",
    )
});

/// The same answers for a removal.
static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local there = redis.call('GETRANGE', KEYS[1], 0, 7)
         if there == '' then return 0 end
         if there ~= ARGV[1] then return 1 end
         redis.call('PUBLISH', ARGV[2], ARGV[3])
         redis.call('DEL', KEYS[1])
         return 2",
    )
});

static END: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('PUBLISH', ARGV[1], ARGV[2])
         return redis.call('DEL', KEYS[1])",
    )
});

static EXTEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
         return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
    )
});

static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
         return redis.call('DEL', KEYS[1])",
    )
});

/// Bytes of the version in front of a value.
const VERSION: usize = 8;

impl Redis {
    pub(super) fn new(settings: &RedisSettings, telemetry: Telemetry) -> Result<Self, BadSettings> {
        let link = Arc::new(Link::new(settings)?);
        let (prefix, ended) = (Arc::clone(&settings.key_prefix), Arc::new(Ended::new()));
        keeper::begin(&link, &ended, &prefix, telemetry);
        Ok(Self { link, prefix, ended })
    }

    /// Hears of every change by any replica, and tells the ear, for ever.
    pub(super) async fn listen(self: Arc<Self>, ear: Arc<dyn Ear>, draw: Entropy) {
        feed::listen(self, ear, draw).await;
    }

    fn session(&self, key: &StoreKey) -> String {
        session_at(&self.prefix, key)
    }

    fn lease_key(&self, key: &StoreKey) -> String {
        format!("{}l:{}", self.prefix, URL_SAFE_NO_PAD.encode(key.0))
    }
}

#[async_trait]
impl Backend for Redis {
    async fn get(&self, keys: &[StoreKey]) -> Result<Option<(StoreKey, Vec<u8>)>, Down> {
        for key in keys.iter().filter(|key| !self.ended.has(key)) {
            let mut command = redis::cmd("GET");
            command.arg(self.session(key));
            let answer = self.link.command(Retry::Once, command).await;
            let value: Option<Vec<u8>> = match answer {
                // Something of another program's: there, and not readable (RS-14).
                Err(Down::Refused(cause)) if cause.contains("WRONGTYPE") => Some(Vec::new()),
                other => other?,
            };
            if let Some(mut value) = value {
                value.drain(..VERSION.min(value.len()));
                return Ok(Some((*key, value)));
            }
        }
        Ok(None)
    }

    async fn create(&self, key: &StoreKey, bytes: &[u8], version: u64, ttl: Duration) -> Result<Written, Down> {
        let mut command = redis::cmd("SET");
        command
            .arg(self.session(key))
            .arg(versioned(version, bytes))
            .arg("NX")
            .arg("PX")
            .arg(millis(ttl));
        let set: Option<()> = self.link.command(Retry::Never, command).await?;
        self.ended.forget(key);
        Ok(set.map_or(Written::Superseded, |()| Written::Saved))
    }

    async fn replace(
        &self,
        key: &StoreKey,
        expected: u64,
        bytes: &[u8],
        version: u64,
        ttl: Duration,
    ) -> Result<Written, Down> {
        if self.ended.has(key) {
            return Ok(Written::Gone);
        }
        let mut arguments = vec![expected.to_be_bytes().to_vec(), versioned(version, bytes), written(ttl)];
        arguments.extend(published(&self.prefix, key, mark(bytes)));
        // Not again after a broken connection: the first try may have been carried out, and the second would then
        // report a version of our own as another's.
        let answer: u8 = self
            .link
            .script(Retry::Never, &REPLACE, self.session(key), arguments)
            .await?;
        compared(answer)
    }

    async fn end(&self, key: &StoreKey) -> Result<bool, Down> {
        let was_there = end_at(&self.link, &self.prefix, key).await?;
        self.ended.note(key);
        Ok(was_there)
    }

    async fn remove(&self, key: &StoreKey, expected: u64) -> Result<Written, Down> {
        let mut arguments = vec![expected.to_be_bytes().to_vec()];
        arguments.extend(published(&self.prefix, key, Mark::default()));
        let script = self.link.script(Retry::Never, &REMOVE, self.session(key), arguments);
        let removed = compared(script.await?)?;
        if removed == Written::Saved {
            self.ended.note(key);
        }
        Ok(removed)
    }

    async fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<bool, Down> {
        let mut command = redis::cmd("SET");
        command
            .arg(self.lease_key(key))
            .arg(owner.as_slice())
            .arg("NX")
            .arg("PX")
            .arg(millis(ttl));
        let taken: Option<()> = self.link.command(Retry::Never, command).await?;
        Ok(taken.is_some())
    }

    async fn leased(&self, key: &StoreKey) -> Result<Option<Duration>, Down> {
        let mut command = redis::cmd("PTTL");
        command.arg(self.lease_key(key));
        // Negative where there is no key.
        let left: i64 = self.link.command(Retry::Once, command).await?;
        Ok(u64::try_from(left).ok().map(Duration::from_millis))
    }

    async fn extend(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<bool, Down> {
        let arguments = vec![owner.to_vec(), written(ttl)];
        self.link
            .script(Retry::Once, &EXTEND, self.lease_key(key), arguments)
            .await
    }

    async fn release(&self, key: &StoreKey, owner: &Owner) -> Result<bool, Down> {
        let arguments = vec![owner.to_vec()];
        self.link
            .script(Retry::Once, &RELEASE, self.lease_key(key), arguments)
            .await
    }

    async fn ping(&self) -> Result<(), Down> {
        let command = redis::cmd("PING");
        self.link.command(Retry::Once, command).await
    }
}

fn session_at(prefix: &str, key: &StoreKey) -> String {
    format!("{prefix}s:{}", URL_SAFE_NO_PAD.encode(key.0))
}

/// What a script publishes of a change: channel and word.
fn published(prefix: &str, key: &StoreKey, mark: Mark) -> [Vec<u8>; 2] {
    [feed::changes(prefix).into_bytes(), feed::word(key, mark)]
}

/// Forgets the value; whether there was one.
async fn end_at(link: &Link, prefix: &str, key: &StoreKey) -> Result<bool, Down> {
    let arguments = published(prefix, key, Mark::default()).to_vec();
    link.script(Retry::Once, &END, session_at(prefix, key), arguments).await
}

fn compared(answer: u8) -> Result<Written, Down> {
    match answer {
        0 => Ok(Written::Gone),
        1 => Ok(Written::Superseded),
        2 => Ok(Written::Saved),
        other => Err(Down::Refused(format!("an unknown answer: {other}"))),
    }
}

fn versioned(version: u64, bytes: &[u8]) -> Vec<u8> {
    [&version.to_be_bytes(), bytes].concat()
}

fn written(ttl: Duration) -> Vec<u8> {
    millis(ttl).to_string().into_bytes()
}

/// At least one: Redis refuses a time to live of nothing.
fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX / 2).max(1)
}

#[cfg(test)]
mod tests;
