//! What became of each option.

use std::fmt;

/// What becomes of an option.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fate {
    /// It has no equivalent: what it did is not done.
    Missing,
    /// It is translated, and stricter than it was.
    Stricter,
    /// It is translated.
    Translated,
    /// Doorward does so by itself, or has no need of it.
    Needless,
}

/// What became of one option, or what has to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// What became of it.
    pub fate: Fate,
    /// `file:line`; nothing for what no line says.
    pub place: String,
    /// The option as it was written there; nothing for what no line says.
    pub option: String,
    /// In words.
    pub what: String,
}

/// What became of everything that was given.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// What has to be there before the translation runs.
    pub before: Vec<String>,
    /// One an option or more, in the order of the files.
    pub remarks: Vec<Remark>,
    /// `file:line` and name of what is no option that is known.
    pub unknown: Vec<(String, String)>,
}

impl Fate {
    /// Every fate, the one that wants most attention first.
    pub const ALL: [Self; 4] = [Self::Missing, Self::Stricter, Self::Translated, Self::Needless];

    /// In a word, as the table has it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Stricter => "stricter",
            Self::Translated => "translated",
            Self::Needless => "needless",
        }
    }

    /// For people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Missing => "no equivalent",
            Self::Stricter => "stricter",
            Self::Translated => "translated",
            Self::Needless => "needless",
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Missing => "No equivalent: what it did is not done",
            Self::Stricter => "Stricter than it was",
            Self::Translated => "Translated",
            Self::Needless => "Needless: Doorward does so by itself, or has no need of it",
        }
    }
}

impl Report {
    /// Whether everything has its equivalent.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unknown.is_empty() && self.remarks.iter().all(|remark| remark.fate != Fate::Missing)
    }

    fn of(&self, fate: Fate) -> impl Iterator<Item = &Remark> {
        self.remarks.iter().filter(move |remark| remark.fate == fate)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.before.is_empty() {
            writeln!(f, "Before it runs")?;
            for what in &self.before {
                writeln!(f, "  {}", one_line(what))?;
            }
            writeln!(f)?;
        }
        if !self.unknown.is_empty() {
            writeln!(f, "Not known: no option of oauth2-proxy that Doorward has heard of")?;
            for (place, option) in &self.unknown {
                writeln!(f, "  {}  {}", one_line(place), one_line(option))?;
            }
            writeln!(f)?;
        }
        for fate in Fate::ALL {
            let mut remarks = self.of(fate).peekable();
            if remarks.peek().is_some() {
                writeln!(f, "{}", fate.heading())?;
            }
            for remark in remarks {
                writeln!(f, "  {remark}")?;
            }
            if self.of(fate).next().is_some() {
                writeln!(f)?;
            }
        }
        let counts = Fate::ALL.map(|fate| format!("{} {}", self.of(fate).count(), fate.title()));
        writeln!(f, "{}, {} not known", counts.join(", "), self.unknown.len())
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fate: _,
            place,
            option,
            what,
        } = self;
        let said = match (place.is_empty(), option.is_empty()) {
            (false, _) => format!("{place}  {option}: {what}"),
            (true, false) => format!("{option}: {what}"),
            (true, true) => what.clone(),
        };
        f.write_str(&one_line(&said))
    }
}

/// A text as one line, whatever stood in the file that it repeats.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_file_makes_no_line_of_its_own() {
        let odd = "a\nb\u{1b}[2J\rc".to_owned();
        let report = Report {
            before: vec![odd.clone()],
            remarks: vec![Remark {
                fate: Fate::Missing,
                place: "f:1".to_owned(),
                option: odd.clone(),
                what: odd.clone(),
            }],
            unknown: vec![("f:2".to_owned(), odd)],
        };
        let told = report.to_string();
        assert_eq!(told.matches("a b [2J c").count(), 4, "{told}");
        assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{told:?}");
    }
}
