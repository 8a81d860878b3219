//! Finding a session: in the cache, or in the store, once for all who ask together.

use std::sync::Arc;

use super::{Inner, Sessions};
use crate::{
    gate::Presence,
    keys::Ring,
    session::{BadRecord, Handle, Session, StoreKey},
    store::cache::Lookup,
    telemetry::{CacheEvent, Event, KeyUse},
};

impl Sessions {
    /// What is behind the value of a session cookie.
    pub async fn find_by_cookie(&self, cookie: &str) -> Presence {
        if let Some(session) = self.at_hand(cookie) {
            return Presence::Session(session);
        }
        let Some(handle) = Handle::parse(cookie) else {
            let what = "session_cookie";
            self.0.telemetry.emit(&Event::Unreadable { what });
            return Presence::Unreadable;
        };
        // The ring of before: one that came meanwhile may lack the key that named the place.
        let ring = self.0.ring.load_full();
        let found = self.find(&handle).await;
        if let Presence::Session(session) = &found {
            self.0.places.remember(cookie, session.key, &ring);
        }
        found
    }

    /// What is behind the handle. Never past the cached session's own end: the gate checks that with the time.
    pub async fn find(&self, handle: &Handle) -> Presence {
        let inner = &self.0;
        let kept = self.kept(handle);
        inner
            .telemetry
            .emit(&Event::Cache(CacheEvent::Lookup { what: kept.name() }));
        if let Lookup::Hit(session) = kept {
            return Presence::Session(session);
        }
        // Boxed: it would make the future of every request large.
        Box::pin(self.fetch(handle, matches!(kept, Lookup::Miss))).await
    }

    /// What the store has behind the handle, whatever is kept here: the word of a change that another replica made, and gave its
    /// lease back after, may still be on its way.
    pub async fn find_anew(&self, handle: &Handle) -> Presence {
        let ring = self.0.ring.load_full();
        let keys = handle.store_keys(&ring);
        self.read(ring, handle.clone(), keys).await
    }

    /// Reads it, together with all others who do where `shared`: not where nothing says that nothing changed.
    async fn fetch(&self, handle: &Handle, shared: bool) -> Presence {
        let inner = &self.0;
        let ring = inner.ring.load_full();
        let keys = handle.store_keys(&ring);
        let tickets: Vec<_> = keys.iter().map(|key| inner.changes.cache.ticket(key)).collect();
        let Some(first) = keys.first().copied().filter(|_| shared) else {
            return self.read(ring, handle.clone(), keys).await;
        };
        let (sessions, handle) = (self.clone(), handle.clone());
        let read = async move { sessions.read(ring, handle, keys).await };
        inner.fills.join(first, tickets, read).await
    }

    async fn read(&self, ring: Arc<Ring>, handle: Handle, keys: Vec<StoreKey>) -> Presence {
        let Inner { changes, backend, .. } = &*self.0;
        let tickets: Vec<_> = keys.iter().map(|key| changes.cache.ticket(key)).collect();
        let (key, sealed) = match self.watched("get", backend.get(&keys)).await {
            Err(_) => return Presence::Down,
            Ok(None) => return Presence::Nothing,
            Ok(Some(found)) => found,
        };
        let session = match self.open(&ring, &handle, &key, &sealed) {
            Ok(session) => session,
            Err(bad) => {
                let what = match bad {
                    BadRecord::Newer => "newer_session_record",
                    BadRecord::Corrupt => "session_record",
                };
                self.0.telemetry.emit(&Event::Unreadable { what });
                return Presence::Unreadable;
            }
        };
        let at = keys.iter().position(|each| *each == key);
        // A session stays where the key of its beginning put it, whatever seals it since.
        if let Some(named) = at.and_then(|at| ring.keys().nth(at)) {
            self.0.telemetry.emit(&Event::Key {
                kid: &named.id,
                what: KeyUse::Find,
                at: self.0.clock.now(),
            });
        }
        if let Some(ticket) = at.and_then(|at| tickets.get(at)) {
            changes.cache.offer(*ticket, &session, &sealed);
            changes.measure();
        }
        Presence::Session(session)
    }

    /// An opened session of the handle, from the cache: no more than an HMAC and a look-up where the sealing key named
    /// the place.
    fn kept(&self, handle: &Handle) -> Lookup {
        let (ring, cache) = (self.0.ring.load(), &self.0.changes.cache);
        let mut kept = ring.keys().map(|key| cache.get(&handle.store_key(key)));
        kept.find(|kept| !matches!(kept, Lookup::Miss)).unwrap_or(Lookup::Miss)
    }

    /// An opened session of the cookie, where it was found not long ago: as it was found then, if nothing changed since, or
    /// from the cache.
    fn at_hand(&self, cookie: &str) -> Option<Arc<Session>> {
        let Inner {
            ring, changes, places, ..
        } = &*self.0;
        let (ring, cache) = (ring.load(), &changes.cache);
        let known = places.of(cookie, &ring)?;
        let good = known
            .session
            .filter(|(ticket, _)| cache.is_still_good(&known.key, *ticket));
        let session = if let Some((_, session)) = good {
            session
        } else {
            let ticket = cache.ticket(&known.key);
            let Lookup::Hit(session) = cache.get(&known.key) else {
                places.found(cookie, &ring, None);
                return None;
            };
            places.found(cookie, &ring, Some((ticket, &session)));
            session
        };
        let what = Lookup::HIT;
        self.0.telemetry.emit(&Event::Cache(CacheEvent::Lookup { what }));
        Some(session)
    }
}
