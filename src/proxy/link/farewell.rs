//! What is said at the end.

use std::sync::atomic::{AtomicU16, Ordering};

use tokio::sync::watch;

use super::Cut;

/// What is said to a client at the end of its connection. To that of a WebSocket, the connection's stream says it.
#[derive(Debug, Default)]
pub struct Farewell {
    code: AtomicU16,
    last_answers: Option<watch::Receiver<bool>>,
}

impl Farewell {
    /// Not a close code: there is a tunnel, and nothing is to be said yet.
    const TUNNEL: u16 = 1;

    /// Nothing yet. `last_answers` tells from when on each answer is the last of its connection.
    #[must_use]
    pub const fn by(last_answers: watch::Receiver<bool>) -> Self {
        Self {
            code: AtomicU16::new(0),
            last_answers: Some(last_answers),
        }
    }

    /// A tunnel is open.
    pub(super) fn tunnel_opens(&self) {
        self.code.store(Self::TUNNEL, Ordering::Release);
    }

    /// Whether the answer that begins now is the last of its connection.
    pub(super) fn is_last_answer(&self) -> bool {
        // It is told once, so that it was is enough to know, and takes no lock. Nobody is left to tell when the listener is gone.
        let told = |last: &watch::Receiver<bool>| last.has_changed().unwrap_or(true);
        self.last_answers.as_ref().is_some_and(told)
    }

    /// Whether a tunnel was opened.
    #[must_use]
    pub fn is_tunnel(&self) -> bool {
        self.code.load(Ordering::Acquire) != 0
    }

    /// The close code to say (RFC 6455 section 7.4.1).
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        Some(self.code.load(Ordering::Acquire)).filter(|code| *code > Self::TUNNEL)
    }

    pub(super) fn say(&self, cut: Cut) {
        let code = match cut {
            Cut::SessionEnded => 1008,
            Cut::Draining => 1001,
            Cut::Late => return,
        };
        self.code.store(code, Ordering::Release);
    }
}
