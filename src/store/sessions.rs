//! [`Sessions`]: find, create, save, touch and end sessions.

mod fill;
mod find;
mod heard;
mod index;
mod places;
mod save;
mod sealed;
mod touching;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures_util::future::{try_join, try_join_all};
use tokio::{task::JoinHandle, time::Instant};

pub use self::index::{BadCursor, Cursor, Listing, Page, Shown};
use self::{fill::Fills, places::Places, touching::Touching};
use super::{
    Backend, CacheSettings, Down, Lease, Settings, Watch, Written,
    cache::{Cache, Mark},
    changes::{Changes, Ear},
    memory::Memory,
    redis::Redis,
};
use crate::{
    entropy::Entropy,
    identity::VerifiedIdentity,
    keys::Ring,
    session::{Client, Handle, Record, Session, SessionTokens, StoreKey, Terms},
    task,
    telemetry::{Call, Event, Telemetry},
    time::Clock,
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

/// Why no session was made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotMade {
    /// The store did not take it.
    #[error(transparent)]
    Down(#[from] Down),
    /// The provider ended it while it was being made: a logout wins over a sign-in under way (BL-11).
    #[error("the provider ended this session before it began")]
    SignedOut,
}

/// The sessions of an installation. Clones share everything.
#[derive(Clone, Debug)]
pub struct Sessions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backend: Arc<dyn Backend>,
    changes: Arc<Changes>,
    fills: Fills,
    places: Places,
    /// Hears of changes by other replicas, where there are any.
    feed: Option<JoinHandle<Option<()>>>,
    ring: Arc<ArcSwap<Ring>>,
    terms: ArcSwap<Terms>,
    clock: Clock,
    entropy: Entropy,
    telemetry: Telemetry,
    touching: Touching,
}

impl Sessions {
    /// Sets the store up, without connecting: the process starts while the store is down (RS-01). Within a tokio runtime.
    ///
    /// # Errors
    /// When the settings cannot be used at all.
    pub fn new(
        settings: &Settings,
        cache: &CacheSettings,
        ring: Arc<ArcSwap<Ring>>,
        terms: Terms,
        clock: Clock,
        entropy: Entropy,
        telemetry: Telemetry,
    ) -> Result<Self, BadSettings> {
        let changes = |cache| Arc::new(Changes::new(cache, telemetry.clone()));
        let (backend, changes, feed): (Arc<dyn Backend>, _, _) = match settings {
            Settings::Memory { max_sessions } => {
                let memory = Memory::new(*max_sessions, clock.clone());
                (Arc::new(memory), changes(Cache::always(cache, &terms)), None)
            }
            Settings::Redis(settings) => {
                let redis = Arc::new(Redis::new(settings, telemetry.clone())?);
                let changes = changes(Cache::new(cache, &terms));
                let ear: Arc<dyn Ear> = Arc::<Changes>::clone(&changes);
                let feed = task::spawn("feed of changes", Arc::clone(&redis).listen(ear, entropy.clone()));
                (redis, changes, Some(feed))
            }
        };
        Ok(Self(Arc::new(Inner {
            backend,
            changes,
            fills: Fills::default(),
            places: Places::default(),
            feed,
            ring,
            terms: ArcSwap::from_pointee(terms),
            clock,
            entropy,
            telemetry,
            touching: Touching::default(),
        })))
    }

    /// The lifetimes in force.
    fn terms(&self) -> Terms {
        **self.0.terms.load()
    }

    /// Other lifetimes from now on, for sessions that are there too.
    pub fn set_terms(&self, terms: Terms) {
        self.0.terms.store(Arc::new(terms));
    }

    /// Watches the session kept at `key`: for as long as the feed of changes is up, whatever any replica does to it is
    /// told at once.
    #[must_use]
    pub fn watch(&self, key: StoreKey) -> Watch {
        self.0.changes.watchers.watch(key)
    }

    /// Whether what is kept is served.
    #[cfg(test)]
    pub(super) fn keeps(&self) -> bool {
        self.0.changes.cache.is_good()
    }

    /// Makes a session under a new handle.
    ///
    /// # Errors
    /// When the store does not take it, or a logout of it came first.
    pub async fn create(
        &self,
        identity: VerifiedIdentity,
        tokens: SessionTokens,
        client: Client,
    ) -> Result<Arc<Session>, NotMade> {
        let inner = &self.0;
        let handle = Handle::new(inner.entropy.bytes());
        let mut record = Record::new(inner.entropy.token(), identity, tokens, inner.clock.now());
        record.client = client;
        let key = handle.store_key(inner.ring.load().sealing());
        let sealed = self.seal(&handle, &key, &record);
        let writing = inner.changes.cache.write(key, &sealed);
        let create = inner.backend.create(&key, &sealed, record.version, self.ttl(&record));
        let create = self.watched("create", create);
        let index = self.watched("index", self.note(&handle, &key, &record));
        if let (Written::Superseded | Written::Gone, ()) = try_join(create, index).await? {
            return Err(Down::Refused("a new session's place is taken".to_owned()).into());
        }
        // Only now: a logout that came before finds neither session nor list, and one that comes later finds both.
        if self.is_entombed(&record, record.issued()).await? {
            self.end_key(&key).await?;
            return Err(NotMade::SignedOut);
        }
        let session = Arc::new(Session::new(handle, key, record));
        writing.written(&session, &sealed);
        Ok(session)
    }

    /// Ends the session of the handle; whether there was one.
    ///
    /// # Errors
    /// When the store does not answer: the session may live on.
    pub async fn end(&self, handle: &Handle) -> Result<bool, Down> {
        let keys = handle.store_keys(&self.0.ring.load_full());
        let ended = try_join_all(keys.iter().map(|key| self.end_key(key))).await?;
        Ok(ended.contains(&true))
    }

    /// Ends the session if nobody wrote since it was read.
    ///
    /// # Errors
    /// When the store does not answer: the session may live on.
    pub async fn end_as_read(&self, session: &Session) -> Result<Written, Down> {
        let remove = self.0.backend.remove(&session.key, session.record.version);
        let removed = self.watched("end", remove).await;
        self.0.changes.changed(&session.key, &Mark::default());
        if removed == Ok(Written::Saved) {
            self.forget_entry(session).await;
        }
        removed
    }

    /// Takes the renewal lease of the session kept at `key`; `None` when another holds it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn lease(&self, key: &StoreKey, longest: Duration) -> Result<Option<Lease>, Down> {
        let take = Lease::take(&self.0.backend, *key, self.0.entropy.bytes(), longest);
        self.watched("lease", take).await
    }

    /// How long the renewal lease that another holds lasts, if it is not extended; nothing when nobody holds it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn leased(&self, key: &StoreKey) -> Result<Option<Duration>, Down> {
        self.watched("lease", self.0.backend.leased(key)).await
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
        self.terms().ends(record).since(self.0.clock.now()) + Duration::from_secs(1)
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

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(feed) = &self.feed {
            feed.abort();
        }
    }
}

const fn outcome(down: &Down) -> Call {
    match down {
        Down::TimedOut => Call::TimedOut,
        Down::Refused(_) => Call::Refused,
        Down::Paused(_) | Down::Unreachable(_) => Call::Failed,
    }
}
