//! The session store.

use std::time::Duration;

use futures_util::future::join_all;

use super::{
    Finding, Surgery,
    reach::{Place, Trust, reach, reach_socket},
};
use crate::{
    store::{RedisAddress, RedisLook, RedisServers, RedisSettings, RedisTls, ServerLook, Settings, examine},
    telemetry::Eviction,
};

/// What to do where a server does not tell of itself.
const INFO: &str = "is it up? Then allow the user `+info`, or ask the server itself";
const REDIS: &str = "redis";
/// The oldest version that has what is used.
const OLDEST: u64 = 6;

pub(super) async fn store(surgery: &Surgery, settings: &Settings) -> Vec<Finding> {
    let Settings::Redis(redis) = settings else {
        let seen = "sessions are in memory: they end with the process, and no other replica knows them";
        return vec![Finding::ok("store", "memory", seen)];
    };
    let mut found: Vec<Finding> = Vec::new();
    let (addresses, of, tls) = servers(redis);
    let looks = addresses
        .iter()
        .map(|address| place(surgery, of, address, tls.as_ref()));
    found.extend(join_all(looks).await.into_iter().flatten());
    match surgery.within(examine(redis, &surgery.entropy)).await {
        Ok(Ok(look)) => found.extend(seen(&look, redis.timeout)),
        Ok(Err(down)) => {
            let advice =
                "nobody can sign in until it answers; docs/redis.md says how it is run and what the user needs";
            found.push(Finding::fail("store", REDIS, down.to_string()).advise(advice));
        }
        Err(late) => found.push(Finding::fail("store", REDIS, late).advise("is it overloaded, or stopped?")),
    }
    found
}

/// Those that are named.
fn servers(redis: &RedisSettings) -> (&[RedisAddress], &'static str, Option<RedisTls>) {
    match &redis.servers {
        RedisServers::One(address) => (std::slice::from_ref(address), REDIS, redis.tls.clone()),
        RedisServers::Cluster { nodes } => (nodes, REDIS, redis.tls.clone()),
        RedisServers::Sentinel {
            nodes,
            service: _,
            login: _,
            tls,
        } => (nodes, "sentinel", tls.clone()),
    }
}

async fn place(surgery: &Surgery, of: &str, address: &RedisAddress, tls: Option<&RedisTls>) -> Vec<Finding> {
    match address {
        RedisAddress::Unix(path) => vec![reach_socket(surgery, of, path).await],
        RedisAddress::Tcp {
            host,
            port,
            tls: secure,
        } => {
            let tls = tls.cloned().unwrap_or_default();
            let trust = secure.then(|| Trust {
                name: host.clone(),
                ca_pem: tls.ca_pem,
                client: tls.client,
                key: "session.redis.ca_file",
            });
            let place = Place {
                host: host.clone(),
                port: *port,
                tls: trust,
            };
            reach(surgery, of, &place).await
        }
    }
}

fn seen(look: &RedisLook, timeout: Duration) -> Vec<Finding> {
    let RedisLook { servers, refused, feed } = look;
    let mut found: Vec<Finding> = servers.iter().flat_map(|server| one(server, timeout)).collect();
    found.push(match refused.as_slice() {
        [] => Finding::ok("permission", REDIS, "every command that sessions need is allowed"),
        [(_, why), ..] => {
            let mut names: Vec<&str> = refused.iter().map(|(name, _)| *name).collect();
            names.dedup();
            let advice = "give the ACL user what docs/redis.md lists; a command that is renamed or switched off has to come back; \
                          NOREPLICAS, MISCONF and OOM say that the server takes no writes at present, and why";
            Finding::fail("permission", REDIS, format!("refused: {} ({why})", names.join(", "))).advise(advice)
        }
    });
    found.push(match feed {
        Ok(()) => Finding::ok("pub/sub", REDIS, "what is published is heard"),
        Err(why) => Finding::fail("pub/sub", REDIS, why.clone()).advise(
            "without it every request asks Redis; allow `+subscribe`, `+publish` and the channels below key_prefix",
        ),
    });
    found
}

