//! Opened sessions in this process, so that a signed-in request costs no store call, no opening and no JSON.
//!
//! It keeps facts, never decisions, and only while every change is heard of: in the memory store every change is made
//! through this very cache, for Redis the feed of changes proves again and again that it is alive.
//!
//! Invariants:
//!
//! * A session that was ended or replaced before a call began is not served by that call, if this process did it; if
//!   another did, not later than [`GOOD`] after it was done (I2). A proof is the feed's word that whatever was changed before a
//!   moment has been heard, and nothing is served later than `GOOD` after such a moment.
//! * What was read from the store before a change is not kept after it: each shard counts its changes, and what was read
//!   under an older count is not taken in.
//! * What was kept before the feed was interrupted is never served after it: each connection of the feed is an epoch.

mod shard;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::{policy::EvictionPolicy, sync::Cache as Entries};
use tokio::time::Instant;

use self::shard::Shard;
use super::CacheSettings;
use crate::session::{Session, StoreKey, Terms};

/// How long after a moment up to which every change was heard what is kept may be served.
pub(super) const GOOD: Duration = Duration::from_millis(900);
const SHARDS: usize = 64;
/// For ever, as the memory store's changes are all made here.
const ALWAYS: u64 = u64::MAX;

/// Tells the values written for a session apart: the last bytes of what was sealed.
pub(super) type Mark = [u8; 16];

/// Opened sessions.
#[derive(Debug)]
pub(super) struct Cache {
    entries: Entries<StoreKey, Entry>,
    shards: Vec<Shard>,
    /// The least that an entry weighs, so that no more than so many fit.
    least: u64,
    epoch: AtomicU64,
    began: Instant,
    /// Milliseconds since `began` until which what is kept may be served.
    good_until: AtomicU64,
}

#[derive(Clone, Debug)]
struct Entry {
    session: Arc<Session>,
    mark: Mark,
    epoch: u64,
    weight: u32,
}

/// What comes of a look-up.
#[derive(Clone, Debug)]
pub(super) enum Lookup {
    /// Kept, and good.
    Hit(Arc<Session>),
    /// Not kept.
    Miss,
    /// Nobody can say whether what is kept is still good.
    Bypassed,
}

impl Lookup {
    /// What a hit is called in the metric.
    pub(super) const HIT: &'static str = "hit";

    /// For the metric.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Hit(_) => Self::HIT,
            Self::Miss => "miss",
            Self::Bypassed => "bypassed",
        }
    }
}

/// The count of changes before something was read or written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Ticket {
    changes: u64,
    epoch: u64,
}

/// A write under way. Dropped without a word, nobody knows what is there.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    cache: &'a Cache,
    key: StoreKey,
    mark: Mark,
    ticket: Ticket,
}

impl Cache {
    /// A cache that serves nothing yet.
    pub(super) fn new(settings: &CacheSettings, terms: &Terms) -> Self {
        let entries = Entries::builder()
            .max_capacity(settings.bytes)
            .weigher(|_, entry: &Entry| entry.weight)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(terms.absolute)
            .build();
        Self {
            entries,
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            least: settings.bytes / settings.sessions.max(1),
            epoch: AtomicU64::new(0),
            began: Instant::now(),
            good_until: AtomicU64::new(0),
        }
    }

    /// A cache that hears of every change by itself.
    pub(super) fn always(settings: &CacheSettings, terms: &Terms) -> Self {
        let cache = Self::new(settings, terms);
        cache.good_until.store(ALWAYS, Ordering::Release);
        cache
    }

    /// The session kept at `key`.
    pub(super) fn get(&self, key: &StoreKey) -> Lookup {
        if !self.is_good() {
            return Lookup::Bypassed;
        }
        let epoch = self.epoch.load(Ordering::Acquire);
        match self.entries.get(key) {
            Some(entry) if entry.epoch == epoch => Lookup::Hit(entry.session),
            Some(_) | None => Lookup::Miss,
        }
    }

    /// Whether what is kept may be served now.
    pub(super) fn is_good(&self) -> bool {
        match self.good_until.load(Ordering::Acquire) {
            ALWAYS => true,
            until => self.millis(Instant::now()) < until,
        }
    }

    /// To be taken before the store is asked.
    pub(super) fn ticket(&self, key: &StoreKey) -> Ticket {
        Ticket {
            changes: self.shard(key).changes(),
            epoch: self.epoch.load(Ordering::Acquire),
        }
    }

