//! Our YAML, written.

use std::fmt::Write as _;

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Yaml {
    /// A text, quoted where it has to be.
    Text(String),
    /// `true` or `false`.
    Truth(bool),
    /// A whole number.
    Number(u64),
    /// A list. Scalars alone stand on one line.
    List(Vec<Self>),
    /// Keys and values.
    Map(Map),
    /// Keys and values that are written once under this name.
    Anchored(&'static str, Map),
    /// What was written once under this name.
    Alias(&'static str),
}

/// Keys and values, in order, each with what is said above it.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Map(Vec<(String, Yaml, Vec<String>)>);

impl Map {
    /// Adds a key.
    pub(super) fn put(&mut self, key: &str, value: impl Into<Yaml>) -> &mut Self {
        self.0.push((key.to_owned(), value.into(), Vec::new()));
        self
    }

    /// Adds a key, if there is a value.
    pub(super) fn put_some(&mut self, key: &str, value: Option<impl Into<Yaml>>) -> &mut Self {
        if let Some(value) = value {
            self.put(key, value);
        }
        self
    }

    /// Adds a key, if there is anything in the map.
    pub(super) fn put_full(&mut self, key: &str, value: Self) -> &mut Self {
        if !value.0.is_empty() {
            self.put(key, Yaml::Map(value));
        }
        self
    }

    /// Says something above the key that was added last.
    pub(super) fn note(&mut self, said: impl Into<String>) -> &mut Self {
        if let Some((_, _, notes)) = self.0.last_mut() {
            notes.push(said.into());
        }
        self
    }

    /// Whether there is nothing in it.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys, values and what is said above them.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Yaml, &[String])> {
        self.0
            .iter()
            .map(|(key, value, notes)| (key.as_str(), value, notes.as_slice()))
    }

    /// The whole document.
    pub(super) fn document(&self) -> String {
        let mut text = String::new();
        for (index, entry) in self.0.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            self::entry(&mut text, entry, 0);
        }
        text
    }
}

fn entry(text: &mut String, (key, value, notes): &(String, Yaml, Vec<String>), depth: usize) {
    let indent = "  ".repeat(depth);
    for note in notes {
        comment(text, note, &indent);
    }
    // Writing to a String cannot fail.
    write!(text, "{indent}{}:", quoted(key)).unwrap_or_default();
    match value {
        Yaml::Map(map) if !map.is_empty() => {
            text.push('\n');
            for inner in &map.0 {
                entry(text, inner, depth + 1);
            }
        }
        Yaml::List(items) if items.iter().any(|item| matches!(item, Yaml::Map(_))) => {
            text.push('\n');
            for item in items {
                self::item(text, item, depth + 1);
            }
        }
        Yaml::Anchored(name, map) => {
            writeln!(text, " &{name}").unwrap_or_default();
            for inner in &map.0 {
                entry(text, inner, depth + 1);
            }
        }
        Yaml::Text(_) | Yaml::Truth(_) | Yaml::Number(_) | Yaml::List(_) | Yaml::Map(_) | Yaml::Alias(_) => {
            writeln!(text, " {}", inline(value)).unwrap_or_default();
        }
    }
}

/// An item of a list, the hyphen in place of the first key's indentation.
fn item(text: &mut String, item: &Yaml, depth: usize) {
    let indent = "  ".repeat(depth);
    let Yaml::Map(map) = item else {
        writeln!(text, "{indent}- {}", inline(item)).unwrap_or_default();
        return;
    };
    for (index, (key, value, notes)) in map.0.iter().enumerate() {
        if index > 0 {
            entry(text, &(key.clone(), value.clone(), notes.clone()), depth + 1);
            continue;
        }
        for note in notes {
            comment(text, note, &indent);
        }
        let mut first = String::new();
        entry(&mut first, &(key.clone(), value.clone(), Vec::new()), depth + 1);
        write!(text, "{indent}- {}", first.trim_start()).unwrap_or_default();
    }
}

fn comment(text: &mut String, note: &str, indent: &str) {
    // A comment is one line, whatever stood in the file that it quotes.
    let note = note.replace(|c: char| c.is_control() || c == '\u{feff}', " ");
    writeln!(text, "{indent}# {note}").unwrap_or_default();
}

fn inline(value: &Yaml) -> String {
    match value {
        Yaml::Text(text) => quoted(text),
        Yaml::Truth(truth) => truth.to_string(),
        Yaml::Number(number) => number.to_string(),
        Yaml::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Yaml::Alias(name) => format!("*{name}"),
        Yaml::Map(map) | Yaml::Anchored(_, map) => {
            let each = map
                .0
                .iter()
                .map(|(key, value, _)| format!("{}: {}", quoted(key), inline(value)));
            format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text plain, where no reader of YAML could take it for anything else; in double quotes otherwise (YAML 1.2 section 7.3.1,
/// of which JSON strings are a part).
fn quoted(text: &str) -> String {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let address = text.starts_with(|c: char| c.is_ascii_digit()) && text.matches('.').count() > 1;
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let mut rest = text.chars().peekable();
    let measure = text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|c| c.is_ascii_alphanumeric())
        && !text.starts_with(['0']);
    let mut plain = first || address || measure;
    while let Some(c) = rest.next() {
        let colon = c == ':' && rest.peek().is_some_and(|next| safe(*next));
        plain &= safe(c) || colon;
    }
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if plain && !word.contains(&&*text.to_ascii_lowercase()) && text.parse::<f64>().is_err() {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Yaml {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl From<u64> for Yaml {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<Map> for Yaml {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Yaml {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::tree::Node;

    #[test]
    fn a_document_reads_as_it_was_meant() {
        let mut inner = Map::default();
        inner.put("path", "/a b").note("what\nit is for").put("access", "open");
        let mut map = Map::default();
        map.put("url", "https://app.example.com").note("one");
        map.put("list", vec!["a", "b: c", "true"])
            .put("empty", Vec::<String>::new());
        map.put("routes", vec![inner.clone(), inner]);
        let expected = "# one\nurl: https://app.example.com\n\nlist: [a, \"b: c\", \"true\"]\n\nempty: []\n\nroutes:\n  \
                        # what it is for\n  - path: \"/a b\"\n    access: open\n  # what it is for\n  - path: \"/a b\"\n    \
                        access: open\n";
        assert_eq!(map.document(), expected);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC{0,12}|[-a-z0-9:# .,'\"\\[\\]{}&*!|>%@`~=\n\t\u{0}\u{85}\u{feff}]{0,12}") {
            let mut map = Map::default();
            map.put("key", text.as_str()).note(text.as_str()).put("list", vec![text.as_str()]);
            let (node, flaws) = Node::read(&map.document()).unwrap();
            prop_assert!(flaws.is_empty(), "{flaws:?}");
            let expected = serde_json::json!({ "key": text, "list": [text] });
            prop_assert_eq!(node.to_value(), expected);
        }
    }
}
