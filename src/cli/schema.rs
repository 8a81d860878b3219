//! `doorward schema`: the JSON Schema of the configuration, and the reference made of it.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt::Write as _,
    io::Write,
};

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::Failure;
use crate::config::schema::{self, Part};

pub(super) const HELP: &str = "\
Point your editor at the schema, and it completes and checks doorward.yaml while you write:
  # yaml-language-server: $schema=doorward.schema.json

Examples:
  doorward schema > doorward.schema.json
  doorward schema --format markdown > configuration.md";

/// What to print.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// As what
    #[arg(short, long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// JSON Schema, draft 2020-12
    Json,
    /// The reference for people
    Markdown,
}

pub(super) fn schema(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    let text = match options.format {
        Format::Json => format!("{:#}\n", schema::schema()),
        Format::Markdown => reference(),
    };
    out.write_all(text.as_bytes())?;
    Ok(())
}

const TITLE: &str = "# Configuration\n\n<!-- Made by `doorward schema --format markdown`: change the descriptions in \
                     `src/config/raw`, not this file. -->\n";

/// An object that is to be described: where it was met first, and itself.
struct Section {
    path: String,
    part: Part<'static>,
}

/// Walks the schema from the top, each kind of object once, in the order in which they are met.
struct Reference {
    text: String,
    met: BTreeSet<String>,
    waiting: VecDeque<Section>,
}

fn reference() -> String {
    let mut reference = Reference {
        text: TITLE.to_owned(),
        met: BTreeSet::new(),
        waiting: VecDeque::new(),
    };
    reference.waiting.push_back(Section {
        path: String::new(),
        part: Part::root(),
    });
    while let Some(section) = reference.waiting.pop_front() {
        reference.section(&section);
    }
    reference.text
}

impl Reference {
    fn section(&mut self, section: &Section) {
        if !section.path.is_empty() {
            let (id, path) = (id(section.part, &section.path), &section.path);
            self.line(&format!("\n<a id=\"{id}\"></a>\n\n## `{path}`"));
        }
        let about = section.part.get("description").and_then(Value::as_str);
        if let Some(about) = about {
            self.line(&format!("\n{about}"));
        }
        self.line("\n| Key | Value | Default | |\n| --- | --- | --- | --- |");
        let mut inside = VecDeque::new();
        for (name, value) in section.part.properties().into_iter().flatten() {
            let part = Part::of(value);
            let path = if section.path.is_empty() {
                name.clone()
            } else {
                format!("{}.{name}", section.path)
            };
            let value = self.value(part, &path, &mut inside);
            let default = default(section.part, name, part);
            let meaning = meaning(part);
            self.line(&format!("| `{name}` | {value} | {default} | {meaning} |"));
        }
        // What is inside comes right after, so that a reader finds a thing's parts below it.
        while let Some(section) = inside.pop_back() {
            self.waiting.push_front(section);
        }
    }

    /// What may be written, with a link for every object, which is put into `inside` when it is met first.
    fn value(&mut self, part: Part<'static>, path: &str, inside: &mut VecDeque<Section>) -> String {
        let options = part.options();
        let each: Vec<String> = options
            .into_iter()
            .map(|option| self.option(option, path, inside))
            .collect();
        each.join(" or ")
    }

    fn option(&mut self, part: Part<'static>, path: &str, inside: &mut VecDeque<Section>) -> String {
        let words = part.words();
        if !words.is_empty() {
            return words
                .iter()
                .map(|(word, _)| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", ");
        }
        match (part.json_type(), part.inner()) {
            (Some("array"), Some(inner)) => {
                format!("list of {}", self.value(inner, &format!("{path}[]"), inside))
            }
            (Some("object"), Some(inner)) if part.properties().is_none() => {
                format!("map to {}", self.value(inner, &format!("{path}.NAME"), inside))
            }
            (Some("object"), _) if part.properties().is_some() => {
                let id = id(part, path);
                if self.met.insert(id.clone()) {
                    let path = path.to_owned();
                    inside.push_back(Section { path, part });
                }
                format!("[object](#{id})")
            }
            (Some("string"), _) => "text".to_owned(),
            (Some("boolean"), _) => "`true`, `false`".to_owned(),
            (Some("integer" | "number"), _) => "number".to_owned(),
            (Some(other), _) => other.to_owned(),
            (None, _) => "any value".to_owned(),
        }
    }

    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        writeln!(self.text, "{line}").unwrap_or_default();
    }
}

/// An object's name in the schema, or the path where it stands.
fn id(part: Part<'_>, path: &str) -> String {
    part.here
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| reference.rsplit('/').next())
        .unwrap_or(path)
        .to_ascii_lowercase()
}

fn default(object: Part<'_>, name: &str, part: Part<'_>) -> String {
    match part.default() {
        Some(Value::Object(members)) if members.is_empty() => String::new(),
        Some(Value::Null) => String::new(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(value) => format!("`{value}`"),
        None if object.requires(name) => "required".to_owned(),
        None => String::new(),
    }
}

/// What a key is for, and what each word that may stand there means.
fn meaning(part: Part<'_>) -> String {
    let mut told = vec![cell(part.description().unwrap_or_default())];
    for (word, meaning) in part.options().iter().flat_map(Part::words) {
        told.extend(meaning.map(|meaning| format!("`{word}`: {}", cell(meaning))));
    }
    told.join("<br>")
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_leads_to_a_section() {
        let text = reference();
        let mut links = 0;
        // What stands before the first link is none.
        for link in text.split("](#").skip(1) {
            let id = link.split(')').next().unwrap();
            assert!(text.contains(&format!("<a id=\"{id}\"></a>")), "{id}");
            links += 1;
        }
        assert!(links > 10, "only {links} links");
    }

    #[test]
    fn every_object_of_the_schema_has_its_section() {
        let text = reference();
        for (name, definition) in schema::schema()["$defs"].as_object().unwrap() {
            if definition.get("properties").is_some() {
                let id = name.to_ascii_lowercase();
                assert!(text.contains(&format!("<a id=\"{id}\"></a>")), "{name}");
            }
        }
    }
}
