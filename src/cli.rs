//! The command line.
//!
//! Exit codes: 0 when it did what was asked, 1 when it could not, 2 when the configuration or the command line is wrong, 3 when
//! `check --diff` finds what takes a restart, or `import` something without equivalent.

mod check;
mod client;
mod completions;
#[cfg(feature = "demo")]
mod demo;
mod diff;
mod doctor;
mod explain;
mod health;
mod import;
mod keys;
mod run;
mod schema;
mod sessions;
mod table;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{self, Plan},
    server::RunError,
};

/// Left out where it is not built in.
const TRY: &str = if cfg!(feature = "demo") {
    "  doorward demo                                   try it, with nothing but this program\n"
} else {
    ""
};

const EXAMPLES: &str = "\
\x20 doorward keys generate > session.key            a key that seals sessions
  doorward check --config doorward.yaml           every problem of a configuration at once
  doorward check --diff old.yaml new.yaml         what a reload would change
  doorward doctor --config doorward.yaml          whether all that it needs is there, and what to do
  doorward run --config doorward.yaml             serve
  doorward explain --config doorward.yaml https://app.example.com/admin
                                                  who may pass there, and why

Exit codes: 0 done, 1 failed, 2 the configuration or the command line is wrong.";

/// A reverse-proxy authentication gateway: sign-in with OpenID Connect, identity for every app
#[derive(Debug, Parser)]
#[command(name = "doorward", version, after_help = format!("Examples:\n{TRY}{EXAMPLES}"), max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a configuration until SIGTERM or Ctrl-C, then drain
    #[command(after_help = run::HELP)]
    Run(run::Options),
    /// Say every problem of a configuration, or what a reload to another would change
    #[command(after_help = check::HELP)]
    Check(check::Options),
    /// Look at everything that a configuration needs, and say what to do
    #[command(after_help = doctor::HELP)]
    Doctor(doctor::Options),
    /// Say which route a URL belongs to, and what would be decided there, and why
    #[command(after_help = explain::HELP)]
    Explain(explain::Options),
    /// Turn the configuration of another gateway into one of Doorward's
    #[command(subcommand)]
    Import(import::Command),
    /// Ask a running gateway whether it is well: for health checks
    #[command(after_help = health::HELP)]
    Health(health::Options),
    /// Make, list, watch and rotate the keys that seal sessions
    #[command(subcommand, after_help = keys::HELP)]
    Keys(keys::Command),
    /// List and end sessions at a running gateway's admin listener
    #[command(subcommand, after_help = sessions::HELP)]
    Sessions(sessions::Command),
    /// Try Doorward: gateway, development identity provider and sample app on loopback
    #[cfg(feature = "demo")]
    #[command(after_help = demo::HELP)]
    Demo(demo::Options),
    /// Print the JSON Schema or the reference of the configuration
    #[command(after_help = schema::HELP)]
    Schema(schema::Options),
    /// Print completions for a shell
    #[command(after_help = completions::HELP)]
    Completions(completions::Options),
}

/// Which configuration.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration, in YAML
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    path: PathBuf,
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Every problem of a configuration, each with its file.
    #[error("{0}")]
    Config(String),
    /// Something on the command line that is not what it should be.
    #[error("doorward: {0}")]
    Usage(String),
    #[error("doorward: {0}")]
    Run(#[from] RunError),
    #[cfg(feature = "demo")]
    #[error("doorward: {0}")]
    Demo(#[from] crate::demo::DemoError),
    /// The admin listener did not do what was asked.
    #[error("doorward: {0}")]
    Admin(String),
    /// What would sign people out, or cannot be done.
    #[error("doorward: {0}")]
    Refused(String),
    #[error("doorward: {0}")]
    Io(#[from] io::Error),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    // Before anything makes a TLS configuration. It fails only when a provider is in place already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let asked = Cli::parse();
    match dispatch(asked.command) {
        Ok(code) => code,
        Err(failure) => tell(&failure),
    }
}

/// The command line itself, for what is made of it: whatever a document shows is held against it.
#[must_use]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

fn dispatch(command: Command) -> Result<ExitCode, Failure> {
    let out = &mut io::stdout();
    match command {
        Command::Check(options) => return check::check(&options, out),
        Command::Import(command) => return import::import(&command, out),
        Command::Doctor(options) => return doctor::doctor(&options, out),
        Command::Run(options) => run::run(&options),
        Command::Explain(options) => explain::explain(&options, out),
        Command::Health(options) => health::health(&options, out),
        Command::Keys(command) => keys::keys(&command, out),
        Command::Sessions(command) => sessions::sessions(&command, out),
        #[cfg(feature = "demo")]
        Command::Demo(options) => demo::demo(&options, out),
        Command::Schema(options) => schema::schema(&options, out),
        Command::Completions(options) => completions::completions(&options, out),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// Compiles a configuration.
fn load(path: &Path) -> Result<Plan, Failure> {
    config::load(path).map_err(|problems| Failure::Config(problems.to_string()))
}

fn tell(failure: &Failure) -> ExitCode {
    match failure {
        // Whoever read our output has seen enough, as in `doorward schema | head`.
        Failure::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            return ExitCode::SUCCESS;
        }
        Failure::Config(_)
        | Failure::Usage(_)
        | Failure::Run(_)
        | Failure::Admin(_)
        | Failure::Refused(_)
        | Failure::Io(_) => {}
        #[cfg(feature = "demo")]
        Failure::Demo(_) => {}
    }
    // When standard error is closed there is nobody left to tell; the exit code says it.
    drop(writeln!(io::stderr(), "{failure}"));
    match failure {
        Failure::Config(_) | Failure::Usage(_) => ExitCode::from(2),
        Failure::Run(_) | Failure::Admin(_) | Failure::Refused(_) | Failure::Io(_) => ExitCode::FAILURE,
        #[cfg(feature = "demo")]
        Failure::Demo(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The terminal's width breaks the lines of a paragraph; a break of ours within one leaves shreds.
    #[test]
    fn no_paragraph_of_help_is_broken_twice() {
        fn look(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let shreds = help
                .lines()
                .filter(|line| line.len() > 80 && !line.starts_with(' ') && !line.ends_with(['.', ':']));
            assert_eq!(shreds.collect::<Vec<_>>(), [""; 0], "{}", command.get_name());
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }

    #[test]
    fn examples_are_of_commands_that_there_are() {
        let command = Cli::command();
        let examples = command.get_after_help().unwrap().to_string();
        let named = examples
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("doorward "));
        for name in named.clone().map(|rest| rest.split(' ').next().unwrap()) {
            assert!(command.find_subcommand(name).is_some(), "{name}");
        }
        assert_eq!(named.count(), 6 + usize::from(cfg!(feature = "demo")));
    }
}
