//! `doorward check`.

use std::{io::Write, path::Path};

use super::{Failure, load};
use crate::{config::Plan, store};

pub(super) const HELP: &str = "\
Files and environment variables that the configuration names are read, too; nothing listens and nobody is called.

Example:
  doorward check --config doorward.yaml && systemctl restart doorward";

pub(super) fn check(path: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let plan = load(path)?;
    writeln!(out, "{}: ok: {}", path.display(), summary(&plan))?;
    Ok(())
}

fn summary(plan: &Plan) -> String {
    let keys = match &plan.ring {
        Some(ring) => counted(ring.keys().count(), "key"),
        None => "a key drawn at start".to_owned(),
    };
    [
        counted(plan.site.routes().len(), "route"),
        counted(plan.providers.len(), "provider"),
        counted(plan.listeners.len(), "listener"),
        format!("sessions in {}", store_word(&plan.store)),
        keys,
    ]
    .join(", ")
}

const fn store_word(settings: &store::Settings) -> &'static str {
    match settings {
        store::Settings::Memory { .. } => "memory",
        store::Settings::Redis(_) => "Redis",
    }
}

fn counted(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!(counted(1, "route"), "1 route");
        assert_eq!(counted(0, "provider"), "0 providers");
        assert_eq!(counted(12, "route"), "12 routes");
    }
}
