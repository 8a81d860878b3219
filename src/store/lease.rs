//! The lease: one holder at a time for a session's renewal, across replicas.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};

use super::{Backend, Down, Owner};
use crate::{session::StoreKey, task};

/// How long a lease lasts that nobody extends, until its holder says otherwise: the longest that others wait for one that died
/// (RS-17).
const TTL: Duration = Duration::from_secs(5);
/// How often it is extended while it is held (RF-02).
const EVERY: Duration = Duration::from_millis(1500);

/// A lease held. It is extended while it is held; [`Lease::release`] gives it back at once, and dropping it lets it lapse
/// within five seconds, or as [`Lease::hold`] said last.
#[derive(Debug)]
pub struct Lease {
    backend: Arc<dyn Backend>,
    key: StoreKey,
    owner: Owner,
    lapse: Arc<Mutex<Duration>>,
    extending: JoinHandle<()>,
}

impl Lease {
    /// Takes the lease of `key` for an owner drawn for it; `None` when another holds it.
    /// After `longest`, which is far beyond every deadline of what the holder does, it is extended no more: only a bug gets there.
    pub(super) async fn take(
        backend: &Arc<dyn Backend>,
        key: StoreKey,
        owner: Owner,
        longest: Duration,
    ) -> Result<Option<Self>, Down> {
        if !backend.lease(&key, &owner, TTL).await? {
            return Ok(None);
        }
        let lapse = Arc::new(Mutex::new(TTL));
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with the guard, and cannot panic"
        )]
        let extending = tokio::spawn(extend(Arc::clone(backend), key, owner, Arc::clone(&lapse), longest));
        Ok(Some(Self {
            backend: Arc::clone(backend),
            key,
            owner,
            lapse,
            extending,
        }))
    }

    /// Whether it still is ours, extended by that: a process that stood still may have lost it. From now on it outlasts by `lapse`
    /// the last moment at which the store answered its holder.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn hold(&self, lapse: Duration) -> Result<bool, Down> {
        let mut shared = self.lapse.lock().await;
        *shared = lapse;
        self.backend.extend(&self.key, &self.owner, lapse).await
    }

    /// Gives the lease back, if it is still ours. A store that does not answer hears of it again behind the caller, until the lease
    /// has lapsed.
    pub async fn release(self) {
        self.extending.abort();
        if self.backend.release(&self.key, &self.owner).await.is_err() {
            let (backend, key, owner, lapse) =
                (Arc::clone(&self.backend), self.key, self.owner, Arc::clone(&self.lapse));
            let giving = async move {
                let lapse = *lapse.lock().await;
                give_back(&*backend, key, owner, lapse).await;
            };
            drop(task::spawn("lease", giving));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.extending.abort();
    }
}

async fn give_back(backend: &dyn Backend, key: StoreKey, owner: Owner, lapse: Duration) {
    let until = Instant::now() + lapse;
    while Instant::now() < until {
        sleep(EVERY).await;
        if backend.release(&key, &owner).await.is_ok() {
            return;
        }
    }
}

async fn extend(
    backend: Arc<dyn Backend>,
    key: StoreKey,
    owner: Owner,
    lapse: Arc<Mutex<Duration>>,
    longest: Duration,
) {
    let began = Instant::now();
    let mut ticks = interval_at(began + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while began.elapsed() < longest {
        ticks.tick().await;
        // A store that does not answer may answer at the next tick; only a lease that is another's is given up.
        // Locked meanwhile, so that none shortens what another has just extended.
        let lapse = lapse.lock().await;
        if backend.extend(&key, &owner, *lapse).await == Ok(false) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{store::memory::Memory, time::Clock};

    const KEY: StoreKey = StoreKey([1; 32]);

    // RF-02
    #[tokio::test(start_paused = true)]
    async fn it_is_held_as_long_as_a_slow_provider_needs() {
        let backend: Arc<dyn Backend> = Arc::new(Memory::new(10, Clock::system()));
        let longest = Duration::from_secs(300);
        let lease = Lease::take(&backend, KEY, [1; 16], longest).await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert!(!lease.extending.is_finished(), "extended still");
        tokio::time::sleep(Duration::from_secs(110)).await;
        assert!(lease.extending.is_finished(), "and not for ever");
    }
}
