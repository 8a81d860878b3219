//! Tasks of their own, supervised: a panic in one is logged and ends nothing else.

use std::{
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::{
    task::{JoinHandle, unconstrained},
    time::{Instant, Sleep, sleep_until},
};

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
    let mut rare = pin!(rare);
    let bell = Arc::new(Bell {
        rung: AtomicBool::new(true),
        task: Mutex::new(None),
    });
    let (waker, mut known) = (Waker::from(Arc::clone(&bell)), None);
    poll_fn(move |cx| {
        if !knows(known.as_ref(), cx) {
            known = Some(cx.waker().clone());
            bell.task().clone_from(&known);
        }
        if bell.rung.load(Ordering::Acquire) && bell.rung.swap(false, Ordering::AcqRel) {
            return rare.as_mut().poll(&mut Context::from_waker(&waker));
        }
        Poll::Pending
    })
    .await;
}

/// Wakes the task, and tells it by whom it was woken.
struct Bell {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Bell {
    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        let task = self.task().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// Whether the task that polls is the one that is known.
fn knows(known: Option<&Waker>, cx: &Context<'_>) -> bool {
    known.is_some_and(|known| known.will_wake(cx.waker()))
}

/// A timer for waits that hardly ever last until their end. To set and to take back one for each would cost a lock each and,
/// where no other is set, a call to the system. This one stays: it goes off for a wait that is over already, and is set
/// further by the one that finds it so.
#[derive(Debug, Default)]
pub struct Alarm {
    timer: Option<Pin<Box<Sleep>>>,
    /// Whom it wakes.
    known: Option<Waker>,
}

impl Alarm {
    /// Whether this moment has passed. Wakes the task when it has.
    pub fn is_past(&mut self, due: Instant, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        loop {
            if knows(self.known.as_ref(), cx) && !timer.is_elapsed() {
                return false;
            }
            self.known = Some(cx.waker().clone());
            // A task that has had its share of the thread is told to wait, by a timer that did not take its waker.
            if pin!(unconstrained(timer.as_mut())).poll(cx).is_pending() {
                return false;
            }
            self.known = None;
            if timer.deadline() >= due {
                return true;
            }
            timer.as_mut().reset(due);
        }
    }

    /// When it goes off next.
    #[cfg(test)]
    pub(crate) fn next(&self) -> Option<Instant> {
        self.timer.as_ref().map(|timer| timer.deadline())
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::atomic::AtomicUsize};

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

    #[test]
    fn what_is_rare_wakes_the_task_that_polled_it_last() {
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let woken = Cell::new(None);
        let mut rare = Box::pin(only_when_woken(poll_fn(|cx| {
            woken.set(Some(cx.waker().clone()));
            Poll::Pending
        })));
        let counts = [0, 1].map(|_| Arc::new(Count(AtomicUsize::new(0))));
        for count in &counts {
            let waker = Waker::from(Arc::clone(count));
            assert!(rare.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        woken.take().unwrap().wake();
        assert_eq!(counts.map(|count| count.0.load(Ordering::SeqCst)), [0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_serves_many_waits_and_misses_none() {
        let mut alarm = Alarm::default();
        let second = Duration::from_secs(1);
        for waits in 0..5_u32 {
            // Waits that are over before their end, and one that is not.
            for _ in 0..waits {
                let due = Instant::now() + 3 * second;
                let wait = poll_fn(|cx| {
                    if alarm.is_past(due, cx) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                });
                assert!(tokio::time::timeout(second, wait).await.is_err());
            }
            let (began, due) = (Instant::now(), Instant::now() + 3 * second);
            poll_fn(|cx| {
                if alarm.is_past(due, cx) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            assert_eq!(began.elapsed(), 3 * second);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_is_set_by_a_task_that_had_its_share() {
        let (mut alarm, began) = (Alarm::default(), Instant::now());
        let due = began + Duration::from_secs(3);
        let mut first = true;
        let wait = poll_fn(|cx| {
            if std::mem::take(&mut first) {
                while pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
            }
            if alarm.is_past(due, cx) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        // In a task of its own, which alone has a share.
        let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
        assert!(waited.is_ok() && began.elapsed() == Duration::from_secs(3));
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
