//! Listeners at work: opened, changed and closed while the process runs.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

use super::{
    Bound, Certificates, Drained, RunError, Shared, TlsError,
    accept::{Course, Gatehouse, Told},
    bind,
    change::{Fate, fates},
    ending::{Ending, Leaving},
    socket::Socket,
};
use crate::{
    flow::Front,
    proxy::{Bind, Door, Listener, TlsFiles},
    task,
    telemetry::CertificateInForce,
    time::UnixTime,
};

/// Listeners at work. Dropping it closes everything at once; [`Running::shutdown`] does it gently.
#[derive(Debug)]
pub struct Running {
    doors: Vec<OpenDoor>,
    leaving: Leaving,
    addresses: Vec<Bind>,
    /// Drops what is left.
    cut: watch::Sender<bool>,
    /// Held by every accept loop and connection, and here for those to come.
    alive: mpsc::Sender<()>,
    /// Ends when the last of them let go.
    over: mpsc::Receiver<()>,
    tending: Tending,
}

/// The task that tends upstreams; it ends when this is dropped.
#[derive(Debug)]
struct Tending(AbortHandle);

/// A listener at work.
#[derive(Debug)]
struct OpenDoor {
    bound: Bound,
    ending: Ending,
}

/// What a change of listeners comes to, with every socket bound and every certificate read: nothing can fail any more.
pub(super) struct Change<F: Front>(Vec<Step<F>>);

enum Step<F: Front> {
    /// The door at this place stays as it is.
    Keep(usize),
    /// A door opens: on a socket of its own, or on that of a door that closes.
    Open(Box<(OpenDoor, Gatehouse<F>)>),
}

/// Serves on sockets that are bound already. Must be called in a runtime, which everything then runs on.
#[must_use]
pub fn serve<F: Front>(bound: Vec<Bound>, shared: &Shared<F>) -> Running {
    let (cut, _) = watch::channel(false);
    let (alive, over) = mpsc::channel(1);
    let upstreams = Arc::clone(&shared.upstreams);
    let tending = task::supervise("tending upstreams", move || {
        let upstreams = Arc::clone(&upstreams);
        async move { upstreams.tend().await }
    });
    let mut running = Running {
        doors: Vec::new(),
        leaving: Leaving::default(),
        addresses: Vec::new(),
        cut,
        alive,
        over,
        tending: Tending(tending.abort_handle()),
    };
    let open = |bound| running.open(bound, shared);
    let steps = bound.into_iter().map(open).collect();
    running.rearrange(Change(steps), Duration::ZERO);
    running
}

impl Running {
    /// Where each listener listens, in the order given, with the port that port 0 became.
    #[must_use]
    pub fn addresses(&self) -> &[Bind] {
        &self.addresses
    }

    /// The certificates of the TLS listeners, for reloading.
    pub fn certificates(&self) -> impl Iterator<Item = &Arc<Certificates>> {
        self.doors.iter().filter_map(|door| door.bound.certificates())
    }

    /// Every certificate that a listener shows now.
    pub(super) fn certificates_in_force(&self) -> impl Iterator<Item = CertificateInForce> {
        self.doors.iter().flat_map(|door| {
            let listener = door.bound.address().to_string();
            let shown = door.bound.certificates().map(|certificates| certificates.validity());
            let told = move |(files, [not_before, not_after]): (TlsFiles, [UnixTime; 2])| CertificateInForce {
                listener: listener.clone(),
                file: files.certificate.display().to_string(),
                not_before,
                not_after,
            };
            shown.into_iter().flatten().map(told)
        })
    }

    /// Reads the certificates again, and says which cannot be used; what cannot be used now changes nothing (GW-06).
    #[must_use]
    pub fn reload_certificates(&self, now: UnixTime) -> Vec<TlsError> {
        self.certificates()
            .flat_map(|certificates| certificates.reload(now))
            .collect()
    }

    /// Binds what is new and reads what changed. A listener on the address of an old one takes over its socket, so no
    /// connection is refused meanwhile. `admin` is where the admin listener is.
    ///
    /// # Errors
    /// An address or certificate that cannot be used; nothing is changed then.
    pub(super) fn prepare<F: Front>(
        &self,
        wanted: Vec<Listener>,
        admin: Option<&Bind>,
        now: UnixTime,
        shared: &Shared<F>,
    ) -> Result<Change<F>, RunError> {
        let ours = || self.addresses.iter().chain(admin);
        let asked: Vec<&Listener> = self.doors.iter().map(|door| door.bound.asked()).collect();
        let fates = fates(&asked, &wanted);
        let step = |(listener, fate): (Listener, Fate)| {
            let bound = match fate {
                Fate::Keep(at) => return Ok(Step::Keep(at)),
                Fate::TakeOver(at) => self.doors.get(at).map(|door| door.bound.changed(listener.clone(), now)),
                Fate::Bind => None,
            };
            let bound = bound.unwrap_or_else(|| bind(listener).map_err(|error| error.among(ours())));
            Ok(self.open(bound?, shared))
        };
        wanted
            .into_iter()
            .zip(fates)
            .map(step)
            .collect::<Result<_, _>>()
            .map(Change)
    }

