//! Building the tree from the parser's events.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use yaml_rust2::{
    Event,
    parser::MarkedEventReceiver,
    scanner::{Marker, TScalarStyle},
};

use super::{DEEPEST, Entry, Flaw, Kind, MOST_NODES, Node, Place};

/// A list or map that is still open.
#[derive(Debug)]
struct Open {
    anchor: usize,
    place: Place,
    part: Part,
}

#[derive(Debug)]
enum Part {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        lines: BTreeMap<String, usize>,
        key: Option<(String, Place)>,
    },
}

/// What the events so far make.
#[derive(Debug, Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    pub(super) root: Option<Node>,
    pub(super) documents: usize,
    pub(super) nodes: usize,
    anchors: HashMap<usize, Node>,
    pub(super) flaws: Vec<Flaw>,
}

impl MarkedEventReceiver for Builder {
    fn on_event(&mut self, event: Event, marker: Marker) {
        let place = Place::of(marker);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart => self.documents += 1,
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    self.flaw(
                        place,
                        "a tag (`!`) is not understood",
                        "take it out; quote text that begins with !",
                    );
                }
                let value = scalar(text, style);
                self.place(
                    anchor,
                    Node {
                        place,
                        kind: Kind::Scalar(value),
                    },
                );
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, place, Part::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(
                anchor,
                place,
                Part::Map {
                    entries: Vec::new(),
                    lines: BTreeMap::new(),
                    key: None,
                },
            ),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }
}

impl Builder {
    fn flaw(&mut self, place: Place, what: impl Into<String>, hint: &'static str) {
        self.flaws.push(Flaw {
            place,
            what: what.into(),
            hint,
        });
    }

    fn begin(&mut self, anchor: usize, place: Place, part: Part) {
        if self.open.len() == DEEPEST {
            self.flaw(place, "nested too deep", "a configuration needs fewer than 64 levels");
        }
        self.open.push(Open { anchor, place, part });
    }

    fn end(&mut self) {
        let Some(Open { anchor, place, part }) = self.open.pop() else {
            return;
        };
        let too_deep = self.open.len() >= DEEPEST;
        let kind = match part {
            Part::List(_) | Part::Map { .. } if too_deep => Kind::Scalar(Value::Null),
            Part::List(items) => Kind::List(items),
            Part::Map { entries, .. } => Kind::Map(entries),
        };
        self.place(
            anchor,
            Node {
                place: kind.begins().unwrap_or(place),
                kind,
            },
        );
    }

    fn alias(&mut self, anchor: usize, place: Place) {
        let Some(node) = self.anchors.get(&anchor) else {
            self.flaw(place, "an alias inside its own anchor", "write the value out");
            return self.place(
                0,
                Node {
                    place,
                    kind: Kind::Scalar(Value::Null),
                },
            );
        };
        self.nodes = self.nodes.saturating_add(node.size());
        if self.nodes <= MOST_NODES {
            let node = node.clone();
            self.place(0, node);
        }
    }

    /// Puts a finished node where it belongs: as a key, a value, a list member or the root.
    fn place(&mut self, anchor: usize, node: Node) {
        self.nodes = self.nodes.saturating_add(1);
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let flaw = match self.open.last_mut().map(|open| &mut open.part) {
            None => {
                self.root.get_or_insert(node);
                None
            }
            Some(Part::List(items)) => {
                items.push(node);
                None
            }
            Some(Part::Map { entries, lines, key }) => match key.take() {
                None => {
                    let (name, flaw) = key_name(&node);
                    *key = Some((name, node.place));
                    flaw
                }
                Some((name, place)) => {
                    if let Some(line) = lines.get(&name) {
                        Some(Flaw {
                            place,
                            what: format!("the key {name:?} is written twice; first on line {line}"),
                            hint: "keep one of the two",
                        })
                    } else {
                        lines.insert(name.clone(), place.line);
                        entries.push(Entry {
                            key: name,
                            place,
                            value: node,
                        });
                        None
                    }
                }
            },
        };
        self.flaws.extend(flaw);
    }
}

/// A key as text: numbers and booleans as written in JSON.
fn key_name(node: &Node) -> (String, Option<Flaw>) {
    match &node.kind {
        Kind::Scalar(Value::String(text)) => (text.clone(), None),
        Kind::Scalar(other) => (other.to_string(), None),
        Kind::List(_) | Kind::Map(_) => {
            let flaw = Flaw {
                place: node.place,
                what: "a key is not text".to_owned(),
                hint: "write `key: value`",
            };
            (String::new(), Some(flaw))
        }
    }
}

fn scalar(text: String, style: TScalarStyle) -> Value {
    if style != TScalarStyle::Plain {
        return Value::String(text);
    }
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(&text).unwrap_or(Value::String(text)),
    }
}

fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = unsigned.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = unsigned.parse::<u64>() {
        return Some(whole.into());
    }
    unsigned
        .parse::<f64>()
        .ok()
        .and_then(serde_json::Number::from_f64)
        .map(Value::Number)
}
