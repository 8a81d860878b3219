//! The index in Redis.
//!
//! An entry is a string under `<prefix>i:<key>`. A list is a sorted set of store keys under `<prefix>m:<mark>`, by the
//! moment, in microseconds of the server's own clock, after which the session cannot live. A tombstone is a moment in
//! seconds under `<prefix>t:<mark>`, and what was seen once is under `<prefix>j:<mark>`.

use std::{sync::LazyLock, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::{try_join, try_join_all};
use redis::Script;

use super::{Redis, link::Retry, millis, written};
use crate::{
    session::{Mark, StoreKey},
    store::{
        Down,
        index::{Index, Indexed, Place},
    },
    time::UnixTime,
};

/// Lists a member for a time, drops some of those whose time is over, and lets the list last as long as its last member. A
/// member that is listed already keeps its place, but for a change of ten seconds and more. A hundred are dropped at most:
/// more than come, and not so many that the server holds everybody up when a whole morning's sessions are over at once.
static LIST: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000000 + time[2]
         local ends = now + ARGV[2] * 1000
         local there = redis.call('ZSCORE', KEYS[1], ARGV[1])
         if not there or math.abs(there - ends) > 10000000 then
             redis.call('ZADD', KEYS[1], string.format('%.0f', ends), ARGV[1])
         end
         local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, 100)
         if #over > 0 then redis.call('ZREM', KEYS[1], unpack(over)) end
         if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
             redis.call('PEXPIRE', KEYS[1], ARGV[2])
         end
         return 1",
    )
});

/// Sets a moment that is later than the one there, and lets it last.
static ENTOMB: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local there = redis.call('GET', KEYS[1])
         local issued = ARGV[1]
         if there and tonumber(there) > tonumber(issued) then issued = there end
         redis.call('SET', KEYS[1], issued, 'PX', ARGV[2])
         return 1",
    )
});

impl Redis {
    fn marked(&self, kind: char, mark: &Mark) -> String {
        format!("{}{kind}:{}", self.prefix, URL_SAFE_NO_PAD.encode(mark.0))
    }

    fn entry_key(&self, key: &StoreKey) -> String {
        format!("{}i:{}", self.prefix, URL_SAFE_NO_PAD.encode(key.0))
    }

    async fn list(&self, key: &StoreKey, mark: &Mark, longest: Duration) -> Result<(), Down> {
        let arguments = vec![key.0.to_vec(), written(longest)];
        let script = self.link.script(Retry::Once, &LIST, self.marked('m', mark), arguments);
        script.await.map(|_: u8| ())
    }

    async fn entry(&self, key: &StoreKey) -> Result<(Option<Vec<u8>>, bool), Down> {
        let mut get = redis::cmd("GET");
        get.arg(self.entry_key(key));
        let mut exists = redis::cmd("EXISTS");
        exists.arg(self.session(key));
        try_join(
            self.link.command(Retry::Once, get),
            self.link.command(Retry::Once, exists),
        )
        .await
    }

    async fn range(&self, mark: &Mark, from: &str, to: &str, count: Option<usize>) -> Result<Vec<Listed>, Down> {
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(self.marked('m', mark)).arg(from).arg(to).arg("WITHSCORES");
        if let Some(count) = count {
            command.arg("LIMIT").arg(0).arg(count);
        }
        let found: Vec<(Vec<u8>, u64)> = self.link.command(Retry::Once, command).await?;
        Ok(found
            .into_iter()
            .filter_map(|(member, score)| Some((StoreKey(member.try_into().ok()?), Place(score))))
            .collect())
    }
}

type Listed = (StoreKey, Place);

#[async_trait]
impl Index for Redis {
    async fn index(&self, key: &StoreKey, indexed: &Indexed<'_>) -> Result<(), Down> {
        let mut set = redis::cmd("SET");
        set.arg(self.entry_key(key))
            .arg(indexed.entry)
            .arg("PX")
            .arg(millis(indexed.ttl));
        let lists = indexed.marks.iter().map(|mark| self.list(key, mark, indexed.longest));
        let write = self.link.command::<()>(Retry::Once, set);
        try_join(write, try_join_all(lists)).await.map(|_| ())
    }

    async fn unindex(&self, key: &StoreKey, marks: &[Mark]) -> Result<(), Down> {
        let mut forget = redis::cmd("DEL");
        forget.arg(self.entry_key(key));
        let delist = |mark| {
            let mut command = redis::cmd("ZREM");
            command.arg(self.marked('m', mark)).arg(key.0.as_slice());
            self.link.command::<u64>(Retry::Once, command)
        };
        let forget = self.link.command::<u64>(Retry::Once, forget);
        try_join(forget, try_join_all(marks.iter().map(delist)))
            .await
            .map(|_| ())
    }

    async fn entries(&self, keys: &[StoreKey]) -> Result<Vec<(Option<Vec<u8>>, bool)>, Down> {
        try_join_all(keys.iter().map(|key| self.entry(key))).await
    }

    async fn listed(&self, mark: &Mark, after: Place, count: usize) -> Result<Vec<Listed>, Down> {
        let mut found = self.range(mark, &format!("({}", after.0), "+inf", Some(count)).await?;
        if let Some((_, last)) = found.last().copied()
            && found.len() == count
        {
            // Whoever has the same place comes with it: what is asked next begins after it.
            let at = last.0.to_string();
            found.retain(|(_, place)| *place != last);
            found.extend(self.range(mark, &at, &at, None).await?);
        }
        Ok(found)
    }

    async fn entomb(&self, mark: &Mark, issued: UnixTime, ttl: Duration) -> Result<(), Down> {
        let arguments = vec![issued.secs().to_string().into_bytes(), written(ttl)];
        let script = self
            .link
            .script(Retry::Once, &ENTOMB, self.marked('t', mark), arguments);
        script.await.map(|_: u8| ())
    }

    async fn entombed(&self, marks: &[Mark]) -> Result<Option<UnixTime>, Down> {
        let noted = |mark| {
            let mut command = redis::cmd("GET");
            command.arg(self.marked('t', mark));
            self.link.command::<Option<i64>>(Retry::Once, command)
        };
        let noted = try_join_all(marks.iter().map(noted)).await?;
        Ok(noted.into_iter().flatten().max().map(UnixTime::from_secs))
    }

    async fn is_noted(&self, mark: &Mark) -> Result<bool, Down> {
        let mut command = redis::cmd("EXISTS");
        command.arg(self.marked('j', mark));
        self.link.command(Retry::Once, command).await
    }

    async fn note_once(&self, mark: &Mark, ttl: Duration) -> Result<bool, Down> {
        let mut command = redis::cmd("SET");
        command
            .arg(self.marked('j', mark))
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(millis(ttl));
        // Not again after a broken connection: the first try may have been carried out, and the second would then report
        // a note of our own as another's.
        let noted: Option<()> = self.link.command(Retry::Never, command).await?;
        Ok(noted.is_some())
    }
}
