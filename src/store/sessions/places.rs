//! The places of the handles asked for last: a request that follows another of its session pays for no HMAC.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::{
    keys::Ring,
    session::{Handle, StoreKey},
};

/// How many are remembered. A handle has one slot, which others take from it.
const SLOTS: usize = 1024;

/// Where sessions were found at hand, by handle.
#[derive(Debug)]
pub(super) struct Places(Box<[Mutex<Option<Place>>]>);

#[derive(Debug)]
struct Place {
    handle: Handle,
    key: StoreKey,
    /// The ring that named it. The weak reference keeps its address from being used again.
    ring: Weak<Ring>,
}

impl Default for Places {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Mutex::default()).collect())
    }
}

impl Places {
    /// The handle's place, if it is remembered, and was named by a key of this ring.
    pub(super) fn of(&self, handle: &Handle, ring: &Arc<Ring>) -> Option<StoreKey> {
        let slot = self.slot(handle)?.lock().unwrap_or_else(PoisonError::into_inner);
        let place = slot.as_ref()?;
        let same = std::ptr::eq(place.ring.as_ptr(), Arc::as_ptr(ring)) && place.handle == *handle;
        same.then_some(place.key)
    }

    /// Remembers that the handle's session is kept at `key`.
    pub(super) fn remember(&self, handle: &Handle, key: StoreKey, ring: &Arc<Ring>) {
        if let Some(slot) = self.slot(handle) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Place {
                handle: handle.clone(),
                key,
                ring: Arc::downgrade(ring),
            });
        }
    }

    /// Handles are random, so any of their bits tell them apart.
    fn slot(&self, handle: &Handle) -> Option<&Mutex<Option<Place>>> {
        let (first, _) = handle.bytes().split_first_chunk()?;
        self.0.get(usize::from(u16::from_le_bytes(*first)) % SLOTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{RingKey, generate};

    fn ring() -> Arc<Ring> {
        let key = RingKey::decode("k1", &generate([1; 32])).unwrap();
        Arc::new(Ring::new(vec![key]).unwrap())
    }

    fn handle(last: u8) -> Handle {
        let mut drawn = [7; 32];
        drawn[31] = last;
        Handle::new(drawn)
    }

    #[test]
    fn a_place_is_its_handles_and_its_rings_alone() {
        let (places, first) = (Places::default(), ring());
        let key = StoreKey([1; 32]);
        assert_eq!(places.of(&handle(1), &first), None);
        places.remember(&handle(1), key, &first);
        assert_eq!(places.of(&handle(1), &first), Some(key));
        assert_eq!(places.of(&handle(2), &first), None, "of the same slot");
        assert_eq!(places.of(&handle(1), &ring()), None, "a key may have left the ring");
        places.remember(&handle(2), StoreKey([2; 32]), &first);
        assert_eq!(places.of(&handle(1), &first), None);
        assert_eq!(places.of(&handle(2), &first), Some(StoreKey([2; 32])));
    }
}
