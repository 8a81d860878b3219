//! `doorward keys rotate`.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::{
    replicas,
    subject::{Subject, Which},
    write,
};
use crate::{
    cli::Failure,
    entropy::Entropy,
    keys::{
        self, KeyId, RingFile, RingKey,
        file::Note,
        rotation::{self, Next, Replica, objections},
    },
    server::run,
    time::{Clock, UnixTime},
};

pub(super) const HELP: &str = "\
The steps:
  accept   adds a new key at the end: it opens, and apps learn of it
  promote  moves it to the front, an hour after every replica has it: it seals and signs
  retire   takes the old key out, when every session that it may have sealed has ended
Without a step it says which one is next, and whether it is safe now; nothing is changed.

The file of session.keys_file is replaced at once, with the same owner and mode; gateways that watch it follow within \
seconds. Every replica needs the same file: run this once, and bring the file to the others. Promote and retire ask the \
replicas that --admin names, or the configuration's own admin listener; name all of them.

Examples:
  doorward keys rotate --config doorward.yaml accept
  doorward keys rotate --config doorward.yaml --admin http://10.0.0.1:9090 --admin http://10.0.0.2:9090 promote
  doorward keys rotate --file session.keys --session-life 24h accept 2026-11

Exit codes: 0 done, or the next step may be taken; 1 not safe, or not done; 2 the configuration or the command line is wrong.";

/// Which ring, and what to do.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    which: Which,
    /// Take the step without asking any replica: people may be signed out
    #[arg(long, requires = "step")]
    force: bool,
    /// What to do
    #[arg(value_enum)]
    step: Option<Step>,
    /// Which key: the name of the new one (today's date unless written), or of the one to promote or retire
    #[arg(value_name = "KEY")]
    key: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Step {
    /// Add a new key at the end
    Accept,
    /// Move a key to the front
    Promote,
    /// Take a key out
    Retire,
}

pub(super) fn rotate(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    let subject = options.which.read()?;
    let now = Clock::system().now();
    if subject.file.is_none() {
        return advise(&subject, now, out);
    }
    match options.step {
        None => next(&subject, now, out),
        Some(Step::Accept) => accept(&subject, options.key.as_deref(), now, out),
        Some(Step::Promote) => promote(&subject, options, now, out),
        Some(Step::Retire) => retire(&subject, options, now, out),
    }
}

fn next(subject: &Subject, now: UnixTime, out: &mut impl Write) -> Result<(), Failure> {
    let Some((path, file)) = &subject.file else {
        return Ok(());
    };
    let again = &subject.again;
    let (step, key) = match Next::of(file) {
        Next::Accept => {
            writeln!(out, "{}: no rotation is under way.", path.display())?;
            writeln!(
                out,
                "Next, when the key is to be changed: doorward keys rotate {again} accept"
            )?;
            return Ok(());
        }
        Next::Either(key) => {
            writeln!(out, "{}: nothing says whether {key} is new or old.", path.display())?;
            writeln!(out, "If it is new:  doorward keys rotate {again} promote {key}")?;
            writeln!(out, "If it is old:  doorward keys rotate {again} retire {key}")?;
            return Ok(());
        }
        Next::Promote(key) => (rotation::Step::Promote, key),
        Next::Retire(key) => (rotation::Step::Retire, key),
    };
    let (word, why) = match step {
        rotation::Step::Promote => ("promote", "was accepted and does not seal yet"),
        rotation::Step::Retire => ("retire", "was replaced and only opens what is left of it"),
    };
    writeln!(out, "{}: {key} {why}.", path.display())?;
    check(subject, step, &key, now)?;
    writeln!(out, "Next, and safe now: doorward keys rotate {again} {word} {key}")?;
    Ok(())
}

fn accept(subject: &Subject, name: Option<&str>, now: UnixTime, out: &mut impl Write) -> Result<(), Failure> {
    let Some((path, file)) = &subject.file else {
        return Ok(());
    };
    if let (Next::Promote(waiting), None) = (Next::of(file), name) {
        let what = format!("{waiting} was accepted already; promote it, or write a name for one more");
        return Err(Failure::Refused(what));
    }
    let name = name.map_or_else(|| fresh_name(subject, now), str::to_owned);
    let mut file = file.clone();
    let key = keys::generate(Entropy::system().bytes());
    file.accept(&name, &key, now)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    save(path, &file)?;
    writeln!(
        out,
        "{}: {name} is added at the end. It opens, and seals nothing yet.",
        path.display()
    )?;
    writeln!(
        out,
        "Next: bring this file to every replica, and an hour after the last one has it"
    )?;
    writeln!(out, "  doorward keys rotate {} promote {name}", subject.again)?;
    Ok(())
}

fn promote(subject: &Subject, options: &Options, now: UnixTime, out: &mut impl Write) -> Result<(), Failure> {
    let Some((path, file)) = &subject.file else {
        return Ok(());
    };
    let key = chosen(file, options.key.as_deref(), Note::Accepted)?;
    if file.entries().next().is_some_and(|first| first.key.id == key) {
        return Err(Failure::Refused(format!("{key} is the first key already: it seals")));
    }
    if !options.force {
        check(subject, rotation::Step::Promote, &key, now)?;
    }
    let mut file = file.clone();
    file.promote(&key, now);
    save(path, &file)?;
    writeln!(out, "{}: {key} is the first key. It seals and signs.", path.display())?;
    let old = file
        .entries()
        .nth(1)
        .map_or_else(String::new, |old| old.key.id.to_string());
    writeln!(
        out,
        "Next: bring this file to every replica, and when the longest session has ended ({})",
        life(subject)
    )?;
    writeln!(out, "  doorward keys rotate {} retire {old}", subject.again)?;
    Ok(())
}

