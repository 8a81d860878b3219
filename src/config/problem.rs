//! [`Problem`]: one thing wrong with a configuration, with its place and what to write instead.

use std::fmt;

/// Where in the configuration: the keys and positions from the top, shown as `routes[0].access.group`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Path(Vec<Step>);

/// One step of a [`Path`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Step {
    /// Into the value of a key.
    Key(String),
    /// Into a member of a list, from 0.
    Index(usize),
}

/// One thing wrong with a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// Line from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// Column from 1.
    pub column: usize,
    /// Where in the configuration.
    pub path: Path,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

/// Every problem of a configuration, in the order of the file. Never empty.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Report(Vec<Problem>);

impl Path {
    /// The top of the configuration.
    #[must_use]
    pub const fn top() -> Self {
        Self(Vec::new())
    }

    /// This path and one key more.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.and(Step::Key(key.to_owned()))
    }

    /// This path and one position more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.and(Step::Index(index))
    }

    /// The steps from the top.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    fn and(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl Report {
    /// All problems, sorted by their place; `None` when there are none. The same thing said twice is kept once.
    #[must_use]
    pub fn new(mut found: Vec<Problem>) -> Option<Self> {
        found.sort_by(|one, two| (one.line, one.column, &one.path).cmp(&(two.line, two.column, &two.path)));
        found.dedup();
        (!found.is_empty()).then_some(Self(found))
    }

    /// One problem with the file as a whole.
    #[must_use]
    pub fn whole(file: &str, what: String) -> Self {
        Self(vec![Problem {
            file: file.to_owned(),
            line: 0,
            column: 0,
            path: Path::top(),
            what,
            hint: String::new(),
        }])
    }

    /// The problems.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if place == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.path.0.is_empty() {
            write!(f, " {}:", self.path)?;
        }
        write!(f, " {}", self.what)?;
        if !self.hint.is_empty() {
            write!(f, "\n    {}", self.hint)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 problem"),
            count => write!(f, "{count} problems"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: usize, what: &str) -> Problem {
        Problem {
            file: "doorward.yaml".to_owned(),
            line,
            column: 5,
            path: Path::top().key("routes").index(0).key("access").key("grop"),
            what: what.to_owned(),
            hint: "write `group`".to_owned(),
        }
    }

    #[test]
    fn a_problem_says_where_what_and_what_to_write() {
        assert_eq!(
            problem(12, "unknown key \"grop\"").to_string(),
            "doorward.yaml:12:5: routes[0].access.grop: unknown key \"grop\"\n    write `group`"
        );
    }

    #[test]
    fn a_problem_with_the_file_itself_has_no_line_and_no_path() {
        let whole = Problem {
            line: 0,
            path: Path::top(),
            hint: String::new(),
            ..problem(0, "cannot be read: not found")
        };
        assert_eq!(whole.to_string(), "doorward.yaml: cannot be read: not found");
    }

    #[test]
    fn problems_come_in_the_order_of_the_file_and_once() {
        let problems = Report::new(vec![problem(9, "b"), problem(2, "a"), problem(9, "b")]).unwrap();
        let lines: Vec<_> = problems.list().iter().map(|one| one.line).collect();
        assert_eq!(lines, [2, 9]);
        assert!(problems.to_string().ends_with("\n2 problems"));
        assert_eq!(Report::new(Vec::new()), None);
    }
}
