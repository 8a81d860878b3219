//! What the chart turns into options by itself.

use super::{
    super::{at, place, scalar},
    is, line,
    switch::{is_off, is_on},
    texts,
};
use crate::{
    config::tree::Node,
    import::{
        Document,
        given::{Aside, Given, Value},
        known::Known,
        rank::Rank,
        report::Fate,
    },
};

/// Of a value that the chart makes.
const OF_THE_CHART: &str = "of the chart";

/// Options that the chart makes of a value.
const OPTIONS: [(&str, &str, Rank); 8] = [
    ("config.cookieName", "cookie_name", Rank::Flags),
    ("sessionStorage.type", "session_store_type", Rank::Environment),
    ("sessionStorage.redis.password", "redis_password", Rank::Environment),
    (
        "sessionStorage.redis.standalone.connectionUrl",
        "redis_connection_url",
        Rank::Environment,
    ),
    (
        "sessionStorage.redis.sentinel.masterName",
        "redis_sentinel_master_name",
        Rank::Environment,
    ),
    (
        "sessionStorage.redis.sentinel.password",
        "redis_sentinel_password",
        Rank::Environment,
    ),
    (
        "sessionStorage.redis.sentinel.connectionUrls",
        "redis_sentinel_connection_urls",
        Rank::Environment,
    ),
    (
        "sessionStorage.redis.cluster.connectionUrls",
        "redis_cluster_connection_urls",
        Rank::Environment,
    ),
];

/// What the chart asks of Google besides.
const GOOGLE: [(&str, &str); 5] = [
    ("config.google.adminEmail", "google_admin_email"),
    ("config.google.serviceAccountJson", "google_service_account_json"),
    ("config.google.existingSecret", "google_service_account_json"),
    (
        "config.google.useApplicationDefaultCredentials",
        "google_use_application_default_credentials",
    ),
    ("config.google.targetPrincipal", "google_target_principal"),
];

/// What the chart turns into options by itself.
pub(super) fn options(given: &mut Given, file: &Document<'_>, node: &Node) {
    for (path, option) in [
        ("authenticatedEmailsFile.enabled", "authenticated_emails_file"),
        ("htpasswdFile.enabled", "htpasswd_file"),
    ] {
        if let Some(line) = line(node, path).filter(|_| is_on(node, path)) {
            let value = Value::Lone(OF_THE_CHART.to_owned());
            given.add(Rank::Flags, Known::by_key(option), path, place(file, line), value);
        }
    }
    if is_on(node, "authenticatedEmailsFile.enabled") {
        emails(given, file, node);
    }
    for (path, option, rank) in OPTIONS {
        if let Some(line) = line(node, path) {
            let value = at(node, path).map_or(Value::Elsewhere, texts);
            given.add(rank, Known::by_key(option), path, place(file, line), value);
        }
    }
    passwords(given, file, node);
    for (kind, option) in [("sentinel", "redis_use_sentinel"), ("cluster", "redis_use_cluster")] {
        let path = "sessionStorage.redis.clientType";
        if let Some(line) = line(node, path).filter(|_| is(node, path, kind)) {
            let value = Value::Lone("true".to_owned());
            given.add(Rank::Environment, Known::by_key(option), path, place(file, line), value);
        }
    }
}

/// The addresses that the values hold, where the chart does not mount another object in their place.
fn emails(given: &mut Given, file: &Document<'_>, node: &Node) {
    let path = "authenticatedEmailsFile.restricted_access";
    let held = at(node, path).and_then(scalar).filter(|(text, _)| !text.is_empty());
    match (held, line(node, "authenticatedEmailsFile.template")) {
        (Some((_, line)), Some(_)) => given.asides.push(Aside {
            place: place(file, line),
            written: path.to_owned(),
            fate: Fate::Needless,
            what: "the chart mounts the object that `template` names in its place, so nothing of it is translated",
        }),
        (held, None) => given.emails = held.map(|(text, _)| text),
        (None, Some(_)) => {}
    }
}

/// Passwords of Redis in objects that the values name.
fn passwords(given: &mut Given, file: &Document<'_>, node: &Node) {
    let redis = is(node, "sessionStorage.type", "redis");
    let sentinel = redis && is(node, "sessionStorage.redis.clientType", "sentinel");
    let shared = "sessionStorage.redis.existingSecret";
    for (path, option, used) in [
        (shared, "redis_password", redis),
        (shared, "redis_sentinel_password", sentinel),
        (
            "sessionStorage.redis.sentinel.existingSecret",
            "redis_sentinel_password",
            sentinel,
        ),
    ] {
        if let Some(line) = line(node, path).filter(|_| used) {
            let (known, value) = (Known::by_key(option), Value::Lone("a secret elsewhere".to_owned()));
            given.add(Rank::Environment, known, path, place(file, line), value);
        }
    }
}

/// What it has Google asked.
pub(super) fn google(given: &mut Given, file: &Document<'_>, node: &Node) {
    for (path, option) in GOOGLE {
        if let Some(line) = line(node, path).filter(|_| !is_off(node, path)) {
            let value = Value::Lone(OF_THE_CHART.to_owned());
            given.add(Rank::Flags, Known::by_key(option), path, place(file, line), value);
        }
    }
    let path = "config.google.groups";
    if let Some(groups) = at(node, path) {
        let (known, here) = (Known::by_key("google_groups"), place(file, groups.place.line));
        given.add(Rank::Flags, known, path, here, texts(groups));
    }
}
