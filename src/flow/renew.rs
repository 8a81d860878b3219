//! Silent renewal: carries out [`RenewStep`], one flight a session in this process, one across replicas by the lease.
//!
//! A flight is a task of its own: a client that disconnects cancels nothing (RF-03).

mod flights;
mod lease;

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

pub(super) use self::flights::Flights;

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::Gateway;
use crate::{
    gate::{Observed, Outcome, Presence, RenewStep, Renewal},
    provider::{Provider, RenewFailure, Renewed},
    session::{Record, Session},
    store::{Lease, Saved, Written},
    task,
    telemetry::{Act, Audit, Event, trace},
};

/// How long a write-back is tried again while the store does not answer, with the new token in hand (RF-04).
const SAVE_PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries.
const SAVE_PAUSE: Duration = Duration::from_millis(200);

impl Gateway {
    /// Resolves when no renewal and no revocation is under way: a refresh token that was spent is of use only when the new one
    /// is stored (RF-04).
    pub async fn settled(&self) {
        self.flights().landed().await;
        for provider in self.parts().providers.values() {
            provider.revoked().await;
        }
    }

    /// Waits for the one renewal of this session.
    pub(super) async fn renewed(&self, session: &Arc<Session>) -> Renewal {
        let mut flight = self.join(session);
        let landed = flight
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|landed| landed.clone());
        landed.unwrap_or(Renewal::StoreDown)
    }

    /// Renews in the background.
    pub(super) fn renew_behind(&self, session: &Arc<Session>) {
        drop(self.join(session));
    }

    /// Notes in the background that the session is used on the route.
    pub(super) fn touch_behind(&self, session: &Arc<Session>, route: &Arc<str>) {
        let (gateway, session, route) = (self.clone(), Arc::clone(session), Arc::clone(route));
        let touch = trace::along(async move {
            let now = gateway.now();
            gateway.parts().sessions.touch(&session, &route, now).await;
        });
        drop(task::spawn("touch", touch));
    }

    fn join(&self, session: &Arc<Session>) -> watch::Receiver<Option<Renewal>> {
        let mut flights = self.flights().0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&session.key)
            && flight.has_changed().is_ok()
        {
            return flight.clone();
        }
        let (land, flight) = watch::channel(None);
        flights.insert(session.key, flight.clone());
        drop(flights);
        let (gateway, session) = (self.clone(), Arc::clone(session));
        let flying = trace::renewal(async move {
            let renewal = gateway.fly(&session).await;
            gateway
                .flights()
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&session.key);
            land.send_replace(Some(renewal));
        });
        drop(task::spawn("renewal", flying));
        flight
    }

    async fn fly(&self, session: &Arc<Session>) -> Renewal {
        let name = session.record.identity.provider();
        // Another provider by now, or none: nobody to send this refresh token to.
        let Some(provider) = self.provider_of_session(session).map(Arc::clone) else {
            return Renewal::Ended;
        };
        let mut flight = Flight {
            gateway: self,
            session: Arc::clone(session),
            deadline: Instant::now() + provider.longest_renewal(),
            provider,
            lease: None,
            granted: None,
            retry_after: None,
        };
        let outcome = flight.run().await;
        self.emit(&Event::Renewal {
            provider: name,
            outcome,
            retry_after: flight.retry_after,
        });
        if let Some(failure) = failure(outcome) {
            self.audit_of(&Audit::new(Act::Renewal, failure), Some(session));
        }
        flight.landed(outcome)
    }
}

/// The outcome's name, if it is none that was hoped for.
const fn failure(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Renewed | Outcome::RenewedElsewhere => None,
        Outcome::RenewingElsewhere => Some("renewing_elsewhere"),
        Outcome::Ended => Some("ended"),
        Outcome::ProviderDown => Some("provider_down"),
        Outcome::ClientRejected => Some("client_rejected"),
        Outcome::ProviderError => Some("provider_error"),
        Outcome::StoreDown => Some("store_down"),
    }
}

/// One renewal under way.
struct Flight<'a> {
    gateway: &'a Gateway,
    provider: Arc<Provider>,
    /// The newest known.
    session: Arc<Session>,
    /// Until when another's renewal is waited for.
    deadline: Instant,
    lease: Option<Lease>,
    /// New tokens that are not stored yet.
    granted: Option<Record>,
    retry_after: Option<Duration>,
}

