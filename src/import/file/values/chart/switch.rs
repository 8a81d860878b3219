//! Values of the chart that switch something on or off, as its templates read them.

use serde_json::Value as Json;

use super::{
    super::{at, place, scalar},
    line,
};
use crate::{
    config::tree::{Kind, Node},
    import::{
        Document,
        given::{Aside, Given},
        rank::Wanted,
        report::Fate,
    },
};

/// The switches on which it depends who may pass, but for `alphaConfig.enabled`, which has states of its own.
const DECIDING: [&str; 3] = [
    "authenticatedEmailsFile.enabled",
    "htpasswdFile.enabled",
    "config.forceLegacyConfig",
];

/// Every switch.
const ALL: [&str; 6] = [
    "alphaConfig.enabled",
    "authenticatedEmailsFile.enabled",
    "htpasswdFile.enabled",
    "config.forceLegacyConfig",
    "metrics.enabled",
    "config.google.useApplicationDefaultCredentials",
];

/// How a switch stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Switch {
    /// On: anything but what is off, so that the text `"false"` in quotes is on as well.
    On,
    /// Off: `false`, nothing, zero, and what is empty.
    Off,
    /// `no` and `off` are false to the YAML that Helm reads, but texts in quotes, which are on; here they look alike.
    Unclear,
}

impl Switch {
    /// As the template's `if` takes it; nothing where the values do not say it.
    pub(super) fn of(node: &Node, path: &str) -> Option<Self> {
        at(node, path).map(Self::read)
    }

    fn read(value: &Node) -> Self {
        let on = match &value.kind {
            Kind::Scalar(Json::Bool(truth)) => *truth,
            Kind::Scalar(Json::Number(number)) => number.as_f64() != Some(0.0),
            Kind::Scalar(Json::String(text)) if is_no(text) => return Self::Unclear,
            Kind::Scalar(Json::String(text)) => !text.is_empty(),
            Kind::Scalar(Json::Null | Json::Array(_) | Json::Object(_)) => false,
            Kind::List(items) => !items.is_empty(),
            Kind::Map(entries) => !entries.is_empty(),
        };
        if on { Self::On } else { Self::Off }
    }
}

/// Whether a switch is on.
pub(super) fn is_on(node: &Node, path: &str) -> bool {
    Switch::of(node, path) == Some(Switch::On)
}

/// Whether a switch is off, and not just left out.
pub(super) fn is_off(node: &Node, path: &str) -> bool {
    Switch::of(node, path) == Some(Switch::Off)
}

/// What has to be said before anybody may pass: switches that do not say how they stand.
pub(super) fn unclear(file: &Document<'_>, node: &Node) -> impl Iterator<Item = Wanted> {
    let unclear = DECIDING
        .iter()
        .filter(|path| Switch::of(node, path) == Some(Switch::Unclear));
    unclear.map(|path| Wanted {
        place: place(file, line(node, path).unwrap_or(1)),
        written: (*path).to_owned(),
        rank: None,
        what: "it does not say how it stands: write `true` or `false` without quotes; nobody passes until then",
    })
}

/// Notes what was written as a text that looks like false, and was on.
pub(super) fn texts(given: &mut Given, file: &Document<'_>, node: &Node) {
    for path in ALL {
        let Some((text, line)) = at(node, path).and_then(scalar) else {
            continue;
        };
        if is_on(node, path) && text.eq_ignore_ascii_case("false") {
            given.asides.push(Aside {
                place: place(file, line),
                written: path.to_owned(),
                fate: Fate::Translated,
                what: "in quotes it is a text, which the chart takes for true, and so does this translation",
            });
        }
    }
}

/// The words of YAML 1.1 for no.
fn is_no(text: &str) -> bool {
    ["n", "no", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}
