//! What goes on beside the calls: the connection is looked after, and every new one is told what was ended and asked
//! whether it may forget sessions.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use redis::{FromRedisValue as _, Value};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{ended::Ended, link::Link};
use crate::{
    store::Down,
    task,
    telemetry::{Event, Eviction, Telemetry},
};

/// How often the connection is looked after.
const EVERY: Duration = Duration::from_secs(1);
/// At how many looks it is asked again whether it may forget sessions: an operator who mends that sees it soon.
const ASKED_ANEW: u32 = 5;

/// Begins; ends by itself with the link.
pub(super) fn begin(link: &Arc<Link>, ended: &Arc<Ended>, prefix: &Arc<str>, telemetry: Telemetry) {
    let keeper = Keeper {
        ended: Arc::clone(ended),
        prefix: Arc::clone(prefix),
        telemetry,
        said: None,
    };
    let (connections, link) = (link.connections(), Arc::downgrade(link));
    drop(task::spawn("redis keeper", keeper.keep(link, connections)));
}

struct Keeper {
    ended: Arc<Ended>,
    prefix: Arc<str>,
    telemetry: Telemetry,
    said: Option<(Eviction, String)>,
}

impl Keeper {
    async fn keep(mut self, link: Weak<Link>, mut connections: watch::Receiver<u64>) {
        // A connection may have been made before anybody listened.
        connections.mark_changed();
        let mut looks: u32 = 0;
        loop {
            let Some(link) = link.upgrade() else { return };
            let is_up = link.look_after().await.is_ok();
            if is_up && connections.has_changed().unwrap_or(false) {
                connections.mark_unchanged();
                if self.settle(&link).await.is_err() {
                    connections.mark_changed();
                }
            }
            looks = looks.wrapping_add(1);
            if is_up && looks.is_multiple_of(ASKED_ANEW) {
                self.ask_of_eviction(&link).await;
            }
            drop(link);
            let waited = if is_up {
                timeout(EVERY, connections.changed()).await
            } else {
                sleep(EVERY).await;
                Ok(Ok(()))
            };
            match waited {
                // It is looked at, above.
                Ok(Ok(())) => connections.mark_changed(),
                // The link is gone.
                Ok(Err(_)) => return,
                Err(_) => {}
            }
        }
    }

    /// Brings a server up to date.
    async fn settle(&mut self, link: &Link) -> Result<(), Down> {
        for key in self.ended.all() {
            super::end_at(link, &self.prefix, &key).await?;
        }
        self.ask_of_eviction(link).await;
        Ok(())
    }

    async fn ask_of_eviction(&mut self, link: &Link) {
        let now = eviction(link).await;
        // Not knowing for a moment, as when the answer was late, is nothing new.
        let is_news = self.said.as_ref() != Some(&now);
        if is_news && (self.said.is_none() || now.0 != Eviction::Unknown) {
            self.telemetry.emit(&Event::StoreEviction {
                what: now.0,
                policy: &now.1,
            });
            self.said = Some(now);
        }
    }
}

/// Whether any server may drop sessions, and by what policy.
async fn eviction(link: &Link) -> (Eviction, String) {
    let mut command = redis::cmd("INFO");
    command.arg("memory");
    let mut worst = (Eviction::Never, "noeviction".to_owned());
    for answer in link.ask_each(&command).await {
        let text = answer
            .ok()
            .and_then(|value| String::from_redis_value(plain(value)).ok());
        match text.as_deref().and_then(policy) {
            Some((Eviction::Never, _)) => {}
            Some(evicts) => return evicts,
            None => worst = (Eviction::Unknown, String::new()),
        }
    }
    worst
}

/// By protocol 3, text says what kind of text it is.
pub(super) fn plain(value: Value) -> Value {
    if let Value::VerbatimString { text, .. } = value {
        Value::SimpleString(text)
    } else {
        value
    }
}

/// What `INFO memory` says. Every key here has a time to live, so each policy but `noeviction` may drop sessions, as
/// soon as there is a limit to memory.
pub(super) fn policy(info: &str) -> Option<(Eviction, String)> {
    let field = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    };
    let policy = field("maxmemory_policy")?;
    let is_limited = field("maxmemory")? != "0";
    let what = if policy == "noeviction" || !is_limited {
        Eviction::Never
    } else {
        Eviction::May
    };
    Some((what, policy.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RS-12
    #[test]
    fn only_a_limit_with_a_policy_evicts() {
        let info = |limit: &str, name: &str| {
            format!("# Memory\r\nused_memory:1\r\nmaxmemory:{limit}\r\nmaxmemory_policy:{name}\r\n")
        };
        let what = |limit, name| policy(&info(limit, name)).map(|(what, _)| what);
        assert_eq!(what("0", "allkeys-lru"), Some(Eviction::Never));
        assert_eq!(what("100", "noeviction"), Some(Eviction::Never));
        assert_eq!(what("100", "volatile-ttl"), Some(Eviction::May));
        assert_eq!(what("100", "allkeys-lru"), Some(Eviction::May));
        assert_eq!(policy("# Memory\r\n"), None);
    }
}
