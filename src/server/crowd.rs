//! How many connections each address has.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::gate::Source;

/// The connections of one listener, by address. Clones share them. It holds as many addresses as there are connections.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    most: usize,
    there: Arc<Mutex<HashMap<Source, usize>>>,
}

/// One connection's place in the crowd.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    source: Source,
}

impl Crowd {
    /// At most so many of each address.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            there: Arc::default(),
        }
    }

    /// A place for a connection from there, while one is free. Those without an address share one count.
    pub(super) fn enter(&self, address: Option<IpAddr>) -> Option<Place> {
        let source = Source::of(address);
        let mut there = self.there();
        let count = there.entry(source).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(there);
        Some(Place {
            crowd: self.clone(),
            source,
        })
    }

    fn there(&self) -> MutexGuard<'_, HashMap<Source, usize>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.crowd.there().entry(self.source) {
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
        let crowd = Crowd::new(2);
        let enter = |address: &str| crowd.enter(Some(address.parse().unwrap()));
        let (first, second) = (enter("2001:db8::1"), enter("2001:db8::2"));
        assert!(first.is_some() && second.is_some());
        assert!(enter("2001:db8::3").is_none(), "the same network of one subscriber");
        assert!(enter("2001:db8:0:1::1").is_some() && enter("192.0.2.1").is_some());
        drop(first);
        let third = enter("2001:db8::4");
        assert!(third.is_some());
        drop((second, third));
        assert!(crowd.there().is_empty());
    }
}
