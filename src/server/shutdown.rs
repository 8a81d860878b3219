//! The end of the process: which signals ask for it, and how it went.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// How draining ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drained {
    /// Everything under way came to its end.
    Whole,
    /// The deadline came first, and what was left was dropped.
    Cut,
}

/// Who asks for the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// SIGTERM: a service manager, or an orchestrator.
    Terminate,
    /// SIGINT: somebody at the terminal, who waits.
    Interrupt,
}

/// The signals that a process that serves goes by, beside the one for a reload.
#[derive(Debug)]
pub(super) struct Signals {
    pub(super) end: EndSignals,
    pub(super) upgrade: UpgradeSignal,
}

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub(super) struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

/// SIGUSR2.
#[derive(Debug)]
pub(super) struct UpgradeSignal(Signal);

impl Signals {
    /// Listens from now on. Within a tokio runtime.
    ///
    /// # Errors
    /// The system gives no signal handlers.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            end: EndSignals::new()?,
            upgrade: UpgradeSignal(signal(SignalKind::user_defined2())?),
        })
    }
}

impl EndSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn asked(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Terminate,
            _ = self.interrupt.recv() => Asked::Interrupt,
        }
    }
}

impl UpgradeSignal {
    pub(super) async fn asked(&mut self) {
        self.0.recv().await;
    }
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// The system gives no signal handlers.
pub async fn asked() -> io::Result<()> {
    EndSignals::new()?.asked().await;
    Ok(())
}
