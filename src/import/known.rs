//! Every option of oauth2-proxy, and what becomes of it.

use std::{fmt::Write as _, sync::LazyLock};

use super::report::Fate;

/// The table. It is text, so that it can be read and changed as one.
const TABLE: &str = include_str!("options.txt");

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| TABLE.lines().filter_map(Known::read).collect());

/// An option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    /// As a flag, without the hyphens.
    pub(super) flag: &'static str,
    /// As a key of its file.
    pub(super) key: &'static str,
    /// What is written there.
    pub(super) kind: Kind,
    /// What it is unless written.
    pub(super) default: &'static str,
    /// What becomes of it.
    pub(super) fate: Fate,
    /// The same in words.
    pub(super) about: &'static str,
}

/// What is written as an option's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A text.
    Text,
    /// Several texts.
    List,
    /// True or false.
    Truth,
    /// A length of time.
    Length,
    /// A number.
    Number,
}

impl Known {
    /// By the key of the file.
    pub(super) fn by_key(key: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|one| one.key == key)
    }

    /// By the flag, or by the key's name as a flag, which older versions took as well.
    pub(super) fn by_flag(flag: &str) -> Option<&'static Self> {
        KNOWN
            .iter()
            .find(|one| one.flag == flag)
            .or_else(|| KNOWN.iter().find(|one| one.key.replace('_', "-") == flag))
    }

    fn read(line: &'static str) -> Option<Self> {
        let cells: Vec<&'static str> = line.splitn(6, " |").map(str::trim).collect();
        let &[flag, key, kind, default, fate, about] = cells.as_slice() else {
            return None;
        };
        let kind = match kind {
            "text" => Kind::Text,
            "list" => Kind::List,
            "truth" => Kind::Truth,
            "length" => Kind::Length,
            "number" => Kind::Number,
            _ => return None,
        };
        let fate = Fate::ALL.into_iter().find(|one| one.word() == fate)?;
        (!flag.starts_with('#')).then_some(Self {
            flag,
            key,
            kind,
            default,
            fate,
            about,
        })
    }
}

/// Every key.
#[cfg(test)]
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|one| one.key)
}

/// The table for people, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    for line in TABLE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            // Writing to a String cannot fail.
            writeln!(
                text,
                "\n### {title}\n\n| Option | | What becomes of it |\n| --- | --- | --- |"
            )
            .unwrap_or_default();
        } else if let Some(known) = Known::read(line) {
            let (flag, fate, about) = (known.flag, known.fate.title(), known.about);
            writeln!(text, "| `{flag}` | {fate} | {about} |").unwrap_or_default();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_an_option() {
        let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut count = 0;
        for line in lines {
            let known = Known::read(line).unwrap_or_else(|| panic!("{line}"));
            assert!(!known.about.is_empty() && !known.flag.contains('_'), "{line}");
            assert!(!known.key.contains('-'), "{line}");
            count += 1;
        }
        assert_eq!(count, KNOWN.len());
        let flags: BTreeSet<&str> = KNOWN.iter().map(|one| one.flag).collect();
        let keys: BTreeSet<&str> = KNOWN.iter().map(|one| one.key).collect();
        assert_eq!((flags.len(), keys.len()), (count, count), "each once");
    }

    #[test]
    fn an_option_is_found_by_flag_and_by_key() {
        let domains = Known::by_key("email_domains").unwrap();
        assert_eq!(domains.kind, Kind::List);
        assert_eq!(Known::by_flag("email-domain"), Some(domains));
        assert_eq!(Known::by_flag("email-domains"), Some(domains));
        assert_eq!(Known::by_flag("email_domain"), None);
    }

    #[test]
    fn the_guide_holds_the_table() {
        let guide = include_str!("../../docs/moving-from-oauth2-proxy.md");
        assert!(
            guide.ends_with(&reference()),
            "docs/moving-from-oauth2-proxy.md does not end with this:\n{}",
            reference()
        );
    }
}
