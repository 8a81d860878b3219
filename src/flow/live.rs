//! [`Live`]: the gateway in force. A reload puts another in its place as a whole.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Method;

use super::{Answer, Ending, Front, Gateway, Incoming, Reply, cookies, open::until_over};
use crate::{
    gate::{Admission, Caller, Refusal, Target},
    identity::Bundle,
};

/// The gateway in force. A request is decided by one gateway, whatever is put in place meanwhile. What is asked after that,
/// about its [`Admission`], is answered by the gateway in force then, with the route and the session that the admission holds.
#[derive(Debug)]
pub struct Live(ArcSwap<Gateway>);

impl Live {
    /// Begins with this gateway.
    #[must_use]
    pub fn new(gateway: Gateway) -> Self {
        Self(ArcSwap::from_pointee(gateway))
    }

    /// The gateway in force now.
    #[must_use]
    pub fn gateway(&self) -> Arc<Gateway> {
        self.0.load_full()
    }

    /// Puts a gateway in force: every request from now on is decided by it.
    pub fn put(&self, gateway: Gateway) {
        self.0.store(Arc::new(gateway));
    }
}

impl Front for Live {
    async fn answer(&self, incoming: &Incoming<'_>) -> Answer {
        self.gateway().answer(incoming).await
    }

    fn body_limit(&self, method: &Method, target: &Target) -> Option<usize> {
        self.0.load().body_limit(method, target)
    }

    fn refuse(&self, refusal: Refusal, caller: Caller, request_id: &str) -> Reply {
        self.0.load().refuse(refusal, caller, request_id)
    }

    fn bundle(&self, admission: &Admission) -> Option<Arc<Bundle>> {
        self.0.load().bundle(admission)
    }

    fn is_own_cookie(&self, name: &[u8]) -> bool {
        // The same for every gateway, and asked for each cookie of each request.
        cookies::is_own(name)
    }

    fn subject_hash(&self, admission: &Admission) -> Option<Arc<str>> {
        self.0.load().subject_hash(admission)
    }

    fn until_ended(self: &Arc<Self>, admission: &Admission) -> Option<Ending> {
        let live = Arc::clone(self);
        Some(until_over(move || live.gateway(), admission.session()?))
    }
}
