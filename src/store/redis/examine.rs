//! A look at Redis that changes nothing there: what `doorward doctor` asks.

use std::time::Duration;

use futures_util::{StreamExt as _, future::join_all};
use redis::{Cmd, FromRedisValue as _, Value};
use tokio::time::{Instant, timeout};

use super::{
    keeper::{plain, policy},
    link::Link,
};
use crate::{
    entropy::Entropy,
    store::{BadSettings, Down, RedisServers, RedisSettings},
    telemetry::Eviction,
};

/// How often a server is pinged.
const PINGS: usize = 5;

/// What was seen of Redis.
#[derive(Debug)]
pub struct RedisLook {
    /// One a server that takes writes; of a cluster, several.
    pub servers: Vec<ServerLook>,
    /// The commands that were refused, with the server's words.
    pub refused: Vec<(&'static str, String)>,
    /// Whether a word that was published was heard.
    pub feed: Result<(), String>,
}

/// What was seen of one server. `None` where it may not be asked.
#[derive(Debug, Default)]
pub struct ServerLook {
    /// `redis_version`.
    pub version: Option<String>,
    /// `role`: `master` or `slave`.
    pub role: Option<String>,
    /// Whether it may drop sessions, and by what policy.
    pub eviction: Option<(Eviction, String)>,
    /// The middle one of several round trips.
    pub latency: Option<Duration>,
}

/// Looks. Every command is of a key and a channel of its own below the prefix, and of a kind that comes to nothing where the key
/// is not there. Within a tokio runtime.
///
/// # Errors
/// Redis cannot be reached or entered, or the settings make no connection.
pub async fn examine(settings: &RedisSettings, entropy: &Entropy) -> Result<RedisLook, Down> {
    let bad = |BadSettings(why): BadSettings| Down::Unreachable(why);
    let link = Link::new(settings).map_err(bad)?;
    link.look_after().await?;
    let name = format!("{}doctor:{}", settings.key_prefix, entropy.token());
    // At once, so that a slow server is told of as slow, and not as silent.
    let probes = probes(&settings.servers, &name);
    let asked = join_all(probes.iter().map(|(_, command)| link.ask_each(command)));
    let (asked, feed, servers) = futures_util::join!(asked, hear(&link, &name), servers(&link));
    let refused = probes.iter().zip(asked).flat_map(|((what, _), answers)| {
        let causes = answers.into_iter().filter_map(forbidden);
        causes.map(|cause| (*what, cause)).collect::<Vec<_>>()
    });
    let refused = refused.collect();
    Ok(RedisLook { servers, refused, feed })
}

async fn servers(link: &Link) -> Vec<ServerLook> {
    let (info, replication, memory) =
        futures_util::join!(info(link, "server"), info(link, "replication"), info(link, "memory"));
    let mut looks: Vec<ServerLook> = info.iter().map(|_| ServerLook::default()).collect();
    for (look, text) in looks.iter_mut().zip(&info) {
        look.version = text.as_deref().and_then(|text| field(text, "redis_version"));
    }
    for (look, text) in looks.iter_mut().zip(replication) {
        look.role = text.as_deref().and_then(|text| field(text, "role"));
    }
    for (look, text) in looks.iter_mut().zip(memory) {
        look.eviction = text.as_deref().and_then(policy);
    }
    let mut times = Vec::new();
    for _ in 0..PINGS {
        let began = Instant::now();
        link.ask_each(&redis::cmd("PING")).await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    for look in &mut looks {
        look.latency = times.get(PINGS / 2).copied();
    }
    looks
}

async fn info(link: &Link, section: &str) -> Vec<Option<String>> {
    let mut command = redis::cmd("INFO");
    command.arg(section);
    let read = |answer: Result<Value, Down>| String::from_redis_value(plain(answer.ok()?)).ok();
    link.ask_each(&command).await.into_iter().map(read).collect()
}

fn field(info: &str, name: &str) -> Option<String> {
    let mut lines = info.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim().to_owned())
}

/// Each command that the store uses, such that it comes to nothing: the key is not there, `XX` asks for one that is, the hash is
/// of no script, and the script does not compile. Whether a user may is asked before any of that.
fn probes(servers: &RedisServers, key: &str) -> Vec<(&'static str, Cmd)> {
    let no_script = "0".repeat(40);
    let mut list: Vec<(&'static str, Vec<&str>)> = vec![
        ("PING", vec!["PING"]),
        ("GET", vec!["GET", key]),
        ("SET", vec!["SET", key, "", "XX", "PX", "1"]),
        ("GETRANGE", vec!["GETRANGE", key, "0", "7"]),
        ("DEL", vec!["DEL", key]),
        ("EXISTS", vec!["EXISTS", key]),
        ("PEXPIRE", vec!["PEXPIRE", key, "1"]),
        ("PTTL", vec!["PTTL", key]),
        ("ZADD", vec!["ZADD", key, "XX", "0", "-"]),
        ("ZSCORE", vec!["ZSCORE", key, "-"]),
        ("ZRANGEBYSCORE", vec!["ZRANGEBYSCORE", key, "0", "0"]),
        ("ZREM", vec!["ZREM", key, "-"]),
        ("TIME", vec!["TIME"]),
        ("PUBLISH", vec!["PUBLISH", key, "-"]),
        ("EVALSHA", vec!["EVALSHA", &no_script, "1", key]),
        ("SCRIPT LOAD", vec!["SCRIPT", "LOAD", "("]),
        ("INFO", vec!["INFO", "memory"]),
    ];
    match servers {
        RedisServers::One(_) => {}
        RedisServers::Sentinel { .. } => list.push(("ROLE", vec!["ROLE"])),
        RedisServers::Cluster { .. } => {
            list.push(("CLUSTER SLOTS", vec!["CLUSTER", "SLOTS"]));
            list.push(("ASKING", vec!["ASKING"]));
        }
    }
    let command = |words: Vec<&str>| {
        let mut command = Cmd::new();
        for word in words {
            command.arg(word);
        }
        command
    };
    list.into_iter().map(|(what, words)| (what, command(words))).collect()
}

/// The server's words, where the user may not, the command is switched off, or the server takes no writes: too few replicas, a
/// disk that fails, no memory left.
fn forbidden(answer: Result<Value, Down>) -> Option<String> {
    let cause = answer.err()?.to_string();
    let parts = [
        "NOPERM",
        "unknown command",
        "unknown subcommand",
        "NOREPLICAS",
        "MISCONF",
        "OOM",
    ];
    parts.iter().any(|part| cause.contains(part)).then_some(cause)
}

/// Whether a word of ours comes back: on the channel that bears the name.
async fn hear(link: &Link, name: &str) -> Result<(), String> {
    let patience = Duration::from_secs(2);
    let listen = async {
        let subscriber = link.subscriber().await.map_err(|down| down.to_string())?;
        let (mut sink, mut words) = subscriber.split();
        sink.subscribe(name).await.map_err(|error| error.to_string())?;
        let mut command = redis::cmd("PUBLISH");
        command.arg(name).arg("-");
        for answer in link.ask_each(&command).await {
            answer.map_err(|down| down.to_string())?;
        }
        let heard = words.next().await;
        heard.map(drop).ok_or_else(|| "the connection was cut".to_owned())
    };
    let silent = || format!("what is published is not heard within {} s", patience.as_secs());
    timeout(patience, listen).await.unwrap_or_else(|_| Err(silent()))
}