fn one(server: &ServerLook, timeout: Duration) -> Vec<Finding> {
    let ServerLook {
        version,
        role,
        eviction,
        latency,
    } = server;
    if version.is_none() && latency.is_none() {
        let advice = "`redis-cli cluster nodes` says which: start it, or let a replica take its place; what it keeps cannot be read meanwhile";
        return vec![Finding::fail("store", REDIS, "a server that the cluster names does not answer").advise(advice)];
    }
    let hidden = |check, what: &str| {
        let seen = format!("{what} cannot be seen: it did not answer INFO");
        Finding::unseen(check, REDIS, seen).advise(INFO)
    };
    let version = match version {
        None => hidden("version", "its version"),
        Some(version) if major(version) < OLDEST => {
            let seen = format!("Redis {version} is too old");
            Finding::fail("version", REDIS, seen).advise("Doorward needs Redis 6 or newer")
        }
        Some(version) => Finding::ok("version", REDIS, format!("Redis {version}")),
    };
    let role = match role.as_deref() {
        None => hidden("role", "its role"),
        Some("master") => Finding::ok("role", REDIS, "it takes writes"),
        Some(_) => Finding::fail(
            "role",
            REDIS,
            "it is a replica, which takes no writes: nobody can sign in",
        )
        .advise("name the master, or write session.redis.sentinel so that it is found"),
    };
    [
        Some(version),
        Some(role),
        Some(evicts(eviction.as_ref())),
        latency.map(|took| speed(took, timeout)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn major(version: &str) -> u64 {
    version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok())
        .unwrap_or(0)
}

fn evicts(eviction: Option<&(Eviction, String)>) -> Finding {
    match eviction {
        Some((Eviction::Never, _)) => Finding::ok("eviction", REDIS, "it drops nothing while sessions last"),
        Some((Eviction::May, policy)) => {
            let seen =
                format!("maxmemory-policy {policy} may drop sessions when memory is full: people are signed out");
            Finding::warn("eviction", REDIS, seen).advise("CONFIG SET maxmemory-policy noeviction, and in redis.conf")
        }
        Some((Eviction::Unknown, _)) | None => Finding::unseen(
            "eviction",
            REDIS,
            "whether it may drop sessions cannot be seen: it did not answer INFO",
        )
        .advise(INFO),
    }
}

/// A quarter of the deadline is little to spare.
fn speed(took: Duration, timeout: Duration) -> Finding {
    let seen = format!("a round trip takes {:.1} ms", took.as_secs_f64() * 1000.0);
    if took > timeout / 4 {
        let deadline = timeout.as_millis();
        return Finding::warn(
            "latency",
            REDIS,
            format!("{seen}, and session.redis.timeout is {deadline} ms"),
        )
        .advise("put Redis nearer, look at what keeps it busy (SLOWLOG GET), or raise the deadline");
    }
    Finding::ok("latency", REDIS, seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{self, Fail, Ok, Unseen, Warn};

    #[test]
    fn what_is_seen_of_a_server_is_judged() {
        let server = |version: &str, role: &str, what, took| ServerLook {
            version: Some(version.to_owned()),
            role: Some(role.to_owned()),
            eviction: Some((what, "allkeys-lru".to_owned())),
            latency: Some(Duration::from_millis(took)),
        };
        let judged = |server: &ServerLook| -> Vec<Verdict> {
            one(server, Duration::from_secs(1))
                .iter()
                .map(|finding| finding.verdict)
                .collect()
        };
        assert_eq!(
            judged(&server("7.0.15", "master", Eviction::Never, 1)),
            [Ok, Ok, Ok, Ok]
        );
        assert_eq!(
            judged(&server("5.0.1", "slave", Eviction::May, 251)),
            [Fail, Fail, Warn, Warn]
        );
        let blind = ServerLook {
            latency: Some(Duration::ZERO),
            ..ServerLook::default()
        };
        assert_eq!(judged(&blind), [Unseen, Unseen, Unseen, Ok]);
        assert_eq!(judged(&ServerLook::default()), [Fail], "nobody is there");
    }
}
