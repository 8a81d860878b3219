//! Exemplars: for each bucket of the request latencies, the last request in it whose trace is recorded.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{SECONDS, bucket};

/// One request that stands for those of its bucket.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Exemplar {
    /// Its trace.
    pub(super) trace_id: String,
    /// How long it took, in seconds.
    pub(super) seconds: f64,
    /// When it ended, in nanoseconds since the epoch: the same exemplar scraped twice is the same.
    pub(super) at: u64,
}

/// The exemplars of one histogram, by its one label and the place of the bucket, the last of which has no bound. As many as
/// the histogram has series at most.
#[derive(Debug, Default)]
pub(super) struct Exemplars(Mutex<HashMap<String, Vec<Option<Exemplar>>>>);

impl Exemplars {
    /// Keeps the request for its bucket.
    pub(super) fn note(&self, label: &str, exemplar: Exemplar) {
        let bucket = bucket(exemplar.seconds);
        let mut kept = self.kept();
        if !kept.contains_key(label) {
            kept.insert(label.to_owned(), vec![None; SECONDS.len() + 1]);
        }
        if let Some(place) = kept.get_mut(label).and_then(|buckets| buckets.get_mut(bucket)) {
            *place = Some(exemplar);
        }
    }

    /// That of a bucket.
    pub(super) fn of(&self, label: &str, bucket: usize) -> Option<Exemplar> {
        self.kept().get(label)?.get(bucket)?.clone()
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Vec<Option<Exemplar>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
