//! The example configuration compiles and shows every option.

use std::path::Path;

use doorward::config::{load, schema::schema};
use serde_json::Value;

fn example() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.yaml"))
}

#[test]
fn the_example_compiles() {
    if let Err(report) = load(example()) {
        panic!("{report}");
    }
}

#[test]
fn the_example_shows_every_option() {
    let text = std::fs::read_to_string(example()).unwrap_or_default();
    let mut names = Vec::new();
    collect(schema(), &mut names);
    assert!(names.len() > 100);
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !text.contains(&format!("{name}:")))
        .collect();
    assert!(missing.is_empty(), "not in the example: {missing:?}");
}

fn collect(part: &Value, names: &mut Vec<String>) {
    if let Some(properties) = part.get("properties").and_then(Value::as_object) {
        names.extend(properties.keys().cloned());
    }
    match part {
        Value::Object(members) => members.values().for_each(|one| collect(one, names)),
        Value::Array(members) => members.iter().for_each(|one| collect(one, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
