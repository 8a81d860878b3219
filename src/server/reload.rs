//! Changes without a restart: on SIGHUP and when a file of the configuration changed.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use super::{Reloaded, Up, files::Watched, manager, run::serving};
use crate::{
    config::{self, Files},
    telemetry::{Event, News, Reload},
};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps a gateway at what its file says.
#[derive(Debug)]
pub(super) struct Reloader {
    file: PathBuf,
    hangup: Signal,
    watched: Watched,
    in_force: Files,
    ticks: tokio::time::Interval,
}

impl Reloader {
    /// Watches from now on what was read of these files. Within a tokio runtime.
    ///
    /// # Errors
    /// The system gives no signal handlers.
    pub(super) fn new(file: &Path, watched: Watched, in_force: Files) -> io::Result<Self> {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            file: file.to_owned(),
            hangup: signal(SignalKind::hangup())?,
            watched,
            in_force,
            ticks,
        })
    }

    /// Reloads whenever it is due, for ever.
    pub(super) async fn run(&mut self, up: &mut Up) {
        loop {
            self.due().await;
            self.reload(up);
        }
    }

    async fn due(&mut self) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => return,
                _ = self.ticks.tick() => if self.watched.changed() { return },
            }
        }
    }

    fn reload(&mut self, up: &mut Up) {
        manager::reloading();
        let refused = self.put_in_force(up);
        let note = if refused {
            "; the last reload was refused, see the log"
        } else {
            ""
        };
        manager::ready(&format!("{}{note}", serving(up)));
    }

    /// Whether it was refused.
    fn put_in_force(&mut self, up: &mut Up) -> bool {
        let (compiled, files) = config::load_watched(&self.file);
        let outcome = match compiled {
            Ok(plan) => up.reload(plan).map_err(|error| error.to_string()),
            Err(report) => Err(report.to_string()),
        };
        let refused = outcome.is_err();
        let telemetry = up.telemetry();
        let certificates = match outcome {
            Ok(Reloaded { waits, certificates }) => {
                self.watched.read_again(&files.paths());
                let news = if files == self.in_force {
                    News::None
                } else {
                    News::Another
                };
                self.in_force = files;
                telemetry.emit(&Event::Reload(Reload::InForce { news, waits: &waits }));
                certificates
            }
            Err(why) => {
                // Those of the configuration in force are still to be followed.
                self.watched.read_more(&files.paths());
                let certificates = up.reload_certificates();
                telemetry.emit(&Event::Reload(Reload::Refused { why: &why }));
                certificates
            }
        };
        for error in certificates {
            telemetry.emit(&Event::Reload(Reload::CertificateRefused {
                error: &error.to_string(),
            }));
        }
        refused
    }
}
