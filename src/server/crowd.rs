//! How many connections there are, and how many each address has.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::gate::Source;

/// The connections that came in at one socket. Clones share them, and so do listeners that take the socket over from one
/// another: a change of settings forgets nobody. All are counted, limited or not, since a limit may come later. It holds as many
/// addresses as there are connections.
#[derive(Clone, Default, Debug)]
pub(super) struct Crowd(Arc<There>);

#[derive(Default, Debug)]
struct There {
    all: AtomicUsize,
    each: Mutex<HashMap<Source, usize>>,
}

/// One connection among all.
#[derive(Debug)]
pub(super) struct Ticket(Crowd);

/// One connection among those of its address.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    source: Source,
}

impl Crowd {
    /// Counts a connection in, unless there are as many as may be.
    pub(super) fn come_in(&self, most: Option<usize>) -> Option<Ticket> {
        let more = |all: usize| most.is_none_or(|most| all < most).then_some(all + 1);
        let counted = self.0.all.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        counted.is_ok().then(|| Ticket(self.clone()))
    }

    /// Counts a connection among those from there, unless there are as many as one address may have. Those without an address share
    /// one count.
    pub(super) fn enter(&self, address: Option<IpAddr>, most: Option<usize>) -> Option<Place> {
        let source = Source::of(address);
        let mut each = self.each();
        let count = each.entry(source).or_default();
        if most.is_some_and(|most| *count >= most) {
            return None;
        }
        *count += 1;
        drop(each);
        Some(Place {
            crowd: self.clone(),
            source,
        })
    }

    fn each(&self) -> MutexGuard<'_, HashMap<Source, usize>> {
        self.0.each.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.0.all.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.crowd.each().entry(self.source) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_places_and_gets_them_back() {
        let crowd = Crowd::default();
        let enter = |address: &str| crowd.enter(Some(address.parse().unwrap()), Some(2));
        let (first, second) = (enter("2001:db8::1"), enter("2001:db8::2"));
        assert!(first.is_some() && second.is_some());
        assert!(enter("2001:db8::3").is_none(), "the same network of one subscriber");
        assert!(enter("2001:db8:0:1::1").is_some() && enter("192.0.2.1").is_some());
        drop(first);
        let third = enter("2001:db8::4");
        assert!(third.is_some());
        drop((second, third));
        assert!(crowd.each().is_empty());
    }

    #[test]
    fn all_are_counted_whether_or_not_there_is_a_limit() {
        let crowd = Crowd::default();
        let (first, second) = (crowd.come_in(None), crowd.come_in(None));
        assert!(first.is_some() && second.is_some());
        assert!(crowd.come_in(Some(2)).is_none() && crowd.come_in(Some(1)).is_none());
        let third = crowd.come_in(Some(3));
        assert!(third.is_some() && crowd.come_in(Some(3)).is_none());
        drop(first);
        assert!(crowd.come_in(Some(3)).is_some());
        drop((second, third));
        assert!(crowd.come_in(Some(1)).is_some());
    }
}
