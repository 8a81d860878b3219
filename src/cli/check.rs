//! `doorward check`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};

use super::{Failure, diff, load};
use crate::{
    config::{self, Placeholder, Plan},
    flow::Registration,
    store,
};

pub(super) const HELP: &str = "\
Files and environment variables that the configuration names are read, too; nothing listens and nobody is called. \
A good configuration is summed up, with the addresses to register at each provider; placeholders that `doorward import` left in it \
are told.

With --diff, it says what a reload from OLD to NEW would change, and what would take a restart. OLD is what the gateway was \
started with. Certificates are read again at every reload, so a new one in the same file is no difference. No secret is \
shown.

Exit codes: 0 a good configuration; with --diff, the same or all of it by a reload. 2 a configuration or the command line \
is wrong. 3 with --diff, it takes a restart, or part of it does. 1 anything else.

Examples:
  doorward check --config doorward.yaml && systemctl restart doorward
  doorward check --diff /etc/doorward/doorward.yaml new.yaml
  doorward check --diff old.yaml new.yaml --format json | jq -r .outcome";

/// What is to be checked.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The configuration, in YAML
    #[arg(short, long, value_name = "FILE", required_unless_present = "diff")]
    config: Option<PathBuf>,
    /// Two configurations: say what a reload from the one to the other would change
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with = "config")]
    diff: Option<Vec<PathBuf>>,
    /// How differences are printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text", requires = "diff")]
    format: Format,
}

/// How something is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Format {
    /// Lines for people
    Text,
    /// One JSON object
    Json,
}

pub(super) fn check(options: &Options, out: &mut impl Write) -> Result<ExitCode, Failure> {
    if let Some([old, new]) = options.diff.as_deref() {
        return diff::diff(old, new, options.format, out);
    }
    let path = options.config.as_deref().unwrap_or(Path::new(""));
    let plan = load(path)?;
    writeln!(out, "{}: ok: {}", path.display(), summary(&plan))?;
    for Placeholder { place, written } in config::placeholders(path) {
        let (file, line, column) = (path.display(), place.line, place.column);
        writeln!(
            out,
            "{file}:{line}:{column}: warning: {written} is a placeholder: write your own"
        )?;
    }
    register(&plan, out)?;
    Ok(ExitCode::SUCCESS)
}

/// What each provider has to know: the commonest mistake of a first day, and the provider's own message hides it.
fn register(plan: &Plan, out: &mut impl Write) -> Result<(), Failure> {
    let listeners = plan.ways_in();
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
        if let Some(uri) = &known.back_channel_uri {
            writeln!(out, "  back-channel     {uri}")?;
        }
        if let Some(uri) = known
            .front_channel_uri
            .as_ref()
            .filter(|_| provider.logout.front_channel)
        {
            writeln!(out, "  front-channel    {uri}")?;
        }
        if known.redirect_uris.iter().any(|uri| uri.contains("://*")) {
            writeln!(out, "  In place of *, each host that people open.")?;
        }
    }
    Ok(())
}

pub(super) fn summary(plan: &Plan) -> String {
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
