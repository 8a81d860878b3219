//! YAML around the options: values of the Helm chart, and a container with `args` and `env`.

mod chart;

use serde_json::Value as Json;

use super::{alpha, flags, place, toml};
use crate::{
    config::tree::{Entry, Kind, Node},
    import::{
        Document, Unreadable,
        given::{Given, Value},
        known::{Kind as Written, Known},
        rank::Rank,
    },
};

/// Variables that are secrets, of which only the names are told.
const SECRETS: [&str; 4] = [
    "OAUTH2_PROXY_CLIENT_SECRET",
    "OAUTH2_PROXY_COOKIE_SECRET",
    "OAUTH2_PROXY_REDIS_PASSWORD",
    "OAUTH2_PROXY_REDIS_SENTINEL_PASSWORD",
];

/// Whether there is any of it.
pub(super) fn is_any(node: &Node) -> bool {
    let config = get(node, "config").is_some_and(|config| {
        [
            "configFile",
            "clientID",
            "clientSecret",
            "cookieSecret",
            "existingSecret",
            "existingConfig",
            "emailDomains",
            "google",
        ]
        .iter()
        .any(|key| get(config, key).is_some())
    });
    config
        || [
            "extraArgs",
            "alphaConfig",
            "sessionStorage",
            "args",
            "command",
            "extraEnv",
            "env",
            "envFrom",
        ]
        .iter()
        .any(|key| get(node, key).is_some())
}

/// Whether it is a list of flags and nothing else.
pub(super) fn is_list(node: &Node) -> bool {
    items(node)
        .iter()
        .filter_map(scalar)
        .any(|(text, _)| text.starts_with("--"))
}

/// Reads what is there of the options. What else a chart says is about Kubernetes.
pub(super) fn read(file: &Document<'_>, node: &Node) -> Result<Given, Unreadable> {
    let mut given = chart::read(file, node)?;
    for args in ["command", "args", "extraArgs"]
        .into_iter()
        .filter_map(|name| get(node, name))
    {
        given.join(arguments(file, args));
    }
    for variable in ["extraEnv", "env"]
        .into_iter()
        .filter_map(|name| get(node, name))
        .flat_map(items)
    {
        self::variable(&mut given, file, variable);
    }
    chart::finish(&mut given, file, node);
    Ok(given)
}

/// A variable of a container: its value, or from where it has one.
fn variable(given: &mut Given, file: &Document<'_>, variable: &Node) {
    let named = get(variable, "name").and_then(scalar);
    let Some((name, line)) = named.filter(|(name, _)| name.starts_with("OAUTH2_PROXY_")) else {
        return;
    };
    let value = match (get(variable, "value").and_then(scalar), get(variable, "valueFrom")) {
        (Some((value, _)), None) => Value::Lone(value),
        // A secret is not repeated, wherever it is.
        (_, Some(_)) if SECRETS.contains(&name.as_str()) => Value::Lone("a secret elsewhere".to_owned()),
        (_, Some(_)) => Value::Elsewhere,
        (None, None) => Value::Lone(String::new()),
    };
    flags::variable(given, &name, value, place(file, line));
}

/// A member of a member.
fn at<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    path.split('.').try_fold(node, get)
}

/// A list of flags, or a map of them.
pub(super) fn arguments(file: &Document<'_>, args: &Node) -> Given {
    let listed = items(args).iter().filter_map(scalar);
    let words = listed.flat_map(|(text, line)| {
        // `--flag value` in one item was meant as two.
        let two = text.split_once(char::is_whitespace);
        let two = two.filter(|(flag, _)| flag.starts_with("--") && !flag.contains('='));
        let words = two.map_or_else(|| vec![text.as_str()], |(flag, value)| vec![flag, value.trim()]);
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        words.into_iter().map(move |word| (place(file, line), word))
    });
    let mut given = flags::all(words);
    for item in items(args).iter().filter(|item| scalar(item).is_none()) {
        let what = "an item that is no flag".to_owned();
        given.unknown.push((place(file, item.place.line), what));
    }
    for Entry { key, place: at, value } in entries(args) {
        let known = Known::by_flag(key);
        let value = match scalar(value) {
            // A flag that stands alone is on.
            Some((text, _)) if text.is_empty() && known.is_some_and(|known| known.kind == Written::Truth) => {
                Value::Lone("true".to_owned())
            }
            Some((text, _)) => Value::Lone(text),
            None => Value::Each(items(value).iter().filter_map(scalar).map(|(text, _)| text).collect()),
        };
        given.add(Rank::Flags, known, &format!("--{key}"), place(file, at.line), value);
    }
    given
}

/// A member of a map, in any case, as Go reads it.
pub(super) fn get<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    entries(node)
        .iter()
        .find(|entry| entry.key.eq_ignore_ascii_case(name))
        .map(|entry| &entry.value)
}

pub(super) fn entries(node: &Node) -> &[Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        Kind::Scalar(_) | Kind::List(_) => &[],
    }
}

pub(super) fn items(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        Kind::Scalar(_) | Kind::Map(_) => &[],
    }
}

/// Whether nothing is said.
fn is_empty(node: &Node) -> bool {
    match &node.kind {
        Kind::Scalar(_) => scalar(node).is_none_or(|(text, _)| text.is_empty()),
        Kind::List(items) => items.is_empty(),
        Kind::Map(entries) => entries.is_empty(),
    }
}

/// A scalar's text and line; nothing is an empty text.
pub(super) fn scalar(node: &Node) -> Option<(String, usize)> {
    let text = match &node.kind {
        Kind::Scalar(Json::String(text)) => text.clone(),
        Kind::Scalar(Json::Null) => String::new(),
        Kind::Scalar(other) => other.to_string(),
        Kind::List(_) | Kind::Map(_) => return None,
    };
    Some((text, node.place.line))
}
