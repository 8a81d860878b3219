//! `doorward run`.

use std::path::Path;

use super::{Failure, load};
use crate::server;

pub(super) const HELP: &str = "\
Nothing listens before the whole configuration has compiled. Logs go to standard output. When asked to end, \
readiness turns off, no more connections are taken, and requests under way have 30 seconds to finish.

Example:
  doorward run --config /etc/doorward/doorward.yaml";

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    Ok(server::run::run(load(path)?)?)
}
