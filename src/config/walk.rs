//! Walks the tree along the schema: tells everything that has the wrong shape, takes it out, and fills in the defaults, so
//! that what is left decodes and can be looked at further in the same run.

mod words;

use serde_json::{Map, Value};

use self::words::{one_line, suggestion};
use super::{
    findings::Findings,
    problem::Path,
    schema::Part,
    tree::{Entry, Kind, Node},
    written,
};

/// The value of the tree without its bad parts and with every default.
pub fn walk(tree: &Node, found: &mut Findings<'_>) -> Value {
    let root = Part::root();
    let mut value = Walk { found }
        .node(tree, root, &Path::top())
        .unwrap_or_else(|| Value::Object(Map::new()));
    complete(&mut value, root);
    value
}

/// Keys at the top that are the operator's own, for YAML anchors.
const OWN: &str = "x-";

struct Walk<'r, 'a> {
    found: &'r mut Findings<'a>,
}

impl Walk<'_, '_> {
    /// The node's value; `None` when it was bad as a whole.
    fn node(&mut self, node: &Node, part: Part<'_>, path: &Path) -> Option<Value> {
        let options = part.options();
        let Some(option) = options.iter().find(|option| fits(option, node)) else {
            self.wrong_type(node, &options, path);
            return None;
        };
        match &node.kind {
            Kind::Map(entries) if option.json_type().is_some() => Some(self.object(entries, *option, path)),
            Kind::List(items) if option.json_type().is_some() => Some(self.list(items, *option, path)),
            Kind::Scalar(Value::String(text)) => self.text(text, *option, path).then(|| Value::String(text.clone())),
            Kind::Scalar(Value::Number(number)) => {
                self.range(number, *option, path).then(|| Value::Number(number.clone()))
            }
            Kind::Scalar(_) | Kind::List(_) | Kind::Map(_) => Some(node.to_value()),
        }
    }

    fn object(&mut self, entries: &[Entry], part: Part<'_>, path: &Path) -> Value {
        let mut members = Map::new();
        for entry in entries {
            // A key without a value is as good as absent.
            if entry.value.kind == Kind::Scalar(Value::Null) || (path.steps().is_empty() && entry.key.starts_with(OWN))
            {
                continue;
            }
            let here = path.key(&entry.key);
            let property = part
                .properties()
                .and_then(|properties| properties.get(&entry.key))
                .map(Part::of)
                .or_else(|| part.inner());
            let value = if let Some(property) = property {
                self.node(&entry.value, property, &here)
            } else {
                self.unknown_key(entry, part, &here);
                None
            };
            match value {
                Some(value) => {
                    members.insert(entry.key.clone(), value);
                }
                None => self.found.maim(path),
            }
        }
        self.required(entries, part, path);
        Value::Object(members)
    }

    fn required(&mut self, entries: &[Entry], part: Part<'_>, path: &Path) {
        for (name, property) in part.properties().into_iter().flatten() {
            let there = entries
                .iter()
                .any(|entry| entry.key == *name && entry.value.kind != Kind::Scalar(Value::Null));
            if there || !part.requires(name) {
                continue;
            }
            let meaning = Part::of(property).description().unwrap_or_default();
            self.found.add(
                path,
                format!("`{name}` is missing"),
                format!("{name}: {}", one_line(meaning)),
            );
            self.found.maim(path);
        }
    }

