//! Tasks of their own, supervised: a panic in one is logged and ends nothing else.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;

/// Pause before a supervised task that panicked starts again.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs `future` beside everything else on the current runtime. `name` is for the log when it panics; the handle yields
/// `None` then.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where tasks begin, so that none is lost"
)]
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<Option<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(async move {
        let ended = AssertUnwindSafe(future).catch_unwind().await;
        if ended.is_err() {
            tracing::error!(task = name, "a background task panicked: a defect, please report it");
        }
        ended.ok()
    })
}

/// Runs a task that should never end; if it panics, says so and starts it again.
pub fn supervise<M, T>(name: &'static str, make: M) -> JoinHandle<Option<()>>
where
    M: Fn() -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    spawn(name, async move {
        while AssertUnwindSafe(make()).catch_unwind().await.is_err() {
            tracing::error!(
                task = name,
                "a background task panicked and starts again: a defect, please report it"
            );
            tokio::time::sleep(PAUSE).await;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_only_its_task() {
        assert_eq!(
            spawn("fails", async { panic!("on purpose") }).await.unwrap(),
            None::<()>
        );
        assert_eq!(spawn("works", async { 7 }).await.unwrap(), Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_supervised_task_starts_again() {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        supervise("test", move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move { assert!(run >= 2, "on purpose") }
        })
        .await
        .unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }
}
