//! Writing a session anew: by compare-and-set, and never over a logout.

use std::sync::Arc;

use futures_util::future::join;

use super::{Inner, Saved, Sessions};
use crate::{
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
            let used = |record: Record, route: &Arc<str>| record.used(route, now);
            let next = session.touched(routes.iter().fold(session.record.clone(), used));
            // Whoever cannot be reached or has changed meanwhile was counted, and needs no note.
            let Ok(Saved::Saved(saved)) = self.write("touch", &session, next).await else {
                return;
            };
            session = saved;
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
