//! The structured form (`--alpha-config`). Most of it are the options under other names.

mod member;

use self::member::{ASIDES, CHOICE, HEADER, NAMES, PARAMETER, SECRET, UPSTREAM, UPSTREAMS, VALUE, leftover};
use super::{
    place,
    values::{entries, get, items, scalar},
};
use crate::{
    config::tree::{Entry, Kind, Node},
    import::{
        Document,
        given::{Aside, Given, Injected, Parameter, Source, Upstream, Value, is_true},
        known::Known,
        rank::Rank,
        report::Fate,
    },
};

/// The members at the top.
const TOP: [&str; 7] = [
    "upstreamConfig",
    "upstreams",
    "injectRequestHeaders",
    "injectResponseHeaders",
    "server",
    "metricsServer",
    "providers",
];

/// Whether it is the structured form.
pub(super) fn is_alpha(node: &Node) -> bool {
    TOP.iter().any(|name| get(node, name).is_some())
}

/// Reads it.
pub(super) fn read(file: &Document<'_>, node: &Node) -> Given {
    let mut given = Given {
        structured: true,
        ..Given::default()
    };
    for Entry { key, place: at, value } in entries(node) {
        match key.to_ascii_lowercase().as_str() {
            "server" | "metricsserver" => options(&mut given, file, &key.to_ascii_lowercase(), key, value),
            "providers" => providers(&mut given, file, value),
            "upstreamconfig" => {
                let raw = get(value, "proxyRawPath").and_then(scalar);
                given.raw_paths |= raw.is_some_and(|(text, _)| is_true(&text));
                leftover(&mut given, file, key, value, &UPSTREAMS);
                upstreams(&mut given, file, get(value, "upstreams"));
            }
            "upstreams" => upstreams(&mut given, file, Some(value)),
            "injectrequestheaders" => {
                let headers = injected(&mut given, file, key, value);
                given.requests.extend(headers);
            }
            "injectresponseheaders" => {
                let headers = injected(&mut given, file, key, value);
                given.responses.extend(headers);
            }
            _ => given.unknown.push((place(file, at.line), key.clone())),
        }
    }
    given
}

/// A section of it that stands alone.
pub(super) fn section(file: &Document<'_>, name: &str, node: &Node) -> Given {
    let mut given = Given {
        structured: true,
        ..Given::default()
    };
    options(&mut given, file, &name.to_ascii_lowercase(), name, node);
    given
}

/// Whether a text is filled from the environment before it is read.
fn is_substituted(text: &str) -> bool {
    text.split('$')
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c == '{' || c == '_' || c.is_ascii_alphabetic()))
}

/// There is one provider; what is said of others is told as not known.
fn providers(given: &mut Given, file: &Document<'_>, list: &Node) {
    for (index, provider) in items(list).iter().enumerate() {
        let written = format!("providers[{index}]");
        if index == 0 {
            options(given, file, "provider", &written, provider);
        } else {
            given.asides.push(Aside {
                place: place(file, provider.place.line),
                written,
                fate: Fate::Missing,
                what: "oauth2-proxy uses the first provider only, and so does this translation",
            });
        }
    }
}

/// Options that stand below a name, however deep.
fn options(given: &mut Given, file: &Document<'_>, name: &str, written: &str, node: &Node) {
    for Entry { key, place: at, value } in entries(node) {
        let (name, written) = (
            format!("{name}.{}", key.to_ascii_lowercase()),
            format!("{written}.{key}"),
        );
        let here = place(file, at.line);
        if name == "provider.loginurlparameters" {
            parameters(given, file, &written, value);
            continue;
        }
        if let Some((_, (fate, what))) = ASIDES.iter().find(|(place, _)| *place == name) {
            let (fate, what) = (*fate, *what);
            given.asides.push(Aside {
                place: here,
                written,
                fate,
                what,
            });
            continue;
        }
        let known = NAMES.iter().find(|(place, _)| *place == name);
        match (&value.kind, known.and_then(|(_, key)| Known::by_key(key))) {
            (Kind::Map(_), None) => options(given, file, &name, &written, value),
            (Kind::List(items), known) => {
                let values: Vec<String> = items.iter().filter_map(scalar).map(|(text, _)| text).collect();
                let elsewhere = values.iter().any(|text| is_substituted(text));
                let value = if elsewhere {
                    Value::Elsewhere
                } else {
                    Value::Each(values)
                };
                given.add(Rank::Structured, known, &written, here, value);
            }
            (Kind::Scalar(_), known) => {
                let value = scalar(value).map(|(text, _)| text).unwrap_or_default();
                // A secret is not repeated, wherever it is.
                let elsewhere = is_substituted(&value) && known.is_none_or(|known| known.key != "client_secret");
                let value = if elsewhere {
                    Value::Elsewhere
                } else {
                    Value::Lone(value)
                };
                given.add(Rank::Structured, known, &written, here, value);
            }
            (Kind::Map(_), Some(_)) => given.unknown.push((here, written)),
        }
    }
}

