//! Redis: one server, sentinels, or a cluster.

use url::Url;

use super::{given::Setting, report::Fate, session::by_env, translate::Desk, yaml::Map};
use crate::config::written::{Written as _, address::RedisUrl, node::HostAndPort};

const PASSWORD: &str = "OAUTH2_PROXY_REDIS_PASSWORD";
const SENTINEL_PASSWORD: &str = "OAUTH2_PROXY_REDIS_SENTINEL_PASSWORD";
/// Where nothing says where Redis is.
const SOMEWHERE: &str = "redis://redis.example.invalid:6379";

/// Options for each way to reach Redis.
const ONE: [&str; 1] = ["redis_connection_url"];
const SENTINEL: [&str; 3] = [
    "redis_sentinel_master_name",
    "redis_sentinel_connection_urls",
    "redis_sentinel_password",
];
const CLUSTER: [&str; 1] = ["redis_cluster_connection_urls"];
const ANY: [&str; 7] = [
    "redis_username",
    "redis_password",
    "redis_use_sentinel",
    "redis_use_cluster",
    "redis_ca_path",
    "redis_insecure_skip_tls_verify",
    "redis_connection_idle_timeout",
];

/// What the URLs of several servers say together.
#[derive(Default)]
struct Nodes {
    addresses: Vec<String>,
    tls: bool,
    password: bool,
}

