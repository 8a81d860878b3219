//! Files in the forms that oauth2-proxy and its charts have them: told apart by what is in them.

mod alpha;
mod flags;
mod toml;
mod values;
mod words;

use super::{Document, Unreadable, given::Given};
use crate::config::tree::Node;

/// Reads a file.
pub(super) fn read(file: &Document<'_>) -> Result<Given, Unreadable> {
    if flags::is_environment(file.text) {
        return Ok(flags::environment(file));
    }
    if flags::is_flags(file.text) {
        return flags::flags(file);
    }
    let toml = toml::read(file, file.text, 0);
    if let Ok(given) = toml {
        return Ok(given);
    }
    match Node::read(file.text) {
        Ok((node, _)) if values::is_list(&node) => Ok(values::arguments(file, &node)),
        Ok((node, _)) if values::is_any(&node) => values::read(file, &node),
        Ok((node, _)) if alpha::is_alpha(&node) => Ok(alpha::read(file, &node)),
        // What is neither is most of all a file of its own form with a mistake.
        Ok(_) | Err(_) => toml,
    }
}

/// A place in a file.
fn place(file: &Document<'_>, line: usize) -> String {
    format!("{}:{line}", file.name)
}

/// The line, from 1, of a place in a text.
fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or_default().split('\n').count()
}
