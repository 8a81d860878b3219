//! Tasks in the background. The one place that spawns: a task's panic is logged, never lost.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;

/// Pause before a supervised task that panicked starts again.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs a task; if it panics, says so.
#[expect(clippy::disallowed_methods, reason = "the one place where tasks begin")]
pub fn spawn<T>(name: &'static str, task: T) -> JoinHandle<()>
where
    T: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        if AssertUnwindSafe(task).catch_unwind().await.is_err() {
            tracing::error!(task = name, "a task panicked");
        }
    })
}

/// Runs a task that should never end; if it panics, says so and starts it again.
pub fn supervise<M, T>(name: &'static str, make: M) -> JoinHandle<()>
where
    M: Fn() -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    spawn(name, async move {
        while AssertUnwindSafe(make()).catch_unwind().await.is_err() {
            tracing::error!(task = name, "a task panicked and starts again");
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
    async fn a_panic_ends_the_task_only() {
        spawn("test", async { panic!("on purpose") }).await.unwrap();
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
