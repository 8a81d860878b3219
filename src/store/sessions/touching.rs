//! Which notes of use are being written, so that a hundred requests at once write one.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::session::StoreKey;

/// The places being written to.
#[derive(Debug, Default)]
pub(super) struct Touching(Mutex<HashSet<StoreKey>>);

/// One note under way; it is over when this is dropped, however the writing ended.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    all: &'a Touching,
    key: StoreKey,
}

impl Touching {
    /// Begins a note; `None` when one is under way.
    pub(super) fn begin(&self, key: StoreKey) -> Option<Writing<'_>> {
        // Apart from what follows: the lock is taken again when a `Writing` is dropped.
        let first = self.keys().insert(key);
        first.then(|| Writing { all: self, key })
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<StoreKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.all.keys().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_note_at_a_time_for_each_session() {
        let touching = Touching::default();
        let (one, two) = (StoreKey([1; 32]), StoreKey([2; 32]));
        let first = touching.begin(one);
        assert!(first.is_some());
        assert!(touching.begin(one).is_none());
        assert!(touching.begin(two).is_some());
        drop(first);
        assert!(touching.begin(one).is_some());
    }
}