/// Parameters of the authorization request; those with options of their own are these.
fn parameters(given: &mut Given, file: &Document<'_>, written: &str, list: &Node) {
    for (index, parameter) in items(list).iter().enumerate() {
        let name = get(parameter, "name")
            .and_then(scalar)
            .map(|(name, _)| name)
            .unwrap_or_default();
        let here = place(file, parameter.place.line);
        let written = format!("{written}[{index}] {name}");
        let defaults = get(parameter, "default").map(items).unwrap_or_default();
        let values: Vec<String> = defaults.iter().filter_map(scalar).map(|(text, _)| text).collect();
        let known = match name.as_str() {
            "acr_values" | "prompt" | "approval_prompt" | "resource" => Known::by_key(&name),
            _ => None,
        };
        leftover(given, file, &written, parameter, &PARAMETER);
        for choice in get(parameter, "allow").map(items).unwrap_or_default() {
            leftover(given, file, &format!("{written}.allow"), choice, &CHOICE);
        }
        match (known, values.into_iter().next_back()) {
            (_, None) => {}
            (Some(known), Some(value)) => given.add(Rank::Structured, Some(known), &written, here, Value::Lone(value)),
            (None, Some(value)) => given.parameters.push(Parameter {
                place: here,
                written,
                name,
                value,
            }),
        }
    }
}

fn upstreams(given: &mut Given, file: &Document<'_>, list: Option<&Node>) {
    for (index, node) in list.map(items).unwrap_or_default().iter().enumerate() {
        let text = |name: &str| get(node, name).and_then(scalar).map(|(text, _)| text);
        let truth = |name: &str, default: bool| text(name).map_or(default, |text| is_true(&text));
        let id = text("id").unwrap_or_default();
        leftover(given, file, &format!("upstreams[{index}]"), node, &UPSTREAM);
        given.upstreams.push(Upstream {
            place: place(file, node.place.line),
            written: format!("upstreams[{index}] {id}"),
            path: text("path")
                .filter(|path| !path.is_empty())
                .unwrap_or_else(|| "/".to_owned()),
            rewrite: text("rewriteTarget").filter(|target| !target.is_empty()),
            uri: text("uri").unwrap_or_default(),
            fixed: truth("static", false),
            unverified: truth("insecureSkipTLSVerify", false),
            pass_host: truth("passHostHeader", true),
            web_sockets: truth("proxyWebSockets", true),
            timeout: text("timeout"),
        });
    }
}

fn injected(given: &mut Given, file: &Document<'_>, key: &str, list: &Node) -> Vec<Injected> {
    let each = items(list).iter().enumerate().map(|(index, node)| {
        let text = |node: &Node, name: &str| get(node, name).and_then(scalar).map(|(text, _)| text);
        let name = text(node, "name").unwrap_or_default();
        let values = get(node, "values").map(items).unwrap_or_default();
        leftover(given, file, &format!("{key}[{index}]"), node, &HEADER);
        for value in values {
            let inner = ["claimSource", "secretSource"]
                .into_iter()
                .filter_map(|name| get(value, name));
            for node in inner.chain([value]) {
                leftover(given, file, &format!("{key}[{index}].values"), node, &VALUE);
                if let Some(secret) = get(node, "basicAuthPassword") {
                    leftover(
                        given,
                        file,
                        &format!("{key}[{index}].values.basicAuthPassword"),
                        secret,
                        &SECRET,
                    );
                }
            }
        }
        Injected {
            place: place(file, node.place.line),
            written: format!("{key}[{index}] {name}"),
            preserve: text(node, "preserveRequestValue").is_some_and(|text| is_true(&text)),
            values: values.iter().map(source).collect(),
            name,
        }
    });
    each.collect()
}

fn source(node: &Node) -> Source {
    // Older versions had these one level deeper.
    let node = get(node, "claimSource")
        .or_else(|| get(node, "secretSource"))
        .unwrap_or(node);
    let text = |name: &str| get(node, name).and_then(scalar).map(|(text, _)| text);
    match (text("claim"), text("fromEnv"), text("fromFile")) {
        (Some(claim), _, _) => Source::Claim {
            claim,
            prefix: text("prefix").unwrap_or_default(),
            basic: get(node, "basicAuthPassword").is_some(),
        },
        (None, Some(name), _) => Source::Env(name),
        (None, None, Some(file)) => Source::File(file),
        (None, None, None) => Source::Inline,
    }
}
