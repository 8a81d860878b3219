//! The renewals under way in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::{gate::Renewal, session::StoreKey};

/// The renewals under way in this process.
#[derive(Clone, Debug, Default)]
pub(in crate::flow) struct Flights(pub(super) Arc<Mutex<HashMap<StoreKey, watch::Receiver<Option<Renewal>>>>>);

impl Flights {
    /// Resolves when no renewal is under way.
    pub(super) async fn landed(&self) {
        loop {
            let flight = {
                let flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let mut under_way = flights.values().filter(|flight| flight.has_changed().is_ok());
                under_way.next().cloned()
            };
            // The sender goes when the flight has landed, or panicked.
            match flight {
                Some(mut flight) => while flight.changed().await.is_ok() {},
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn flights_are_waited_for() {
        // RF-04
        let flights = Flights::default();
        flights.landed().await;
        let (land, flight) = watch::channel(None);
        flights.0.lock().unwrap().insert(StoreKey([1; 32]), flight);
        let mut landed = Box::pin(flights.landed());
        assert!(futures_util::poll!(&mut landed).is_pending());
        flights.0.lock().unwrap().clear();
        assert!(
            futures_util::poll!(&mut landed).is_pending(),
            "gone from the list, and not yet done"
        );
        land.send_replace(Some(Renewal::Ended));
        drop(land);
        landed.await;
    }
}
