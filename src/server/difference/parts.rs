//! Routes, upstreams, providers, and the keys that there is one of.

use std::{collections::BTreeMap, sync::Arc};

use super::{Changed, Kind, Takes, takes};
use crate::{
    config::{AdminSettings, IdentitySettings, Plan, Shutdown},
    oidc::ProviderName,
    policy::{
        Differences, FormerFolder, Upstream,
        difference::{optional, time},
    },
    provider::Succession,
    secret::Secret,
    server::change::Change,
    session::client::AddressKept,
    telemetry::{
        self, AccessSettings, AuditSettings, LogFormat, Naming,
        access::{Address, Field},
        trace::{self, Follow},
    },
};

pub(super) fn routes(old: &Plan, new: &Plan) -> Vec<Changed> {
    let named = |id: &str, kind, means: &str| Changed::named("route", id, kind, means);
    let there = old.site.routes().iter().map(|route| match new.site.route(&route.id) {
        None => Some(named(
            &route.id.0,
            Kind::Removed,
            "its requests fall to other routes, or are answered with 404",
        )),
        Some(other) => {
            let differences = route.differences(other);
            let changed = named(&route.id.0, Kind::Changed, "requests from then on");
            (!differences.is_empty()).then_some(Changed { differences, ..changed })
        }
    });
    let added = new
        .site
        .routes()
        .iter()
        .filter(|route| old.site.route(&route.id).is_none());
    let added = added.map(|route| {
        let means = format!("{}{}, access {}", route.matcher.host, route.matcher.path, route.access);
        named(&route.id.0, Kind::Added, &means)
    });
    there.flatten().chain(added).collect()
}

/// Upstreams by name. Where several are of one name, as for routes that share one, each is as good as the first that differs.
fn by_name(plan: &Plan) -> BTreeMap<&str, Vec<&Upstream>> {
    let mut found: BTreeMap<&str, Vec<&Upstream>> = BTreeMap::new();
    for route in plan.site.routes() {
        let upstream: &Arc<Upstream> = &route.forward.upstream;
        let namesakes = found.entry(&upstream.name).or_default();
        if !namesakes.contains(&&**upstream) {
            namesakes.push(upstream);
        }
    }
    found
}

pub(super) fn upstreams(old: &Plan, new: &Plan) -> Vec<Changed> {
    let (before, after) = (by_name(old), by_name(new));
    let named = |name: &str, kind, means: &str| Changed::named("upstream", name, kind, means);
    let there = before.iter().map(|(name, upstreams)| {
        let Some(others) = after.get(name) else {
            return Some(named(name, Kind::Removed, "requests under way to it finish"));
        };
        let gone = upstreams.iter().find(|upstream| !others.contains(upstream));
        let come = others.iter().find(|upstream| !upstreams.contains(upstream));
        let differences = match (gone, come) {
            (None, None) => return None,
            (Some(gone), Some(come)) => gone.differences(come),
            (Some(_), None) | (None, Some(_)) => Vec::new(),
        };
        let means = "its connections and health begin anew; requests under way finish on the old ones";
        Some(Changed {
            differences,
            ..named(name, Kind::Changed, means)
        })
    });
    let added = after.iter().filter(|(name, _)| !before.contains_key(*name));
    let added = added.map(|(name, upstreams)| {
        let targets = upstreams.iter().flat_map(|upstream| &upstream.targets);
        let targets: Vec<String> = targets.map(ToString::to_string).collect();
        named(name, Kind::Added, &targets.join(", "))
    });
    there.flatten().chain(added).collect()
}

pub(super) fn providers(old: &Plan, new: &Plan) -> Vec<Changed> {
    let named = |name: &ProviderName, kind, means: &str| Changed::named("provider", name.as_str(), kind, means);
    let there = old.providers.iter().map(|before| {
        let Some(after) = new.providers.iter().find(|after| after.name == before.name) else {
            let means = "who signed in with it signs in again where its sessions no longer count";
            return Some(named(&before.name, Kind::Removed, means));
        };
        let means = match before.succession(after) {
            Succession::Keep => return None,
            Succession::Adapt => "sign-ins from then on; what is known of it is kept",
            Succession::Make if before.issuer != after.issuer => {
                "it is another issuer: its sessions count no more, and people sign in again"
            }
            Succession::Make => "it is discovered anew; sessions stay",
        };
        Some(Changed {
            differences: before.differences(after),
            ..named(&before.name, Kind::Changed, means)
        })
    });
    let known = |name: &ProviderName| old.providers.iter().any(|before| before.name == *name);
    let added = new.providers.iter().filter(|after| !known(&after.name));
    let added = added.map(|after| named(&after.name, Kind::Added, after.issuer.as_str()));
    there.flatten().chain(added).collect()
}

