//! [`Sessions`]: find, create, save, touch and end sessions.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::{
    Backend, Down, Lease, Settings, Written,
    cache::{Cache, Offer},
    memory::Memory,
    redis::Redis,
};
use crate::{
    entropy::Entropy,
    gate::Presence,
    identity::VerifiedIdentity,
    keys::{self, Binding, Purpose, Ring},
    session::{Handle, Record, Session, SessionTokens, StoreKey, Terms},
    telemetry::{Call, Event, KeyUse, Telemetry},
    time::{Clock, UnixTime},
};

/// The settings name something that cannot be used: a certificate that is none, an address that is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the session store cannot be set up: {0}")]
pub struct BadSettings(pub String);

/// What came of a save.
#[derive(Clone, Debug)]
pub enum Saved {
    /// Written; this is the session from now on.
    Saved(Arc<Session>),
    /// A newer version is there: read it.
    Superseded,
    /// The session was ended meanwhile, and stays ended.
    Gone,
}

/// The sessions of an installation. Clones share everything.
#[derive(Clone, Debug)]
pub struct Sessions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backend: Arc<dyn Backend>,
    cache: Cache,
    ring: Arc<ArcSwap<Ring>>,
    terms: ArcSwap<Terms>,
    clock: Clock,
    entropy: Entropy,
    telemetry: Telemetry,
}

impl Sessions {
    /// Sets the store up, without connecting: the process starts while the store is down (RS-01). Within a tokio runtime.
    ///
    /// # Errors
    /// When the settings cannot be used at all.
    pub fn new(
        settings: &Settings,
        ring: Arc<ArcSwap<Ring>>,
        terms: Terms,
        clock: Clock,
        entropy: Entropy,
        telemetry: Telemetry,
    ) -> Result<Self, BadSettings> {
        let (backend, cache): (Arc<dyn Backend>, Cache) = match settings {
            Settings::Memory { max_sessions } => {
                (Arc::new(Memory::new(*max_sessions, clock.clone())), Cache::kept(&terms))
            }
            Settings::Redis(settings) => (Arc::new(Redis::new(settings)?), Cache::Bypassed),
        };
        Ok(Self(Arc::new(Inner {
            backend,
            cache,
            ring,
            terms: ArcSwap::from_pointee(terms),
            clock,
            entropy,
            telemetry,
        })))
    }

    /// Other lifetimes from now on, for sessions that are there too.
    pub fn set_terms(&self, terms: Terms) {
        self.0.terms.store(Arc::new(terms));
    }

    /// What is behind the handle. Never past the cached session's own end: the gate checks that with the time.
    pub async fn find(&self, handle: &Handle) -> Presence {
        let ring = self.0.ring.load();
        let first = handle.store_key(ring.sealing());
        if let Some(session) = self.0.cache.get(&first) {
            return Presence::Session(session);
        }
        let keys = handle.store_keys(&ring);
        let ticket = self.0.cache.ticket(&first);
        match self.watched("get", self.0.backend.get(&keys)).await {
            Err(_) => Presence::Down,
            Ok(None) => Presence::Nothing,
            Ok(Some((key, sealed))) => {
                if let Some(session) = self.open(&ring, handle, &key, &sealed) {
                    if key == first {
                        self.0.cache.offer(ticket, Offer::Read, &session, sealed.len());
                    }
                    Presence::Session(session)
                } else {
                    self.0.telemetry.emit(&Event::Unreadable { what: "session_record" });
                    Presence::Unreadable
                }
            }
        }
    }

