//! A hold on an exchange from within its hooks: it is cut when its session ends, when a WebSocket handshake stays without
//! answer, and, if it is a tunnel, when the server drains.
//!
//! The hooks run inside the exchange's future, so the hold is a task-local value. It costs nothing that is not used: there
//! is no channel, for whatever a hook asks is looked at right after the poll in which it asked; and nobody is asked about
//! a session before an exchange has lasted a moment.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::far_end::{FarEnd, Peer};
use crate::{flow::Ending, identity::ClientCertificate};

/// Most exchanges are over by then, and whether their sessions end is never asked.
const BRIEF: Duration = Duration::from_millis(500);

tokio::task_local! {
    static HOLD: RefCell<Hold>;
}

/// Why an exchange was cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Its session ended.
    SessionEnded,
    /// The server drains, and it is a tunnel.
    Draining,
    /// A WebSocket handshake was not answered in time.
    Late,
}

/// What the hooks of one exchange asked for.
struct Hold {
    far_end: FarEnd,
    farewell: Arc<Farewell>,
    timer: Timer,
    /// Until when the session's end is not asked for.
    brief: Option<Instant>,
    ending: Option<Ending>,
    handshake: Option<Ending>,
    tunnel: bool,
    cut: Option<Cut>,
}

type Timer = Option<Pin<Box<Sleep>>>;

/// A connection's timer between its exchanges. To set and to take back one for each would cost more than all else here:
/// a lock each and, where no other is set, a call to the system. Kept, it goes off for an exchange that is over already,
/// and is set anew by the one that finds it so.
#[derive(Debug, Default)]
pub struct Spare(Mutex<Timer>);

impl Spare {
    fn take(&self) -> Timer {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, timer: Timer) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = timer;
    }
}

/// What is said to a WebSocket's client at the end, shared with the connection's stream, which says it.
#[derive(Debug, Default)]
pub struct Farewell(AtomicU16);

impl Farewell {
    /// Not a close code: there is a tunnel, and nothing is to be said yet.
    const TUNNEL: u16 = 1;

    /// Whether a tunnel was opened.
    #[must_use]
    pub fn is_tunnel(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }

    /// The close code to say (RFC 6455 section 7.4.1).
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        Some(self.0.load(Ordering::Acquire)).filter(|code| *code > Self::TUNNEL)
    }

    fn say(&self, cut: Cut) {
        let code = match cut {
            Cut::SessionEnded => 1008,
            Cut::Draining => 1001,
            Cut::Late => return,
        };
        self.0.store(code, Ordering::Release);
    }
}

/// The client certificate of the exchange's connection, as its handshake verified it.
pub(super) fn certificate() -> Option<Arc<ClientCertificate>> {
    HOLD.try_with(|hold| hold.borrow().far_end.certificate.clone())
        .ok()
        .flatten()
}

/// Who is at the far end of the exchange's connection.
pub(super) fn peer() -> Peer {
    HOLD.try_with(|hold| hold.borrow().far_end.peer)
        .unwrap_or(Peer::Unsaid(None))
}

/// Runs an exchange until it ends by itself; `None` when it was cut. `far_end` is that of the connection.
pub async fn hold<T>(
    exchange: impl Future<Output = T>,
    draining: impl Future<Output = ()>,
    far_end: FarEnd,
    farewell: Arc<Farewell>,
    spare: &Spare,
) -> Option<T> {
    let guarded = async move {
        // Dropped in here, where the hold still says why.
        let (mut exchange, mut draining) = (pin!(exchange), pin!(draining));
        let ended = poll_fn(|cx| {
            if let Poll::Ready(ended) = exchange.as_mut().poll(cx) {
                return Poll::Ready(Ok(ended));
            }
            HOLD.with(|hold| {
                let mut hold = hold.borrow_mut();
                hold.poll(cx, draining.as_mut()).map(Err)
            })
        });
        match ended.await {
            Ok(ended) => {
                spare.keep(HOLD.with(|hold| hold.borrow_mut().timer.take()));
                Some(ended)
            }
            Err(cut) => {
                HOLD.with(|hold| {
                    let mut hold = hold.borrow_mut();
                    hold.cut = Some(cut);
                    if hold.tunnel {
                        hold.farewell.say(cut);
                    }
                });
                None
            }
        }
    };
    let asked = Hold {
        far_end,
        farewell,
        timer: spare.take(),
        brief: None,
        ending: None,
        handshake: None,
        tunnel: false,
        cut: None,
    };
    HOLD.scope(RefCell::new(asked), guarded).await
}

impl Hold {
    fn poll(&mut self, cx: &mut Context<'_>, draining: Pin<&mut impl Future<Output = ()>>) -> Poll<Cut> {
        let over = |end: &mut Option<Ending>, cx: &mut Context<'_>| {
            end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready())
        };
        if self.ending.is_some() && !self.is_brief(cx) && over(&mut self.ending, cx) {
            Poll::Ready(Cut::SessionEnded)
        } else if over(&mut self.handshake, cx) {
            Poll::Ready(Cut::Late)
        } else if self.tunnel && draining.poll(cx).is_ready() {
            Poll::Ready(Cut::Draining)
        } else {
            Poll::Pending
        }
    }

    /// Whether the exchange may still be over before anybody need be asked. Wakes it when that time has passed.
    fn is_brief(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(until) = self.brief else {
            return false;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= until {
                self.brief = None;
                return false;
            }
            // It was an exchange's before this one.
            timer.as_mut().reset(until);
        }
        true
    }
}

