//! What the service manager is told, where there is one that listens (`sd_notify(3)`).

use std::{os::unix::net::UnixDatagram, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    task::AbortHandle,
    time::{MissedTickBehavior, interval},
};

use crate::{config, task};

/// Longest line that is said, in characters.
const LONGEST: usize = 400;

/// It serves, and this is what it says of itself. Also when a reload is over.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A reload begins. What `Type=notify-reload` waits for.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager is not told of a reload"),
    }
}

/// The end begins.
pub(super) fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// What it does now.
pub(super) fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// Another process is the service from now on.
pub(super) fn main_is(process: u32) {
    tell(&[NotifyState::MainPid(process)]);
}

/// Says again and again that the runtime still runs what is due, if `WatchdogSec=` asks for it, until this is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat(Option<AbortHandle>);

impl Heartbeat {
    /// Begins. Within a tokio runtime.
    pub(super) fn begin() -> Self {
        let asked = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero());
        let socket = config::source::process_variable("NOTIFY_SOCKET");
        let beating = asked.zip(socket).map(|(limit, socket)| {
            // Half of the limit, as sd_watchdog_enabled(3) has it.
            let every = (limit / 2).max(Duration::from_millis(1));
            task::supervise("telling the watchdog", move || beat(every, socket.clone())).abort_handle()
        });
        Self(beating)
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        if let Some(beating) = &self.0 {
            beating.abort();
        }
    }
}

/// Never waits for the service manager, since all else would wait along: when it has not read what was said so far, it is
/// told the next time.
async fn beat(every: Duration, socket: String) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let told = UnixDatagram::unbound().and_then(|from| {
            from.set_nonblocking(true)?;
            from.send_to(NotifyState::Watchdog.to_string().as_bytes(), &socket)
        });
        if let Err(error) = told {
            tracing::debug!(%error, "the watchdog is not told");
        }
    }
}

fn tell(what: &[NotifyState<'_>]) {
    let lines: Vec<String> = what.iter().map(line).collect();
    let what: Vec<_> = lines.iter().map(|line| NotifyState::Custom(line)).collect();
    if let Err(error) = sd_notify::notify(&what) {
        tracing::warn!(%error, "the service manager cannot be told how the service is");
    }
}

/// As it is sent: each line of a message is an assignment of its own, so what is said has one, and not a long one.
fn line(state: &NotifyState<'_>) -> String {
    let said = state.to_string();
    let first = said.lines().next().unwrap_or_default();
    match first.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", first.get(..at).unwrap_or_default()),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_has_one_line_and_an_end() {
        let said = |status: &str| line(&NotifyState::Status(status));
        assert_eq!(said("serving"), "STATUS=serving");
        assert_eq!(
            said("the upgrade failed: 2 problems\nMAINPID=1\r\nERRNO=2"),
            "STATUS=the upgrade failed: 2 problems"
        );
        let long = said(&"é".repeat(10_000));
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert!(long.ends_with("é…"));
        assert_eq!(line(&NotifyState::Ready), "READY=1");
    }
}
