//! Session settings: the store, its keys, the cache and lifetimes.

use super::{Changed, Takes, takes};
use crate::{
    config::Plan,
    keys::{Ring, RingKey},
    policy::{
        Difference, Differences,
        difference::{list, optional, time},
    },
    secret::Secret,
    server::{
        assemble::DRAWN,
        change::{Change, InForce, Keys, Store},
    },
    session::{Terms, client::AddressKept},
    store::{CacheSettings, RedisLogin, RedisServers, RedisSettings, RedisTls, Settings},
};

pub(super) fn sessions(old: &Plan, new: &Plan, change: &Change, in_force: InForce<'_>) -> Vec<Changed> {
    let Terms { idle, absolute } = &old.terms;
    let mut found = Differences::default();
    found.note("idle_timeout", [idle, &new.terms.idle], time);
    found.note("absolute_timeout", [absolute, &new.terms.absolute], time);
    found.note("client_address", [&old.address_kept, &new.address_kept], |kept| {
        address_words(*kept)
    });
    let lives = Changed::key(
        "session",
        found.into_list(),
        Takes::Reload,
        "sessions that are there, too",
    );
    [
        store(old, new, change),
        keys(new, change, in_force),
        cache(&old.cache, &new.cache, change),
        lives,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn address_words(kept: AddressKept) -> String {
    match kept {
        AddressKept::None => "none",
        AddressKept::Network => "network",
        AddressKept::Full => "full",
    }
    .to_owned()
}

fn store(old: &Plan, new: &Plan, change: &Change) -> Option<Changed> {
    let takes = takes(change, "session.store");
    let means = match (takes, change.store) {
        (Takes::Restart | Takes::RestartOnly, _) => {
            "sessions are where they were until a restart, and not in the new store after it"
        }
        (Takes::Reload, Store::Keep) => "the connections at hand serve on",
        (Takes::Reload, Store::Reach) => {
            "new connections; sessions stay as far as the new servers, database and key prefix have them"
        }
    };
    Changed::key("session.store", store_differences(&old.store, &new.store), takes, means)
}

fn store_differences(before: &Settings, after: &Settings) -> Vec<Difference> {
    let mut found = Differences::default();
    match (before, after) {
        (Settings::Memory { max_sessions }, Settings::Memory { max_sessions: most }) => {
            found.note_shown("memory.max_sessions", [max_sessions, most]);
        }
        (Settings::Redis(before), Settings::Redis(after)) => redis(&mut found, [before, after]),
        (Settings::Memory { .. }, Settings::Redis(_)) | (Settings::Redis(_), Settings::Memory { .. }) => {
            let word = |settings: &Settings| match settings {
                Settings::Memory { .. } => "memory".to_owned(),
                Settings::Redis(redis) => format!("redis at {}", servers(&redis.servers)),
            };
            found.note("store", [before, after], word);
        }
    }
    found.into_list()
}

fn redis(found: &mut Differences, [before, after]: [&RedisSettings; 2]) {
    let RedisSettings {
        servers: at,
        login,
        tls,
        database,
        key_prefix,
        timeout,
        connect_timeout,
    } = before;
    found.note("redis servers", [at, &after.servers], servers);
    found.note("redis login", [login, &after.login], login_words);
    found.note("redis.tls", [tls, &after.tls], optional(tls_words));
    found.note_shown("redis database", [database, &after.database]);
    found.note("redis.key_prefix", [key_prefix, &after.key_prefix], |prefix| {
        prefix.to_string()
    });
    found.note("redis.timeout", [timeout, &after.timeout], time);
    found.note("redis.connect_timeout", [connect_timeout, &after.connect_timeout], time);
}

fn servers(servers: &RedisServers) -> String {
    match servers {
        RedisServers::One(address) => address.to_string(),
        RedisServers::Sentinel {
            nodes,
            service,
            login: _,
            tls: _,
        } => format!("{service}, by sentinels {}", list(ToString::to_string)(nodes)),
        RedisServers::Cluster { nodes } => format!("cluster at {}", list(ToString::to_string)(nodes)),
    }
}

fn login_words(RedisLogin { username, password }: &RedisLogin) -> String {
    let name = username.as_deref().unwrap_or("default");
    let password = optional(|_: &Secret<String>| "one".to_owned())(password);
    format!("user {name}, password {password}")
}

fn tls_words(RedisTls { ca_pem, client }: &RedisTls) -> String {
    let authorities = if ca_pem.is_some() {
        "its own CA"
    } else {
        "the system's CAs"
    };
    let client = if client.is_some() { "a" } else { "no" };
    format!("{authorities}, {client} client certificate")
}

/// Rings that have the same names may still have other keys, which say nothing of themselves.
fn keys(new: &Plan, change: &Change, in_force: InForce<'_>) -> Option<Changed> {
    let (after, means) = match (&change.keys, &new.ring) {
        (Keys::Take(ring), _) => {
            let lost = in_force.ring.keys().any(|key| !opens(ring, key));
            let means = if lost {
                "sessions sealed with a key that is gone end"
            } else {
                "sessions stay; the first key seals from then on"
            };
            (Some(&**ring), means)
        }
        (Keys::Keep, Some(asked)) => (Some(asked), "the keys wait with the store"),
        (Keys::Keep, None) => (
            None,
            "those in force stay until a restart, which draws one and ends every session",
        ),
    };
    let waits = takes(change, "session.keys") != Takes::Reload;
    if !waits && after.is_none_or(|after| in_force.ring.is_like(after)) {
        return None;
    }
    let difference = Difference {
        key: "keys",
        before: words(in_force.ring),
        after: after.map_or_else(|| "none".to_owned(), words),
    };
    Changed::key("session.keys", vec![difference], takes(change, "session.keys"), means)
}

fn words(ring: &Ring) -> String {
    let key = |key: &RingKey| match key.id.as_str() {
        DRAWN => "a key drawn at start".to_owned(),
        id => format!("{id} ({})", key.fingerprint()),
    };
    ring.keys().map(key).collect::<Vec<_>>().join(", ")
}

/// Whether a ring has this very key.
fn opens(ring: &Ring, key: &RingKey) -> bool {
    let same = ring.find(key.id.as_str());
    same.is_some_and(|same| same.fingerprint() == key.fingerprint())
}

fn cache(before: &CacheSettings, after: &CacheSettings, change: &Change) -> Option<Changed> {
    let CacheSettings { sessions, bytes } = before;
    let mut found = Differences::default();
    found.note_shown("max_sessions", [sessions, &after.sessions]);
    found.note("max_size", [bytes, &after.bytes], |bytes| format!("{bytes} bytes"));
    let means = "as before until a restart";
    Changed::key(
        "session.cache",
        found.into_list(),
        takes(change, "session.cache"),
        means,
    )
}
