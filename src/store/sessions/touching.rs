//! Which notes of use are being written, so that a hundred requests at once write one, and each route is in it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::session::StoreKey;

/// The places being written to, and the routes that are still to be noted there.
#[derive(Debug, Default)]
pub(super) struct Touching(Mutex<HashMap<StoreKey, Vec<Arc<str>>>>);

/// One note under way; it is over when this is dropped, however the writing ended.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    all: &'a Touching,
    /// `None` when it is over.
    key: Option<StoreKey>,
}

impl Touching {
    /// Begins a note of this route; `None` when one is under way, which then takes the route along.
    pub(super) fn begin(&self, key: StoreKey, route: &Arc<str>) -> Option<Writing<'_>> {
        let mut keys = self.keys();
        let is_first = !keys.contains_key(&key);
        let wanted = keys.entry(key).or_default();
        if !wanted.contains(route) {
            wanted.push(Arc::clone(route));
        }
        // The lock is taken again when a `Writing` is dropped.
        drop(keys);
        is_first.then(|| Writing {
            all: self,
            key: Some(key),
        })
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<StoreKey, Vec<Arc<str>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing<'_> {
    /// The routes to be noted next; `None` when there are no more, and whoever comes then begins anew.
    pub(super) fn wanted(&mut self) -> Option<Vec<Arc<str>>> {
        let key = self.key?;
        let mut keys = self.all.keys();
        let wanted = keys.get_mut(&key).map(std::mem::take);
        let wanted = wanted.filter(|wanted| !wanted.is_empty());
        if wanted.is_none() {
            keys.remove(&key);
            self.key = None;
        }
        wanted
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.all.keys().remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_note_at_a_time_for_each_session() {
        let touching = Touching::default();
        let (one, two) = (StoreKey([1; 32]), StoreKey([2; 32]));
        let wiki = Arc::from("wiki");
        let first = touching.begin(one, &wiki);
        assert!(first.is_some());
        assert!(touching.begin(one, &wiki).is_none());
        assert!(touching.begin(two, &wiki).is_some());
        drop(first);
        assert!(touching.begin(one, &wiki).is_some());
    }

    #[test]
    fn a_note_under_way_takes_the_routes_of_others_along() {
        let touching = Touching::default();
        let key = StoreKey([1; 32]);
        let [wiki, mail] = ["wiki", "mail"].map(Arc::from);
        let mut first = touching.begin(key, &wiki).unwrap();
        assert_eq!(first.wanted(), Some(vec![Arc::clone(&wiki)]));
        for route in [&mail, &mail, &wiki] {
            assert!(touching.begin(key, route).is_none());
        }
        assert_eq!(first.wanted(), Some(vec![mail, Arc::clone(&wiki)]));
        assert_eq!(first.wanted(), None);
        // It is over for others before it is dropped.
        let second = touching.begin(key, &wiki).unwrap();
        drop(first);
        assert!(touching.begin(key, &wiki).is_none());
        drop(second);
        assert!(touching.0.lock().unwrap().is_empty());
    }
}
