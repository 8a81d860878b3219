//! The YAML text as a tree that knows its lines.
//!
//! One parser gives values and places, so that the two cannot disagree. Plain scalars are read by the core schema of
//! YAML 1.2 (section 10.3): `yes`, `on` and `0o17` in quotes or not are no surprise: only `true` and `false` are
//! booleans. Aliases are expanded within a budget; tags and merge keys are refused.

mod build;

use std::fmt;

use serde_json::Value;
use yaml_rust2::{parser::Parser, scanner::Marker};

use self::build::Builder;
use super::problem::{Path, Step};

/// Most nodes of a configuration after aliases are expanded: far more than 10,000 routes need.
const MOST_NODES: usize = 2_000_000;
/// Deepest nesting.
const DEEPEST: usize = 64;

/// A place in the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Line from 1.
    pub line: usize,
    /// Column from 1.
    pub column: usize,
}

/// A value and where it begins.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, PartialEq)]
pub enum Kind {
    /// Text, number, boolean or nothing.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order written.
    Map(Vec<Entry>),
}

/// Any text of a configuration may be a secret.
impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(_) => f.write_str("Scalar"),
            Self::List(items) => f.debug_tuple("List").field(items).finish(),
            Self::Map(entries) => f.debug_tuple("Map").field(entries).finish(),
        }
    }
}

/// One key and its value.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub value: Node,
}

/// Something in the text that is not YAML, or not YAML that we take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flaw {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: &'static str,
}

impl Node {
    /// Reads one document. Duplicate keys, which keep their first value, and other flaws that leave a tree are
    /// returned beside it.
    ///
    /// # Errors
    /// The flaw that leaves no tree.
    pub fn read(text: &str) -> Result<(Self, Vec<Flaw>), Flaw> {
        let mut builder = Builder::default();
        if let Err(error) = Parser::new_from_str(text).load(&mut builder, true) {
            return Err(Flaw {
                place: Place::of(*error.marker()),
                what: format!("this is not YAML: {}", error.info()),
                hint: "check indentation, quotes and the lines just above",
            });
        }
        if builder.documents > 1 {
            builder.flaws.push(Flaw::top(
                "the file holds more than one document",
                "take out the `---` lines",
            ));
        }
        if builder.nodes > MOST_NODES {
            return Err(Flaw::top(
                "the file is too large once its aliases are expanded",
                "write less",
            ));
        }
        match builder.root {
            Some(root) => Ok((root, builder.flaws)),
            None => Err(Flaw::top("the file is empty", "start from config.example.yaml")),
        }
    }

    /// What is left of a text that is no tree.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            place: Place { line: 1, column: 1 },
            kind: Kind::Scalar(Value::Null),
        }
    }

    /// The place of what a path leads to: its key or list position; where the path ends early, of the last part
    /// that exists.
    #[must_use]
    pub fn locate(&self, path: &Path) -> Place {
        let (mut node, mut place) = (self, self.place);
        for step in path.steps() {
            let next = match (step, &node.kind) {
                (Step::Key(key), Kind::Map(entries)) => entries
                    .iter()
                    .find(|entry| entry.key == *key)
                    .map(|entry| (&entry.value, entry.place)),
                (Step::Index(index), Kind::List(items)) => items.get(*index).map(|item| (item, item.place)),
                (Step::Key(_) | Step::Index(_), Kind::Scalar(_) | Kind::List(_) | Kind::Map(_)) => None,
            };
            let Some(found) = next else { break };
            (node, place) = found;
        }
        place
    }

    /// The value without its places.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => items.iter().map(Self::to_value).collect(),
            Kind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_value()))
                    .collect(),
            ),
        }
    }

    /// What kind of value this is, for people.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(Value::Null) => "nothing",
            Kind::Scalar(Value::Bool(_)) => "true or false",
            Kind::Scalar(Value::Number(_)) => "a number",
            Kind::Scalar(Value::String(_) | Value::Array(_) | Value::Object(_)) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "keys and values",
        }
    }

    fn size(&self) -> usize {
        match &self.kind {
            Kind::Scalar(_) => 1,
            Kind::List(items) => items.iter().map(Self::size).sum::<usize>() + 1,
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum::<usize>() + 1,
        }
    }
}

