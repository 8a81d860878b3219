//! Sessions: the store, the lives, the keys.

use std::path::Path as FilePath;

use super::{Desk, files::Ways};
use crate::{
    config::{Path, raw},
    keys::{Ring, RingFile, RingKey, file::BadLine},
    session::{Terms, client::AddressKept},
    store::{CacheSettings, Settings},
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

/// How much of an address is kept.
pub(super) const fn address_kept(written: raw::ClientAddress) -> AddressKept {
    match written {
        raw::ClientAddress::None => AddressKept::None,
        raw::ClientAddress::Network => AddressKept::Network,
        raw::ClientAddress::Full => AddressKept::Full,
    }
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
        if let Some(file) = &written.keys_file {
            return self.ring_file(written, file);
        }
        if written.keys.is_empty() && written.store == raw::Store::Redis {
            self.found.missing(
                &here(),
                "the Redis store needs at least one key",
                "write `keys_file` or `keys`; `doorward keys generate` makes one",
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

    fn ring_file(&mut self, written: &raw::Session, file: &FilePath) -> Option<Ring> {
        let path = here().key("keys_file");
        if !written.keys.is_empty() {
            let hint = "keep one of `keys` and `keys_file`";
            self.found.add(&path, "the keys are written in two ways", hint);
            return None;
        }
        let text = match self.source.secret_file(file) {
            Ok(text) => text,
            Err(why) => {
                let hint = "put the keys there, readable for the user that Doorward runs as, or name another file";
                self.found.add(&path, why.to_string(), hint);
                return None;
            }
        };
        match RingFile::parse(text.expose()) {
            Ok(file) => file.ring().ok(),
            Err(bad) => {
                let name = self.source.resolve(file).display().to_string();
                for BadLine { line, fault } in bad {
                    let place = if line == 0 {
                        String::new()
                    } else {
                        format!(" line {line}")
                    };
                    let hint =
                        "write `name key` on each line, as in `2026-11` and what `doorward keys generate` prints";
                    self.found.add(&path, format!("{name}{place}: {fault}"), hint);
                }
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
        let redis = written
            .redis
            .as_ref()
            .map(|redis| self.redis(&here().key("redis"), redis));
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
                redis?.map(|redis| Settings::Redis(Box::new(redis)))
            }
        }
    }
}
