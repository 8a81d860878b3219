//! The file of options, `oauth2-proxy.cfg`: TOML without tables.

use toml_edit::{Document as Toml, Item, Value};

use super::{line_at, place};
use crate::import::{
    Document, Unreadable,
    given::{Given, Value as Written},
    known::Known,
    rank::Rank,
};

/// Reads options from a text of the file, which begins after so many lines of it.
pub(super) fn read(file: &Document<'_>, text: &str, after: usize) -> Result<Given, Unreadable> {
    let toml = Toml::parse(text).map_err(|error| Unreadable {
        file: file.name.to_owned(),
        line: error.span().map_or(1, |span| line_at(text, span.start)) + after,
        what: format!(
            "this is neither TOML, flags nor YAML of oauth2-proxy: {}",
            error.message()
        ),
    })?;
    let mut given = Given::default();
    for (key, item) in toml.iter() {
        let span = toml.key(key).and_then(toml_edit::Key::span).or_else(|| item.span());
        let here = place(file, span.map_or(1, |span| line_at(text, span.start)) + after);
        let known = Known::by_key(alias(key)).or_else(|| Known::by_flag(key));
        match item {
            Item::Value(value) => given.add(Rank::File, known, key, here, written(value)),
            Item::None | Item::Table(_) | Item::ArrayOfTables(_) => given.unknown.push((here, key.to_owned())),
        }
    }
    Ok(given)
}

/// Keys that older versions had.
fn alias(key: &str) -> &str {
    match key {
        "google_group" => "google_groups",
        "exclude_logging_path" => "exclude_logging_paths",
        "upstream" => "upstreams",
        other => other,
    }
}

fn written(value: &Value) -> Written {
    match value {
        Value::Array(items) => Written::Each(items.iter().map(text).collect()),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::InlineTable(_) => Written::Lone(text(value)),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.value().clone(),
        Value::Integer(number) => number.value().to_string(),
        Value::Float(number) => number.value().to_string(),
        Value::Boolean(truth) => truth.value().to_string(),
        Value::Datetime(time) => time.value().to_string(),
        Value::Array(_) | Value::InlineTable(_) => String::new(),
    }
}