impl Kind {
    /// A block mapping begins with its first key; the parser reports the colon.
    fn begins(&self) -> Option<Place> {
        match self {
            Self::Map(entries) => entries.first().map(|entry| entry.place),
            Self::Scalar(_) | Self::List(_) => None,
        }
    }
}

impl Place {
    fn of(marker: Marker) -> Self {
        Self {
            line: marker.line(),
            column: marker.col() + 1,
        }
    }
}

impl Flaw {
    fn top(what: &str, hint: &'static str) -> Self {
        Self {
            place: Place { line: 1, column: 1 },
            what: what.to_owned(),
            hint,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        Node::read(text).unwrap().0.to_value()
    }

    #[test]
    fn plain_scalars_are_read_by_the_core_schema() {
        assert_eq!(
            value("[yes, on, off, no, true, null, ~, 1, -2, +3, 1.5, 1e3, 'true', \"1\", 1.2.3.4, 30s, 0x10]"),
            json!([
                "yes", "on", "off", "no", true, null, null, 1, -2, 3, 1.5, 1000.0, "true", "1", "1.2.3.4", "30s",
                "0x10"
            ])
        );
    }

    #[test]
    fn keys_and_members_know_their_place() {
        let (tree, _) = Node::read("a: 1\nroutes:\n  - host: x\n    path: /\n  - host: y\n").unwrap();
        let second = Path::top().key("routes").index(1);
        let at = |path: &Path| {
            let place = tree.locate(path);
            (place.line, place.column)
        };
        assert_eq!(at(&second.key("host")), (5, 5));
        assert_eq!(
            at(&second.key("access")),
            (5, 5),
            "what is missing is looked for in its parent"
        );
        assert_eq!(at(&Path::top().key("routes").index(0).key("path")), (4, 5));
        assert_eq!(at(&Path::top().key("nowhere")), (1, 1));
    }

    #[test]
    fn every_duplicate_key_is_told_and_the_first_counts() {
        let (tree, flaws) = Node::read("a: 1\nb: 2\na: 3\nb: 4\n").unwrap();
        assert_eq!(tree.to_value(), json!({"a": 1, "b": 2}));
        let told: Vec<_> = flaws.iter().map(|flaw| (flaw.place.line, flaw.what.as_str())).collect();
        assert_eq!(
            told,
            [
                (3, "the key \"a\" is written twice; first on line 1"),
                (4, "the key \"b\" is written twice; first on line 2")
            ]
        );
    }

    #[test]
    fn aliases_are_expanded_but_not_without_end() {
        assert_eq!(value("a: &x [1]\nb: *x"), json!({"a": [1], "b": [1]}));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", "));
        }
        assert!(Node::read(&bomb).unwrap_err().what.contains("too large"));
    }

    #[test]
    fn what_is_not_one_yaml_document_is_a_flaw() {
        assert!(Node::read("a: [1").unwrap_err().what.starts_with("this is not YAML"));
        assert!(Node::read("").unwrap_err().what.contains("empty"));
        assert!(Node::read("# only a comment\n").unwrap_err().what.contains("empty"));
        assert!(
            Node::read("a: 1\n---\na: 2\n").unwrap().1[0]
                .what
                .contains("more than one")
        );
        assert!(Node::read("a: !secret x\n").unwrap().1[0].what.contains("tag"));
        assert!(Node::read(&"[".repeat(100_000)).is_err());
        assert!(
            Node::read(&format!("{}{}", "[".repeat(80), "]".repeat(80))).unwrap().1[0]
                .what
                .contains("deep")
        );
    }
}
