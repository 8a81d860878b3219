//! What the chart keeps beside the options: the structured form, and names of what is kept elsewhere.

use super::{alpha, at, get, items, place, scalar};
use crate::{
    config::tree::Node,
    import::{
        Document, Unreadable,
        given::{Aside, Given},
        rank::{Rank, Wanted},
        report::Fate,
    },
};

/// Where the chart says that the structured form is not used.
fn unused(node: &Node) -> Option<usize> {
    let (text, line) = at(node, "alphaConfig.enabled").and_then(scalar)?;
    (text == "false").then_some(line)
}

/// The structured form among the values, unless it is not used.
pub(super) fn structured_form(file: &Document<'_>, node: &Node) -> Result<Given, Unreadable> {
    let mut given = Given::default();
    if let Some(line) = unused(node) {
        given.asides.push(Aside {
            place: place(file, line),
            written: "alphaConfig.enabled".to_owned(),
            fate: Fate::Needless,
            what: "it is false, so nothing below `alphaConfig` was used, and nothing of it is translated",
        });
        return Ok(given);
    }
    if let Some(alpha) = at(node, "alphaConfig.configData") {
        given.join(alpha::read(file, alpha));
    }
    for (path, section) in [("serverConfigData", "server"), ("metricsConfigData", "metricsServer")] {
        if let Some(options) = at(node, "alphaConfig").and_then(|alpha| get(alpha, path)) {
            given.join(alpha::section(file, section, options));
        }
    }
    if let Some((text, line)) = at(node, "alphaConfig.configFile").and_then(scalar) {
        given.join(structured(file, &text, line.saturating_sub(1))?);
    }
    Ok(given)
}

/// The structured form in a text of the file, which begins after so many lines of it.
fn structured(file: &Document<'_>, text: &str, after: usize) -> Result<Given, Unreadable> {
    let shifted = format!("{}{text}", "\n".repeat(after));
    let (node, _) = Node::read(&shifted).map_err(|_| Unreadable {
        file: file.name.to_owned(),
        line: after + 1,
        what: "what stands here is no YAML: write it without signs of templates".to_owned(),
    })?;
    Ok(alpha::read(file, &node))
}

/// Where options are kept that are not in this file.
pub(super) fn elsewhere(file: &Document<'_>, node: &Node) -> Vec<Wanted> {
    let named = [
        ("config.existingConfig", Rank::File),
        ("alphaConfig.existingConfig", Rank::Structured),
        ("alphaConfig.existingSecret", Rank::Structured),
    ];
    let named = named.into_iter().filter_map(|(path, rank)| {
        if rank == Rank::Structured && unused(node).is_some() {
            return None;
        }
        let (_, line) = at(node, path).and_then(scalar).filter(|(name, _)| !name.is_empty())?;
        Some((path, rank, line))
    });
    let sources = ["envFrom", "extraEnvFrom"].into_iter().flat_map(|name| {
        let sources = get(node, name).map(items).unwrap_or_default();
        sources.iter().map(move |one| (name, Rank::Environment, one.place.line))
    });
    let all = named.chain(sources).map(|(written, rank, line)| Wanted {
        place: place(file, line),
        written: written.to_owned(),
        rank,
    });
    all.collect()
}
