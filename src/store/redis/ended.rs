//! What this process ended, remembered for a while: so that no loss of the newest writes in a failover brings it back.
//!
//! Redis confirms a write before its replicas have it. When the master is lost in between, the one that is promoted may
//! not know of a sign-out that was answered. So the process that ended a session does not take it from Redis again, and
//! ends it again at every server that it gets connected to (RS-09).

use std::time::Duration;

use moka::sync::Cache;

use crate::session::StoreKey;

/// How long: far more than any replica lags behind.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Most at once; the oldest go first.
const MOST: u64 = 20_000;

/// Ended sessions.
#[derive(Debug)]
pub(super) struct Ended(Cache<StoreKey, ()>);

impl Ended {
    pub(super) fn new() -> Self {
        let keys = Cache::builder().max_capacity(MOST).time_to_live(REMEMBERED);
        Self(keys.eviction_policy(moka::policy::EvictionPolicy::lru()).build())
    }

    pub(super) fn note(&self, key: &StoreKey) {
        self.0.insert(*key, ());
    }

    /// The key is in use for something new.
    pub(super) fn forget(&self, key: &StoreKey) {
        self.0.invalidate(key);
    }

    pub(super) fn has(&self, key: &StoreKey) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn all(&self) -> Vec<StoreKey> {
        self.0.iter().map(|(key, ())| *key).collect()
    }
}
