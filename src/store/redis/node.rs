//! One server, or whichever takes the writes: one connection to it for all callers, made by one of them for all, and a
//! breaker in front.
//!
//! Invariants: a connection that broke, was closed, fell silent for a whole deadline or leads to a replica is not used
//! again; of all callers that need a new one, one makes it, and goes on when that caller leaves; nobody waits beyond a
//! deadline of their own.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use redis::{Cmd, RedisError, Script, Value};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    dial::{Entrance, Live},
    fault::{Fault, Refusal},
    sentinel::{Sentinels, is_master},
};
use crate::{
    store::{
        Down, RedisAddress,
        breaker::{Breaker, PAUSE},
    },
    task,
};

/// How the server is found.
#[derive(Debug)]
pub(super) enum Dial {
    /// At its address.
    At(RedisAddress),
    /// As the master that the sentinels name.
    Master(Sentinels),
}

/// A server. Clones share everything.
#[derive(Clone)]
pub(super) struct Node(Arc<Inner>);

struct Inner {
    dial: Dial,
    entrance: Arc<Entrance>,
    live: ArcSwapOption<Live>,
    dialing: Mutex<Option<Dialing>>,
    breaker: Breaker,
    began: Instant,
    // When a connection was last left because it did not lead to a master; in milliseconds since `began`, 0 for never.
    left: AtomicU64,
    connections: Arc<watch::Sender<u64>>,
}

type Dialing = Shared<BoxFuture<'static, Result<Arc<Live>, Fault>>>;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// The command.
    pub(super) command: &'a Cmd,
    /// The script that it runs, which may have to be brought along.
    pub(super) script: Option<&'static Script>,
    /// Whether the server is only about to take over the key.
    pub(super) ahead: bool,
}

impl<'a> Question<'a> {
    /// A command, and no more.
    pub(super) const fn plain(command: &'a Cmd) -> Self {
        Self {
            command,
            script: None,
            ahead: false,
        }
    }
}

impl Node {
    /// `connections` counts the connections made.
    pub(super) fn new(dial: Dial, entrance: Arc<Entrance>, connections: Arc<watch::Sender<u64>>) -> Self {
        Self(Arc::new(Inner {
            dial,
            entrance,
            live: ArcSwapOption::empty(),
            dialing: Mutex::default(),
            breaker: Breaker::new(Instant::now()),
            began: Instant::now(),
            left: AtomicU64::new(0),
            connections,
        }))
    }

    /// Asks.
    pub(super) async fn ask(&self, question: Question<'_>, deadline: Instant) -> Result<Value, Fault> {
        let began = Instant::now();
        self.0.breaker.admit(began).map_err(Fault::Paused)?;
        let live = match timeout_at(deadline, self.live()).await {
            Ok(Ok(live)) => live,
            Ok(Err(fault)) => return Err(self.failed(fault)),
            Err(_) => return Err(self.failed(Fault::Silent)),
        };
        match timeout_at(deadline, put(&live, question)).await {
            Ok(Ok(value)) => {
                self.0.breaker.succeeded();
                Ok(value)
            }
            Ok(Err(error)) => {
                let fault = Fault::of(&error);
                if self.is_spoilt_by(&fault) {
                    live.give_up();
                }
                Err(self.failed(fault))
            }
            Err(_) => {
                // What is silent may be so for as long as TCP has patience. Had others been answered meanwhile, it was
                // this call alone that took too long.
                if !live.heard_since(began) {
                    live.give_up();
                }
                Err(self.failed(Fault::Silent))
            }
        }
    }

    /// Makes sure of the connection: that it is alive and, where sentinels were asked, that it leads to the master that
    /// they name.
    pub(super) async fn look_after(&self, deadline: Instant) -> Result<(), Fault> {
        let (sentinels, found) = match &self.0.dial {
            Dial::At(_) => return self.ask(Question::plain(&redis::cmd("PING")), deadline).await.map(drop),
            Dial::Master(sentinels) => (sentinels, self.live().await?),
        };
        let role = self.ask(Question::plain(&redis::cmd("ROLE")), deadline).await?;
        if !is_master(&role) {
            // Whoever was demoted answers reads as if nothing had happened.
            found.give_up();
            self.live().await?;
        } else if let Some(live) = sentinels.successor(&self.0.entrance, &found.address).await {
            self.take(live);
            found.give_up();
        }
        Ok(())
    }

    /// A connection that is not known to be of no use.
    pub(super) async fn live(&self) -> Result<Arc<Live>, Fault> {
        if let Some(live) = self.0.live.load_full().filter(|live| !live.is_gone()) {
            return Ok(live);
        }
        let dialing = {
            let mut dialing = self.0.dialing.lock().unwrap_or_else(PoisonError::into_inner);
            let under_way = dialing.as_ref().filter(|dialing| dialing.peek().is_none()).cloned();
            under_way.unwrap_or_else(|| {
                let new = self.clone().dial().boxed().shared();
                *dialing = Some(new.clone());
                // On its own, so that it is made even when whoever asked first does not wait for it.
                drop(task::spawn("redis connection", new.clone()));
                new
            })
        };
        dialing.await
    }

    async fn dial(self) -> Result<Arc<Live>, Fault> {
        let inner = &self.0;
        let live = match &inner.dial {
            Dial::At(address) => inner.entrance.connect(address).await,
            Dial::Master(sentinels) => sentinels.master(&inner.entrance).await,
        }?;
        Ok(self.take(live))
    }

    fn take(&self, live: Live) -> Arc<Live> {
        let live = Arc::new(live);
        self.0.live.store(Some(Arc::clone(&live)));
        self.0.connections.send_modify(|count| *count = count.wrapping_add(1));
        live
    }

    /// Whether the connection is of no more use. Where there is no master to be found, looking again with every write
    /// would make a connection for each.
    fn is_spoilt_by(&self, fault: &Fault) -> bool {
        if !matches!(fault, Fault::Refused(Refusal::NotMaster, _)) {
            return fault.spoils_connection();
        }
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (now, last) = (
            millis(self.0.began.elapsed()).saturating_add(1),
            self.0.left.load(Ordering::Acquire),
        );
        (last == 0 || now >= last.saturating_add(millis(PAUSE)))
            && self
                .0
                .left
                .compare_exchange(last, now, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    fn failed(&self, fault: Fault) -> Fault {
        if fault.is_answer() {
            self.0.breaker.succeeded();
        } else if !matches!(fault, Fault::Paused(_)) {
            let cause = Down::from(fault.clone()).to_string();
            self.0.breaker.failed(Instant::now(), cause);
        }
        fault
    }
}

async fn put(live: &Live, question: Question<'_>) -> Result<Value, RedisError> {
    let answer = once(live, question).await;
    let (Some(script), Err(error)) = (question.script, &answer) else {
        return answer;
    };
    if !matches!(Fault::of(error), Fault::Refused(Refusal::NoScript, _)) {
        return answer;
    }
    live.load(script).await?;
    once(live, question).await
}

async fn once(live: &Live, question: Question<'_>) -> Result<Value, RedisError> {
    if question.ahead {
        live.ask_ahead(question.command).await
    } else {
        live.ask(question.command).await
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("dial", &self.0.dial)
            .field("live", &self.0.live.load())
            .field("breaker", &self.0.breaker)
            .finish_non_exhaustive()
    }
}