    /// Makes a session under a new handle.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn create(&self, identity: VerifiedIdentity, tokens: SessionTokens) -> Result<Arc<Session>, Down> {
        let inner = &self.0;
        let handle = Handle::new(inner.entropy.bytes());
        let record = Record::new(inner.entropy.token(), identity, tokens, inner.clock.now());
        let key = handle.store_key(inner.ring.load().sealing());
        let sealed = self.seal(&handle, &key, &record);
        let ticket = inner.cache.ticket(&key);
        let create = inner.backend.create(&key, &sealed, record.version, self.ttl(&record));
        match self.watched("create", create).await? {
            Written::Saved => {
                let session = Arc::new(Session::new(handle, key, record));
                inner.cache.offer(ticket, Offer::Written, &session, sealed.len());
                Ok(session)
            }
            Written::Superseded | Written::Gone => Err(Down::Refused("a new session's place is taken".to_owned())),
        }
    }

    /// Writes `record` in the place of `session`'s, by compare-and-set on its version.
    ///
    /// # Errors
    /// When the store does not answer; the write may then have happened or not.
    pub async fn save(&self, session: &Session, record: Record) -> Result<Saved, Down> {
        let Session {
            handle,
            key,
            record: before,
            ..
        } = session;
        let sealed = self.seal(handle, key, &record);
        let ticket = self.0.cache.ticket(key);
        let replace = self
            .0
            .backend
            .replace(key, before.version, &sealed, record.version, self.ttl(&record));
        let written = self.watched("save", replace).await;
        match written {
            Ok(Written::Saved) => {
                let session = Arc::new(Session::new(handle.clone(), *key, record));
                self.0.cache.offer(ticket, Offer::Written, &session, sealed.len());
                Ok(Saved::Saved(session))
            }
            Ok(Written::Superseded) => {
                self.0.cache.forget(key);
                Ok(Saved::Superseded)
            }
            Ok(Written::Gone) => {
                self.0.cache.forget(key);
                Ok(Saved::Gone)
            }
            Err(down) => {
                self.0.cache.forget(key);
                Err(down)
            }
        }
    }

    /// Notes that the session is used, when the last note is old enough. As good as can be: a failure is counted, no more.
    pub async fn touch(&self, session: &Arc<Session>, now: UnixTime) {
        if self.0.terms.load().touch_due(&session.record, now) {
            self.save(session, session.record.touched(now)).await.ok();
        }
    }

    /// Ends the session of the handle; whether there was one.
    ///
    /// # Errors
    /// When the store does not answer: the session may live on.
    pub async fn end(&self, handle: &Handle) -> Result<bool, Down> {
        let mut ended = false;
        for key in handle.store_keys(&self.0.ring.load()) {
            self.0.cache.forget(&key);
            let there = self.watched("end", self.0.backend.end(&key)).await;
            self.0.cache.forget(&key);
            ended |= there?;
        }
        Ok(ended)
    }

    /// Ends the session if nobody wrote since it was read.
    ///
    /// # Errors
    /// When the store does not answer: the session may live on.
    pub async fn end_as_read(&self, session: &Session) -> Result<Written, Down> {
        let remove = self.0.backend.remove(&session.key, session.record.version);
        let removed = self.watched("end", remove).await;
        self.0.cache.forget(&session.key);
        removed
    }

    /// Takes the renewal lease of the session kept at `key`; `None` when another holds it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn lease(&self, key: &StoreKey) -> Result<Option<Lease>, Down> {
        let take = Lease::take(&self.0.backend, *key, self.0.entropy.bytes());
        self.watched("lease", take).await
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// Why not.
    pub async fn ready(&self) -> Result<(), Down> {
        self.watched("ping", self.0.backend.ping()).await
    }

    /// Until the session's end, and a moment more for clocks that differ.
    fn ttl(&self, record: &Record) -> Duration {
        self.0.terms.load().ends(record).since(self.0.clock.now()) + Duration::from_secs(1)
    }

    fn seal(&self, handle: &Handle, key: &StoreKey, record: &Record) -> Vec<u8> {
        let ring = self.0.ring.load();
        let kid = &ring.sealing().id;
        self.0.telemetry.emit(&Event::Key {
            kid,
            what: KeyUse::Seal,
        });
        keys::seal(
            &ring,
            &binding(handle, key),
            record.version,
            self.0.entropy.bytes(),
            &record.to_bytes(),
        )
    }

    fn open(&self, ring: &Ring, handle: &Handle, key: &StoreKey, sealed: &[u8]) -> Option<Arc<Session>> {
        let opened = keys::open(ring, &binding(handle, key), sealed).ok()?;
        let record = Record::from_bytes(&opened.plain).ok()?;
        self.0.telemetry.emit(&Event::Key {
            kid: &opened.kid,
            what: KeyUse::Open,
        });
        (record.version == opened.version).then(|| Arc::new(Session::new(handle.clone(), *key, record)))
    }

    async fn watched<T>(&self, op: &'static str, call: impl Future<Output = Result<T, Down>>) -> Result<T, Down> {
        let began = Instant::now();
        let answer = call.await;
        let (call, error) = match &answer {
            Ok(_) => (Call::Ok, None),
            Err(down) => (outcome(down), Some(down.to_string())),
        };
        self.0.telemetry.emit(&Event::StoreCall {
            op,
            call,
            took: began.elapsed(),
            error: error.as_deref(),
        });
        answer
    }
}

const fn outcome(down: &Down) -> Call {
    match down {
        Down::TimedOut => Call::TimedOut,
        Down::Refused(_) => Call::Refused,
        Down::Paused(_) | Down::Unreachable(_) => Call::Failed,
    }
}

const fn binding<'a>(handle: &'a Handle, key: &'a StoreKey) -> Binding<'a> {
    Binding {
        purpose: Purpose::Session,
        holder: handle.bytes(),
        place: &key.0,
    }
}
