//! `doorward check`.

use std::{io::Write, path::Path};

use super::{Failure, load};
use crate::{
    config::Plan,
    flow::{Duty, Public, Registration},
    store,
};

pub(super) const HELP: &str = "\
Files and environment variables that the configuration names are read, too; nothing listens and nobody is called. \
A good configuration is summed up, with the addresses to register at each provider.

Example:
  doorward check --config doorward.yaml && systemctl restart doorward";

pub(super) fn check(path: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let plan = load(path)?;
    writeln!(out, "{}: ok: {}", path.display(), summary(&plan))?;
    register(&plan, out)
}

/// What each provider has to know: the commonest mistake of a first day, and the provider's own message hides it.
fn register(plan: &Plan, out: &mut impl Write) -> Result<(), Failure> {
    let serving = plan.listeners.iter().filter(|listener| listener.duty == Duty::Serve);
    let listeners: Vec<Public> = serving.map(|listener| listener.public).collect();
    for provider in &plan.providers {
        let known = Registration::of(&provider.name, plan.default_provider.as_ref(), &plan.site, &listeners);
        if known.redirect_uris.is_empty() {
            let name = provider.name.as_str();
            writeln!(out, "Provider {name} is used by no route.")?;
            continue;
        }
        let (name, client) = (provider.name.as_str(), &provider.client_id);
        writeln!(out, "Register at provider {name}, for client {client}:")?;
        for uri in &known.redirect_uris {
            writeln!(out, "  redirect URI     {uri}")?;
        }
        for uri in known.signed_out_uris.iter().filter(|_| provider.logout.rp_initiated) {
            writeln!(out, "  after sign-out   {uri}")?;
        }
        if known.redirect_uris.iter().any(|uri| uri.contains("://*")) {
            writeln!(out, "  In place of *, each host that people open.")?;
        }
    }
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
