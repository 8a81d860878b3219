//! What the Helm chart makes options of by itself, and what it has where its values say nothing.

mod alpha;
mod option;
mod switch;

pub(super) use self::alpha::Alpha;
use self::switch::is_off;
use super::{at, get, is_empty, items, place, scalar, toml};
use crate::{
    config::tree::Node,
    import::{
        Document, Unreadable,
        given::{Aside, Given, Value},
        known::Known,
        rank::{Rank, Wanted},
        report::Fate,
    },
};

/// Where the chart has oauth2-proxy listen.
const HTTP: &str = "0.0.0.0:4180";
const HTTPS: &str = "0.0.0.0:4443";
const METRICS: &str = "0.0.0.0:44180";
/// Reads what counts less than flags, and what the chart turns into flags.
pub(super) fn read(file: &Document<'_>, node: &Node) -> Result<Given, Unreadable> {
    let mut given = Given::default();
    for (path, option) in [
        ("config.clientID", "client_id"),
        ("config.clientSecret", "client_secret"),
        ("config.cookieSecret", "cookie_secret"),
    ] {
        if let Some((value, line)) = at(node, path).and_then(scalar) {
            let (known, here) = (Known::by_key(option), place(file, line));
            given.add(Rank::Environment, known, path, here, Value::Lone(value));
        }
    }
    if let Some(line) = line(node, "config.existingSecret").filter(|_| line(node, "config.clientID").is_none()) {
        let (known, here) = (Known::by_key("client_id"), place(file, line));
        given.add(
            Rank::Environment,
            known,
            "config.existingSecret (client-id)",
            here,
            Value::Elsewhere,
        );
    }
    config_file(&mut given, file, node)?;
    option::options(&mut given, file, node);
    option::google(&mut given, file, node);
    given.join(alpha::read(file, node)?);
    given.wanted.extend(elsewhere(file, node));
    switch::texts(&mut given, file, node);
    Ok(given)
}

/// Adds what the chart has where nothing that counts more says it: where oauth2-proxy listens.
pub(super) fn finish(given: &mut Given, file: &Document<'_>, node: &Node) {
    if !is_chart(node) {
        return;
    }
    given.charts.push(file.name.to_owned());
    silent(given, file, node);
    let alpha = Alpha::of(node);
    // It says there where it listens.
    if alpha == Alpha::Elsewhere {
        return;
    }
    let tls = given.settings.iter().any(|one| one.key == "tls_cert_file");
    for (key, address, started) in [
        ("http_address", HTTP, true),
        ("https_address", HTTPS, tls && alpha != Alpha::Here),
        ("metrics_address", METRICS, !is_off(node, "metrics.enabled")),
    ] {
        let said = given
            .settings
            .iter()
            .any(|one| one.key == key && one.rank >= Rank::Flags);
        if started && !said {
            let (known, value) = (Known::by_key(key), Value::Lone(address.to_owned()));
            let written = format!("{key} {address} of the chart itself");
            given.add(Rank::Flags, known, &written, place(file, 1), value);
        }
    }
}

/// Whether these are values of the chart, and not a container.
fn is_chart(node: &Node) -> bool {
    [
        "config",
        "extraArgs",
        "extraEnv",
        "alphaConfig",
        "sessionStorage",
        "authenticatedEmailsFile",
        "htpasswdFile",
    ]
    .iter()
    .any(|name| get(node, name).is_some())
}

/// Whether a member is this.
fn is(node: &Node, path: &str, text: &str) -> bool {
    at(node, path)
        .and_then(scalar)
        .is_some_and(|(written, _)| written == text)
}

/// The line of a member that says something.
fn line(node: &Node, path: &str) -> Option<usize> {
    at(node, path)
        .filter(|value| !is_empty(value))
        .map(|value| value.place.line)
}

