//! A map that forgets its oldest entry rather than grow past its bound.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
};

/// Entries by key, at most [`BOUND`] of them.
pub(super) struct Bounded<T> {
    entries: HashMap<String, T>,
    order: VecDeque<String>,
}

/// How many entries one map holds.
pub(super) const BOUND: usize = 10_000;

/// Keys are cookies and codes, so only their number is shown.
impl<T> fmt::Debug for Bounded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T> Bounded<T> {
    pub(super) fn insert(&mut self, key: String, value: T) {
        while self.order.len() >= BOUND {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
        self.order.push_back(key.clone());
        self.entries.insert(key, value);
    }

    pub(super) fn get(&self, key: &str) -> Option<&T> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        self.entries.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<T> {
        // Its place in `order` stays until it is the oldest: removing it there would be a walk.
        self.entries.remove(key)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.values_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_the_bound_holds() {
        let mut map = Bounded::default();
        for number in 0..=BOUND {
            map.insert(number.to_string(), number);
        }
        assert_eq!(map.get("0"), None);
        assert_eq!(map.get("1"), Some(&1));
        assert_eq!(map.entries.len(), BOUND);
        assert_eq!(map.remove("1"), Some(1));
        assert_eq!(map.get("1"), None);
    }
}
