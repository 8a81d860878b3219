//! [`Sessions`]: find, create, save, touch and end sessions.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Down, Lease, Settings};
use crate::{
    entropy::Entropy,
    gate::Presence,
    identity::VerifiedIdentity,
    keys::Ring,
    session::{Handle, Record, Session, SessionTokens, StoreKey, Terms},
    telemetry::Telemetry,
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
pub struct Sessions {}

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
        let _ = (settings, ring, terms, clock, entropy, telemetry);
        todo!()
    }

    /// What is behind the handle. Never past the cached session's own end: the gate checks that with the time.
    pub async fn find(&self, handle: &Handle) -> Presence {
        let _ = handle;
        todo!()
    }

    /// Makes a session under a new handle.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn create(
        &self,
        identity: VerifiedIdentity,
        tokens: SessionTokens,
    ) -> Result<Arc<Session>, Down> {
        let _ = (identity, tokens);
        todo!()
    }

    /// Writes `record` in the place of `session`'s, by compare-and-set on its version.
    ///
    /// # Errors
    /// When the store does not answer; the write may then have happened or not.
    pub async fn save(&self, session: &Session, record: Record) -> Result<Saved, Down> {
        let _ = (session, record);
        todo!()
    }

    /// Notes that the session is used, when the last note is old enough. As good as can be: a failure is counted, no more.
    pub async fn touch(&self, session: &Arc<Session>, now: UnixTime) {
        let _ = (session, now);
        todo!()
    }

    /// Ends the session of the handle; whether there was one.
    ///
    /// # Errors
    /// When the store does not answer: the session may live on.
    pub async fn end(&self, handle: &Handle) -> Result<bool, Down> {
        let _ = handle;
        todo!()
    }

    /// Takes the renewal lease of the session kept at `key`; `None` when another holds it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn lease(&self, key: &StoreKey) -> Result<Option<Lease>, Down> {
        let _ = key;
        todo!()
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// Why not.
    pub async fn ready(&self) -> Result<(), Down> {
        todo!()
    }
}
