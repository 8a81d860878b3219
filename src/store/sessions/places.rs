//! The places of the sessions asked for last, by their cookies: a request that follows another of its session pays for no
//! HMAC, and for no look-up while nothing near it has changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::{
    keys::Ring,
    secret::Secret,
    session::{Session, StoreKey},
    store::cache::Ticket,
};

/// How many are remembered. A cookie has one slot, which others take from it.
const SLOTS: usize = 1024;

/// How often in a row a session is had from here: then the cache hears, too, that it is in use, and keeps it before others.
const IN_A_ROW: u8 = 32;

/// Where sessions were found, by the cookie's value.
#[derive(Debug)]
pub(super) struct Places(Box<[Mutex<Option<Place>>]>);

#[derive(Debug)]
struct Place {
    cookie: Secret<String>,
    key: StoreKey,
    /// The ring that named it. The weak reference keeps its address from being used again.
    ring: Weak<Ring>,
    /// What the cache kept there, after this ticket was taken: not for us to hold.
    session: Option<(Ticket, Weak<Session>)>,
    in_a_row: u8,
}

/// What is remembered of a cookie.
#[derive(Debug)]
pub(super) struct Known {
    /// Where its session is kept.
    pub(super) key: StoreKey,
    /// The session, and the ticket that says whether it is good still.
    pub(super) session: Option<(Ticket, Arc<Session>)>,
}

impl Default for Places {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Mutex::default()).collect())
    }
}

impl Places {
    /// What is known of the cookie, if it is remembered, and its place was named by a key of this ring.
    pub(super) fn of(&self, cookie: &str, ring: &Arc<Ring>) -> Option<Known> {
        let mut slot = self.slot(cookie)?;
        let place = slot.as_mut().filter(|place| place.is_of(cookie, ring))?;
        place.in_a_row = (place.in_a_row + 1) % IN_A_ROW;
        let session = place.session.as_ref().filter(|_| place.in_a_row != 0);
        Some(Known {
            key: place.key,
            session: session.and_then(|(ticket, session)| Some((*ticket, session.upgrade()?))),
        })
    }

    /// Remembers that the cookie's session is kept at `key`.
    pub(super) fn remember(&self, cookie: &str, key: StoreKey, ring: &Arc<Ring>) {
        if let Some(mut slot) = self.slot(cookie) {
            *slot = Some(Place {
                cookie: Secret::from(cookie),
                key,
                ring: Arc::downgrade(ring),
                session: None,
                in_a_row: 0,
            });
        }
    }

    /// Remembers what the cache keeps for a cookie that is remembered, after the ticket was taken: perhaps nothing.
    pub(super) fn found(&self, cookie: &str, ring: &Arc<Ring>, kept: Option<(Ticket, &Arc<Session>)>) {
        if let Some(mut slot) = self.slot(cookie)
            && let Some(place) = slot.as_mut().filter(|place| place.is_of(cookie, ring))
        {
            place.session = kept.map(|(ticket, session)| (ticket, Arc::downgrade(session)));
        }
    }

    /// What is remembered is random, so any of its characters tell it apart.
    fn slot(&self, cookie: &str) -> Option<MutexGuard<'_, Option<Place>>> {
        let bits = |byte: &u8| usize::from(*byte & 31);
        let slot = match cookie.as_bytes() {
            [first, second, ..] => self.0.get((bits(first) << 5 | bits(second)) % SLOTS),
            _ => None,
        };
        slot.map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Place {
    fn is_of(&self, cookie: &str, ring: &Arc<Ring>) -> bool {
        std::ptr::eq(self.ring.as_ptr(), Arc::as_ptr(ring)) && alike(self.cookie.expose(), cookie)
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
    use crate::{
        keys::{RingKey, generate},
        session::{Handle, record::tests::record},
        time::UnixTime,
    };

    fn ring() -> Arc<Ring> {
        let key = RingKey::decode("k1", &generate([1; 32])).unwrap();
        Arc::new(Ring::new(vec![key]).unwrap())
    }

    fn session(key: StoreKey) -> Arc<Session> {
        Arc::new(Session::new(Handle::new([1; 32]), key, record(UnixTime::from_secs(0))))
    }

    fn key(places: &Places, cookie: &str, ring: &Arc<Ring>) -> Option<StoreKey> {
        places.of(cookie, ring).map(|known| known.key)
    }

    #[test]
    fn a_place_is_its_cookies_and_its_rings_alone() {
        let (places, first) = (Places::default(), ring());
        let one = StoreKey([1; 32]);
        assert_eq!(key(&places, "AB1", &first), None);
        places.remember("AB1", one, &first);
        assert_eq!(key(&places, "AB1", &first), Some(one));
        assert_eq!(key(&places, "AB2", &first), None, "of the same slot");
        assert_eq!(key(&places, "AB1", &ring()), None, "a key may have left the ring");
        places.remember("AB2", StoreKey([2; 32]), &first);
        assert_eq!(key(&places, "AB1", &first), None);
        assert_eq!(key(&places, "AB2", &first), Some(StoreKey([2; 32])));
    }

    #[test]
    fn a_session_is_its_cookies_and_the_caches() {
        let (places, ring) = (Places::default(), ring());
        let one = StoreKey([1; 32]);
        let (ticket, kept) = (Ticket::default(), session(one));
        let has_session = |cookie| {
            let known = places.of(cookie, &ring);
            known.is_some_and(|known| known.session.is_some())
        };
        places.found("AB1", &ring, Some((ticket, &kept)));
        assert!(!has_session("AB1"), "the cookie is not remembered");
        places.remember("AB1", one, &ring);
        assert!(!has_session("AB1"));
        places.found("AB2", &ring, Some((ticket, &kept)));
        assert!(
            !has_session("AB1") && !has_session("AB2"),
            "another took none of its slot"
        );
        places.found("AB1", &ring, Some((ticket, &kept)));
        let times = (0..2 * usize::from(IN_A_ROW)).filter(|_| has_session("AB1")).count();
        assert_eq!(
            times,
            2 * usize::from(IN_A_ROW) - 2,
            "the cache hears of it now and then"
        );
        places.found("AB1", &ring, None);
        assert!(!has_session("AB1"), "the cache keeps none");
        places.found("AB1", &ring, Some((ticket, &kept)));
        assert!(has_session("AB1"));
        drop(kept);
        assert!(!has_session("AB1"), "not held here");
    }
}
