//! The memory store: the embedded default, bounded, for one process.

mod index;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use moka::{Expiry, ops::compute::Op, policy::EvictionPolicy, sync::Cache};
use tokio::time::Instant;

use super::{Backend, Down, Owner, Written};
use crate::{
    session::StoreKey,
    time::{Clock, UnixTime},
};

/// Values in this process. When there are too many, the least recently used go first.
#[derive(Debug)]
pub(super) struct Memory {
    values: Cache<StoreKey, Stored>,
    leases: Mutex<HashMap<StoreKey, Held>>,
    index: index::Tables,
    clock: Clock,
}

#[derive(Clone, Debug)]
struct Stored {
    bytes: std::sync::Arc<[u8]>,
    version: u64,
    ends: UnixTime,
    ttl: Duration,
}

#[derive(Debug)]
struct Held {
    owner: Owner,
    // Not by the clock of the sessions, which may be set while the lease is held (RS-18).
    until: Instant,
}

/// Gives room back when a value's time has passed, even if nobody asks for it; [`Memory::live`] decides by our clock.
#[derive(Debug)]
struct ByTtl;

impl Expiry<StoreKey, Stored> for ByTtl {
    fn expire_after_create(&self, _: &StoreKey, stored: &Stored, _: std::time::Instant) -> Option<Duration> {
        Some(stored.ttl)
    }

    fn expire_after_update(
        &self,
        _: &StoreKey,
        stored: &Stored,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(stored.ttl)
    }
}

impl Memory {
    pub(super) fn new(max_sessions: u64, clock: Clock) -> Self {
        let values = Cache::builder()
            .max_capacity(max_sessions)
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(ByTtl)
            .build();
        Self {
            values,
            leases: Mutex::default(),
            index: index::Tables::default(),
            clock,
        }
    }

    fn live(&self, key: &StoreKey) -> Option<Stored> {
        let now = self.clock.now();
        self.values.get(key).filter(|stored| now < stored.ends)
    }

    fn stored(&self, bytes: &[u8], version: u64, ttl: Duration) -> Stored {
        Stored {
            bytes: bytes.into(),
            version,
            ends: self.clock.now() + ttl,
            ttl,
        }
    }

    /// Decides and acts in one step: calls for one key come one after the other.
    fn change<T>(&self, key: &StoreKey, decide: impl FnOnce(Option<&Stored>) -> (Op<Stored>, T)) -> Option<T> {
        let now = self.clock.now();
        let mut said = None;
        self.values.entry(*key).and_compute_with(|entry| {
            let stored = entry.map(moka::Entry::into_value);
            let (op, answer) = decide(stored.as_ref().filter(|stored| now < stored.ends));
            said = Some(answer);
            op
        });
        said
    }

    fn held(&self) -> MutexGuard<'_, HashMap<StoreKey, Held>> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        leases.retain(|_, held| now < held.until);
        leases
    }
}

#[async_trait]
impl Backend for Memory {
    async fn get(&self, keys: &[StoreKey]) -> Result<Option<(StoreKey, Vec<u8>)>, Down> {
        let found = |key: &StoreKey| Some((*key, self.live(key)?.bytes.to_vec()));
        Ok(keys.iter().find_map(found))
    }

    async fn create(&self, key: &StoreKey, bytes: &[u8], version: u64, ttl: Duration) -> Result<Written, Down> {
        let new = self.stored(bytes, version, ttl);
        let written = self.change(key, |there| match there {
            Some(_) => (Op::Nop, Written::Superseded),
            None => (Op::Put(new), Written::Saved),
        });
        Ok(written.unwrap_or(Written::Superseded))
    }

    async fn replace(
        &self,
        key: &StoreKey,
        expected: u64,
        bytes: &[u8],
        version: u64,
        ttl: Duration,
    ) -> Result<Written, Down> {
        let new = self.stored(bytes, version, ttl);
        let written = self.change(key, |there| match there {
            None => (Op::Nop, Written::Gone),
            Some(stored) if stored.version == expected => (Op::Put(new), Written::Saved),
            Some(_) => (Op::Nop, Written::Superseded),
        });
        Ok(written.unwrap_or(Written::Gone))
    }

    async fn end(&self, key: &StoreKey) -> Result<bool, Down> {
        let ended = self.change(key, |there| (Op::Remove, there.is_some()));
        Ok(ended.unwrap_or(false))
    }

    async fn remove(&self, key: &StoreKey, expected: u64) -> Result<Written, Down> {
        let removed = self.change(key, |there| match there {
            None => (Op::Nop, Written::Gone),
            Some(stored) if stored.version == expected => (Op::Remove, Written::Saved),
            Some(_) => (Op::Nop, Written::Superseded),
        });
        Ok(removed.unwrap_or(Written::Gone))
    }

    async fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<bool, Down> {
        let mut leases = self.held();
        if leases.contains_key(key) {
            return Ok(false);
        }
        let until = Instant::now() + ttl;
        leases.insert(*key, Held { owner: *owner, until });
        Ok(true)
    }

    async fn leased(&self, key: &StoreKey) -> Result<Option<Duration>, Down> {
        let now = Instant::now();
        Ok(self.held().get(key).map(|held| held.until - now))
    }

    async fn extend(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<bool, Down> {
        let mut leases = self.held();
        let ours = leases.get_mut(key).filter(|held| held.owner == *owner);
        Ok(ours.map(|held| held.until = Instant::now() + ttl).is_some())
    }

    async fn release(&self, key: &StoreKey, owner: &Owner) -> Result<bool, Down> {
        let mut leases = self.held();
        let ours = leases.get(key).is_some_and(|held| held.owner == *owner);
        if ours {
            leases.remove(key);
        }
        Ok(ours)
    }

    async fn ping(&self) -> Result<(), Down> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn key(n: u64) -> StoreKey {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        StoreKey(key)
    }

    #[tokio::test]
    async fn it_is_bounded_and_the_least_recently_used_go() {
        let memory = Memory::new(100, Clock::system());
        for n in 0..1000 {
            memory.create(&key(n), b"x", 1, HOUR).await.unwrap();
            memory.values.run_pending_tasks();
        }
        assert!(memory.values.entry_count() <= 100);
        assert!(memory.get(&[key(999)]).await.unwrap().is_some());
        assert!(memory.get(&[key(0)]).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_value_ends_by_the_clock() {
        let clock = Clock::system();
        let memory = Memory::new(100, clock.clone());
        memory.create(&key(1), b"x", 1, HOUR).await.unwrap();
        clock.advance(HOUR + Duration::from_secs(1));
        assert_eq!(memory.get(&[key(1)]).await.unwrap(), None);
        let late = memory.replace(&key(1), 1, b"y", 2, HOUR).await;
        assert_eq!(late, Ok(Written::Gone));
        assert_eq!(memory.end(&key(1)).await, Ok(false));
        let again = memory.create(&key(1), b"z", 1, HOUR).await;
        assert_eq!(again, Ok(Written::Saved));
    }
}
