//! What a store must do so that sessions are found without their cookie: entries, marks, tombstones.

use std::time::Duration;

use async_trait::async_trait;

use super::Down;
use crate::{
    session::{Mark, StoreKey},
    time::UnixTime,
};

/// What is written beside a session.
#[derive(Clone, Copy, Debug)]
pub struct Indexed<'a> {
    /// The sealed entry.
    pub entry: &'a [u8],
    /// How long the entry is kept: as long as the session.
    pub ttl: Duration,
    /// What the session is listed under.
    pub marks: &'a [Mark],
    /// How long it is listed: at least as long as the session can live, so that no session is ever alive and in no list
    /// (RS-12).
    pub longest: Duration,
}

/// A place in a list: the order in which sessions came to it. Moves only forward, whatever is added or removed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place(pub u64);

/// The index beside the sessions. An entry and a place in a list may outlive their session: whoever meets one asks whether
/// the session is there, and removes what is not. Every call is bounded in time by the store itself.
#[async_trait]
pub trait Index: Send + Sync {
    /// Writes the entry of the session kept at `key` and lists it, in the place of what was there before.
    async fn index(&self, key: &StoreKey, indexed: &Indexed<'_>) -> Result<(), Down>;

    /// Forgets the entry, and takes the session from these lists.
    async fn unindex(&self, key: &StoreKey, marks: &[Mark]) -> Result<(), Down>;

    /// The entry of each session, and whether the session itself is there.
    async fn entries(&self, keys: &[StoreKey]) -> Result<Vec<(Option<Vec<u8>>, bool)>, Down>;

    /// The sessions listed under the mark, after a place: `count` of them (or a few more, where several have the last one's
    /// place), or fewer where the list ends.
    async fn listed(&self, mark: &Mark, after: Place, count: usize) -> Result<Vec<(StoreKey, Place)>, Down>;

    /// Notes, for `ttl`, that whatever has the mark and was issued up to `issued` is ended. An earlier note that says more
    /// stays.
    async fn entomb(&self, mark: &Mark, issued: UnixTime, ttl: Duration) -> Result<(), Down>;

    /// Up to when what has one of these marks is ended: the latest of the notes.
    async fn entombed(&self, marks: &[Mark]) -> Result<Option<UnixTime>, Down>;

    /// Whether the mark is noted.
    async fn is_noted(&self, mark: &Mark) -> Result<bool, Down>;

    /// Notes the mark for `ttl`; false when it is noted already.
    async fn note_once(&self, mark: &Mark, ttl: Duration) -> Result<bool, Down>;
}
