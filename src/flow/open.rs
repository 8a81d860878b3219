//! What is still open when its session ends: `WebSockets`, event streams, long downloads and uploads.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{Ending, Gateway};
use crate::{gate::Presence, session::Session};

/// How often the session is looked at when nothing is heard of it: it may end by time, and the feed may be down.
const LOOK: Duration = Duration::from_secs(1);

/// Resolves when the session is over, on whichever replica it was ended. An outage of the store ends nothing; the
/// session's own time does.
pub(super) fn until_over(gateway: impl FnOnce() -> Arc<Gateway> + Send + 'static, session: &Arc<Session>) -> Ending {
    let session = Arc::clone(session);
    Box::pin(async move {
        // Made room for only when it is polled: few are.
        Box::pin(gateway().follow(session)).await;
    })
}

impl Gateway {
    async fn follow(self: Arc<Self>, mut session: Arc<Session>) {
        // Before the first look, so that nothing falls between.
        let mut watch = self.parts().sessions.watch(session.key);
        loop {
            match self.parts().sessions.find(&session.handle).await {
                Presence::Session(found) => session = found,
                Presence::Down => {}
                Presence::Nothing | Presence::Unreadable => return,
            }
            if !self.lives(&session) {
                return;
            }
            // Told or not, the next look comes.
            timeout(LOOK, watch.changed()).await.ok();
        }
    }
}