    /// Opens, keeps and closes. Connections of a door that closes finish what is under way; where another takes over its
    /// socket, idle ones may be used once more within `patience`, since to their clients nothing has happened.
    pub(super) fn rearrange<F: Front>(&mut self, change: Change<F>, patience: Duration) {
        let mut old: Vec<Option<OpenDoor>> = self.doors.drain(..).map(Some).collect();
        for step in change.0 {
            match step {
                Step::Keep(at) => self.doors.extend(old.get_mut(at).and_then(Option::take)),
                Step::Open(opened) => {
                    let (door, gate) = *opened;
                    drop(task::spawn("accepting connections", gate.run(door.bound.socket())));
                    self.doors.push(door);
                }
            }
        }
        for OpenDoor { bound, ending } in old.into_iter().flatten() {
            let socket = bound.socket();
            if self.doors.iter().any(|door| Arc::ptr_eq(&door.bound.socket(), &socket)) {
                // The one that takes over its socket takes what waits there, too.
                self.leaving.add(ending, patience);
            } else {
                ending.reach(Course::Close);
            }
        }
        self.addresses = self.doors.iter().map(|door| door.bound.address().clone()).collect();
    }

    fn open<F: Front>(&self, bound: Bound, shared: &Shared<F>) -> Step<F> {
        let door = Door::new(
            Arc::clone(&shared.front),
            Arc::clone(&shared.upstreams),
            shared.telemetry.clone(),
            &shared.entropy,
            Arc::clone(bound.listener()),
        );
        let (ending, answering, following) = Ending::new();
        let told = Told {
            last_answers: answering,
            course: following,
            cut: self.cut.subscribe(),
            alive: self.alive.clone(),
        };
        let gate = Gatehouse::new(door, &bound, told);
        let door = OpenDoor { bound, ending };
        Step::Open(Box::new((door, gate)))
    }

    /// The sockets, each with where its listener was asked to listen and where it does.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (Bind, Bind, Arc<Socket>)> {
        self.doors.iter().map(|door| {
            let bound = &door.bound;
            (bound.asked().bind.clone(), bound.address().clone(), bound.socket())
        })
    }

    /// From now on every answer is the last of its connection, on connections yet to come as well.
    pub(super) fn answer_for_the_last_time(&self) {
        for door in &self.doors {
            door.ending.answer_for_the_last_time();
        }
    }

    /// Takes no more connections, closes idle ones and tunnels, lets requests under way finish until `deadline`, then
    /// drops what is left.
    pub async fn shutdown(self, deadline: Duration) -> Drained {
        for door in &self.doors {
            door.ending.reach(Course::Close);
        }
        self.leaving.close();
        self.over(deadline).await
    }

    /// The same where another process has the sockets already, with what waits there. Idle connections may be used once
    /// more until half of the time is over.
    pub(super) async fn leave(mut self, deadline: Duration) -> Drained {
        for door in &self.doors {
            door.bound.socket().leave_file();
            door.ending.reach(Course::Leave);
        }
        let doors = std::mem::take(&mut self.doors);
        let leaving = std::mem::take(&mut self.leaving);
        let closing = async {
            tokio::time::sleep(deadline / 2).await;
            for door in &doors {
                door.ending.reach(Course::Close);
            }
            leaving.close();
            std::future::pending().await
        };
        tokio::select! {
            drained = self.over(deadline) => drained,
            drained = closing => drained,
        }
    }

    async fn over(self, deadline: Duration) -> Drained {
        let Self {
            doors,
            leaving,
            cut,
            alive,
            mut over,
            tending,
            addresses: _,
        } = self;
        drop((doors, leaving, alive));
        let ended = tokio::time::timeout(deadline, over.recv()).await;
        cut.send_replace(true);
        let drained = if ended.is_ok() {
            Drained::Whole
        } else {
            // Connections that were cut end as soon as they are polled.
            over.recv().await;
            Drained::Cut
        };
        drop(tending);
        drained
    }
}

impl Drop for Tending {
    fn drop(&mut self) {
        self.0.abort();
    }
}
