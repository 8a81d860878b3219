//! What `doorward import` writes where it knew no better, and nobody has replaced yet.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tree::{Kind, Node, Place};

/// Stands in the place of a name.
const NAME: &str = "CHANGE-ME";
/// Ends a host that is nowhere (RFC 6761 section 6.4).
const NOWHERE: &str = ".invalid";

/// A placeholder that is still in the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placeholder {
    /// Where the value begins that has it.
    pub place: Place,
    /// The placeholder alone, since a secret may stand beside it.
    pub written: String,
}

/// The placeholders of a text, in its order; none in what is not YAML, which is told elsewhere.
#[must_use]
pub fn placeholders(text: &str) -> Vec<Placeholder> {
    let mut found = BTreeMap::new();
    if let Ok((root, _)) = Node::read(text) {
        look(&root, &mut found);
    }
    let told = found.into_iter().map(|((line, column), written)| Placeholder {
        place: Place { line, column },
        written,
    });
    told.collect()
}

/// By place: what an alias repeats is told once.
fn look(node: &Node, found: &mut BTreeMap<(usize, usize), String>) {
    match &node.kind {
        Kind::Scalar(Value::String(text)) => {
            if let Some(written) = placeholder(text) {
                found.insert((node.place.line, node.place.column), written.to_owned());
            }
        }
        Kind::Scalar(_) => {}
        Kind::List(items) => items.iter().for_each(|item| look(item, found)),
        Kind::Map(entries) => entries.iter().for_each(|entry| look(&entry.value, found)),
    }
}

fn placeholder(text: &str) -> Option<&str> {
    if text == NAME {
        return Some(NAME);
    }
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.');
    words.find(|word| word.ends_with(NOWHERE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let each = placeholders(text).into_iter();
        each.map(|p| format!("{}:{} {}", p.place.line, p.place.column, p.written))
            .collect()
    }

    #[test]
    fn each_is_told_once_where_it_is_written() {
        let text = "\
issuer: https://issuer.example.invalid
client_id: CHANGE-ME
redis: redis://me:a-secret@redis.example.invalid:6379/0
people: &people { email_domain: [nobody.invalid] }
routes: [*people, *people]
";
        assert_eq!(
            told(text),
            [
                "1:9 issuer.example.invalid",
                "2:12 CHANGE-ME",
                "3:8 redis.example.invalid",
                "4:34 nobody.invalid"
            ]
        );
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        let text = "\
# CHANGE: https://issuer.example.invalid
.invalid.example.com: invalid
name: CHANGE-ME-not
path: /x.invalidated
host: a.invalid.example.com
";
        assert_eq!(told(text), Vec::<String>::new());
        assert_eq!(told("a: [https://issuer.example.invalid"), Vec::<String>::new());
    }
}
