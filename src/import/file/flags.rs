//! Flags, as in a shell script or a list of `args`; and environment variables.

use super::{place, words::words};
use crate::import::{
    Document, Unreadable,
    given::{Aside, Given, Value},
    known::{Kind, Known},
    rank::Rank,
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

/// Whether it is a file of flags. A list of YAML is read as such.
pub(super) fn is_flags(text: &str) -> bool {
    let mut lines = told(text).map(|(_, line)| line).peekable();
    if lines.clone().any(|line| line.starts_with("- ")) {
        return false;
    }
    let is_flag = |line: &str| line.trim_start_matches(['"', '\'']).starts_with("--");
    let mut any = false;
    if let Some(first) = lines.next_if(|first| !is_flag(first)) {
        // The program's own name, maybe with flags behind it, or `args:`.
        let mut words = first.split_whitespace();
        any = words.next().is_some_and(is_program) && words.any(is_flag);
    }
    lines.all(|line| {
        let flag = is_flag(line);
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
        let value = Value::Lone(unquoted(value.trim()).to_owned());
        variable(&mut given, name, value, place(file, line));
    }
    given
}

/// Reads one variable.
pub(super) fn variable(given: &mut Given, name: &str, value: Value, here: String) {
    let Some(key) = name.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else {
        given.asides.push(Aside {
            place: here,
            written: name.to_owned(),
            fate: Fate::Needless,
            what: "this is no variable of oauth2-proxy",
        });
        return;
    };
    // The one older name that is still read.
    let key = if key == "google_group" { "google_groups" } else { &key };
    let known = Known::by_key(key);
    if known.is_none() && Known::by_flag(&key.replace('_', "-")).is_some() {
        given.asides.push(Aside {
            place: here,
            written: name.to_owned(),
            fate: Fate::Missing,
            what: "oauth2-proxy never read a variable of this name, so it counts for nothing: the name of a list ends in S",
        });
        return;
    }
    given.add(Rank::Environment, known, name, here, value);
}

/// Reads flags, one a line or several.
pub(super) fn flags(file: &Document<'_>) -> Result<Given, Unreadable> {
    let mut lines = told(file.text);
    let shell = told(file.text).any(|(_, line)| line.ends_with('\\'))
        || lines
            .next()
            .is_some_and(|(_, line)| line.split_whitespace().next().is_some_and(is_program));
    let mut all = Vec::new();
    for (line, text) in told(file.text) {
        let words = words(bare(text), shell).ok_or_else(|| Unreadable {
            file: file.name.to_owned(),
            line,
            what: "a quote begins here and does not end on the same line".to_owned(),
        })?;
        all.extend(words.into_iter().map(|word| (place(file, line), word)));
    }
    Ok(self::all(all.into_iter()))
}

/// Reads flags, a word each or two, each with where it stands. A flag without `=` takes the next value, unless it is true or false.
pub(super) fn all(words: impl Iterator<Item = (String, String)>) -> Given {
    let mut given = Given::default();
    let mut lines = words.peekable();
    lines.next_if(|(_, word)| is_program(word));
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
            // Quotes that are still there belong to the value; those of a list are read with it.
            let list = known.is_some_and(|known| known.kind == Kind::List);
            let value = if list { value } else { unquoted(&value).to_owned() };
            given.add(Rank::Flags, known, &format!("--{flag}"), here, Value::Lone(value));
        } else {
            given.unknown.push((here, "a word that belongs to no flag".to_owned()));
        }
    }
    given
}

/// Whether a word is the program's own name, with a path in front and a version behind, or the name of the list.
fn is_program(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or_default();
    name.starts_with("oauth2-proxy") || name.starts_with("oauth2_proxy") || word.ends_with(':')
}

/// Every line that says something, with its number.
fn told(text: &str) -> impl Iterator<Item = (usize, &str)> + Clone {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#') && *line != "---")
}

/// A line without what continues it, in a shell or a list.
fn bare(line: &str) -> &str {
    let line = line.strip_suffix('\\').unwrap_or(line).trim();
    line.strip_suffix(',').unwrap_or(line).trim()
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
