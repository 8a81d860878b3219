//! Fills in what was left out.

use serde_json::Value;

use crate::config::schema::Part;

/// Puts in the default of everything that is not there, as deep as the schema goes.
pub(super) fn complete(value: &mut Value, part: Part<'_>) {
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

/// Whether a value of this JSON type is one that the part is for.
pub(super) fn accepts(option: &Part<'_>, found: &str) -> bool {
    option
        .json_type()
        .is_none_or(|name| name == found || (name == "number" && found == "integer"))
}

/// A value's type in the words of JSON Schema.
pub(super) fn json_type(value: &Value) -> &'static str {
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
