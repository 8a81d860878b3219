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

    /// The same session with a record that says the same of the person, and only when it was last used: what was prepared
    /// from it stays good.
    #[must_use]
    pub fn touched(&self, record: Record) -> Self {
        let prepared = self.prepared.read().unwrap_or_else(PoisonError::into_inner);
        Self {
            handle: self.handle.clone(),
            key: self.key,
            record,
            prepared: RwLock::new(prepared.clone()),
            subject_hash: self.subject_hash.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::record::tests::record;

    fn at(secs: i64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn stale(secs: i64) -> Bundle {
        Bundle {
            stale_at: Some(at(secs)),
            ..Bundle::default()
        }
    }

    fn session() -> Session {
        Session::new(Handle::new([1; 32]), StoreKey([2; 32]), record(at(0)))
    }

    #[test]
    fn a_bundle_is_made_once_a_route_until_it_is_stale() {
        let session = session();
        let (one, two): (Arc<str>, Arc<str>) = ("one".into(), "two".into());
        let first = session.bundle(&one, at(0), || stale(10));
        let again = session.bundle(&one, at(9), || panic!("there is one"));
        assert!(Arc::ptr_eq(&first, &again));
        let other = session.bundle(&two, at(9), || stale(20));
        assert!(!Arc::ptr_eq(&first, &other));
        let new = session.bundle(&one, at(10), || stale(30));
        assert_eq!(new.stale_at, Some(at(30)));
        let kept = session.bundle(&two, at(10), || panic!("still good"));
        assert!(Arc::ptr_eq(&kept, &other));
    }

    #[test]
    fn a_note_of_use_keeps_what_was_prepared() {
        let session = session();
        let route: Arc<str> = "one".into();
        let first = session.bundle(&route, at(0), || stale(10));
        let touched = session.touched(session.record.touched(at(5)));
        assert_eq!(touched.record.seen, at(5));
        let kept = touched.bundle(&route, at(5), || panic!("there is one"));
        assert!(Arc::ptr_eq(&first, &kept));
    }
}
