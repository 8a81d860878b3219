//! The ring file: one key a line, `name key`, the sealing one first; `#` begins a comment.
//!
//! Edits keep every comment and blank line. What a step of a rotation did is noted in the comment behind the key.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::{KeyId, Ring, RingError, RingKey};
use crate::{secret::Secret, time::UnixTime};

/// A ring file that was read. Never without a key.
#[derive(Clone, Debug)]
pub struct RingFile(Vec<Line>);

#[derive(Clone, Debug)]
enum Line {
    Key(Box<Entry>),
    /// A comment or nothing.
    Other(String),
}

/// A key of the file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key, which has its name.
    pub key: RingKey,
    written: Secret<String>,
    comment: String,
}

/// The last step that a rotation took with a key, as noted behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// It was added, and never sealed yet.
    Accepted,
    /// It came to the front.
    Promoted,
    /// Another came to the front before it.
    Replaced,
}

/// What is wrong with a line. Says nothing of a key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// One word alone, which may be a key.
    #[error("a line is the key's name, a space and the key; here is one of them only")]
    Half,
    /// More than two words.
    #[error("a line is the key's name, a space and the key; here is more (a comment begins with #)")]
    More,
    /// Not a name, or not a key.
    #[error(transparent)]
    Key(#[from] RingError),
    /// A name for the second time.
    #[error("a key named {name} is on line {line} already")]
    Twice {
        /// The name.
        name: KeyId,
        /// The first line of that name, from 1.
        line: usize,
    },
    /// No line has a key.
    #[error("there is no key in it; `doorward keys generate` makes one")]
    Empty,
}

/// A fault and its line, from 1; 0 when it is about the file as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// Which line.
    pub line: usize,
    /// What is wrong.
    pub fault: Fault,
}

impl Note {
    const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Promoted => "promoted",
            Self::Replaced => "replaced",
        }
    }
}

impl Entry {
    /// What was noted.
    #[must_use]
    pub fn note(&self) -> Option<Note> {
        let word = self.comment.split_whitespace().next()?;
        [Note::Accepted, Note::Promoted, Note::Replaced]
            .into_iter()
            .find(|note| note.word() == word)
    }

    fn noted(mut self, note: Note, now: UnixTime) -> Self {
        self.comment = format!("{} {now}", note.word());
        self
    }
}

impl RingFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Every line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Vec<BadLine>> {
        let mut lines: Vec<Line> = Vec::new();
        let mut seen: Vec<(KeyId, usize)> = Vec::new();
        let mut bad = Vec::new();
        for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let read = read(text).and_then(|read| {
                if let Line::Key(entry) = &read {
                    let name = entry.key.id.clone();
                    if let Some((name, line)) = seen.iter().find(|(known, _)| *known == name).cloned() {
                        return Err(Fault::Twice { name, line });
                    }
                    seen.push((name, line));
                }
                Ok(read)
            });
            match read {
                Ok(read) => lines.push(read),
                Err(fault) => bad.push(BadLine { line, fault }),
            }
        }
        if seen.is_empty() && bad.is_empty() {
            bad.push(BadLine {
                line: 0,
                fault: Fault::Empty,
            });
        }
        if bad.is_empty() { Ok(Self(lines)) } else { Err(bad) }
    }

    /// The keys, the sealing one first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter_map(|line| match line {
            Line::Key(entry) => Some(&**entry),
            Line::Other(_) => None,
        })
    }

    /// The ring of these keys.
    ///
    /// # Errors
    /// None that [`Self::parse`] lets through.
    pub fn ring(&self) -> Result<Ring, RingError> {
        Ring::new(self.entries().map(|entry| entry.key.clone()).collect())
    }

    /// The file in bytes.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        // Large enough from the start: a string that grows leaves its old bytes behind.
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() * 256));
        for line in &self.0 {
            match line {
                Line::Other(other) => text.push_str(other),
                Line::Key(entry) => {
                    let Entry { key, written, comment } = &**entry;
                    // Writing to a string does not fail.
                    write!(text, "{} {}", key.id, written.expose()).ok();
                    if !comment.is_empty() {
                        write!(text, " # {comment}").ok();
                    }
                }
            }
            text.push('\n');
        }
        text
    }

    /// A new key at the end: it opens, and apps learn of its public half.
    ///
    /// # Errors
    /// A name that is there already, or a key that is none.
    pub fn accept(&mut self, name: &str, written: &str, now: UnixTime) -> Result<(), RingError> {
        let key = RingKey::decode(name, written)?;
        if self.entries().any(|entry| entry.key.id == key.id) {
            return Err(RingError::Duplicate(name.to_owned()));
        }
        let entry = Entry {
            key,
            written: Secret::new(written.to_owned()),
            comment: String::new(),
        };
        let place = self.0.iter().rposition(|line| matches!(line, Line::Key(_)));
        let place = place.map_or(self.0.len(), |last| last + 1);
        self.0
            .insert(place, Line::Key(Box::new(entry.noted(Note::Accepted, now))));
        Ok(())
    }

    /// The key of this name to the front: from then on it seals and signs.
    pub fn promote(&mut self, name: &KeyId, now: UnixTime) {
        let Some(entry) = self.retire(name) else { return };
        let first = self.0.iter().position(|line| matches!(line, Line::Key(_)));
        if let Some(Line::Key(former)) = first.and_then(|first| self.0.get_mut(first)) {
            **former = Entry::noted((**former).clone(), Note::Replaced, now);
        }
        let entry = Line::Key(Box::new(entry.noted(Note::Promoted, now)));
        self.0.insert(first.unwrap_or(self.0.len()), entry);
    }

    /// Takes the key of this name out: what it seals does not open any more.
    pub fn retire(&mut self, name: &KeyId) -> Option<Entry> {
        let place = self
            .0
            .iter()
            .position(|line| matches!(line, Line::Key(entry) if entry.key.id == *name))?;
        match self.0.remove(place) {
            Line::Key(entry) => Some(*entry),
            Line::Other(_) => None,
        }
    }
}