impl Flight<'_> {
    async fn run(&mut self) -> Outcome {
        let mut step = RenewStep::begin();
        loop {
            let observed = match step {
                RenewStep::Acquire => self.acquire().await,
                RenewStep::Await => self.wait().await,
                RenewStep::Reread | RenewStep::RereadRefused => self.reread().await,
                RenewStep::Spend => self.spend().await,
                RenewStep::Save => self.save().await,
                RenewStep::End => self.end().await,
                RenewStep::Finish(outcome) => {
                    if let Some(lease) = self.lease.take() {
                        lease.release().await;
                    }
                    return outcome;
                }
            };
            step = step.next(observed);
        }
    }

    /// Before the token is spent, or given up: by the store alone.
    async fn reread(&mut self) -> Observed {
        let found = self.gateway.parts().sessions.find_anew(&self.session.handle).await;
        self.observe(found)
    }

    fn observe(&mut self, found: Presence) -> Observed {
        match found {
            Presence::Down => Observed::StoreDown,
            Presence::Nothing | Presence::Unreadable => Observed::Gone,
            Presence::Session(found) => {
                let observed = Observed::again(&self.session.record, &found.record, self.gateway.now());
                self.session = found;
                observed
            }
        }
    }

    async fn spend(&mut self) -> Observed {
        let ready = match self.provider.ready_to_renew(&self.session.record).await {
            Ok(ready) => ready,
            Err(failure) => return self.failed(&failure),
        };
        if let Err(observed) = self.hold_to_spend().await {
            return observed;
        }
        match self.provider.renew(&self.session.record, ready).await {
            Ok(Renewed { tokens, identity }) => {
                self.granted = Some(self.session.record.renewed(tokens, identity, self.gateway.now()));
                Observed::Granted
            }
            Err(failure) => self.failed(&failure),
        }
    }

    fn failed(&mut self, failure: &RenewFailure) -> Observed {
        match failure {
            RenewFailure::Refused | RenewFailure::Changed(_) | RenewFailure::OtherIssuer => Observed::Refused,
            RenewFailure::ClientRejected(_) => Observed::Rejected,
            RenewFailure::Odd(_) => Observed::Odd,
            RenewFailure::Unavailable { retry_after } => {
                self.retry_after = *retry_after;
                Observed::Unavailable
            }
        }
    }

    /// The new token exists only here until it is stored: a store that does not answer is asked again for a while.
    async fn save(&mut self) -> Observed {
        let until = Instant::now() + SAVE_PATIENCE;
        while let Some(record) = self.granted.clone() {
            match self.gateway.parts().sessions.save(&self.session, record).await {
                Ok(Saved::Saved(session)) => {
                    self.session = session;
                    return Observed::Saved;
                }
                Ok(Saved::Superseded) => {
                    if let Some(observed) = self.superseded().await {
                        return observed;
                    }
                }
                Ok(Saved::Gone) => return Observed::Ended,
                Err(_) => sleep(SAVE_PAUSE).await,
            }
            if Instant::now() >= until {
                break;
            }
        }
        Observed::StoreDown
    }

    /// Somebody renewed meanwhile, or an earlier try of ours was carried out without an answer: what is there counts.
    async fn superseded(&mut self) -> Option<Observed> {
        match self.gateway.parts().sessions.find_anew(&self.session.handle).await {
            Presence::Session(found) => {
                self.session = found;
                Some(Observed::Superseded)
            }
            Presence::Nothing | Presence::Unreadable => Some(Observed::Ended),
            Presence::Down => None,
        }
    }

    async fn end(&mut self) -> Observed {
        match self.gateway.parts().sessions.end_as_read(&self.session).await {
            Ok(Written::Saved) => {
                self.gateway.emit(&Event::Session { what: "refused" });
                Observed::Ended
            }
            Ok(Written::Gone) => Observed::Ended,
            Ok(Written::Superseded) => Observed::Superseded,
            Err(_) => Observed::StoreDown,
        }
    }

    fn landed(self, outcome: Outcome) -> Renewal {
        match outcome {
            Outcome::Renewed | Outcome::RenewedElsewhere => Renewal::Renewed(self.session),
            Outcome::Ended => Renewal::Ended,
            Outcome::ProviderDown | Outcome::ClientRejected | Outcome::ProviderError => Renewal::ProviderDown {
                retry_after: self.retry_after,
            },
            Outcome::RenewingElsewhere => Renewal::Elsewhere {
                retry_after: self.retry_after,
            },
            Outcome::StoreDown => Renewal::StoreDown,
        }
    }
}
