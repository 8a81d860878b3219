//! The JSON Schema of the configuration, generated from [`raw`](super::raw).
//!
//! It is what the walk goes by, so what an editor accepts is what Doorward accepts.

use std::sync::LazyLock;

use schemars::{Schema, generate::SchemaSettings, transform::transform_subschemas};
use serde_json::{Map, Value};

use super::raw::Config;

/// The schema (draft 2020-12), with every default and description.
#[must_use]
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        SchemaSettings::draft2020_12()
            .for_deserialize()
            .with_transform(tidy)
            .into_generator()
            .into_root_schema_for::<Config>()
            .to_value()
    });
    &SCHEMA
}

/// A part of the schema, with references followed.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The part as it stands, with its description and default.
    pub here: &'a Value,
    /// Where its reference leads, or itself.
    pub target: &'a Value,
}

impl<'a> Part<'a> {
    /// The top of the schema.
    #[must_use]
    pub fn root() -> Part<'static> {
        Part::of(schema())
    }

    /// A part as it stands somewhere.
    #[must_use]
    pub fn of(here: &'a Value) -> Self
    where
        'static: 'a,
    {
        let target = here
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix('#'))
            .and_then(|pointer| schema().pointer(pointer))
            .unwrap_or(here);
        Self { here, target }
    }

    /// A keyword.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.target.get(keyword)
    }

    /// What the value may be: one part a JSON type.
    #[must_use]
    pub fn options(self) -> Vec<Self> {
        match self.get("anyOf").and_then(Value::as_array) {
            Some(options) => options.iter().flat_map(|option| Self::of(option).options()).collect(),
            None => vec![self],
        }
    }

    /// The JSON type; `None` for any.
    #[must_use]
    pub fn json_type(&self) -> Option<&'a str> {
        match self.get("oneOf") {
            Some(_) => Some("string"),
            None => self.get("type").and_then(Value::as_str),
        }
    }

    /// The words of an enumeration, in order, each with what it means.
    #[must_use]
    pub fn words(&self) -> Vec<(&'a str, Option<&'a str>)> {
        let listed = self.get("enum").and_then(Value::as_array);
        let described = self.get("oneOf").and_then(Value::as_array);
        let plain = listed
            .into_iter()
            .flatten()
            .filter_map(|word| Some((word.as_str()?, None)));
        let told = described.into_iter().flatten().flat_map(|option| {
            let part = Part::of(option);
            match option.get("const").and_then(Value::as_str) {
                Some(word) => vec![(word, part.description())],
                None => part.words(),
            }
        });
        plain.chain(told).collect()
    }

    /// The properties of an object, by name.
    #[must_use]
    pub fn properties(&self) -> Option<&'a Map<String, Value>> {
        self.get("properties").and_then(Value::as_object)
    }

    /// The part of each value of a map, or each member of a list.
    #[must_use]
    pub fn inner(&self) -> Option<Self> {
        self.get("additionalProperties")
            .or_else(|| self.get("items"))
            .filter(|inner| inner.is_object())
            .map(Self::of)
    }

    /// The default.
    #[must_use]
    pub fn default(&self) -> Option<&'a Value> {
        self.here.get("default")
    }

    /// The description where the part stands, else where its reference leads.
    #[must_use]
    pub fn description(&self) -> Option<&'a str> {
        self.here
            .get("description")
            .or_else(|| self.target.get("description"))
            .and_then(Value::as_str)
    }

    /// Whether an object must have the property.
    #[must_use]
    pub fn requires(&self, name: &str) -> bool {
        self.get("required")
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|one| one == name))
    }
}

/// Takes out what Rust needs and people do not: `null` beside a type, `required` beside a default, number formats.
fn tidy(schema: &mut Schema) {
    transform_subschemas(&mut tidy, schema);
    drop_null(schema);
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|format| format.starts_with("uint"))
    {
        object.remove("format");
    }
    let defaulted: Vec<String> = object
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, property)| property.get("default").is_some_and(|value| !value.is_null()))
        .map(|(name, _)| name.clone())
        .collect();
    if let Some(Value::Array(required)) = object.get_mut("required") {
        required.retain(|name| !defaulted.iter().any(|one| name == one));
        if required.is_empty() {
            object.remove("required");
        }
    }
}

fn drop_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(options)) = object.get_mut("anyOf") {
        options.retain(|option| option.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = options.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            for (keyword, value) in only {
                object.entry(keyword).or_insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_is_described_and_no_null_is_left() {
        let mut count = 0;
        visit(schema(), &mut |part| {
            assert_ne!(part.get("type"), Some(&"null".into()), "{part}");
            let properties = part.get("properties").and_then(Value::as_object);
            for (name, property) in properties.into_iter().flatten() {
                count += 1;
                assert!(Part::of(property).description().is_some(), "{name} has no description");
            }
        });
        assert!(count > 100, "only {count} properties were seen");
    }

    #[test]
    fn every_choice_is_between_different_json_types() {
        visit(schema(), &mut |part| {
            if part.get("anyOf").is_some() {
                let mut types: Vec<_> = Part::of(part).options().iter().map(Part::json_type).collect();
                let all = types.len();
                types.sort_unstable();
                types.dedup();
                assert_eq!(types.len(), all, "{part}");
            }
        });
    }

    fn visit(value: &Value, see: &mut impl FnMut(&Value)) {
        match value {
            Value::Object(members) => {
                see(value);
                members.values().for_each(|member| visit(member, see));
            }
            Value::Array(members) => members.iter().for_each(|member| visit(member, see)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