pub(super) fn others(old: &Plan, new: &Plan, change: &Change) -> Vec<Changed> {
    let mut default = Differences::default();
    let words = optional(|name: &ProviderName| name.as_str().to_owned());
    let names = [&old.default_provider, &new.default_provider];
    default.note("default_provider", names, words);
    let default = Changed::key(
        "default_provider",
        default.into_list(),
        Takes::Reload,
        "requests from then on",
    );
    let mut limits = Differences::default();
    let sign_ins = [&old.sign_ins_per_address, &new.sign_ins_per_address];
    limits.note_shown("sign_ins", sign_ins);
    let mut former = Differences::default();
    let words = optional(|folder: &FormerFolder| format!("answers below {}", folder.as_str()));
    former.note(
        "oauth2_proxy",
        [&old.site.former().cloned(), &new.site.former().cloned()],
        words,
    );
    let former = Changed::key(
        "compatibility",
        former.into_list(),
        Takes::Reload,
        "sign-ins from then on come back to another redirect URI of the default provider; sessions stay",
    );
    let identity = identity([&old.identity, &new.identity]);
    let (admin, token) = admin([&old.admin, &new.admin]);
    let logging = logging([&old.telemetry, &new.telemetry]);
    let tracing = tracing([&old.tracing, &new.tracing]);
    let restart = "as before until a restart";
    [
        default,
        Changed::key("limits", limits.into_list(), Takes::Reload, "sign-ins from then on"),
        former,
        Changed::key(
            "identity",
            identity.into_list(),
            Takes::Reload,
            "assertions signed from then on",
        ),
        Changed::key("admin", admin.into_list(), takes(change, "admin"), restart),
        Changed::key("admin.token", token.into_list(), Takes::Reload, "who asks from then on"),
        Changed::key("tracing", tracing.into_list(), takes(change, "tracing"), restart),
        Changed::key("logging", logging.into_list(), takes(change, "logging"), restart),
        Changed::key(
            "shutdown",
            shutdown([old.shutdown, new.shutdown]).into_list(),
            Takes::Reload,
            "when it ends",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn identity([before, after]: [&IdentitySettings; 2]) -> Differences {
    let IdentitySettings {
        issuer,
        assertion_life,
        assertion_key_rotation,
    } = before;
    let mut found = Differences::default();
    found.note_shown("issuer", [issuer, &after.issuer]);
    found.note("assertion_life", [assertion_life, &after.assertion_life], time);
    let rotation = [assertion_key_rotation, &after.assertion_key_rotation];
    found.note("assertion_key_rotation", rotation, time);
    found
}

fn shutdown([before, after]: [Shutdown; 2]) -> Differences {
    let Shutdown { delay, deadline } = before;
    let mut found = Differences::default();
    found.note("delay", [&delay, &after.delay], time);
    found.note("deadline", [&deadline, &after.deadline], time);
    found
}

fn admin([before, after]: [&Option<AdminSettings>; 2]) -> (Differences, Differences) {
    let (mut found, mut guard) = (Differences::default(), Differences::default());
    let bind = |admin: &Option<AdminSettings>| admin.as_ref().map(|AdminSettings { bind, token: _ }| bind.clone());
    let token = |admin: &Option<AdminSettings>| admin.as_ref().and_then(|admin| admin.token.clone());
    let binds = [&bind(before), &bind(after)];
    found.note("address", binds, |bind| {
        bind.as_ref()
            .map_or_else(|| "switched off".to_owned(), ToString::to_string)
    });
    let shown = optional(|_: &Secret<String>| "a token".to_owned());
    // Of a listener that is to go with the next restart, the token stays.
    if after.is_some() {
        guard.note("token", [&token(before), &token(after)], shown);
    }
    (found, guard)
}

fn access_lines([before, after]: [&AccessSettings; 2], found: &mut Differences) {
    let AccessSettings { sample, client, omit } = before;
    found.note_shown("access.sample", [sample, &after.sample]);
    let told = |address: &Address| {
        let word = match address {
            Address::Kept(AddressKept::Full) => "full",
            Address::Kept(AddressKept::Network) => "network",
            Address::Kept(AddressKept::None) => "none",
            Address::Hash => "hash",
        };
        word.to_owned()
    };
    found.note("access.client_address", [client, &after.client], told);
    let fields = |omit: &Vec<Field>| {
        let word = |field: &Field| match field {
            Field::Host => "host",
            Field::Path => "path",
            Field::Subject => "subject",
            Field::TraceId => "trace_id",
        };
        omit.iter().map(word).collect::<Vec<_>>().join(", ")
    };
    found.note("access.omit", [omit, &after.omit], fields);
}

fn tracing([before, after]: [&Option<trace::Settings>; 2]) -> Differences {
    let mut found = Differences::default();
    let words = |settings: &Option<trace::Settings>| match settings {
        None => "switched off".to_owned(),
        Some(trace::Settings {
            endpoint,
            headers: _,
            ca_pem: _,
            timeout,
            sample,
            follow,
            service,
            resource: _,
        }) => {
            let follow = match follow {
                Follow::Trusted => "trusted_proxies",
                Follow::Always => "everybody",
                Follow::Never => "nobody",
            };
            let timeout = time(timeout);
            format!("{sample} of requests, following {follow}, as {service} to {endpoint} within {timeout}")
        }
    };
    found.note("tracing", [before, after], words);
    found
}

fn logging([before, after]: [&telemetry::Settings; 2]) -> Differences {
    let telemetry::Settings {
        format,
        filter,
        access,
        audit,
    } = before;
    let mut found = Differences::default();
    let word = |format: &LogFormat| match format {
        LogFormat::Json => "json".to_owned(),
        LogFormat::Text => "text".to_owned(),
    };
    found.note("format", [format, &after.format], word);
    found.note_shown("level", [filter, &after.filter]);
    let written = |access: &Option<AccessSettings>| access.is_some();
    found.note_shown("access_log", [&written(access), &written(&after.access)]);
    if let (Some(before), Some(after)) = (access, &after.access) {
        access_lines([before, after], &mut found);
    }
    let words = optional(|AuditSettings { file, naming }: &AuditSettings| {
        let file = file.as_ref().map(|file| file.display().to_string());
        let person = match naming {
            Naming::Hash => "hash",
            Naming::Subject => "subject",
        };
        format!(
            "to {}, person by {person}",
            file.as_deref().unwrap_or("standard output")
        )
    });
    found.note("audit", [audit, &after.audit], words);
    found
}
