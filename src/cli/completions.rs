//! `doorward completions`.

use std::io::Write;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Failure};

pub(super) const HELP: &str = "\
Examples:
  doorward completions bash > /etc/bash_completion.d/doorward
  doorward completions zsh > ~/.zfunc/_doorward
  doorward completions fish > ~/.config/fish/completions/doorward.fish";

/// Which shell.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The shell
    shell: Shell,
}

pub(super) fn completions(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    // The generator panics when it cannot write, and a buffer always takes it.
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "doorward", &mut script);
    out.write_all(&script)?;
    Ok(())
}
