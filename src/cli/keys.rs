//! `doorward keys`.

mod replicas;
mod rotate;
mod status;
mod subject;
mod write;

use std::io::Write;

use clap::Subcommand;

use super::{ConfigFile, Failure, load};
use crate::{entropy::Entropy, keys};

pub(super) const HELP: &str = "\
The first key of a configuration seals and signs, every key opens, and apps find every key's public half in \
/.doorward/jwks.json. To change keys: accept the new one, last, on every replica; an hour later promote it, to the front; and \
when the longest session has ended, retire the old one.

Examples:
  doorward keys generate > session-2.key
  doorward keys list --config doorward.yaml
  doorward keys status --config doorward.yaml --admin http://10.0.0.1:9090 --admin http://10.0.0.2:9090
  doorward keys rotate --config doorward.yaml             which step is next, and whether it is safe
  doorward keys rotate --config doorward.yaml accept

Exit codes: 0 done, 1 not done, 2 the configuration or the command line is wrong.";

/// What is asked about keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a new key: 32 random bytes in base64
    Generate,
    /// Print the names and fingerprints of a configuration's keys, the sealing one first; never the keys
    List(ConfigFile),
    /// Ask every replica which keys it has, what they did, and which may be retired
    #[command(after_help = status::HELP)]
    Status(status::Options),
    /// Take the next step of a rotation in the ring file: accept, promote, retire
    #[command(after_help = rotate::HELP)]
    Rotate(rotate::Options),
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
                    writeln!(out, "{}  {does}  {}", key.id, key.fingerprint())?;
                }
            }
            None => writeln!(out, "no key is written: one is drawn at every start")?,
        },
        Command::Status(options) => status::status(options, out)?,
        Command::Rotate(options) => rotate::rotate(options, out)?,
    }
    Ok(())
}
