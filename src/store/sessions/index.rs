//! Sessions without their cookie: listed for who may see them, and ended by the name that a logout gives.

use std::{fmt, str::FromStr, time::Duration};

use futures_util::future::{join, try_join_all};

use super::Sessions;
use crate::{
    keys::{Ring, RingKey},
    oidc::Issuer,
    session::{Entry, Handle, Mark, Named, Record, Session, StoreKey, index::SHARDS},
    store::{
        Down, cache,
        changes::Ear as _,
        index::{Indexed, Place},
    },
    telemetry::Event,
    time::UnixTime,
};

/// How long a logout is remembered for sign-ins and renewals under way: as long as an attempt may take (BL-11).
const REMEMBERED: Duration = Duration::from_secs(600);
/// Sessions looked at together.
const BATCH: usize = 50;
/// Sessions looked at for one page at most, however few of them are wanted.
const LOOKED_AT: usize = 5000;
/// `issued` of a logout that names a session at the provider: whatever has that `sid` is ended, whenever it was issued.
const WHENEVER: UnixTime = UnixTime::from_secs(i64::MAX);

/// A session as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Where it is kept. Not to be shown to anybody.
    pub key: StoreKey,
    /// What may be seen of it.
    pub entry: Entry,
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// Where the part before ended.
    pub after: Option<Cursor>,
    /// How many at once; a few more may come.
    pub limit: usize,
}

/// A part of a list, in no order that means anything. It may be short, even empty, while more follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The sessions.
    pub sessions: Vec<Shown>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// A place in a listing. Tells nothing but how far it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor {
    list: usize,
    after: Place,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.list, self.after.0)
    }
}

/// Not what [`Cursor`] prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a place in a listing")]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(written: &str) -> Result<Self, BadCursor> {
        let (list, after) = written.split_once('-').ok_or(BadCursor)?;
        Ok(Self {
            list: list.parse().map_err(|_| BadCursor)?,
            after: Place(after.parse().map_err(|_| BadCursor)?),
        })
    }
}

impl Sessions {
    /// The sessions that have one of these names (all sessions, if none is given) and that `keep` wants.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(
        &self,
        named: &[Named<'_>],
        page: Page,
        keep: impl Fn(&Entry) -> bool + Send,
    ) -> Result<Listing, Down> {
        let ring = self.0.ring.load_full();
        let lists = lists(&ring, named);
        let mut at = page.after.unwrap_or_default();
        let mut sessions = Vec::new();
        let mut looked_at = 0;
        while let Some(mark) = lists.get(at.list) {
            let batch = page.limit.saturating_sub(sessions.len()).clamp(1, BATCH);
            let listed = self
                .watched("list", self.0.backend.listed(mark, at.after, batch))
                .await?;
            if let Some((_, last)) = listed.last() {
                at.after = *last;
            }
            let keys: Vec<StoreKey> = listed.iter().map(|(key, _)| *key).collect();
            let found = self.shown(&ring, mark, &keys).await?;
            sessions.extend(found.into_iter().filter(|shown| keep(&shown.entry)));
            looked_at += keys.len();
            if keys.len() < batch {
                at = Cursor {
                    list: at.list + 1,
                    after: Place::default(),
                };
            }
            if sessions.len() >= page.limit || looked_at >= LOOKED_AT {
                break;
            }
        }
        let next = (at.list < lists.len()).then_some(at);
        Ok(Listing { sessions, next })
    }

    /// Ends every session of the person, and every sign-in of theirs under way whose ID token was issued no later than `up_to` by
    /// the provider's clock; how many sessions there were.
    ///
    /// # Errors
    /// When the store does not answer: some may live on, and ending them again is safe.
    pub async fn end_by_subject(&self, issuer: &Issuer, subject: &str, up_to: UnixTime) -> Result<usize, Down> {
        self.end_named(Named::Subject(issuer, subject), up_to).await
    }

    /// Ends every session that the provider knows by this `sid`, and every sign-in under way that turns out to be one
    /// (BL-07, BL-11); how many sessions there were.
    ///
    /// # Errors
    /// When the store does not answer: some may live on, and ending them again is safe.
    pub async fn end_by_sid(&self, issuer: &Issuer, sid: &str) -> Result<usize, Down> {
        self.end_named(Named::Sid(issuer, sid), WHENEVER).await
    }

    /// Ends the session kept at `key`; whether there was one.
    ///
    /// # Errors
    /// When the store does not answer: the session may live on.
    pub async fn end_key(&self, key: &StoreKey) -> Result<bool, Down> {
        self.end_at(key, &[]).await
    }

    /// Whether this issuer's `jti` is seen for the first time; remembered for `ttl`, by every replica (BL-05).
    ///
    /// # Errors
    /// When the store does not answer: it may be remembered or not.
    pub async fn first_seen(&self, issuer: &Issuer, jti: &str, ttl: Duration) -> Result<bool, Down> {
        let once = Mark::once(issuer, jti);
        self.watched("note", self.0.backend.note_once(&once, ttl)).await
    }

    async fn end_named(&self, named: Named<'_>, issued: UnixTime) -> Result<usize, Down> {
        let marks = named.marks(&self.0.ring.load());
        // First the tombstone, then the lists: who is not in them yet looks for the tombstone after.
        let entomb = marks.iter().map(|mark| self.0.backend.entomb(mark, issued, REMEMBERED));
        self.watched("entomb", try_join_all(entomb)).await?;
        self.end_listed(&marks).await
    }

