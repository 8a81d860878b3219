//! The places of the sessions asked for last, by their cookies: a request that follows another of its session pays for no HMAC.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::{keys::Ring, secret::Secret, session::StoreKey};

/// How many are remembered. A cookie has one slot, which others take from it.
const SLOTS: usize = 1024;

/// Where sessions were found, by the cookie's value.
#[derive(Debug)]
pub(super) struct Places(Box<[Mutex<Option<Place>>]>);

#[derive(Debug)]
struct Place {
    cookie: Secret<String>,
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
    /// The cookie's place, if it is remembered, and was named by a key of this ring.
    pub(super) fn of(&self, cookie: &str, ring: &Arc<Ring>) -> Option<StoreKey> {
        let slot = self.slot(cookie)?.lock().unwrap_or_else(PoisonError::into_inner);
        let place = slot.as_ref()?;
        let same = std::ptr::eq(place.ring.as_ptr(), Arc::as_ptr(ring)) && alike(place.cookie.expose(), cookie);
        same.then_some(place.key)
    }

    /// Remembers that the cookie's session is kept at `key`.
    pub(super) fn remember(&self, cookie: &str, key: StoreKey, ring: &Arc<Ring>) {
        if let Some(slot) = self.slot(cookie) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Place {
                cookie: Secret::from(cookie),
                key,
                ring: Arc::downgrade(ring),
            });
        }
    }

    /// What is remembered is random, so any of its characters tell it apart.
    fn slot(&self, cookie: &str) -> Option<&Mutex<Option<Place>>> {
        let bits = |byte: &u8| usize::from(*byte & 31);
        match cookie.as_bytes() {
            [first, second, ..] => self.0.get((bits(first) << 5 | bits(second)) % SLOTS),
            _ => None,
        }
    }
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn alike(one: &str, other: &str) -> bool {
    let differences = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{RingKey, generate};

    fn ring() -> Arc<Ring> {
        let key = RingKey::decode("k1", &generate([1; 32])).unwrap();
        Arc::new(Ring::new(vec![key]).unwrap())
    }

    #[test]
    fn a_place_is_its_cookies_and_its_rings_alone() {
        let (places, first) = (Places::default(), ring());
        let key = StoreKey([1; 32]);
        assert_eq!(places.of("AB1", &first), None);
        places.remember("AB1", key, &first);
        assert_eq!(places.of("AB1", &first), Some(key));
        assert_eq!(places.of("AB2", &first), None, "of the same slot");
        assert_eq!(places.of("AB1", &ring()), None, "a key may have left the ring");
        places.remember("AB2", StoreKey([2; 32]), &first);
        assert_eq!(places.of("AB1", &first), None);
        assert_eq!(places.of("AB2", &first), Some(StoreKey([2; 32])));
    }
}
