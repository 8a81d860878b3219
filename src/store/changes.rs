//! What this process knows of changes: its cache forgets, open exchanges are told.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::{
    cache::{Cache, Mark},
    watch::Watchers,
};
use crate::{
    session::StoreKey,
    telemetry::{CacheEvent, Event, Telemetry},
};

/// The hearing side of the feed of changes by all replicas.
pub(super) trait Ear: Send + Sync + 'static {
    /// Whatever changes from now on will be heard; what changed before may have been missed.
    fn begin(&self);
    /// Something was written to `key` that bears this mark, or what was there was ended.
    fn changed(&self, key: &StoreKey, mark: &Mark);
    /// Every change made before `moment` was heard.
    fn proven(&self, moment: Instant);
    /// Changes are not heard any more, and why.
    fn lost(&self, why: &str);
}

/// The cache and whoever watches a session.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) cache: Cache,
    pub(super) watchers: Watchers,
    telemetry: Telemetry,
    said: Mutex<Said>,
}

/// What was said of the feed last, so that an outage is one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Said {
    Nothing,
    Up,
    Down,
}

impl Changes {
    pub(super) fn new(cache: Cache, telemetry: Telemetry) -> Self {
        Self {
            cache,
            watchers: Watchers::new(),
            telemetry,
            said: Mutex::new(Said::Nothing),
        }
    }

    /// Says what is kept.
    pub(super) fn measure(&self) {
        let (sessions, bytes) = self.cache.size();
        self.telemetry.emit(&Event::Cache(CacheEvent::Size { sessions, bytes }));
    }

    fn say(&self, now: Said, error: Option<&str>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *said, now) != now {
            self.telemetry.emit(&Event::Cache(CacheEvent::Feed {
                up: now == Said::Up,
                error,
            }));
        }
    }
}

impl Ear for Changes {
    fn begin(&self) {
        self.cache.begin_epoch();
        self.watchers.tell_all();
    }

    fn changed(&self, key: &StoreKey, mark: &Mark) {
        self.telemetry.emit(&Event::Cache(CacheEvent::Invalidated));
        self.cache.heard(key, mark);
        self.watchers.tell(key);
    }

    fn proven(&self, moment: Instant) {
        self.cache.prove(moment);
        if self.cache.is_good() {
            self.say(Said::Up, None);
        }
        self.measure();
    }

    fn lost(&self, why: &str) {
        self.cache.interrupt();
        self.say(Said::Down, Some(why));
    }
}
