//! What the service manager is told, where there is one that listens (`sd_notify(3)`).

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use crate::task;

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

/// Says again and again that the runtime still runs what is due, if `WatchdogSec=` asks for it.
pub(super) fn keep_watch() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return;
    };
    // Half of the limit, as sd_watchdog_enabled(3) has it.
    let every = (limit / 2).max(Duration::from_millis(1));
    drop(task::supervise("telling the watchdog", move || async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    }));
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!(%error, "the service manager cannot be told how the service is");
    }
}
