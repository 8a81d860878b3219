//! A hold on an exchange from within its hooks: it is cut when its session ends, when a WebSocket handshake stays without
//! answer, and, if it is a tunnel, when the server drains.
//!
//! The hooks run inside the exchange's future, so the hold is a task-local value. It costs nothing that is not used: there
//! is no channel, for whatever a hook asks is looked at right after the poll in which it asked; nobody is asked about
//! a session before an exchange has lasted a moment; and one hold serves a connection's exchanges in turn.

mod farewell;

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::HeaderValue;
use tokio::time::Instant;

pub use self::farewell::Farewell;
use super::{
    far_end::{FarEnd, Peer},
    watch::Connection,
};
use crate::{flow::Ending, identity::ClientCertificate, task::Alarm};

/// Most exchanges are over by then, and whether their sessions end is never asked.
const BRIEF: Duration = Duration::from_millis(500);

/// The longest `Cookie` line that is remembered with its connection, in bytes.
const LONGEST_COOKIES: usize = 4096;

tokio::task_local! {
    static HOLD: RefCell<Box<Hold>>;
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
    connection: Arc<Connection>,
    far_end: FarEnd,
    farewell: Arc<Farewell>,
    alarm: Alarm,
    /// The connection's last `Cookie` line, and how it went on: a browser says the same again and again.
    cookies: Option<(HeaderValue, Cookies)>,
    asked: Asked,
}

/// How a `Cookie` line goes on.
#[derive(Clone, Debug)]
pub(super) enum Cookies {
    /// As it came.
    Unchanged,
    /// As this.
    Edited(HeaderValue),
    /// Not at all.
    Removed,
}

#[derive(Default)]
struct Asked {
    /// Until when the session's end is not asked for.
    brief: Option<Instant>,
    ending: Option<Ending>,
    handshake: Option<Ending>,
    /// There is a tunnel, and from the first poll after it was opened what tells that the server drains.
    tunnel: bool,
    draining: Option<Ending>,
    cut: Option<Cut>,
}

/// A connection's client: who it is, and how its exchanges are held.
pub struct Line {
    connection: Arc<Connection>,
    far_end: FarEnd,
    farewell: Arc<Farewell>,
    /// Between exchanges. Those of HTTP/2 run side by side, and each but the first makes its own.
    spare: Mutex<Option<Box<Hold>>>,
}

/// The client certificate of the exchange's connection, as its handshake verified it.
pub(super) fn certificate() -> Option<Arc<ClientCertificate>> {
    HOLD.try_with(|hold| hold.borrow().far_end.certificate().cloned())
        .ok()
        .flatten()
}

/// Who is at the far end of the exchange's connection.
pub(super) fn peer() -> Peer {
    HOLD.try_with(|hold| hold.borrow().far_end.peer())
        .unwrap_or(Peer::Unsaid(None))
}

/// The request's head was read whole.
pub(super) fn head_is_read() {
    ask(|hold| hold.connection.head_is_read());
}

/// How a `Cookie` line goes on: as the last time, if it is the connection's last one, or else by `edit`.
///
/// # Errors
/// Those of `edit`.
pub(super) fn cookies<E>(line: &HeaderValue, edit: impl FnOnce() -> Result<Cookies, E>) -> Result<Cookies, E> {
    let known = |hold: &RefCell<Box<Hold>>| match &hold.borrow().cookies {
        Some((last, edited)) if last == line => Some(edited.clone()),
        Some(_) | None => None,
    };
    if let Ok(Some(edited)) = HOLD.try_with(known) {
        return Ok(edited);
    }
    let edited = edit()?;
    // A copy: the line itself would keep all that was read with it. Long ones are not worth their room.
    if line.len() <= LONGEST_COOKIES
        && let Ok(line) = HeaderValue::from_bytes(line.as_bytes())
    {
        ask(|hold| hold.cookies = Some((line, edited.clone())));
    }
    Ok(edited)
}

/// The far end's address, as `X-Forwarded-For` names it.
pub(super) fn hop() -> Option<HeaderValue> {
    HOLD.try_with(|hold| hold.borrow().far_end.hop().cloned())
        .ok()
        .flatten()
}

