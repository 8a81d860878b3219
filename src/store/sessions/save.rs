//! Writing a session anew: by compare-and-set, and never over a logout.

use std::sync::Arc;

use futures_util::future::join;

use super::{Inner, Saved, Sessions};
use crate::{
    gate::Presence,
    session::{Record, Session},
    store::{Down, Written, cache::Lookup},
    time::UnixTime,
};

impl Sessions {
    /// Writes `record` in the place of `session`'s, by compare-and-set on its version.
    ///
    /// # Errors
    /// When the store does not answer; the write may then have happened or not.
    pub async fn save(&self, session: &Session, record: Record) -> Result<Saved, Down> {
        // What was noted here while the record was made stays noted.
        let record = match self.0.changes.cache.get(&session.key) {
            Lookup::Hit(newest) => record.used_as(&newest.record),
            Lookup::Miss | Lookup::Bypassed => record,
        };
        let next = Session::new(session.handle.clone(), session.key, record);
        self.write("save", session, next).await
    }

    /// Notes that the session is used on the route, when the last note is old enough or none is of that route. As good as can
    /// be: a failure is counted, no more.
    pub async fn touch(&self, session: &Arc<Session>, route: &Arc<str>, now: UnixTime) {
        if !self.terms().touch_due(&session.record, now, route) {
            return;
        }
        let Some(mut writing) = self.0.touching.begin(session.key, route) else {
            return;
        };
        // The request's own may be older than the last note, which a write of it would undo.
        let mut session = match self.0.changes.cache.get(&session.key) {
            Lookup::Hit(newest) => newest,
            Lookup::Miss | Lookup::Bypassed => Arc::clone(session),
        };
        while let Some(routes) = writing.wanted() {
            let Some(noted) = self.note_use(session, &routes, now).await else {
                return;
            };
            session = noted;
        }
    }

    /// Notes a use of these routes, once more where a renewal was quicker; `None` when there is nothing more to be noted, or
    /// no way to.
    async fn note_use(&self, session: Arc<Session>, routes: &[Arc<str>], now: UnixTime) -> Option<Arc<Session>> {
        let used = |record: Record, route: &Arc<str>| record.used(route, now);
        let noted = |session: &Session| session.touched(routes.iter().fold(session.record.clone(), used));
        let newest = match self.write("touch", &session, noted(&session)).await {
            Ok(Saved::Saved(saved)) => return Some(saved),
            Ok(Saved::Superseded) => self.find(&session.handle).await,
            // Whoever cannot be reached was counted.
            Ok(Saved::Gone) | Err(_) => return None,
        };
        let Presence::Session(newest) = newest else {
            return None;
        };
        match self.write("touch", &newest, noted(&newest)).await {
            Ok(Saved::Saved(saved)) => Some(saved),
            Ok(Saved::Superseded | Saved::Gone) | Err(_) => None,
        }
    }

    /// Writes a session in the place of what was read of it.
    async fn write(&self, op: &'static str, before: &Session, next: Session) -> Result<Saved, Down> {
        let Inner { changes, backend, .. } = &*self.0;
        let (key, version) = (next.key, next.record.version);
        let sealed = self.seal(&next.handle, &key, &next.record);
        // Dropped without a word, it forgets what is kept: that is not what is there, or nobody knows what is.
        let writing = changes.cache.write(key, &sealed);
        let replace = backend.replace(&key, before.record.version, &sealed, version, self.ttl(&next.record));
        let written = match self.watched(op, replace).await? {
            Written::Saved => self.after_save(before, &next.record).await?,
            other @ (Written::Superseded | Written::Gone) => other,
        };
        match written {
            Written::Saved => {
                let next = Arc::new(next);
                writing.written(&next, &sealed);
                Ok(Saved::Saved(next))
            }
            Written::Superseded => Ok(Saved::Superseded),
            Written::Gone => Ok(Saved::Gone),
        }
    }

    /// Brings the index up to date, and ends the session after all if a logout missed it (BL-10).
    async fn after_save(&self, before: &Session, record: &Record) -> Result<Written, Down> {
        let note = self.watched("index", self.note(&before.handle, &before.key, record));
        let issued = before.record.issued();
        // An entry that is out of date tells an administrator an older time; the next save writes it again.
        let (_, entombed) = join(note, self.is_entombed(record, issued)).await;
        if entombed? {
            self.end_key(&before.key).await?;
            return Ok(Written::Gone);
        }
        Ok(Written::Saved)
    }
}
