//! `doorward keys status`.

use std::io::Write;

use clap::Args;

use super::{
    replicas::{self, Answer},
    subject::{Subject, Which},
};
use crate::{
    cli::{Failure, table},
    keys::{
        RingKey,
        file::Note,
        rotation::{self, Step, objections},
    },
    server::run,
    time::{Clock, UnixTime},
};

pub(super) const HELP: &str = "\
Every replica is asked by its admin listener (/metrics); name all of them, since one that was not asked may still need a key. \
Numbers and times are those of the process that answers: since it was started.

Examples:
  doorward keys status --config doorward.yaml
  doorward keys status --config doorward.yaml --admin http://10.0.0.1:9090 --admin http://10.0.0.2:9090

Exit codes: 0 every replica has this ring in this order, 1 one does not or does not answer, 2 the configuration or the \
command line is wrong.";

/// Which ring, and whom to ask.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    which: Which,
}

const TITLES: [&str; 9] = [
    "KEY",
    "REPLICA",
    "PLACE",
    "SINCE",
    "SEALED",
    "OPENED",
    "FOUND",
    "SIGNED",
    "LAST USED",
];

pub(super) fn status(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    let subject = options.which.read()?;
    if subject.replicas.is_empty() {
        let what = "no replica can be asked: the admin listener is switched off, or none is named with --admin";
        return Err(Failure::Usage(what.to_owned()));
    }
    let asked = run::runtime()?.block_on(replicas::ask(&subject.replicas));
    let (mut answers, mut faults) = (Vec::new(), Vec::new());
    for answer in asked {
        match answer {
            Ok(answer) => answers.push(answer),
            Err(failure) => faults.push(failure.to_string()),
        }
    }
    let mut rows = vec![TITLES.map(str::to_owned)];
    for key in subject.ring.keys() {
        rows.extend(answers.iter().map(|answer| row(key, answer)));
    }
    table::write(&rows, out)?;
    writeln!(out)?;
    if faults.is_empty() {
        judge(&subject, &answers, Clock::system().now(), out)?;
    }
    faults.extend(answers.iter().filter_map(|answer| difference(&subject, answer)));
    if faults.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(
        faults.join("\ndoorward: ").trim_start_matches("doorward: ").to_owned(),
    ))
}

fn row(key: &RingKey, answer: &Answer) -> [String; 9] {
    let kid = key.id.as_str();
    let seen = answer.replica.keys.iter().find(|seen| seen.name == kid);
    let place = match seen {
        None => "lacks it".to_owned(),
        Some(seen) if seen.fingerprint != key.fingerprint() => "another key".to_owned(),
        Some(seen) if seen.place == 1 => "1 seals".to_owned(),
        Some(seen) => format!("{} opens", seen.place),
    };
    let time = |time: Option<UnixTime>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let uses = |what| answer.uses(kid, what).to_string();
    [
        kid.to_owned(),
        answer.replica.name.clone(),
        place,
        time(seen.map(|seen| seen.since)),
        uses("seal"),
        uses("open"),
        uses("find"),
        uses("sign"),
        time(seen.and_then(|seen| seen.used)),
    ]
}

/// What may be done with each key but the first.
fn judge(subject: &Subject, answers: &[Answer], now: UnixTime, out: &mut impl Write) -> Result<(), Failure> {
    let replicas: Vec<_> = answers.iter().map(|answer| answer.replica.clone()).collect();
    // The first key seals: nothing is to be done with it.
    for ((place, key), note) in subject.ring.keys().enumerate().zip(subject.notes()).skip(1) {
        let steps: &[Step] = match note {
            Some(Note::Accepted) => &[Step::Promote],
            Some(Note::Promoted | Note::Replaced) => &[Step::Retire],
            None => &[Step::Promote, Step::Retire],
        };
        for step in steps {
            let done = match step {
                Step::Promote => "promoted",
                Step::Retire => "retired",
            };
            let against = objections(*step, key, place, &replicas, subject.life, now);
            if against.is_empty() {
                let cold = match step {
                    Step::Promote => "",
                    Step::Retire => ": it is cold",
                };
                writeln!(out, "{} may be {done}{cold}", key.id)?;
            }
            for objection in against {
                writeln!(out, "{} may not be {done} yet: {objection}", key.id)?;
            }
        }
    }
    Ok(())
}

/// How a replica's ring is another than this one.
fn difference(subject: &Subject, answer: &Answer) -> Option<String> {
    let rotation::Replica { name, keys } = &answer.replica;
    let ours = subject.ring.keys().map(|key| (key.id.to_string(), key.fingerprint()));
    let theirs = keys.iter().map(|seen| (seen.name.clone(), seen.fingerprint.clone()));
    let same = ours.eq(theirs);
    let has: Vec<&str> = keys.iter().map(|seen| seen.name.as_str()).collect();
    (!same).then(|| {
        format!(
            "{name} has another ring: {}; it reads a changed file within seconds, unless its log says why not",
            has.join(", ")
        )
    })
}
