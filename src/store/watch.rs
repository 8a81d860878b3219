//! Who is to be told when a session changes: open `WebSockets` and streams.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::session::StoreKey;

const SHARDS: usize = 64;

/// The watched sessions of this process. There are no more than open exchanges.
#[derive(Clone, Debug)]
pub(super) struct Watchers(Arc<[Mutex<Shard>]>);

type Shard = HashMap<StoreKey, watch::Sender<()>>;

/// Hears of every change of one session until it is dropped.
#[derive(Debug)]
pub struct Watch {
    watchers: Watchers,
    key: StoreKey,
    told: watch::Receiver<()>,
}

impl Watchers {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    /// Watches `key` from now on.
    pub(super) fn watch(&self, key: StoreKey) -> Watch {
        let told = match self.shard(&key).entry(key) {
            Entry::Occupied(there) => there.get().subscribe(),
            Entry::Vacant(none) => none.insert(watch::channel(()).0).subscribe(),
        };
        Watch {
            watchers: self.clone(),
            key,
            told,
        }
    }

    /// Tells whoever watches `key`.
    pub(super) fn tell(&self, key: &StoreKey) {
        if let Some(watched) = self.shard(key).get(key) {
            watched.send_replace(());
        }
    }

    /// Tells everybody: something may have been missed.
    pub(super) fn tell_all(&self) {
        for shard in &*self.0 {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.values().for_each(|watched| watched.send_replace(()));
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    fn shard(&self, key: &StoreKey) -> MutexGuard<'_, Shard> {
        let [first, ..] = key.0;
        let shard = &self.0[usize::from(first) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Waits for a change since the last call, or since the watch began.
    pub async fn changed(&mut self) {
        if self.told.changed().await.is_err() {
            // Never, as long as this watch is counted.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut shard = self.watchers.shard(&self.key);
        if let Entry::Occupied(there) = shard.entry(self.key)
            && there.get().receiver_count() <= 1
        {
            there.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const ONE: StoreKey = StoreKey([1; 32]);
    const TWO: StoreKey = StoreKey([2; 32]);

    fn is_told(watch: &mut Watch) -> bool {
        watch.changed().now_or_never().is_some()
    }

    #[test]
    fn whoever_watches_is_told_once_for_what_came_since() {
        let watchers = Watchers::new();
        watchers.tell(&ONE);
        let (mut first, mut second, mut other) = (watchers.watch(ONE), watchers.watch(ONE), watchers.watch(TWO));
        assert!(!is_told(&mut first), "that was before");
        watchers.tell(&ONE);
        watchers.tell(&ONE);
        for watch in [&mut first, &mut second] {
            assert!(is_told(watch));
            assert!(!is_told(watch));
        }
        assert!(!is_told(&mut other));
        watchers.tell_all();
        assert!(is_told(&mut first) && is_told(&mut other));
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let watchers = Watchers::new();
        let count = || {
            watchers
                .0
                .iter()
                .map(|shard| shard.lock().unwrap().len())
                .sum::<usize>()
        };
        let (first, second) = (watchers.watch(ONE), watchers.watch(ONE));
        drop(first);
        assert_eq!(count(), 1);
        drop(second);
        assert_eq!(count(), 0);
    }
}
