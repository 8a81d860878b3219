//! `doorward run`.

use clap::Args;

use super::{ConfigFile, Failure};
use crate::server::{
    RunError,
    run::{Origin, run as serve},
};

pub(super) const HELP: &str = "\
Nothing listens before the whole configuration has compiled. Logs go to standard output. When asked to end (SIGTERM, or \
Ctrl-C), readiness turns off, no more connections are taken, and requests under way have until `shutdown.deadline` to \
finish, 30 seconds unless written.

The configuration is read again on SIGHUP, and when it or a file that it names changes. What does not compile changes \
nothing; every problem is in the log. A change of `admin`, `logging` or of the kind of store waits for a restart.

On SIGUSR2 the program is started anew, from where it lies now, and takes over the listening sockets: no connection is \
refused. If it cannot serve, this one goes on and says why. systemd is told when it serves, and may pass sockets.

Example:
  doorward run --config /etc/doorward/doorward.yaml";

/// What `doorward run` takes.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Comes in place of the Doorward that starts it, with its sockets
    #[arg(long, hide = true)]
    take_over: bool,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let origin = if options.take_over {
        Origin::TakesOver
    } else {
        Origin::Started
    };
    serve(&options.file.path, origin).map_err(|error| match error {
        RunError::Config(report) => Failure::Config(report.to_string()),
        RunError::Assemble(_)
        | RunError::Bind(_)
        | RunError::Given(_)
        | RunError::Store(_)
        | RunError::TakeOver(_)
        | RunError::Admin { .. }
        | RunError::Log(_)
        | RunError::Runtime(_) => Failure::Run(error),
    })
}