impl Desk<'_> {
    pub(super) fn redis(&mut self) -> Map {
        let mut redis = Map::default();
        let otherwise = "Redis is reached in another way, so this counted for nothing";
        let tls = if self.given.truth("redis_use_sentinel") {
            self.needless(ONE.iter().chain(&CLUSTER), otherwise);
            self.sentinel(&mut redis)
        } else if self.given.truth("redis_use_cluster") {
            let nodes = self.nodes("redis_cluster_connection_urls", 6379);
            let tls = nodes.tls;
            let password = nodes.password;
            let mut cluster = Map::default();
            self.put_nodes(&mut cluster, nodes, "redis-1.example.invalid:6379");
            redis.put("cluster", cluster);
            self.login(&mut redis, None, password);
            put_tls(&mut redis, tls);
            self.needless(ONE.iter().chain(&SENTINEL), otherwise);
            tls
        } else {
            self.needless(SENTINEL.iter().chain(&CLUSTER), otherwise);
            self.one(&mut redis)
        };
        if let Some(file) = self.given.text("redis_ca_path") {
            if tls {
                redis.put("ca_file", file);
                self.before(format!("the authorities of Redis in the file {file}"));
            } else {
                let what = "Redis is reached without TLS, so there is nothing to verify";
                self.say("redis_ca_path", Fate::Needless, what);
            }
        }
        redis
    }

    /// Without sessions in Redis, nothing of how it is reached counts.
    pub(super) fn no_redis(&mut self) {
        let all = ONE.iter().chain(&SENTINEL).chain(&CLUSTER).chain(&ANY);
        self.needless(all, "sessions were not in Redis, so this counted for nothing");
    }

    fn needless<'k>(&mut self, keys: impl Iterator<Item = &'k &'static str>, what: &str) {
        for key in keys {
            self.say(key, Fate::Needless, what);
        }
    }

    /// Whether by TLS.
    fn one(&mut self, redis: &mut Map) -> bool {
        let written = self.given.text("redis_connection_url").unwrap_or_default();
        let url = bare(written).filter(|(url, _, _)| RedisUrl::read(url).is_ok());
        let Some((url, user, password)) = url else {
            redis.put("url", SOMEWHERE).note("CHANGE: where Redis is");
            let what = "nothing says where Redis is in a way that can be read";
            match self.given.setting("redis_connection_url") {
                Some(_) => self.say("redis_connection_url", Fate::Missing, what),
                None => self.note_absent(Fate::Missing, "redis_connection_url", what),
            }
            return false;
        };
        redis.put("url", url.as_str());
        self.login(redis, user, password);
        url.starts_with("rediss:")
    }

    /// Whether by TLS.
    fn sentinel(&mut self, redis: &mut Map) -> bool {
        let nodes = self.nodes("redis_sentinel_connection_urls", 26379);
        let (tls, password) = (nodes.tls, nodes.password);
        let mut sentinel = Map::default();
        self.put_nodes(&mut sentinel, nodes, "sentinel-1.example.invalid:26379");
        let service = self.given.text("redis_sentinel_master_name");
        sentinel.put("service", service.unwrap_or("mymaster"));
        if service.is_none() {
            sentinel.note("CHANGE: what the sentinels call the master");
            self.note_absent(
                Fate::Missing,
                "redis_sentinel_master_name",
                "nothing says what the sentinels call the master",
            );
        }
        if password || self.given.is_given("redis_sentinel_password") {
            by_env(&mut sentinel, "password", SENTINEL_PASSWORD);
            self.before(format!(
                "the password of the sentinels in the environment variable {SENTINEL_PASSWORD}"
            ));
        }
        redis.put("sentinel", sentinel);
        self.login(redis, None, false);
        put_tls(redis, tls);
        tls
    }

    /// A user without a password was nobody: oauth2-proxy did not log in then.
    fn login(&mut self, redis: &mut Map, in_url: Option<String>, password_in_url: bool) {
        let user = self.given.text("redis_username").map(str::to_owned).or(in_url);
        if password_in_url || self.given.is_given("redis_password") {
            redis.put_some("username", user);
            by_env(redis, "password", PASSWORD);
            self.before(format!("the password of Redis in the environment variable {PASSWORD}"));
        } else if user.is_some() {
            let what = "without a password oauth2-proxy did not log in at Redis, and neither does this translation";
            self.say("redis_username", Fate::Needless, what);
            self.say(
                "redis_connection_url",
                Fate::Translated,
                format!("`session.redis.url`; {what}"),
            );
        }
    }

    fn nodes(&mut self, key: &str, port: u16) -> Nodes {
        let mut nodes = Nodes::default();
        let mut bad: Vec<(&Setting, &str)> = Vec::new();
        for (setting, written) in self.given.list(key) {
            let url = bare(written).and_then(|(url, _, password)| {
                let url = Url::parse(&url).ok()?;
                let address = format!("{}:{}", url.host_str()?, url.port().unwrap_or(port));
                HostAndPort::read(&address).ok()?;
                Some((address, url.scheme() == "rediss", password))
            });
            match url {
                Some((address, tls, password)) => {
                    nodes.addresses.push(address);
                    nodes.tls |= tls;
                    nodes.password |= password;
                }
                None => bad.push((setting, key)),
            }
        }
        for (setting, _) in bad {
            self.note(
                setting,
                Fate::Missing,
                "one of these is no URL of a server: write it as `host:port`",
            );
        }
        nodes
    }

    fn put_nodes(&mut self, map: &mut Map, nodes: Nodes, instead: &str) {
        if nodes.addresses.is_empty() {
            map.put("nodes", vec![instead]).note("CHANGE: where they are");
            self.note_absent(
                Fate::Missing,
                "the servers of Redis",
                "nothing says where they are in a way that can be read",
            );
        } else {
            map.put("nodes", nodes.addresses);
        }
    }
}

fn put_tls(redis: &mut Map, tls: bool) {
    if tls {
        redis.put("tls", true);
    }
}

/// A URL without its login, the user, and whether there was a password.
fn bare(written: &str) -> Option<(String, Option<String>, bool)> {
    let with_scheme = if written.contains("://") {
        written.to_owned()
    } else {
        format!("redis://{written}")
    };
    let mut url = Url::parse(&with_scheme).ok()?;
    let user = percent_encoding::percent_decode_str(url.username())
        .decode_utf8()
        .ok()?;
    let user = Some(user.into_owned()).filter(|user| !user.is_empty());
    let password = url.password().is_some();
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some((url.to_string(), user, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_login_stays_in_a_url() {
        let of = |text: &str| bare(text).unwrap();
        assert_eq!(
            of("rediss://us%40er:secret@r.test:6380/1?x=secret"),
            ("rediss://r.test:6380/1".to_owned(), Some("us@er".to_owned()), true)
        );
        assert_eq!(of("r.test:6379").0, "redis://r.test:6379");
        assert_eq!(of("redis://:secret@r.test"), ("redis://r.test".to_owned(), None, true));
        assert!(bare("redis://[").is_none());
    }
}
