//! `doorward doctor`: looks at what a configuration needs, and says what to do.

use std::{io::Write, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;

use super::{Failure, check::Format, load, table};
use crate::{
    config::written::{Written as _, measure::LengthOfTime},
    doctor::{Finding, Surgery, Verdict},
    entropy::Entropy,
    server::run,
    time::Clock,
};

pub(super) const HELP: &str = "\
Run it where the gateway runs, as the user it runs as: what is reachable from elsewhere may not be from there. It looks at \
the configuration, the listeners' addresses and certificates, each identity provider (name, port, certificate, discovery, \
PKCE, algorithms, key set, clock, and whether it knows the callback addresses), the session store (role, version, \
eviction, latency, permissions, Pub/Sub), the upstreams, and the collector of traces, which is asked to take a batch of nothing. It changes nothing anywhere; a provider sees one sign-in attempt \
for each callback address, which ends at once.

Each line begins with
  ok    seen to be well
  ?     cannot be seen from here, whichever way it is
  warn  works, and is likely to hurt
  FAIL  does not work; the line below says what to do

Exit codes: 0 nothing fails, 1 something does, 2 the configuration or the command line is wrong.

Examples:
  doorward doctor --config /etc/doorward/doorward.yaml
  doorward doctor --config doorward.yaml --format json | jq '.findings[] | select(.verdict == \"fail\")'
  grep -F 6f1c2a90 doorward.log      what became of a request, by the id on its error page";

/// What is to be looked at.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The configuration, in YAML
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// How findings are printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Longest time of one look, up to a minute, such as 500ms or 10s; a number alone is seconds
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = patience)]
    timeout: Duration,
}

pub(super) fn doctor(options: &Options, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let plan = load(&options.config)?;
    let surgery = Surgery {
        clock: Clock::system(),
        entropy: Entropy::system(),
        patience: options.timeout,
    };
    let mut findings = vec![Finding {
        check: "configuration",
        of: options.config.display().to_string(),
        verdict: Verdict::Ok,
        seen: super::check::summary(&plan),
        advice: String::new(),
    }];
    findings.extend(run::runtime()?.block_on(surgery.examine(&plan)));
    let worst = findings.iter().map(|finding| finding.verdict).max();
    match options.format {
        Format::Json => writeln!(out, "{:#}", serde_json::json!({ "worst": worst, "findings": findings }))?,
        Format::Text => print(&findings, out)?,
    }
    Ok(if worst == Some(Verdict::Fail) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// A length of time, or seconds.
fn patience(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map(Duration::from_secs).ok();
    let read = seconds.or_else(|| LengthOfTime::read(text).ok());
    let fits = read.filter(|patience| !patience.is_zero() && *patience <= Duration::from_secs(60));
    fits.ok_or_else(|| format!("{}, of a minute at most", LengthOfTime::HINT))
}

fn print(findings: &[Finding], out: &mut impl Write) -> Result<(), Failure> {
    for finding in findings {
        let Finding {
            check,
            of,
            verdict,
            seen,
            advice,
        } = finding;
        writeln!(
            out,
            "{:<5} {}, {check}: {}",
            word(*verdict),
            table::plain(of),
            table::plain(seen)
        )?;
        if !advice.is_empty() {
            writeln!(out, "        {}", table::plain(advice))?;
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let [fail, warn, unseen] = [Verdict::Fail, Verdict::Warn, Verdict::Unseen].map(count);
    writeln!(
        out,
        "\n{fail} failed, {warn} to watch, {unseen} that cannot be seen, of {}",
        findings.len()
    )?;
    Ok(())
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Unseen => "?",
        Verdict::Warn => "warn",
        Verdict::Fail => "FAIL",
    }
}
