//! The whole process: bind first, serve, wait to be asked to end, drain. Or hand the sockets to the next process.

use std::{collections::BTreeSet, io, path::Path, process};

use super::{
    AssembleError, BindError, Drained, Up,
    assemble::assemble,
    files::Watched,
    given::{GivenError, Sockets},
    handover::{
        heir::{self, HandoverError, Heir},
        predecessor::{Predecessor, TakeOverError},
    },
    listen::advice,
    manager::{self, Heartbeat},
    reload::Reloader,
    shutdown::{Asked, Signals},
    up,
};
use crate::{
    config::{self, Report},
    entropy::Entropy,
    telemetry::{
        Event,
        log::{self, LogError},
    },
    time::Clock,
};

/// Why the process does not serve.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration does not compile.
    #[error(transparent)]
    Config(#[from] Report),
    /// The configuration compiled, and something in it cannot be made.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// A listener.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The admin listener.
    #[error(
        "the admin listener cannot listen on {address}: {source}; change admin.address or switch it off{}",
        advice(source)
    )]
    Admin {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A socket that the service manager passed.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// It would take the place of a gateway, without a store.
    #[error("the session store does not answer: {0}; `doorward doctor` says more")]
    Store(String),
    /// Nothing is taken over from the process before.
    #[error(transparent)]
    TakeOver(#[from] TakeOverError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The system gives no threads or signals.
    #[error("the runtime cannot start: {0}")]
    Runtime(#[from] io::Error),
}

/// Where a process has its listening sockets from, beside those that it opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// From the service manager, if it passes any.
    Started,
    /// From the Doorward that started it, in whose place it comes.
    TakesOver,
}

/// Serves a configuration file until the process is asked to end, then drains. On the way it follows the file.
///
/// # Errors
/// Why it does not serve.
pub fn run(file: &Path, origin: Origin) -> Result<(), RunError> {
    let (mut before, sockets) = match origin {
        Origin::Started => {
            let meant_for = config::source::process_variable("LISTEN_PID");
            (None, Sockets::from_service_manager(meant_for.as_deref())?)
        }
        Origin::TakesOver => {
            let (before, sockets) = Predecessor::meet()?;
            (Some(before), sockets)
        }
    };
    let ended = serve(file, &mut before, sockets);
    if let (Err(error), Some(before)) = (&ended, &mut before) {
        before.failed(&error.to_string());
    }
    ended
}

fn serve(file: &Path, before: &mut Option<Predecessor>, sockets: Sockets) -> Result<(), RunError> {
    let mut watched = Watched::new(&BTreeSet::from([file.to_owned()]));
    let (plan, files) = config::load_watched(file);
    let plan = plan?;
    watched.read_again(&files.paths());
    let writes_at_the_end = log::install(&plan.telemetry)?;
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let mut reloader = Reloader::new(file, watched, files)?;
        let opened = up::open(assemble(plan, &Clock::system(), &Entropy::system())?, sockets)?;
        if let Some(before) = before.as_mut() {
            opened.store_answers().await.map_err(RunError::Store)?;
            before.ready()?;
        }
        let mut up = opened.serve();
        announce(&up);
        if let Some(before) = before.take() {
            tracing::info!(process = process::id(), "took over from the process before");
            before.serving();
        }
        manager::ready(&serving(&up));
        let heartbeat = Heartbeat::begin();
        let end = until_the_end(&mut up, &mut reloader, &mut signals).await;
        // The next process has one of its own, and this one is not heard any more.
        let _heartbeat = matches!(end, End::Asked(_)).then_some(heartbeat);
        end.come(up, &mut signals).await;
        // Before the runtime ends its tasks: what they say of each other's end alarms for nothing.
        drop(writes_at_the_end);
        Ok(())
    })
}

/// What the process ends with.
enum End {
    /// It was asked to.
    Asked(Asked),
    /// Another process serves in its place.
    Replaced,
}

/// Follows the configuration's files, and the signals.
async fn until_the_end(up: &mut Up, reloader: &mut Reloader, signals: &mut Signals) -> End {
    loop {
        tokio::select! {
            asked = signals.end.asked() => return End::Asked(asked),
            () = reloader.run(up) => {}
            () = signals.upgrade.asked() => {
                // Whoever asks for the end meanwhile is heard: the new process, left alone, ends too.
                let heir = tokio::select! {
                    asked = signals.end.asked() => return End::Asked(asked),
                    heir = prepare(up) => heir,
                };
                match hand_over(heir).await {
                    Ok(process) => {
                        tracing::info!(process, "another process serves in place of this one: draining");
                        return End::Replaced;
                    }
                    Err(error) => {
                        let why = error.to_string();
                        up.telemetry().emit(&Event::UpgradeFailed { why: &why });
                        manager::status(&format!("{}; the upgrade failed: {why}", serving(up)));
                    }
                }
            }
        }
    }
}

/// Starts the next process, and shows it the sockets.
async fn prepare(up: &Up) -> Result<Heir, HandoverError> {
    tracing::info!("asked for an upgrade: starting the program anew");
    if up.keeps_sessions_in_memory() {
        tracing::warn!(
            "sessions are kept in this process: everybody signs in again after the upgrade; Redis keeps them"
        );
    }
    heir::prepare(&up.sockets()).await
}

/// Lets the next process serve. Whatever fails, this one goes on.
async fn hand_over(heir: Result<Heir, HandoverError>) -> Result<u32, HandoverError> {
    let mut heir = heir?;
    let process = heir.go().await?;
    manager::main_is(process);
    heir.known().await;
    Ok(process)
}

impl End {
    async fn come(self, up: Up, signals: &mut Signals) {
        let config::Shutdown { delay, deadline } = up.shutdown();
        let drained = match self {
            Self::Replaced => up.leave(deadline).await,
            Self::Asked(asked) => {
                manager::stopping("draining");
                if asked == Asked::Terminate && !delay.is_zero() {
                    tracing::info!(
                        delay = delay.as_secs(),
                        "asked to end: not ready any more, and serving on"
                    );
                    up.turn_away();
                    tokio::select! {
                        () = tokio::time::sleep(delay) => {}
                        _ = signals.end.asked() => {}
                    }
                }
                tracing::info!("asked to end: draining");
                up.stop(deadline).await
            }
        };
        tracing::info!(whole = drained == Drained::Whole, "ended");
    }
}

/// In a few words, for `systemctl status`.
pub(super) fn serving(up: &Up) -> String {
    let addresses: Vec<String> = up.addresses().iter().map(ToString::to_string).collect();
    format!("serving at {}", addresses.join(", "))
}

/// One runtime for listeners, store and provider, sized to the cores.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Says in the log where it listens.
pub fn announce(up: &Up) {
    for address in up.addresses() {
        tracing::info!(%address, "listening");
    }
    if let Some(address) = up.admin() {
        tracing::info!(%address, "health and metrics");
    }
}