    /// Whether what was found at `key` after this ticket was taken may be served still.
    pub(super) fn is_still_good(&self, key: &StoreKey, ticket: Ticket) -> bool {
        // In this order: another epoch begins before anything of it is good.
        self.is_good() && self.ticket(key) == ticket
    }

    /// Keeps what was read, if nothing changed since the ticket was taken.
    pub(super) fn offer(&self, ticket: Ticket, session: &Arc<Session>, sealed: &[u8]) {
        let shard = self.shard(&session.key);
        let _writing = shard.writing();
        if shard.changes() == ticket.changes {
            self.insert(ticket.epoch, session, sealed);
        }
    }

    /// To be called before `sealed` is written to `key`.
    pub(super) fn write(&self, key: StoreKey, sealed: &[u8]) -> Writing<'_> {
        let mark = mark(sealed);
        let mut writing = self.shard(&key).writing();
        writing.push((key, mark));
        Writing {
            cache: self,
            key,
            mark,
            ticket: self.ticket(&key),
        }
    }

    /// Forgets what is kept at `key`, and what is being read from there.
    pub(super) fn forget(&self, key: &StoreKey) {
        let shard = self.shard(key);
        let _writing = shard.writing();
        shard.change(|| self.entries.invalidate(key));
    }

    /// The feed's word that somebody wrote to `key` what bears this mark, or ended what was there.
    pub(super) fn heard(&self, key: &StoreKey, told: &Mark) {
        let shard = self.shard(key);
        let writing = shard.writing();
        let ours = writing.contains(&(*key, *told));
        // Ours to tell when it is done; or done and kept already.
        if ours || self.entries.get(key).is_some_and(|entry| entry.mark == *told) {
            return;
        }
        shard.change(|| self.entries.invalidate(key));
    }

    /// Changes are heard of from now on, and some may have been missed: nothing from before is served again.
    pub(super) fn begin_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.entries.invalidate_all();
    }

    /// Every change made before `moment` was heard.
    pub(super) fn prove(&self, moment: Instant) {
        let until = self.millis(moment + GOOD);
        self.good_until.fetch_max(until, Ordering::AcqRel);
    }

    /// Changes are not heard of any more.
    pub(super) fn interrupt(&self) {
        self.good_until.store(0, Ordering::Release);
    }

    /// How many sessions are kept, and what they weigh in bytes, about.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.entries.entry_count(), self.entries.weighted_size())
    }

    fn insert(&self, epoch: u64, session: &Arc<Session>, sealed: &[u8]) {
        // A record in memory, with its claims as a tree, takes a few times its bytes as JSON.
        let bytes = (sealed.len() as u64).saturating_mul(4).saturating_add(1024);
        let entry = Entry {
            session: Arc::clone(session),
            mark: mark(sealed),
            epoch,
            weight: u32::try_from(bytes.max(self.least)).unwrap_or(u32::MAX),
        };
        self.entries.insert(session.key, entry);
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    fn shard(&self, key: &StoreKey) -> &Shard {
        let [first, ..] = key.0;
        &self.shards[usize::from(first) % SHARDS]
    }

    fn millis(&self, moment: Instant) -> u64 {
        u64::try_from(moment.duration_since(self.began).as_millis()).unwrap_or(ALWAYS - 1)
    }
}

impl Writing<'_> {
    /// It was written: this is the session from now on, unless something else happened meanwhile.
    pub(super) fn written(self, session: &Arc<Session>, sealed: &[u8]) {
        self.end(|unchanged| {
            if unchanged {
                self.cache.insert(self.ticket.epoch, session, sealed);
            } else {
                self.cache.entries.invalidate(&self.key);
            }
        });
        std::mem::forget(self);
    }

    /// Ends it, with a change: `then` is told whether it is the only one since it began.
    fn end(&self, then: impl FnOnce(bool)) {
        let shard = self.cache.shard(&self.key);
        let mut writing = shard.writing();
        let this = (self.key, self.mark);
        if let Some(at) = writing.iter().position(|other| *other == this) {
            writing.swap_remove(at);
        }
        let unchanged = shard.changes() == self.ticket.changes;
        shard.change(|| then(unchanged));
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        // It may still be carried out; what the feed then says of it is another's word.
        self.end(|_| self.cache.entries.invalidate(&self.key));
    }
}

/// The mark of a sealed value: the end of its authentication tag, which no two share.
pub(super) fn mark(sealed: &[u8]) -> Mark {
    sealed.last_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
