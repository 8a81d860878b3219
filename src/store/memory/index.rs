//! The index of the memory store.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::Memory;
use crate::{
    session::{Mark, StoreKey},
    store::{
        Down,
        index::{Index, Indexed, Place},
    },
    time::UnixTime,
};

/// Entries and lists, and notes with an end.
#[derive(Debug, Default)]
pub(super) struct Tables(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<StoreKey, Kept>,
    lists: HashMap<Mark, BTreeMap<Place, StoreKey>>,
    tombs: HashMap<Mark, (UnixTime, UnixTime)>,
    once: HashMap<Mark, UnixTime>,
    places: u64,
    sweep_at: usize,
}

#[derive(Debug)]
struct Kept {
    entry: Vec<u8>,
    place: Place,
    marks: Vec<Mark>,
    ends: UnixTime,
}

/// The least number of things noted before the dead among them are looked for.
const SWEEP: usize = 1024;

impl Tables {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Removes what is dead whenever the tables have doubled: their size is bounded by that of what lives.
    fn sweep(&mut self, now: UnixTime, is_kept: impl Fn(&StoreKey) -> bool) {
        if self.size() < self.sweep_at.max(SWEEP) {
            return;
        }
        let dead = |(key, kept): &(&StoreKey, &Kept)| now >= kept.ends || !is_kept(key);
        let dead: Vec<StoreKey> = self.entries.iter().filter(dead).map(|(key, _)| *key).collect();
        for key in dead {
            self.remove(&key);
        }
        self.tombs.retain(|_, (_, until)| now < *until);
        self.once.retain(|_, until| now < *until);
        self.sweep_at = self.size() * 2;
    }

    fn size(&self) -> usize {
        self.entries.len() + self.tombs.len() + self.once.len()
    }

    fn remove(&mut self, key: &StoreKey) -> Option<Kept> {
        let kept = self.entries.remove(key)?;
        for mark in &kept.marks {
            self.delist(mark, kept.place);
        }
        Some(kept)
    }

    fn delist(&mut self, mark: &Mark, place: Place) {
        if let Some(list) = self.lists.get_mut(mark) {
            list.remove(&place);
            if list.is_empty() {
                self.lists.remove(mark);
            }
        }
    }
}

#[async_trait]
impl Index for Memory {
    async fn index(&self, key: &StoreKey, indexed: &Indexed<'_>) -> Result<(), Down> {
        let now = self.clock.now();
        let mut tables = self.index.lock();
        tables.sweep(now, |key| self.values.contains_key(key));
        let before = tables.remove(key).map(|kept| kept.place);
        tables.places += 1;
        let place = before.unwrap_or(Place(tables.places));
        for mark in indexed.marks {
            tables.lists.entry(*mark).or_default().insert(place, *key);
        }
        let (entry, marks) = (indexed.entry.to_vec(), indexed.marks.to_vec());
        let ends = now + indexed.ttl;
        tables.entries.insert(
            *key,
            Kept {
                entry,
                place,
                marks,
                ends,
            },
        );
        Ok(())
    }

    async fn unindex(&self, key: &StoreKey, _: &[Mark]) -> Result<(), Down> {
        self.index.lock().remove(key);
        Ok(())
    }

    async fn entries(&self, keys: &[StoreKey]) -> Result<Vec<(Option<Vec<u8>>, bool)>, Down> {
        let now = self.clock.now();
        let tables = self.index.lock();
        let found = |key: &StoreKey| {
            let kept = tables.entries.get(key).filter(|kept| now < kept.ends);
            // To be listed is not to be used: it does not make a session more recent.
            (kept.map(|kept| kept.entry.clone()), self.values.contains_key(key))
        };
        Ok(keys.iter().map(found).collect())
    }

    async fn listed(&self, mark: &Mark, after: Place, count: usize) -> Result<Vec<(StoreKey, Place)>, Down> {
        let tables = self.index.lock();
        let Some(list) = tables.lists.get(mark) else {
            return Ok(Vec::new());
        };
        let from = Place(after.0.saturating_add(1));
        Ok(list
            .range(from..)
            .take(count)
            .map(|(place, key)| (*key, *place))
            .collect())
    }

    async fn entomb(&self, mark: &Mark, issued: UnixTime, ttl: Duration) -> Result<(), Down> {
        let now = self.clock.now();
        let mut tables = self.index.lock();
        tables.sweep(now, |key| self.values.contains_key(key));
        let there = tables.tombs.get(mark).filter(|(_, until)| now < *until);
        let issued = there.map_or(issued, |(before, _)| issued.max(*before));
        tables.tombs.insert(*mark, (issued, now + ttl));
        Ok(())
    }

    async fn entombed(&self, marks: &[Mark]) -> Result<Option<UnixTime>, Down> {
        let now = self.clock.now();
        let tables = self.index.lock();
        let noted = |mark| tables.tombs.get(mark).filter(|(_, until)| now < *until);
        Ok(marks.iter().filter_map(noted).map(|(issued, _)| *issued).max())
    }

    async fn is_noted(&self, mark: &Mark) -> Result<bool, Down> {
        let now = self.clock.now();
        let tables = self.index.lock();
        Ok(tables.once.get(mark).is_some_and(|until| now < *until))
    }

    async fn note_once(&self, mark: &Mark, ttl: Duration) -> Result<bool, Down> {
        let now = self.clock.now();
        let mut tables = self.index.lock();
        tables.sweep(now, |key| self.values.contains_key(key));
        let first = tables.once.get(mark).is_none_or(|until| now >= *until);
        if first {
            tables.once.insert(*mark, now + ttl);
        }
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{store::Backend as _, time::Clock};

    const HOUR: Duration = Duration::from_secs(3600);

    // RS-12: sessions that were pushed out by newer ones do not stay in the lists for ever.
    #[tokio::test]
    async fn the_tables_are_bounded_by_what_lives() {
        let clock = Clock::system();
        let memory = Memory::new(100, clock.clone());
        for n in 0..20_000_u64 {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            let (key, mark) = (StoreKey(bytes), Mark(bytes));
            let indexed = Indexed {
                entry: b"entry",
                ttl: HOUR,
                marks: &[mark, Mark([0xff; 32])],
                longest: HOUR,
            };
            memory.create(&key, b"x", 1, HOUR).await.unwrap();
            memory.index(&key, &indexed).await.unwrap();
            memory.note_once(&mark, Duration::from_secs(1)).await.unwrap();
            memory.entomb(&mark, clock.now(), Duration::from_secs(1)).await.unwrap();
            clock.advance(Duration::from_secs(1));
        }
        let tables = memory.index.lock();
        assert!(tables.entries.len() <= 2 * SWEEP, "{}", tables.entries.len());
        assert!(tables.lists.len() <= 2 * SWEEP + 1, "{}", tables.lists.len());
        assert!(tables.tombs.len() <= 2 * SWEEP && tables.once.len() <= 2 * SWEEP);
    }
}
