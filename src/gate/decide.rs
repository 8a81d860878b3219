//! The decision: access, standing and caller in; verdict out.

use std::sync::Arc;

use http::{HeaderMap, Method};

use super::{
    Caller, Presence, Refusal, Renewal, cors,
    table::{self, AccessKind, Fit, Row, StandingKind},
};
use crate::{
    identity::ClientCertificate,
    policy::Route,
    session::{Freshness, Life, Session, Terms},
    time::UnixTime,
};

/// The proof that the gate let a request through. Made only in this room; the proxy yields a peer for nothing else.
#[derive(Clone, Debug)]
pub struct Admission {
    route: Arc<Route>,
    session: Option<Arc<Session>>,
    renew: bool,
}

/// What to do now.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Carry this out.
    Settle(Verdict),
    /// Wait for the one renewal of this session, then [`settle`].
    Renew(Arc<Session>),
}

/// The end of the matter.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Forward.
    Admit(Admission),
    /// Answer with a page or problem JSON.
    Refuse(Refusal),
    /// Send the browser to the provider.
    SignIn,
}

impl Admission {
    /// The route.
    #[must_use]
    pub const fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The session whose identity is sent, if any.
    #[must_use]
    pub const fn session(&self) -> Option<&Arc<Session>> {
        self.session.as_ref()
    }

    /// Whether to renew in the background, without waiting.
    #[must_use]
    pub const fn renew(&self) -> bool {
        self.renew
    }
}

/// Whether a session is to be looked up at all: what nobody's identity can change never waits for the store.
#[must_use]
pub const fn needs_session(access: AccessKind) -> bool {
    match access {
        AccessKind::Open | AccessKind::Uncertified => false,
        AccessKind::Recognised | AccessKind::SignedIn | AccessKind::Rule | AccessKind::Certified => true,
    }
}

/// Admits a preflight of an origin that the route allows, without identity, where the route lets preflights pass.
#[must_use]
pub fn preflight(route: &Arc<Route>, method: &Method, headers: &HeaderMap) -> Option<Admission> {
    cors::passes(route, method, headers).then(|| Admission {
        route: Arc::clone(route),
        session: None,
        renew: false,
    })
}

/// Decides about a request for `route`, by a connection with this client certificate, which counts only while it is valid.
#[must_use]
pub fn judge(
    route: &Arc<Route>,
    certificate: Option<&ClientCertificate>,
    presence: Presence,
    caller: Caller,
    terms: &Terms,
    now: UnixTime,
) -> Decision {
    let certificate = valid(certificate, now);
    let standing = before_renewal(route, certificate, &presence, terms, now);
    let session = match presence {
        Presence::Session(session) => Some(session),
        Presence::Nothing | Presence::Unreadable | Presence::Down => None,
    };
    match (
        table::rule(AccessKind::of(&route.access, certificate), standing, caller),
        session,
    ) {
        (Row::Renew, Some(session)) => Decision::Renew(session),
        (row, session) => Decision::Settle(verdict(route, row, session)),
    }
}

/// Decides after the one renewal of `before`: nothing renews twice.
#[must_use]
pub fn settle(
    route: &Arc<Route>,
    certificate: Option<&ClientCertificate>,
    before: &Arc<Session>,
    renewal: Renewal,
    caller: Caller,
    terms: &Terms,
    now: UnixTime,
) -> Verdict {
    let certificate = valid(certificate, now);
    let standing = after_renewal(route, certificate, before, &renewal, terms, now);
    let session = match renewal {
        Renewal::Renewed(session) => Some(session),
        Renewal::ProviderDown { .. } | Renewal::Elsewhere { .. } | Renewal::StoreDown => Some(Arc::clone(before)),
        Renewal::Ended => None,
    };
    verdict(
        route,
        table::rule(AccessKind::of(&route.access, certificate), standing, caller),
        session,
    )
}

/// A certificate that ended while its connection went on, or while a renewal was waited for, is none.
#[must_use]
pub fn valid(certificate: Option<&ClientCertificate>, now: UnixTime) -> Option<&ClientCertificate> {
    certificate.filter(|shown| shown.is_valid_at(now))
}

/// The row as a verdict. A row that asks for what is not there is a defect and closes.
fn verdict(route: &Arc<Route>, row: Row, session: Option<Arc<Session>>) -> Verdict {
    let admit = |session, renew| {
        Verdict::Admit(Admission {
            route: Arc::clone(route),
            session,
            renew,
        })
    };
    match (row, session) {
        (Row::Anonymous, _) => admit(None, false),
        (Row::Identified, Some(session)) => admit(Some(session), false),
        (Row::IdentifiedAndRenew, Some(session)) => admit(Some(session), true),
        (Row::SignIn, _) => Verdict::SignIn,
        (Row::Refuse(refusal), _) => Verdict::Refuse(refusal),
        (Row::Identified | Row::IdentifiedAndRenew, None) | (Row::Renew, _) => Verdict::Refuse(Refusal::Internal),
    }
}

fn before_renewal(
    route: &Route,
    certificate: Option<&ClientCertificate>,
    presence: &Presence,
    terms: &Terms,
    now: UnixTime,
) -> StandingKind {
    match presence {
        Presence::Nothing => StandingKind::Nothing,
        Presence::Unreadable => StandingKind::Unreadable,
        Presence::Down => StandingKind::StoreDown,
        Presence::Session(session) => match terms.life(&session.record, now) {
            Life::Live => StandingKind::Live(
                Freshness::of(&session.record, now),
                Fit::of(route, &session.record.identity, certificate, now),
            ),
            Life::Idle => StandingKind::Idle,
            Life::Over => StandingKind::Over,
        },
    }
}

fn after_renewal(
    route: &Route,
    certificate: Option<&ClientCertificate>,
    before: &Session,
    renewal: &Renewal,
    terms: &Terms,
    now: UnixTime,
) -> StandingKind {
    let session = match renewal {
        Renewal::Renewed(session) => session,
        Renewal::Ended => return StandingKind::Ended,
        Renewal::ProviderDown { .. } if expired(before, now) => return StandingKind::ProviderDown,
        Renewal::Elsewhere { .. } if expired(before, now) => return StandingKind::RenewingElsewhere,
        Renewal::StoreDown if expired(before, now) => return StandingKind::RenewalStoreDown,
        Renewal::ProviderDown { .. } | Renewal::Elsewhere { .. } | Renewal::StoreDown => before,
    };
    let fit = Fit::of(route, &session.record.identity, certificate, now);
    match (terms.life(&session.record, now), renewal) {
        (Life::Idle, _) => StandingKind::Idle,
        (Life::Over, _) => StandingKind::Over,
        (Life::Live, Renewal::Renewed(_)) => StandingKind::Renewed(fit),
        (
            Life::Live,
            Renewal::Ended | Renewal::ProviderDown { .. } | Renewal::Elsewhere { .. } | Renewal::StoreDown,
        ) => StandingKind::StillGood(fit),
    }
}

fn expired(session: &Session, now: UnixTime) -> bool {
    match Freshness::of(&session.record, now) {
        Freshness::Fresh | Freshness::Due => false,
        Freshness::Expired | Freshness::Spent => true,
    }
}

#[cfg(test)]
mod tests;
