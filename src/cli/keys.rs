//! `doorward keys`.

use std::io::Write;

use clap::Subcommand;

use super::{ConfigFile, Failure, load};
use crate::{entropy::Entropy, keys};

pub(super) const HELP: &str = "\
The first key of a configuration seals and signs, every key opens, and apps find every key's public half in \
/.doorward/jwks.json. To change keys: put the new one last, on every replica; then first; and when the longest session \
has ended, take the old one out.

Examples:
  doorward keys generate > session-2.key
  doorward keys list --config doorward.yaml";

/// What is asked about keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a new key: 32 random bytes in base64
    Generate,
    /// Print the names of a configuration's keys, the sealing one first; never the keys
    List(ConfigFile),
}

pub(super) fn keys(command: &Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Generate => {
            let key = keys::generate(Entropy::system().bytes());
            writeln!(out, "{}", key.as_str())?;
        }
        Command::List(file) => match load(&file.path)?.ring {
            Some(ring) => {
                for (place, key) in ring.keys().enumerate() {
                    let does = if place == 0 { "seals and opens" } else { "opens" };
                    writeln!(out, "{}  {does}", key.id)?;
                }
            }
            None => writeln!(out, "no key is written: one is drawn at every start")?,
        },
    }
    Ok(())
}