    pub(super) async fn end_listed(&self, marks: &[Mark]) -> Result<usize, Down> {
        let mut ended = 0;
        for mark in marks {
            let mut after = Place::default();
            loop {
                let listed = self.watched("list", self.0.backend.listed(mark, after, BATCH)).await?;
                let Some((_, last)) = listed.last() else { break };
                after = *last;
                let ends = listed
                    .iter()
                    .map(|(key, _)| self.end_at(key, std::slice::from_ref(mark)));
                ended += try_join_all(ends).await?.into_iter().filter(|there| *there).count();
            }
        }
        Ok(ended)
    }

    /// Ends what is kept at `key`, and takes it from all lists that its entry names, and from `listed`.
    pub(super) async fn end_at(&self, key: &StoreKey, listed: &[Mark]) -> Result<bool, Down> {
        self.0.changes.cache.forget(key);
        let end = self.watched("end", self.0.backend.end(key));
        let (there, entry) = join(end, self.0.backend.entries(std::slice::from_ref(key))).await;
        self.0.changes.changed(key, &cache::Mark::default());
        let there = there?;
        let ring = self.0.ring.load_full();
        let entry = entry.ok().and_then(|entries| entries.into_iter().next()?.0);
        let entry = entry.and_then(|sealed| Entry::open(&ring, key, &sealed).ok());
        let mut marks = listed.to_vec();
        marks.extend(entry.iter().flat_map(|entry| every_mark(&ring, key, entry)));
        if !marks.is_empty() {
            self.unindex(key, &marks).await;
        }
        Ok(there)
    }

    /// Takes a session that has ended from its lists.
    pub(in crate::store) async fn forget_entry(&self, session: &Session) {
        let entry = Entry::of(&session.record, &self.terms());
        let marks: Vec<Mark> = every_mark(&self.0.ring.load(), &session.key, &entry).collect();
        self.unindex(&session.key, &marks).await;
    }

    /// Writes the entry of a session, and lists it under the ring key that its place comes from: as long as that key is in
    /// the ring the session is found, with its cookie and without.
    pub(super) async fn note(&self, handle: &Handle, key: &StoreKey, record: &Record) -> Result<(), Down> {
        let ring = self.0.ring.load_full();
        let home = home(&ring, handle, key);
        let entry = Entry::of(record, &self.terms());
        let marks: Vec<Mark> = entry.named(key).map(|named| named.mark(home)).collect();
        let over = record.created + self.terms().absolute;
        let indexed = Indexed {
            entry: &entry.seal(&ring, key, self.0.entropy.bytes()),
            ttl: self.ttl(record),
            marks: &marks,
            longest: over.since(self.0.clock.now()) + Duration::from_secs(1),
        };
        self.0.backend.index(key, &indexed).await
    }

    /// Whether a logout ended what was issued to this session at `issued`.
    pub(super) async fn is_entombed(&self, record: &Record, issued: UnixTime) -> Result<bool, Down> {
        let ring = self.0.ring.load_full();
        let entry = Entry::of(record, &self.terms());
        let marks: Vec<Mark> = entry.logged_out_by().flat_map(|named| named.marks(&ring)).collect();
        let entombed = self.watched("entombed", self.0.backend.entombed(&marks)).await?;
        Ok(entombed.is_some_and(|up_to| issued <= up_to))
    }

    /// What is there of these, opened. What is not there any more leaves its lists.
    async fn shown(&self, ring: &Ring, mark: &Mark, keys: &[StoreKey]) -> Result<Vec<Shown>, Down> {
        let entries = self.watched("entries", self.0.backend.entries(keys)).await?;
        let mut shown = Vec::new();
        for (key, (sealed, there)) in keys.iter().zip(entries) {
            let entry = sealed.as_deref().map(|sealed| Entry::open(ring, key, sealed));
            match entry {
                Some(Ok(entry)) if there => shown.push(Shown { key: *key, entry }),
                Some(Ok(entry)) => {
                    let marks: Vec<Mark> = every_mark(ring, key, &entry).collect();
                    self.unindex(key, &marks).await;
                }
                // Without its entry nothing of it can be shown; a session that lives writes it again.
                None if there => {}
                None => self.unindex(key, std::slice::from_ref(mark)).await,
                Some(Err(_)) => self.0.telemetry.emit(&Event::Unreadable { what: "session_entry" }),
            }
        }
        Ok(shown)
    }

    /// As good as can be: what stays behind is met as dead, and lapses.
    async fn unindex(&self, key: &StoreKey, marks: &[Mark]) {
        self.watched("unindex", self.0.backend.unindex(key, marks)).await.ok();
    }
}

fn lists(ring: &Ring, named: &[Named<'_>]) -> Vec<Mark> {
    if named.is_empty() {
        (0..SHARDS).flat_map(|shard| Named::Shard(shard).marks(ring)).collect()
    } else {
        named.iter().flat_map(|named| named.marks(ring)).collect()
    }
}

fn every_mark(ring: &Ring, key: &StoreKey, entry: &Entry) -> impl Iterator<Item = Mark> {
    let marks: Vec<Mark> = entry.named(key).flat_map(|named| named.marks(ring)).collect();
    marks.into_iter()
}

/// The ring key that the session's place comes from.
fn home<'a>(ring: &'a Ring, handle: &Handle, key: &StoreKey) -> &'a RingKey {
    let named = ring.keys().find(|candidate| handle.store_key(candidate) == *key);
    named.unwrap_or_else(|| ring.sealing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back() {
        let cursor = Cursor {
            list: 3,
            after: Place(1_795_432_345_678_901),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in ["", "-", "3", "3-", "-3", "a-1", "1-a", "1-2-3", "1--2"] {
            assert_eq!(bad.parse::<Cursor>(), Err(BadCursor), "{bad}");
        }
    }
}
