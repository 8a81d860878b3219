//! A session as opened from a store: the record, where it is kept, and what was prepared from it.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::{Handle, Record, StoreKey};
use crate::{identity::Bundle, keys::Ring, time::UnixTime};

/// An opened session, shared between the requests that use it.
#[derive(Debug)]
pub struct Session {
    /// What the cookie holds.
    pub handle: Handle,
    /// Where it is kept.
    pub key: StoreKey,
    /// What it says.
    pub record: Record,
    prepared: RwLock<Vec<(Arc<str>, Arc<Bundle>)>>,
    subject_hash: OnceLock<Arc<str>>,
}

impl Session {
    /// Joins the parts.
    #[must_use]
    pub const fn new(handle: Handle, key: StoreKey, record: Record) -> Self {
        Self {
            handle,
            key,
            record,
            prepared: RwLock::new(Vec::new()),
            subject_hash: OnceLock::new(),
        }
    }

    /// First 16 hex digits of a keyed hash of issuer and subject: tells in a log that two requests are one person's, without
    /// saying whose.
    pub fn subject_hash(&self, ring: &Ring) -> &Arc<str> {
        self.subject_hash.get_or_init(|| {
            let identity = &self.record.identity;
            let whose = format!("{}\n{}", identity.issuer().as_str(), identity.subject());
            let hash = ring.sealing().index(whose.as_bytes());
            let digits = hash.iter().take(8).flat_map(|byte| [byte >> 4, byte & 15]);
            digits
                .filter_map(|digit| char::from_digit(u32::from(digit), 16))
                .collect::<String>()
                .into()
        })
    }

    /// The headers prepared for the route of this name, made by `make` when there are none or they are stale.
    pub fn bundle(&self, route: &Arc<str>, now: UnixTime, make: impl FnOnce() -> Bundle) -> Arc<Bundle> {
        let still_good = |bundle: &Bundle| bundle.stale_at.is_none_or(|stale| now < stale);
        {
            let kept = self.prepared.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, bundle)) = kept.iter().find(|(name, _)| Arc::ptr_eq(name, route))
                && still_good(bundle)
            {
                return Arc::clone(bundle);
            }
        }
        let new = Arc::new(make());
        let mut prepared = self.prepared.write().unwrap_or_else(PoisonError::into_inner);
        prepared.retain(|(name, bundle)| !Arc::ptr_eq(name, route) && still_good(bundle));
        prepared.push((Arc::clone(route), Arc::clone(&new)));
        new
    }
}
