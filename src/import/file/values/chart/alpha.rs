//! The structured form among the values of the chart.

use super::{
    super::{alpha, at, get, is_empty, place, scalar},
    line,
    switch::Switch,
};
use crate::{
    config::tree::Node,
    import::{
        Document, Unreadable,
        given::{Aside, Given},
        report::Fate,
    },
};

/// What switches it on.
const SWITCH: &str = "alphaConfig.enabled";

/// What becomes of the structured form among the values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpha {
    /// There is none.
    Absent,
    /// It is switched off, on this line.
    Off(usize),
    /// It is there, on this line, and nothing says whether it is used. Other values of the same release may.
    Unsaid(usize),
    /// It is used, from here.
    Here,
    /// It is used, from an object that the values name.
    Elsewhere,
}

impl Alpha {
    /// As the values say.
    pub(super) fn of(node: &Node) -> Self {
        let named = ["alphaConfig.existingConfig", "alphaConfig.existingSecret"];
        let named = named.iter().any(|path| line(node, path).is_some());
        let told = get(node, "alphaConfig").filter(|alpha| !is_empty(alpha));
        match (Switch::of(node, SWITCH), told) {
            (Some(Switch::Off), Some(alpha)) => Self::Off(at(node, SWITCH).unwrap_or(alpha).place.line),
            (Some(Switch::On), _) if named => Self::Elsewhere,
            (Some(Switch::On), _) => Self::Here,
            (Some(Switch::Unclear) | None, Some(alpha)) => Self::Unsaid(alpha.place.line),
            (Some(Switch::Off | Switch::Unclear) | None, None) => Self::Absent,
        }
    }
}

/// The structured form among the values, if it is used.
pub(super) fn read(file: &Document<'_>, node: &Node) -> Result<Given, Unreadable> {
    let mut given = Given::default();
    match Alpha::of(node) {
        Alpha::Here => given.structured = true,
        Alpha::Absent | Alpha::Unsaid(_) | Alpha::Elsewhere => return Ok(given),
        Alpha::Off(line) => {
            given.asides.push(Aside {
                place: place(file, line),
                written: "alphaConfig.enabled".to_owned(),
                fate: Fate::Needless,
                what: "it is false, so nothing below `alphaConfig` was used, and nothing of it is translated",
            });
            return Ok(given);
        }
    }
    if let Some(data) = at(node, "alphaConfig.configData") {
        given.join(alpha::read(file, data));
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
