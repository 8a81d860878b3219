//! Listeners, each by its address.

use http::HeaderValue;

use super::{Changed, Kind, Takes};
use crate::{
    config::Plan,
    flow::{Duty, Public},
    policy::{
        Difference, Differences,
        difference::{list, optional, time},
    },
    proxy::{Bind, ClientCa, Limits, Listener, ListenerTls, TlsFiles},
    server::change::{Fate, fates, overlap},
};

pub(super) fn listeners(old: &Plan, new: &Plan) -> Vec<Changed> {
    let in_force: Vec<&Listener> = old.listeners.iter().collect();
    let fates = fates(&in_force, &new.listeners);
    let stays = |at: usize| {
        let is = |fate: &Fate| matches!(fate, Fate::Keep(kept) | Fate::TakeOver(kept) if *kept == at);
        fates.iter().any(is)
    };
    let gone = in_force.iter().enumerate().filter(|(at, _)| !stays(*at));
    let gone = gone.map(|(_, listener)| {
        let means = "it takes no more connections; requests under way finish";
        Changed::named("listener", &listener.bind.to_string(), Kind::Removed, means)
    });
    let mut held: Vec<&Bind> = old.listeners.iter().map(|listener| &listener.bind).collect();
    held.extend(old.admin.iter().map(|admin| &admin.bind));
    let come = new
        .listeners
        .iter()
        .zip(&fates)
        .filter_map(|(listener, fate)| match fate {
            Fate::Keep(_) => None,
            Fate::TakeOver(at) => in_force.get(*at).map(|before| changed(before, listener)),
            Fate::Bind => Some(added(listener, &held)),
        });
    gone.chain(come).collect()
}

fn changed(before: &Listener, after: &Listener) -> Changed {
    let means = "connections from then on; the socket stays open, and requests under way finish";
    Changed {
        differences: differences(before, after),
        ..Changed::named("listener", &after.bind.to_string(), Kind::Changed, means)
    }
}

fn added(listener: &Listener, held: &[&Bind]) -> Changed {
    let name = listener.bind.to_string();
    let Some(holder) = held.iter().find(|held| overlap(&listener.bind, held)) else {
        let scheme = if listener.public.https { "https" } else { "http" };
        return Changed::named("listener", &name, Kind::Added, &format!("people reach it by {scheme}"));
    };
    let means =
        format!("the process itself listens on {holder}, which overlaps: a reload is refused and changes nothing");
    Changed {
        takes: Takes::RestartOnly,
        ..Changed::named("listener", &name, Kind::Added, &means)
    }
}

fn differences(before: &Listener, after: &Listener) -> Vec<Difference> {
    let Listener {
        bind: _,
        tls,
        public,
        duty,
        hsts,
        trusted_proxies,
        trusted_headers,
        proxy_protocol,
        limits,
    } = before;
    let mut found = Differences::default();
    found.note("tls", [tls, &after.tls], optional(shown_tls));
    let shown = |Public { https, port }: &Public| format!("{} at port {port}", if *https { "https" } else { "http" });
    found.note("as people reach it", [public, &after.public], shown);
    let told = |duty: &Duty| match duty {
        Duty::Serve => "false".to_owned(),
        Duty::ToHttps { port } => format!("true, to port {port}"),
    };
    found.note("redirect_to_https", [duty, &after.duty], told);
    let header = optional(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned());
    found.note("hsts", [hsts, &after.hsts], header);
    let proxies = [trusted_proxies, &after.trusted_proxies];
    found.note("trusted_proxies", proxies, list(ToString::to_string));
    let headers = [trusted_headers, &after.trusted_headers];
    found.note("trusted_headers", headers, list(ToString::to_string));
    found.note_shown("proxy_protocol", [proxy_protocol, &after.proxy_protocol]);
    bounds(&mut found, [limits, &after.limits]);
    found.into_list()
}

fn shown_tls(tls: &ListenerTls) -> String {
    let ListenerTls {
        default,
        more,
        client_ca,
    } = tls;
    let pair = |TlsFiles { certificate, key }: &TlsFiles| format!("{}, {}", certificate.display(), key.display());
    let mut shown = vec![pair(default)];
    shown.extend(more.iter().map(|files| format!("certificates: {}", pair(files))));
    shown.extend(client_ca.iter().map(|ClientCa { file, required }| {
        let mode = if *required { "required" } else { "optional" };
        format!("client_ca: {}, {mode}", file.display())
    }));
    shown.join("; ")
}

fn bounds(found: &mut Differences, [before, after]: [&Limits; 2]) {
    let Limits {
        head,
        headers,
        target,
        head_time,
        keepalive,
        read,
        body_rate,
        write,
        handshake,
        connections,
        connections_per_address,
    } = before;
    let bytes = |bytes: &usize| format!("{bytes} bytes");
    found.note("limits.head", [head, &after.head], bytes);
    found.note_shown("limits.headers", [headers, &after.headers]);
    found.note("limits.target", [target, &after.target], bytes);
    found.note(
        "limits.connections",
        [connections, &after.connections],
        optional(usize::to_string),
    );
    found.note(
        "limits.connections_per_address",
        [connections_per_address, &after.connections_per_address],
        optional(usize::to_string),
    );
    let a_second = |rate: &u64| format!("{rate} bytes a second");
    found.note("limits.body_rate", [body_rate, &after.body_rate], optional(a_second));
    found.note("timeouts.head", [head_time, &after.head_time], time);
    found.note("timeouts.keepalive", [keepalive, &after.keepalive], time);
    found.note("timeouts.read", [read, &after.read], time);
    found.note("timeouts.write", [write, &after.write], time);
    found.note("timeouts.handshake", [handshake, &after.handshake], time);
}
