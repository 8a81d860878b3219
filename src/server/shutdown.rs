//! The end of the process: which signals ask for it, and how it went.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// How draining ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drained {
    /// Everything under way came to its end.
    Whole,
    /// The deadline came first, and what was left was dropped.
    Cut,
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// The system gives no signal handlers.
pub async fn asked() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