fn read(text: &str) -> Result<Line, Fault> {
    let (key, comment) = text.split_once('#').unwrap_or((text, ""));
    let mut words = key.split_whitespace();
    let (name, written) = match (words.next(), words.next(), words.next()) {
        (None, ..) => return Ok(Line::Other(text.to_owned())),
        (Some(_), None, _) => return Err(Fault::Half),
        (Some(_), Some(_), Some(_)) => return Err(Fault::More),
        (Some(name), Some(written), None) => (name, written),
    };
    Ok(Line::Key(Box::new(Entry {
        key: RingKey::decode(name, written)?,
        written: Secret::new(written.to_owned()),
        comment: comment.trim().to_owned(),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::generate;

    const NOW: UnixTime = UnixTime::from_secs(1_795_425_514);

    fn names(file: &RingFile) -> Vec<&str> {
        file.entries().map(|entry| entry.key.id.as_str()).collect()
    }

    fn faults(text: &str) -> Vec<(usize, String)> {
        let bad = RingFile::parse(text).unwrap_err();
        bad.into_iter().map(|bad| (bad.line, bad.fault.to_string())).collect()
    }

    #[test]
    fn a_file_is_a_ring_in_its_order() {
        let (one, two) = (generate([1; 32]), generate([2; 32]));
        let text = format!("\u{feff}# ours\n\n  new   {one}  # promoted last week\r\nold\t{two}");
        let file = RingFile::parse(&text).unwrap();
        let ring = file.ring().unwrap();
        assert_eq!(ring.sealing().id.as_str(), "new");
        assert_eq!(names(&file), ["new", "old"]);
        let same = RingKey::decode("new", &one).unwrap();
        assert_eq!(ring.sealing().fingerprint(), same.fingerprint());
        assert_eq!(file.entries().next().unwrap().note(), Some(Note::Promoted));
    }

    #[test]
    fn every_bad_line_is_told_by_its_number_and_no_key_is_shown() {
        let key = generate([7; 32]);
        let text = format!("{key}\na {key}\n\na {key}\nb {key} c\nb not-a-key!\nb!  {key}\nb c2hvcnQ=\n{key} b");
        let told = faults(&text);
        let lines: Vec<usize> = told.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 4, 5, 6, 7, 8, 9]);
        for (_, what) in &told {
            assert!(!what.contains(&key) && !what.contains("not-a-key"), "{what}");
        }
        assert_eq!(told[1].1, "a key named a is on line 2 already");
        assert_eq!(faults("# nothing\n")[0].0, 0);
        let debugged = format!("{:?}", RingFile::parse(&format!("a {key}")).unwrap());
        assert!(!debugged.contains(&key), "{debugged}");
    }

    #[test]
    fn the_steps_of_a_rotation_keep_everything_else() {
        let (one, two) = (generate([1; 32]), generate([2; 32]));
        let before = format!("# head\nold {one}\n# tail\n");
        let mut file = RingFile::parse(&before).unwrap();
        assert_eq!(file.text().as_str(), before);
        file.accept("new", &two, NOW).unwrap();
        let accepted = format!("# head\nold {one}\nnew {two} # accepted 2026-11-23T08:38:34Z\n# tail\n");
        assert_eq!(
            file.text().as_str(),
            accepted.replace("2026-11-23T08:38:34Z", &NOW.to_string())
        );
        assert_eq!(
            file.accept("new", &two, NOW),
            Err(RingError::Duplicate("new".to_owned()))
        );
        file.promote(&KeyId::parse("new").unwrap(), NOW);
        assert_eq!(names(&file), ["new", "old"]);
        let notes: Vec<_> = file.entries().map(Entry::note).collect();
        assert_eq!(notes, [Some(Note::Promoted), Some(Note::Replaced)]);
        let again = RingFile::parse(&file.text()).unwrap();
        assert_eq!(again.text(), file.text());
        file.retire(&KeyId::parse("old").unwrap()).unwrap();
        assert_eq!(names(&file), ["new"]);
        assert!(file.text().starts_with("# head\nnew ") && file.text().ends_with("\n# tail\n"));
        assert!(file.retire(&KeyId::parse("old").unwrap()).is_none());
    }
}
