//! Flags, one a line, as in a shell script or a list of `args`; and environment variables.

use super::place;
use crate::import::{
    Document,
    given::{Aside, Given, Rank, Value},
    known::{Kind, Known},
    report::Fate,
};

const PREFIX: &str = "OAUTH2_PROXY_";

/// Whether it is a file of environment variables: every line that says anything assigns one.
pub(super) fn is_environment(text: &str) -> bool {
    let mut lines = told(text).peekable();
    let assigns = |line: &str| {
        line.trim_start_matches("export ")
            .split_once('=')
            .is_some_and(|(name, _)| is_variable(name))
    };
    lines.peek().is_some()
        && lines.clone().all(|(_, line)| assigns(line))
        && lines.any(|(_, line)| line.contains(PREFIX))
}

/// Whether it is a file of flags.
pub(super) fn is_flags(text: &str) -> bool {
    let mut lines = told(text).map(|(_, line)| bare(line)).peekable();
    if lines.peek().is_some_and(|first| !first.starts_with("--")) {
        // The program's own name, or `args:`.
        lines.next();
    }
    let mut any = false;
    lines.all(|line| {
        let flag = line.starts_with("--");
        let value = any && !line.starts_with('-') && !line.ends_with(':');
        any |= flag;
        flag || value
    }) && any
}

/// Reads variables. Others than those of oauth2-proxy are none of its options.
pub(super) fn environment(file: &Document<'_>) -> Given {
    let mut given = Given::default();
    for (line, text) in told(file.text) {
        let Some((name, value)) = text.trim_start_matches("export ").split_once('=') else {
            continue;
        };
        let name = name.trim();
        variable(&mut given, name, unquoted(value.trim()), place(file, line));
    }
    given
}

/// Reads one variable.
pub(super) fn variable(given: &mut Given, name: &str, value: &str, here: String) {
    let Some(key) = name.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else {
        given.asides.push(Aside {
            place: here,
            written: name.to_owned(),
            fate: Fate::Needless,
            what: "this is no variable of oauth2-proxy",
        });
        return;
    };
    let known = Known::by_key(&key).or_else(|| Known::by_flag(&key.replace('_', "-")));
    given.add(Rank::Environment, known, name, here, Value::Lone(value.to_owned()));
}

/// Reads flags.
pub(super) fn flags(file: &Document<'_>) -> Given {
    let lines = told(file.text).map(|(line, text)| (place(file, line), bare(text).to_owned()));
    all(lines)
}

/// Reads flags, each with where it stands. A flag without `=` takes the next value, unless it is true or false.
pub(super) fn all(lines: impl Iterator<Item = (String, String)>) -> Given {
    let mut given = Given::default();
    let mut lines = lines
        .skip_while(|(_, text)| !text.starts_with('-'))
        .flat_map(|(here, text)| one_line(&here, &text))
        .peekable();
    while let Some((here, text)) = lines.next() {
        let written = text.trim_start_matches('-');
        let (flag, value) = match written.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (written, None),
        };
        let known = Known::by_flag(flag);
        let takes = known.is_some_and(|known| known.kind != Kind::Truth);
        let value = value.or_else(|| {
            let next = lines.next_if(|(_, next)| takes && !next.starts_with("--"));
            next.map(|(_, text)| text)
        });
        let value = value.unwrap_or_else(|| "true".to_owned());
        if text.starts_with('-') {
            given.add(
                Rank::Flags,
                known,
                &format!("--{flag}"),
                here,
                Value::Lone(unquoted(&value).to_owned()),
            );
        } else {
            given.unknown.push((here, "a word that belongs to no flag".to_owned()));
        }
    }
    given
}

/// `--flag value` on one line is two words; `--flag="a b"` is one.
fn one_line(here: &str, text: &str) -> Vec<(String, String)> {
    let two = text
        .split_once(char::is_whitespace)
        .filter(|(flag, _)| flag.starts_with("--") && !flag.contains('='));
    let words = two.map_or_else(|| vec![text], |(flag, value)| vec![flag, value.trim()]);
    words
        .into_iter()
        .map(|word| (here.to_owned(), word.to_owned()))
        .collect()
}

/// Every line that says something, with its number.
fn told(text: &str) -> impl Iterator<Item = (usize, &str)> + Clone {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#') && *line != "---")
}

/// A line without what a list or a shell puts around it.
fn bare(line: &str) -> &str {
    let line = line.strip_prefix("- ").unwrap_or(line).trim();
    let line = line.strip_suffix('\\').unwrap_or(line).trim();
    unquoted(line.strip_suffix(',').unwrap_or(line).trim())
}

fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    text
}

fn is_variable(name: &str) -> bool {
    let name = name.trim();
    !name.is_empty()
        && name
            .bytes()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_')
}
