//! Sessions: the store, the lives, the keys.

use super::{Desk, files::Ways};
use crate::{
    config::{Path, raw},
    keys::{Ring, RingKey},
    session::Terms,
    store::{CacheSettings, RedisAddress, RedisSettings, Settings},
};

pub(super) const fn cache(written: &raw::Session) -> CacheSettings {
    CacheSettings {
        sessions: written.cache.max_sessions,
        bytes: written.cache.max_size.value,
    }
}

fn here() -> Path {
    Path::top().key("session")
}

impl Desk<'_, '_> {
    pub(super) fn terms(&mut self, written: &raw::Session) -> Terms {
        let (idle, absolute) = (written.idle_timeout.value, written.absolute_timeout.value);
        if idle > absolute {
            self.found.add(
                &here().key("idle_timeout"),
                "a session cannot be idle for longer than it lives",
                "write no more than `absolute_timeout`, which is 24h unless written",
            );
        }
        Terms { idle, absolute }
    }

    /// The key ring; `None` when none is written.
    pub(super) fn ring(&mut self, written: &raw::Session) -> Option<Ring> {
        let all = here().key("keys");
        if written.keys.is_empty() && written.store == raw::Store::Redis {
            self.found.missing(
                &here(),
                "the Redis store needs at least one key",
                "write `keys`; `doorward keys generate` makes one",
            );
        }
        let mut keys = Vec::new();
        for (index, key) in written.keys.iter().enumerate() {
            keys.extend(self.ring_key(&all.index(index), key));
        }
        if keys.is_empty() {
            return None;
        }
        match Ring::new(keys) {
            Ok(ring) => Some(ring),
            Err(error) => {
                let hint = "give each key a name of its own";
                self.found.add(&all, error.to_string(), hint);
                None
            }
        }
    }

    fn ring_key(&mut self, path: &Path, written: &raw::Key) -> Option<RingKey> {
        let secret = self.secret(
            path,
            &Ways {
                key: "key",
                inline: written.key.as_ref(),
                file: written.key_file.as_deref(),
                env: written.key_env.as_deref(),
            },
        );
        let hint = "`doorward keys generate` makes one";
        let Some(secret) = secret else {
            let what = "the key is missing: write key_file, key_env or key";
            self.found.missing(path, what, hint);
            return None;
        };
        match RingKey::decode(&written.id.as_ref()?.value, secret.expose()) {
            Ok(key) => Some(key),
            Err(error) => {
                self.found.add(path, error.to_string(), hint);
                None
            }
        }
    }

    pub(super) fn store(&mut self, written: &raw::Session) -> Option<Settings> {
        let redis = written.redis.as_ref().map(|redis| self.redis(redis));
        match written.store {
            raw::Store::Memory => {
                if redis.is_some() {
                    let what = "Redis is described, and sessions are kept in memory";
                    let hint = "write `store: redis`, or take `redis` out";
                    self.found.missing(&here(), what, hint);
                }
                Some(Settings::Memory {
                    max_sessions: written.memory.max_sessions,
                })
            }
            raw::Store::Redis => {
                if redis.is_none() {
                    let hint = "write `redis:` and below it `url: redis://host:6379`";
                    self.found.missing(&here(), "`redis` is missing", hint);
                }
                redis?.map(Settings::Redis)
            }
        }
    }

    fn redis(&mut self, written: &raw::Redis) -> Option<RedisSettings> {
        let path = here().key("redis");
        let password = self.secret(
            &path,
            &Ways {
                key: "password",
                inline: written.password.as_ref(),
                file: written.password_file.as_deref(),
                env: written.password_env.as_deref(),
            },
        );
        if password.as_ref().is_some_and(|password| password.expose().is_empty()) {
            let hint = "write it, or take the key out for a Redis without one";
            self.found.add(&path, "the password is empty", hint);
        }
        let ca_pem = self.authorities(&path.key("ca_file"), written.ca_file.as_ref());
        let client = self.client(
            &path,
            written.client_certificate_file.as_ref(),
            written.client_key_file.as_ref(),
        );
        let url = &written.url.as_ref()?.value;
        let tls = matches!(url.address, RedisAddress::Tcp { tls: true, .. });
        if !tls && (written.ca_file.is_some() || written.client_certificate_file.is_some()) {
            let what = "certificates are for TLS, and this URL is not";
            self.found.add(&path.key("url"), what, "write rediss://");
        }
        Some(RedisSettings {
            address: url.address.clone(),
            username: written.username.clone(),
            password,
            database: url.database,
            key_prefix: written.key_prefix.as_str().into(),
            timeout: written.timeout.value,
            connect_timeout: written.connect_timeout.value,
            ca_pem,
            client,
        })
    }
}