    fn list(&mut self, items: &[Node], part: Part<'_>, path: &Path) -> Value {
        let least = part.get("minItems").and_then(Value::as_u64);
        if items.is_empty() && least.is_some_and(|least| least > 0) {
            self.found
                .add(path, "the list is empty", "write at least one, or take the key out");
        }
        let Some(inner) = part.inner() else {
            return items.iter().map(Node::to_value).collect();
        };
        let objects = inner
            .options()
            .iter()
            .all(|option| option.json_type() == Some("object"));
        let mut members = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let here = path.index(index);
            if let Some(value) = self.node(item, inner, &here) {
                members.push(value);
            } else {
                self.found.maim(path);
                self.found.maim(&here);
                // An empty object keeps the positions of those after it.
                if objects {
                    members.push(Value::Object(Map::new()));
                } else {
                    self.found.drop_member(path, index);
                }
            }
        }
        Value::Array(members)
    }

    /// Whether the text is good.
    fn text(&mut self, text: &str, part: Part<'_>, path: &Path) -> bool {
        let words = part.words();
        if !words.is_empty() && !words.iter().any(|(word, _)| *word == text) {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let hint = suggestion(text, &names);
            self.found.add(path, format!("{text:?} is not one of its words"), hint);
            return false;
        }
        let least = part.get("minLength").and_then(Value::as_u64);
        if text.is_empty() && least.is_some_and(|least| least > 0) {
            self.found
                .add(path, "the text is empty", "write something, or take the key out");
            return false;
        }
        let format = part.get("format").and_then(Value::as_str).unwrap_or_default();
        match written::check(format, text) {
            Ok(()) => true,
            Err(fault) => {
                self.found.add(path, fault.what, fault.hint);
                false
            }
        }
    }

    /// Whether the number is between the bounds.
    fn range(&mut self, number: &serde_json::Number, part: Part<'_>, path: &Path) -> bool {
        let bound = |keyword| part.get(keyword).and_then(Value::as_f64);
        let (least, most) = (bound("minimum"), bound("maximum"));
        let value = number.as_f64().unwrap_or(f64::NAN);
        if least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most) {
            return true;
        }
        let hint = match (least, most) {
            (Some(least), Some(most)) => format!("write a number from {least} to {most}"),
            (Some(least), None) => format!("write {least} or more"),
            (None, Some(most)) => format!("write {most} or less"),
            (None, None) => String::new(),
        };
        self.found.add(path, format!("{number} is out of range"), hint);
        false
    }

    fn unknown_key(&mut self, entry: &Entry, part: Part<'_>, path: &Path) {
        let names: Vec<_> = part
            .properties()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let hint = if entry.key == "<<" {
            "merge keys are not understood; give the whole value an alias, or write it out".to_owned()
        } else {
            suggestion(&entry.key, &names)
        };
        self.found.add(path, format!("unknown key {:?}", entry.key), hint);
    }

    fn wrong_type(&mut self, node: &Node, options: &[Part<'_>], path: &Path) {
        let expected: Vec<_> = options.iter().map(type_name).collect();
        let wants = |name| options.iter().any(|option| option.json_type() == Some(name));
        let is_scalar = matches!(node.kind, Kind::Scalar(ref value) if !value.is_null());
        let unit = options.iter().find_map(unit_hint);
        let hint = if let (true, Some(hint)) = (is_scalar, unit) {
            hint
        } else if is_scalar && wants("string") {
            "put it in quotes"
        } else if is_scalar && wants("array") {
            "write a list: [one, two]"
        } else if is_scalar && wants("object") {
            "write keys below it, two spaces further in"
        } else {
            ""
        };
        self.found.add(
            path,
            format!("expected {}, found {}", expected.join(" or "), node.kind_name()),
            hint,
        );
    }
}

/// Puts in the default of everything that is not there, as deep as the schema goes.
fn complete(value: &mut Value, part: Part<'_>) {
    let options = part.options();
    let Some(option) = options.iter().find(|option| accepts(option, json_type(value))) else {
        return;
    };
    match value {
        Value::Object(members) => {
            for (name, property) in option.properties().into_iter().flatten() {
                let property = Part::of(property);
                if let Some(default) = property.default()
                    && !default.is_null()
                    && !members.contains_key(name)
                {
                    members.insert(name.clone(), default.clone());
                }
            }
            for (name, member) in members {
                let property = option.properties().and_then(|all| all.get(name));
                if let Some(inner) = property.map(Part::of).or_else(|| option.inner()) {
                    complete(member, inner);
                }
            }
        }
        Value::Array(members) => {
            if let Some(inner) = option.inner() {
                for member in members {
                    complete(member, inner);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn fits(option: &Part<'_>, node: &Node) -> bool {
    match &node.kind {
        Kind::Scalar(value) => accepts(option, json_type(value)),
        Kind::List(_) => accepts(option, "array"),
        Kind::Map(_) => accepts(option, "object"),
    }
}

fn accepts(option: &Part<'_>, found: &str) -> bool {
    option
        .json_type()
        .is_none_or(|name| name == found || (name == "number" && found == "integer"))
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What to write where a bare number lacks its unit.
fn unit_hint(option: &Part<'_>) -> Option<&'static str> {
    let format = option.get("format")?.as_str()?;
    let measures = format.starts_with("duration") || format.starts_with("size");
    measures.then(|| written::hint(format))
}

fn type_name(option: &Part<'_>) -> &'static str {
    match option.json_type() {
        Some("string") => "text",
        Some("integer") => "a whole number",
        Some("number") => "a number",
        Some("boolean") => "true or false",
        Some("array") => "a list",
        Some("object") => "keys and values",
        Some(_) | None => "a value",
    }
}