impl Line {
    /// The `connection` to `far_end`, which hears `farewell` at the end.
    #[must_use]
    pub const fn new(connection: Arc<Connection>, far_end: FarEnd, farewell: Arc<Farewell>) -> Self {
        Self {
            connection,
            far_end,
            farewell,
            spare: Mutex::new(None),
        }
    }

    /// As its stream sees it.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs an exchange until it ends by itself; `None` when it was cut. `draining`, which is called for tunnels only, resolves when
    /// the server drains.
    pub async fn hold<T>(
        &self,
        mut exchange: impl Future<Output = T> + Unpin,
        draining: impl Fn() -> Ending,
    ) -> Option<T> {
        let guarded = async move {
            // The exchange is dropped in here, where the hold still says why.
            let ended = poll_fn(|cx| match Pin::new(&mut exchange).poll(cx) {
                Poll::Ready(ended) => Poll::Ready(Ok(ended)),
                Poll::Pending => HOLD.with(|hold| hold.borrow_mut().poll(cx, &draining).map(Err)),
            });
            match ended.await {
                Ok(ended) => Some(ended),
                Err(cut) => {
                    HOLD.with(|hold| hold.borrow_mut().cut(cut));
                    None
                }
            }
        };
        let mut held = pin!(HOLD.scope(RefCell::new(self.take()), guarded));
        let ended = held.as_mut().await;
        if let (Some(_), Some(hold)) = (&ended, held.take_value()) {
            self.keep(hold.into_inner());
        }
        ended
    }

    fn take(&self) -> Box<Hold> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        spare.unwrap_or_else(|| {
            Box::new(Hold {
                connection: Arc::clone(&self.connection),
                far_end: self.far_end.clone(),
                farewell: Arc::clone(&self.farewell),
                alarm: Alarm::default(),
                cookies: None,
                asked: Asked::default(),
            })
        })
    }

    fn keep(&self, mut hold: Box<Hold>) {
        hold.asked = Asked::default();
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
    }
}

impl Hold {
    fn poll(&mut self, cx: &mut Context<'_>, draining: impl Fn() -> Ending) -> Poll<Cut> {
        let over = |end: &mut Option<Ending>, cx: &mut Context<'_>| {
            end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready())
        };
        if self.asked.tunnel && self.asked.draining.is_none() {
            self.asked.draining = Some(draining());
        }
        if self.asked.ending.is_some() && !self.is_brief(cx) && over(&mut self.asked.ending, cx) {
            Poll::Ready(Cut::SessionEnded)
        } else if over(&mut self.asked.handshake, cx) {
            Poll::Ready(Cut::Late)
        } else if over(&mut self.asked.draining, cx) {
            Poll::Ready(Cut::Draining)
        } else {
            Poll::Pending
        }
    }

    fn cut(&mut self, cut: Cut) {
        self.asked.cut = Some(cut);
        if self.asked.tunnel {
            self.farewell.say(cut);
        }
    }

    /// Whether the exchange may still be over before anybody need be asked. Wakes it when that time has passed.
    fn is_brief(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(until) = self.asked.brief else {
            return false;
        };
        if self.alarm.is_past(until, cx) {
            self.asked.brief = None;
            return false;
        }
        true
    }
}

/// Cuts the exchange when `ending` resolves, which is first polled when the exchange, begun then, is brief no more.
pub(super) fn cut_when(ending: Option<Ending>, begun: Instant) {
    ask(|hold| {
        hold.asked.brief = ending.is_some().then(|| begun + BRIEF);
        hold.asked.ending = ending;
    });
}

/// Cuts the exchange unless the tunnel is open after `deadline`.
pub(super) fn expect_tunnel(deadline: Option<Duration>) {
    if let Some(deadline) = deadline {
        ask(|hold| hold.asked.handshake = Some(Box::pin(tokio::time::sleep(deadline))));
    }
}

/// The tunnel is open: it does not outlive the server's drain.
pub(super) fn open_tunnel() {
    ask(|hold| {
        hold.asked.handshake = None;
        hold.asked.tunnel = true;
        // Before the head is sent, whose end is where the frames begin.
        hold.farewell.tunnel_opens();
    });
}

/// There is no tunnel after all: the handshake was answered with an ordinary response.
pub(super) fn forget_tunnel() {
    ask(|hold| hold.asked.handshake = None);
}

