//! The lease of one renewal: taken, and lost.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Flight, SAVE_PATIENCE};
use crate::gate::{Observed, renewal::AWAIT_STEP};

/// More calls than one renewal makes of a provider: metadata, keys, the token, keys once more, userinfo.
const MOST_CALLS: u32 = 8;
/// For the calls of the store.
const MARGIN: Duration = Duration::from_secs(60);

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

    /// How long this flight can take while it holds the lease, and more: nobody else may spend the token meanwhile.
    fn longest(&self) -> Duration {
        let settings = self.provider.settings();
        (settings.connect_timeout + settings.timeout) * MOST_CALLS + SAVE_PATIENCE + MARGIN
    }

    /// A store that keeps no lease, because it is full and evicts, is not asked for one again and again (RS-12).
    pub(super) async fn lost(&mut self) -> Observed {
        self.lease = None;
        if Instant::now() >= self.deadline {
            return Observed::StoreDown;
        }
        sleep(AWAIT_STEP).await;
        Observed::LeaseLost
    }
}
