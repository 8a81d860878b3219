//! Tasks of their own, supervised: a panic in one is logged and ends nothing else.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
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

/// Waits for what a task hardly ever has to hear of. The future has a waker of its own here, so that it is not polled, with
/// its locks, whenever the task is.
pub async fn only_when_woken(rare: impl Future<Output = ()>) {
    std::iter::once(rare).collect::<FuturesUnordered<_>>().next().await;
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::poll_fn,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Poll, Waker},
    };

    use super::*;

    #[test]
    fn what_is_rare_is_polled_when_it_is_woken_and_not_with_its_task() {
        let (polls, woken) = (Cell::new(0), Cell::new(None));
        let mut rare = Box::pin(only_when_woken(poll_fn(|cx| {
            polls.set(polls.get() + 1);
            woken.set(Some(cx.waker().clone()));
            if polls.get() < 2 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })));
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(rare.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(polls.get(), 1);
        woken.take().unwrap().wake();
        assert!(rare.as_mut().poll(&mut cx).is_ready());
    }

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