fn retire(subject: &Subject, options: &Options, now: UnixTime, out: &mut impl Write) -> Result<(), Failure> {
    let Some((path, file)) = &subject.file else {
        return Ok(());
    };
    let key = chosen(file, options.key.as_deref(), Note::Replaced)?;
    if file.entries().count() == 1 {
        return Err(Failure::Refused(format!(
            "{key} is the only key; accept another one before"
        )));
    }
    if !options.force {
        check(subject, rotation::Step::Retire, &key, now)?;
    }
    let mut file = file.clone();
    file.retire(&key);
    save(path, &file)?;
    writeln!(
        out,
        "{}: {key} is out. What it sealed does not open any more.",
        path.display()
    )?;
    writeln!(
        out,
        "Next: bring this file to every replica, and destroy copies of the old one."
    )?;
    Ok(())
}

/// The named key, or the one that is next by its note, or the last where nothing is noted.
fn chosen(file: &RingFile, name: Option<&str>, wanted: Note) -> Result<KeyId, Failure> {
    let mut ids = file.entries().map(|entry| entry.key.id.clone());
    if let Some(name) = name {
        let found = ids.find(|id| id.as_str() == name);
        return found.ok_or_else(|| Failure::Usage(format!("there is no key named {name:?} in the ring")));
    }
    // The first key seals: it is neither promoted nor retired.
    let behind: Vec<_> = file.entries().skip(1).collect();
    let noted = behind.iter().rev().find(|entry| entry.note() == Some(wanted));
    let only = behind.last().filter(|last| behind.len() == 1 && last.note().is_none());
    match noted.or(only) {
        Some(entry) => Ok(entry.key.id.clone()),
        None => Err(Failure::Usage(
            "say which key: its name goes behind the step".to_owned(),
        )),
    }
}

/// Asks every replica whether anything speaks against the step.
fn check(subject: &Subject, step: rotation::Step, id: &KeyId, now: UnixTime) -> Result<(), Failure> {
    let answers = run::runtime()?.block_on(replicas::ask(&subject.replicas));
    let replicas: Vec<Replica> = answers
        .into_iter()
        .map(|answer| answer.map(|answer| answer.replica))
        .collect::<Result<_, _>>()?;
    let found = subject.ring.keys().enumerate().find(|(_, key)| key.id == *id);
    let against =
        found.map(|(place, key): (usize, &RingKey)| objections(step, key, place, &replicas, subject.life, now));
    let against = against.unwrap_or_default();
    if against.is_empty() {
        return Ok(());
    }
    let word = match step {
        rotation::Step::Promote => "promoted",
        rotation::Step::Retire => "retired",
    };
    let told: Vec<String> = against.iter().map(|objection| format!("\n    {objection}")).collect();
    Err(Failure::Refused(format!(
        "{id} cannot be {word} now:{}\n    --force does it all the same, and may sign people out",
        told.concat()
    )))
}

fn save(path: &std::path::Path, file: &RingFile) -> Result<(), Failure> {
    write::replace(path, &file.text()).map_err(|error| {
        Failure::Refused(format!(
            "{} cannot be replaced: {error}; nothing is changed. The folder must be writable; in Kubernetes change the \
             Secret, see docs/keys.md",
            path.display()
        ))
    })
}

/// Today, and a number behind it when there is such a key.
fn fresh_name(subject: &Subject, now: UnixTime) -> String {
    let today: String = now.to_string().chars().take_while(|c| *c != 'T').collect();
    let taken = |name: &String| subject.ring.find(name).is_some();
    let others = (2..1000).map(|number| format!("{today}.{number}"));
    std::iter::once(today.clone())
        .chain(others)
        .find(|name| !taken(name))
        .unwrap_or(today)
}

fn life(subject: &Subject) -> String {
    let hours = subject.life.as_secs().div_ceil(3600);
    format!("about {hours} h from now")
}

/// Keys that stand in the configuration are the operator's to write.
fn advise(subject: &Subject, now: UnixTime, out: &mut impl Write) -> Result<(), Failure> {
    let name = fresh_name(subject, now);
    let again = &subject.again;
    writeln!(
        out,
        "The keys stand in the configuration, which is yours to write; nothing is changed. By hand:

1. accept: make the key, and write it last, on every replica
     doorward keys generate > session-{name}.key
     session:
       keys:
         # … those that are there
         - {{ id: \"{name}\", key_file: session-{name}.key }}
2. promote: when `doorward keys status {again}` says that it may be, move it to the front
3. retire: when `doorward keys status {again}` says that the old key may be, take it out

Or write the keys into a file, one `name key` a line, the first in front, name it with `keys_file` in the place of
`keys`, and run this again: then it takes each step for you."
    )?;
    Ok(())
}