/// Whether the answer that begins now is the last of its connection. When the request came, that may not have been known.
pub(super) fn is_last_answer() -> bool {
    let last = |hold: &RefCell<Box<Hold>>| hold.borrow().farewell.is_last_answer();
    HOLD.try_with(last).unwrap_or(false)
}

/// Why this exchange is being dropped, if it was cut.
pub(super) fn why() -> Option<Cut> {
    HOLD.try_with(|hold| hold.try_borrow().ok()?.asked.cut).ok().flatten()
}

fn ask(what: impl FnOnce(&mut Hold)) {
    // Only a test's exchange has no hold.
    let held = HOLD.try_with(|hold| what(&mut hold.borrow_mut()));
    tracing::trace!(held = held.is_ok(), "asked to be cut");
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::atomic::{AtomicU16, Ordering},
    };

    use super::*;

    fn line(farewell: &Arc<Farewell>) -> Line {
        Line::new(Arc::default(), FarEnd::new(Peer::Local, None), Arc::clone(farewell))
    }

    fn never() -> Ending {
        Box::pin(pending())
    }

    fn at_once() -> Ending {
        Box::pin(ready(()))
    }

    async fn held(exchange: impl Future<Output = ()>, draining: fn() -> Ending) -> (bool, Option<u16>) {
        let farewell = Arc::new(Farewell::default());
        let line = line(&farewell);
        let whole = line.hold(Box::pin(exchange), draining).await.is_some();
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
            cut_when(Some(at_once()), Instant::now());
            pending::<()>().await;
        };
        assert_eq!(held(stream, never).await, (false, None));
        assert_eq!(said.take(), Some(Cut::SessionEnded));
        let tunnel = async {
            cut_when(Some(at_once()), Instant::now());
            open_tunnel();
            pending::<()>().await;
        };
        assert_eq!(held(tunnel, never).await, (false, Some(1008)));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_of_a_brief_exchange_and_the_timer_of_one_serves_the_next() {
        let (line, began) = (line(&Arc::default()), Instant::now());
        let asked = Arc::new(AtomicU16::new(0));
        let exchange = |lasting: Duration| {
            let asked = Arc::clone(&asked);
            let ending = poll_fn(move |_| {
                asked.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(())
            });
            let exchange = async move {
                cut_when(Some(Box::pin(ending)), Instant::now());
                tokio::time::sleep(lasting).await;
            };
            line.hold(Box::pin(exchange), never)
        };
        let deadline = || line.spare.lock().unwrap().as_ref()?.alarm.next();
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
    async fn a_cookie_line_is_edited_once_as_long_as_it_stays_the_same() {
        let (line, edits) = (line(&Arc::default()), std::cell::Cell::new(0));
        let edit = |value: HeaderValue| {
            cookies(&value, || {
                edits.set(edits.get() + 1);
                Ok::<_, ()>(Cookies::Edited(value.clone()))
            })
        };
        let exchange = |value: &'static str| {
            let edit = &edit;
            async move {
                match edit(HeaderValue::from_static(value)) {
                    Ok(Cookies::Edited(edited)) => assert_eq!(edited, value),
                    other => panic!("{other:?}"),
                }
            }
        };
        for (value, edited) in [("a", 1), ("a", 1), ("b", 2), ("a", 3)] {
            line.hold(Box::pin(exchange(value)), never).await.unwrap();
            assert_eq!(edits.get(), edited);
        }
    }

    #[tokio::test]
    async fn draining_closes_tunnels_and_nothing_else() {
        let tunnel = async {
            tokio::task::yield_now().await;
            open_tunnel();
            pending::<()>().await;
        };
        assert_eq!(held(tunnel, at_once).await, (false, Some(1001)));
        let ordinary = async {
            cut_when(Some(never()), Instant::now());
            tokio::task::yield_now().await;
        };
        assert_eq!(held(ordinary, at_once).await, (true, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_without_answer_is_cut() {
        let unanswered = async {
            expect_tunnel(Some(Duration::from_secs(5)));
            pending::<()>().await;
        };
        assert_eq!(held(unanswered, never).await, (false, None));
        let answered = async {
            expect_tunnel(Some(Duration::from_secs(5)));
            forget_tunnel();
            tokio::time::sleep(Duration::from_secs(10)).await;
        };
        assert_eq!(held(answered, never).await, (true, None));
    }
}
