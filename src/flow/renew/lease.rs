//! The lease of one renewal: taken, held while the token is spent, and lost.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Flight, SAVE_PATIENCE};
use crate::gate::{Observed, renewal::AWAIT_STEP};

/// More calls than one renewal makes of a provider: metadata, keys, the token, keys once more, userinfo.
const MOST_CALLS: u32 = 8;
/// For the calls of the store.
const MARGIN: Duration = Duration::from_secs(60);
/// For what no deadline counts: a process that has to wait for its turn.
const SLACK: Duration = Duration::from_secs(1);

impl Flight<'_> {
    pub(super) async fn acquire(&mut self) -> Observed {
        match self
            .gateway
            .parts()
            .sessions
            .lease(&self.session.key, self.longest())
            .await
        {
            Ok(Some(lease)) => {
                self.lease = Some(lease);
                Observed::Acquired
            }
            Ok(None) => Observed::Busy,
            Err(_) => Observed::StoreDown,
        }
    }

    /// Another holds the lease. Whoever is waited for in vain is not heard of again before the lease lapses.
    pub(super) async fn wait(&mut self) -> Observed {
        let sessions = &self.gateway.parts().sessions;
        if Instant::now() >= self.deadline {
            let left = sessions.leased(&self.session.key).await.ok();
            // Given back or lapsed just now: at once.
            self.retry_after = left.map(|left| left.map_or(Duration::ZERO, whole_seconds));
            return Observed::DeadlinePassed;
        }
        sleep(AWAIT_STEP).await;
        let found = sessions.find(&self.session.handle).await;
        self.observe(found)
    }

    /// Right before the token is spent. From here on the lease outlasts the store's last answer by all that this flight can still
    /// take, so that a holder cut off from the store is the only one to spend the token: to the provider a second time looks like
    /// theft (RFC 9700 section 4.14.2). Others wait as long for a holder that died meanwhile (decision 0020).
    pub(super) async fn hold_to_spend(&mut self) -> Result<(), Observed> {
        // Of the store, the answer to this call, from whose carrying out the lease lasts, and the last try to write back, which has
        // begun when the patience with the store is over.
        let store = self.gateway.parts().store.deadline() * 2;
        let lapse = self.provider.longest_renewal() + SAVE_PATIENCE + store + SLACK;
        let Some(lease) = &self.lease else {
            return Err(Observed::LeaseLost);
        };
        match lease.hold(lapse).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.lost().await),
            Err(_) => Err(Observed::StoreDown),
        }
    }

    /// How long this flight can take while it holds the lease, and more: nobody else may spend the token meanwhile.
    fn longest(&self) -> Duration {
        let settings = self.provider.settings();
        (settings.connect_timeout + settings.timeout) * MOST_CALLS + SAVE_PATIENCE + MARGIN
    }

    /// A store that keeps no lease, because it is full and evicts, is not asked for one again and again (RS-12).
    async fn lost(&mut self) -> Observed {
        self.lease = None;
        if Instant::now() >= self.deadline {
            return Observed::StoreDown;
        }
        sleep(AWAIT_STEP).await;
        Observed::LeaseLost
    }
}

/// Rounded up: a moment early is in vain again.
fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}