/// Cuts the exchange when `ending` resolves, which is first polled when the exchange is brief no more.
pub(super) fn cut_when(ending: Option<Ending>) {
    ask(|hold| {
        hold.brief = ending.is_some().then(|| Instant::now() + BRIEF);
        hold.ending = ending;
    });
}

/// Cuts the exchange unless the tunnel is open after `deadline`.
pub(super) fn expect_tunnel(deadline: Option<Duration>) {
    if let Some(deadline) = deadline {
        ask(|hold| hold.handshake = Some(Box::pin(tokio::time::sleep(deadline))));
    }
}

/// The tunnel is open: it does not outlive the server's drain.
pub(super) fn open_tunnel() {
    ask(|hold| {
        hold.handshake = None;
        hold.tunnel = true;
        // Before the head is sent, whose end is where the frames begin.
        hold.farewell.0.store(Farewell::TUNNEL, Ordering::Release);
    });
}

/// There is no tunnel after all: the handshake was answered with an ordinary response.
pub(super) fn forget_tunnel() {
    ask(|hold| hold.handshake = None);
}

/// Why this exchange is being dropped, if it was cut.
pub(super) fn why() -> Option<Cut> {
    HOLD.try_with(|hold| hold.try_borrow().ok()?.cut).ok().flatten()
}

fn ask(what: impl FnOnce(&mut Hold)) {
    // Only a test's exchange has no hold.
    let held = HOLD.try_with(|hold| what(&mut hold.borrow_mut()));
    tracing::trace!(held = held.is_ok(), "asked to be cut");
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn nobody() -> FarEnd {
        FarEnd {
            peer: Peer::Local,
            certificate: None,
        }
    }

    async fn held(exchange: impl Future<Output = ()>, draining: impl Future<Output = ()>) -> (bool, Option<u16>) {
        let farewell = Arc::new(Farewell::default());
        let whole = hold(exchange, draining, nobody(), Arc::clone(&farewell), &Spare::default())
            .await
            .is_some();
        (whole, farewell.code())
    }

    /// Says why it was dropped.
    struct Dropped<'a>(&'a RefCell<Option<Cut>>);

    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            *self.0.borrow_mut() = why();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_exchange_is_cut_when_its_session_ends() {
        let said = RefCell::new(None);
        let stream = async {
            let _dropped = Dropped(&said);
            cut_when(Some(Box::pin(ready(()))));
            pending::<()>().await;
        };
        assert_eq!(held(stream, pending()).await, (false, None));
        assert_eq!(said.take(), Some(Cut::SessionEnded));
        let tunnel = async {
            cut_when(Some(Box::pin(ready(()))));
            open_tunnel();
            pending::<()>().await;
        };
        assert_eq!(held(tunnel, pending()).await, (false, Some(1008)));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_of_a_brief_exchange_and_the_timer_of_one_serves_the_next() {
        let (spare, began) = (Spare::default(), Instant::now());
        let asked = Arc::new(AtomicU16::new(0));
        let exchange = |lasting: Duration| {
            let asked = Arc::clone(&asked);
            let ending = poll_fn(move |_| {
                asked.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(())
            });
            let exchange = async move {
                cut_when(Some(Box::pin(ending)));
                tokio::time::sleep(lasting).await;
            };
            hold(exchange, pending(), nobody(), Arc::default(), &spare)
        };
        let deadline = || spare.0.lock().unwrap().as_ref().map(|timer| timer.deadline());
        for _ in 0..7 {
            assert_eq!(exchange(BRIEF / 5).await, Some(()));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        assert_eq!(deadline(), Some(began + BRIEF * 2), "it went off in the sixth");
        tokio::time::sleep(BRIEF * 9).await;
        let last = Instant::now();
        assert_eq!(exchange(BRIEF * 2).await, None);
        assert_eq!((last.elapsed(), asked.load(Ordering::Relaxed)), (BRIEF, 1));
    }

    #[tokio::test]
    async fn draining_closes_tunnels_and_nothing_else() {
        let tunnel = async {
            tokio::task::yield_now().await;
            open_tunnel();
            pending::<()>().await;
        };
        assert_eq!(held(tunnel, ready(())).await, (false, Some(1001)));
        let ordinary = async {
            cut_when(Some(Box::pin(pending())));
            tokio::task::yield_now().await;
        };
        assert_eq!(held(ordinary, ready(())).await, (true, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_without_answer_is_cut() {
        let unanswered = async {
            expect_tunnel(Some(Duration::from_secs(5)));
            pending::<()>().await;
        };
        assert_eq!(held(unanswered, pending()).await, (false, None));
        let answered = async {
            expect_tunnel(Some(Duration::from_secs(5)));
            forget_tunnel();
            tokio::time::sleep(Duration::from_secs(10)).await;
        };
        assert_eq!(held(answered, pending()).await, (true, None));
    }
}
