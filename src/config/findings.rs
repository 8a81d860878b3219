//! [`Findings`]: collects problems while a configuration is read.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    problem::{Path, Problem, Report, Step},
    tree::{Flaw, Node, Place},
};

/// The problems so far, and which objects have lost a part because it was bad.
#[derive(Debug)]
pub struct Findings<'a> {
    file: &'a str,
    tree: &'a Node,
    found: Vec<Problem>,
    maimed: BTreeSet<Path>,
    /// The positions in the file, in order, of list members that were taken out.
    dropped: BTreeMap<Path, Vec<usize>>,
    settled: bool,
}

impl<'a> Findings<'a> {
    /// Nothing found yet, on the tree read from the file.
    #[must_use]
    pub const fn new(file: &'a str, tree: &'a Node) -> Self {
        Self {
            file,
            tree,
            found: Vec::new(),
            maimed: BTreeSet::new(),
            dropped: BTreeMap::new(),
            settled: false,
        }
    }

    /// Tells a problem.
    pub fn add(&mut self, path: &Path, what: impl Into<String>, hint: impl Into<String>) {
        let path = self.in_file(path);
        let place = self.tree.locate(&path);
        self.add_at(place, &path, what.into(), hint.into());
    }

    /// Notes that a member of a list was bad and is taken out, so that those after it move up.
    pub fn drop_member(&mut self, list: &Path, index: usize) {
        self.dropped.entry(list.clone()).or_default().push(index);
    }

    /// From now on positions in lists are those in what is left, not those in the file.
    pub const fn settle(&mut self) {
        self.settled = true;
    }

    /// The path as the file has it.
    fn in_file(&self, path: &Path) -> Path {
        if !self.settled || self.dropped.is_empty() {
            return path.clone();
        }
        path.steps().iter().fold(Path::top(), |there, step| match step {
            Step::Key(key) => there.key(key),
            Step::Index(index) => {
                let gone = self.dropped.get(&there).into_iter().flatten();
                let index = gone.fold(*index, |index, gone| if *gone <= index { index + 1 } else { index });
                there.index(index)
            }
        })
    }

    /// Tells that something is not there. Says nothing when a part of the object at `object` was taken out: that part
    /// may be what is missing, and it is told already.
    pub fn missing(&mut self, object: &Path, what: impl Into<String>, hint: impl Into<String>) {
        if !self.is_maimed(object) {
            self.add(object, what, hint);
        }
    }

    /// Notes that a part of the object was bad and is taken out.
    pub fn maim(&mut self, object: &Path) {
        self.maimed.insert(object.clone());
    }

    /// Whether a part of the object was taken out.
    #[must_use]
    pub fn is_maimed(&self, object: &Path) -> bool {
        self.maimed.contains(&self.in_file(object))
    }

    /// Tells a flaw of the text.
    pub fn flaw(&mut self, flaw: Flaw) {
        self.add_at(flaw.place, &Path::top(), flaw.what, flaw.hint.to_owned());
    }

    /// The line that a path is on.
    #[must_use]
    pub fn line(&self, path: &Path) -> usize {
        self.tree.locate(&self.in_file(path)).line
    }

    /// Whether there is no problem.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Every problem, if there is any.
    #[must_use]
    pub fn report(self) -> Option<Report> {
        Report::new(self.found)
    }

    fn add_at(&mut self, place: Place, path: &Path, what: String, hint: String) {
        self.found.push(Problem {
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            path: path.clone(),
            what,
            hint,
        });
    }
}
