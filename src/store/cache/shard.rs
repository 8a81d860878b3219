//! A part of the cache: how often something in it changed, and who is changing it.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::Mark;
use crate::session::StoreKey;

/// One part.
#[derive(Debug, Default)]
pub(super) struct Shard {
    changes: AtomicU64,
    writing: Mutex<Writes>,
}

/// Writes of this process that are under way.
pub(super) type Writes = Vec<(StoreKey, Mark)>;

impl Shard {
    /// How often something changed.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Counts a change: before it and after it, so that a ticket taken meanwhile is as void as one taken before. Whoever makes it
    /// has the writes.
    pub(super) fn change<T>(&self, make: impl FnOnce() -> T) -> T {
        let count = || self.changes.fetch_add(1, Ordering::AcqRel);
        count();
        let outcome = make();
        count();
        outcome
    }

    /// Who is writing. Whoever has it, alone changes anything.
    pub(super) fn writing(&self) -> MutexGuard<'_, Writes> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
