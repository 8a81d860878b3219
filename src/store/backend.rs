//! What a store must do: keep bytes by key with a version, and lend leases.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use super::index::Index;
use crate::session::StoreKey;

/// Who holds a lease: drawn anew for each.
pub type Owner = [u8; 16];

/// The store does not answer, or not as a store would. Not the same as finding nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Down {
    /// No answer within the deadline.
    #[error("the session store did not answer in time")]
    TimedOut,
    /// It failed a moment ago, and is not asked again until the pause is over.
    #[error("the session store is not asked for a moment, after: {0}")]
    Paused(String),
    /// No connection, or a broken one.
    #[error("the session store cannot be reached: {0}")]
    Unreachable(String),
    /// It answered with a refusal: wrong password, no permission, read-only, out of memory.
    #[error("the session store refused: {0}")]
    Refused(String),
}

/// What came of a compare-and-set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// Written.
    Saved,
    /// Another version is there; nothing was written.
    Superseded,
    /// Nothing is there; nothing was written, for an ended session never comes back (RS-13).
    Gone,
}

/// A store of versioned bytes. Every call is bounded in time by the store itself.
#[async_trait]
pub trait Backend: Index + Send + Sync + Debug + 'static {
    /// The first of `keys` with something behind it, and its bytes.
    async fn get(&self, keys: &[StoreKey]) -> Result<Option<(StoreKey, Vec<u8>)>, Down>;

    /// Puts a new value, which the store forgets after `ttl`. An existing value is [`Written::Superseded`].
    async fn create(&self, key: &StoreKey, bytes: &[u8], version: u64, ttl: Duration) -> Result<Written, Down>;

    /// Replaces the value of version `expected`, and nothing else, by one of version `version`.
    async fn replace(
        &self,
        key: &StoreKey,
        expected: u64,
        bytes: &[u8],
        version: u64,
        ttl: Duration,
    ) -> Result<Written, Down>;

    /// Forgets the value; whether there was one.
    async fn end(&self, key: &StoreKey) -> Result<bool, Down>;

    /// Removes the value, if its version is still the expected one.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn remove(&self, key: &StoreKey, expected: u64) -> Result<Written, Down>;

    /// Takes the lease of `key` for `ttl`; false when another holds it.
    async fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<bool, Down>;

    /// How long the lease of `key` lasts, if nobody extends it; nothing when nobody holds it.
    async fn leased(&self, key: &StoreKey) -> Result<Option<Duration>, Down>;

    /// Lets the owner's lease last for `ttl` from now; false when it is the owner's no more.
    async fn extend(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<bool, Down>;

    /// Gives the lease back, if it is the owner's; whether it was.
    async fn release(&self, key: &StoreKey, owner: &Owner) -> Result<bool, Down>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), Down>;
}
