//! `doorward check --diff`: what a reload would change.

use std::{io::Write, path::Path, process::ExitCode};

use super::{Failure, check::Format, load, table};
use crate::{
    config::Plan,
    server::{
        RunError,
        difference::{Changed, Kind, Outcome, Outlook, Takes},
    },
};

/// Some of it, or all, takes a restart.
const RESTART: u8 = 3;

pub(super) fn diff(old: &Path, new: &Path, format: Format, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (before, after) = both(old, new)?;
    let outlook = Outlook::between(&before, &after).map_err(RunError::from)?;
    match format {
        Format::Json => writeln!(out, "{:#}", serde_json::json!(outlook))?,
        Format::Text => print(&outlook, out)?,
    }
    Ok(match outlook.outcome {
        Outcome::Same | Outcome::Reload => ExitCode::SUCCESS,
        Outcome::Restart | Outcome::Refused => ExitCode::from(RESTART),
    })
}

/// Every problem of both.
fn both(old: &Path, new: &Path) -> Result<(Plan, Plan), Failure> {
    match (load(old), load(new)) {
        (Ok(before), Ok(after)) => Ok((before, after)),
        (Err(Failure::Config(one)), Err(Failure::Config(two))) => Err(Failure::Config(format!("{one}\n{two}"))),
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    }
}

fn print(outlook: &Outlook, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "{}", sentence(outlook.outcome))?;
    for changed in &outlook.changes {
        writeln!(out)?;
        one(changed, out)?;
    }
    Ok(())
}

const fn sentence(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Same => "No difference: a reload would change nothing.",
        Outcome::Reload => "A reload puts all of it in force.",
        Outcome::Restart => "A reload puts it in force, but for what is marked RESTART.",
        Outcome::Refused => "A reload is refused and changes nothing, for what is marked REFUSED: it takes a restart.",
    }
}

fn one(changed: &Changed, out: &mut impl Write) -> Result<(), Failure> {
    let mark = match changed.takes {
        Takes::Reload => "",
        Takes::Restart => "RESTART ",
        Takes::RestartOnly => "REFUSED ",
    };
    let kind = match changed.change {
        Kind::Added => "added",
        Kind::Removed => "removed",
        Kind::Changed => "changed",
    };
    let name = changed
        .name
        .as_deref()
        .map_or_else(String::new, |name| format!(" {}", table::plain(name)));
    let means = table::plain(&changed.means);
    writeln!(out, "{mark}{}{name} {kind}: {means}", changed.part)?;
    for difference in &changed.differences {
        writeln!(out, "    {}", table::plain(&difference.to_string()))?;
    }
    Ok(())
}
