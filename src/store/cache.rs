//! Opened sessions in this process, so that a signed-in request costs no store call, no opening and no JSON.
//!
//! An entry may be kept only where every change is heard of at once. In the memory store every change is made through
//! this very cache; for Redis it is bypassed, until changes by other replicas are heard of here.
//!
//! Invariant: a session that was ended or replaced before a call began is not served by that call. What was read from
//! the store before a change is not kept after it: each shard counts its changes, and what was read under an older
//! count is not taken in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moka::{policy::EvictionPolicy, sync::Cache as Entries};

use crate::session::{Session, StoreKey, Terms};

/// Most bytes of opened sessions, by estimate.
const ROOM: u64 = 64 << 20;
const SHARDS: usize = 64;

/// The cache, or none.
#[derive(Debug)]
pub(super) enum Cache {
    /// Every look-up goes to the store.
    Bypassed,
    /// Opened sessions are kept.
    Kept(Kept),
}

/// Opened sessions.
#[derive(Debug)]
pub(super) struct Kept {
    entries: Entries<StoreKey, Entry>,
    changes: Vec<Mutex<u64>>,
}

#[derive(Clone, Debug)]
struct Entry {
    session: Arc<Session>,
    weight: u32,
}

/// The count of changes before something was read or written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(u64);

/// What is offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offer {
    /// What was read.
    Read,
    /// What was written: a change itself.
    Written,
}

impl Cache {
    pub(super) fn kept(terms: &Terms) -> Self {
        let entries = Entries::builder()
            .max_capacity(ROOM)
            .weigher(|_, entry: &Entry| entry.weight)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(terms.absolute)
            .build();
        Self::Kept(Kept {
            entries,
            changes: (0..SHARDS).map(|_| Mutex::new(0)).collect(),
        })
    }

    /// The session kept at `key`.
    pub(super) fn get(&self, key: &StoreKey) -> Option<Arc<Session>> {
        match self {
            Self::Bypassed => None,
            Self::Kept(kept) => kept.entries.get(key).map(|entry| entry.session),
        }
    }

    /// To be taken before the store is asked.
    pub(super) fn ticket(&self, key: &StoreKey) -> Ticket {
        match self {
            Self::Bypassed => Ticket(0),
            Self::Kept(kept) => Ticket(kept.shard(key).map_or(0, |count| *count)),
        }
    }

    /// Keeps the session if nothing changed since the ticket was taken. `size` is that of its record in bytes.
    pub(super) fn offer(&self, ticket: Ticket, offer: Offer, session: &Arc<Session>, size: usize) {
        let Self::Kept(kept) = self else {
            return;
        };
        let Some(mut count) = kept.shard(&session.key) else {
            return;
        };
        let unchanged = *count == ticket.0;
        if offer == Offer::Written {
            *count += 1;
        }
        if unchanged {
            kept.entries.insert(session.key, Entry::new(Arc::clone(session), size));
        } else if offer == Offer::Written {
            kept.entries.invalidate(&session.key);
        }
    }

    /// Forgets what is kept at `key`, and what is being read from there.
    pub(super) fn forget(&self, key: &StoreKey) {
        if let Self::Kept(kept) = self
            && let Some(mut count) = kept.shard(key)
        {
            *count += 1;
            kept.entries.invalidate(key);
        }
    }
}

impl Kept {
    fn shard(&self, key: &StoreKey) -> Option<MutexGuard<'_, u64>> {
        let [first, ..] = key.0;
        let shard = self.changes.get(usize::from(first) % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entry {
    /// A record in memory, with its claims as a tree, takes a few times its bytes as JSON.
    fn new(session: Arc<Session>, size: usize) -> Self {
        let weight = u32::try_from(size.saturating_mul(4).saturating_add(1024)).unwrap_or(u32::MAX);
        Self { session, weight }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        session::{Handle, record::tests::record},
        time::UnixTime,
    };

    const KEY: StoreKey = StoreKey([7; 32]);

    fn cache() -> Cache {
        Cache::kept(&Terms {
            idle: Duration::from_secs(60),
            absolute: Duration::from_secs(600),
        })
    }

    fn session(version: u64) -> Arc<Session> {
        let mut record = record(UnixTime::from_secs(0));
        record.version = version;
        Arc::new(Session::new(Handle::new([1; 32]), KEY, record))
    }

    fn version(cache: &Cache) -> Option<u64> {
        cache.get(&KEY).map(|session| session.record.version)
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let cache = cache();
        let reading = cache.ticket(&KEY);
        cache.forget(&KEY);
        cache.offer(reading, Offer::Read, &session(1), 100);
        assert_eq!(version(&cache), None);
        let reading = cache.ticket(&KEY);
        cache.offer(cache.ticket(&KEY), Offer::Written, &session(2), 100);
        cache.offer(reading, Offer::Read, &session(1), 100);
        assert_eq!(version(&cache), Some(2));
    }

    #[test]
    fn of_two_writers_the_later_to_tell_is_not_taken_for_the_later_to_write() {
        let cache = cache();
        let (one, two) = (cache.ticket(&KEY), cache.ticket(&KEY));
        cache.offer(two, Offer::Written, &session(3), 100);
        cache.offer(one, Offer::Written, &session(2), 100);
        assert_eq!(version(&cache), None, "the store knows");
    }

    #[test]
    fn a_save_that_an_end_overtook_brings_nothing_back() {
        let cache = cache();
        let saving = cache.ticket(&KEY);
        cache.forget(&KEY);
        cache.offer(saving, Offer::Written, &session(2), 100);
        assert_eq!(version(&cache), None);
    }

    #[test]
    fn bypassed_keeps_nothing() {
        let cache = Cache::Bypassed;
        cache.offer(cache.ticket(&KEY), Offer::Written, &session(1), 100);
        assert_eq!(version(&cache), None);
    }

    #[test]
    fn it_is_bounded_by_weight() {
        let cache = cache();
        let Cache::Kept(kept) = &cache else { panic!("kept") };
        for n in 0..200_u8 {
            let session = Arc::new(Session::new(
                Handle::new([1; 32]),
                StoreKey([n; 32]),
                record(UnixTime::from_secs(0)),
            ));
            cache.offer(cache.ticket(&session.key), Offer::Read, &session, 1 << 20);
            kept.entries.run_pending_tasks();
        }
        assert!(kept.entries.weighted_size() <= ROOM);
        assert!((10..20).contains(&kept.entries.entry_count()));
    }
}
