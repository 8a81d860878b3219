//! [`Findings`]: collects problems while a configuration is read.

use std::collections::BTreeSet;

use super::{
    problem::{Path, Problem, Report},
    tree::{Flaw, Node, Place},
};

/// The problems so far, and which objects have lost a part because it was bad.
#[derive(Debug)]
pub struct Findings<'a> {
    file: &'a str,
    tree: &'a Node,
    found: Vec<Problem>,
    maimed: BTreeSet<Path>,
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
        }
    }

    /// Tells a problem.
    pub fn add(&mut self, path: &Path, what: impl Into<String>, hint: impl Into<String>) {
        let place = self.tree.locate(path);
        self.add_at(place, path, what.into(), hint.into());
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
        self.maimed.contains(object)
    }

    /// Tells a flaw of the text.
    pub fn flaw(&mut self, flaw: Flaw) {
        self.add_at(flaw.place, &Path::top(), flaw.what, flaw.hint.to_owned());
    }

    /// The line that a path is on.
    #[must_use]
    pub fn line(&self, path: &Path) -> usize {
        self.tree.locate(path).line
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