/// The file of options: one in an object, one in the values, or what the chart makes of two of them.
fn config_file(given: &mut Given, file: &Document<'_>, node: &Node) -> Result<(), Unreadable> {
    let structured = matches!(Alpha::of(node), Alpha::Here | Alpha::Elsewhere);
    let unforced = is_off(node, "config.forceLegacyConfig");
    let left_out = structured && unforced;
    let existing = line(node, "config.existingConfig").filter(|_| !left_out);
    let inline = at(node, "config.configFile").and_then(scalar);
    let inline = inline.filter(|(text, _)| !text.is_empty());
    // With neither an object nor a text nor the structured form, it makes no file at all then.
    let own = left_out || (!unforced && existing.is_none() && inline.is_none());
    let unused = |line: usize, path: &str| Aside {
        place: place(file, line),
        written: path.to_owned(),
        fate: Fate::Needless,
        what: "the chart does not use it beside what else these values say, so nothing of it is translated",
    };
    match inline {
        Some((text, line)) if !left_out && existing.is_none() => {
            given.join(toml::read(file, &text, line.saturating_sub(1))?);
        }
        Some((_, line)) => given.asides.push(unused(line, "config.configFile")),
        None => {}
    }
    for (path, option, used) in [
        ("config.emailDomains", "email_domains", own),
        ("config.upstreams", "upstreams", own && !structured),
    ] {
        if let Some(found) = at(node, path) {
            if used {
                let (known, here) = (Known::by_key(option), place(file, found.place.line));
                given.add(Rank::File, known, path, here, texts(found));
            } else {
                given.asides.push(unused(found.place.line, path));
            }
        }
    }
    Ok(())
}

/// What the chart's own file of options says is not taken for what somebody wanted.
fn silent(given: &mut Given, file: &Document<'_>, node: &Node) {
    let said = given.settings.iter().any(|one| one.key == "email_domains");
    let elsewhere = given.wanted.iter().any(|one| one.rank != Some(Rank::Structured));
    let read = ["config.configFile", "config.existingConfig"]
        .iter()
        .any(|path| line(node, path).is_some());
    let no_file = is_off(node, "config.forceLegacyConfig");
    if !(said || elsewhere || read || no_file) {
        given.asides.push(Aside {
            place: place(file, 1),
            written: "email_domains of the chart itself".to_owned(),
            fate: Fate::Stricter,
            what: "the chart has `*`, which is anybody, where its values name no domain: nobody passes by that here",
        });
    }
}

/// One text, or those of a list.
fn texts(node: &Node) -> Value {
    match scalar(node) {
        Some((text, _)) => Value::Lone(text),
        None => Value::Each(items(node).iter().filter_map(scalar).map(|(text, _)| text).collect()),
    }
}

/// Where options are kept that are not in this file.
fn elsewhere(file: &Document<'_>, node: &Node) -> Vec<Wanted> {
    let alpha = Alpha::of(node);
    let structured = matches!(alpha, Alpha::Here | Alpha::Elsewhere);
    let mut named = Vec::new();
    if !(structured && is_off(node, "config.forceLegacyConfig")) {
        named.push(("config.existingConfig", Rank::File));
    }
    if alpha == Alpha::Elsewhere {
        named.extend(["alphaConfig.existingConfig", "alphaConfig.existingSecret"].map(|path| (path, Rank::Structured)));
    }
    let named = named
        .into_iter()
        .filter_map(|(path, rank)| line(node, path).map(|line| (path, rank, line)));
    let sources = ["envFrom", "extraEnvFrom"].into_iter().flat_map(|name| {
        let sources = get(node, name).map(items).unwrap_or_default();
        sources.iter().map(move |one| (name, Rank::Environment, one.place.line))
    });
    let all = named.chain(sources).map(|(written, rank, line)| Wanted {
        place: place(file, line),
        written: written.to_owned(),
        rank: Some(rank),
        what: "options are kept elsewhere: give them as well, in a file of their own",
    });
    let unsaid = match alpha {
        Alpha::Unsaid(line) => Some(Wanted {
            place: place(file, line),
            written: "alphaConfig.enabled".to_owned(),
            rank: Some(Rank::Structured),
            what: "it does not say whether the structured form is used: write `true` or `false`; until then it is not read",
        }),
        Alpha::Absent | Alpha::Off(_) | Alpha::Here | Alpha::Elsewhere => None,
    };
    all.chain(unsaid).chain(switch::unclear(file, node)).collect()
}
