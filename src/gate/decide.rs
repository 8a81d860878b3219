//! The decision: access, standing and caller in; verdict out.

use std::sync::Arc;

use super::{Caller, Presence, Refusal, Renewal};
use crate::{
    policy::Route,
    session::{Session, Terms},
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

/// Decides about a request for `route`.
#[must_use]
pub fn judge(
    route: &Arc<Route>,
    presence: Presence,
    caller: Caller,
    terms: &Terms,
    now: UnixTime,
) -> Decision {
    let _ = (route, presence, caller, terms, now);
    todo!()
}

/// Decides after the one renewal: nothing renews twice.
#[must_use]
pub fn settle(
    route: &Arc<Route>,
    renewal: Renewal,
    caller: Caller,
    terms: &Terms,
    now: UnixTime,
) -> Verdict {
    let _ = (route, renewal, caller, terms, now);
    todo!()
}
