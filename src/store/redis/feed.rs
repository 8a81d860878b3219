//! The feed of changes: every replica hears of every save and end by any other, as soon as Redis carries it out.
//!
//! The scripts that change a session publish it in the same step on `<prefix>changes`. A connection of its own listens.
//! That it hears is proven, never assumed: every [`BEAT`] a word goes out on the way that the store's calls take, and
//! when it comes back on the feed, everything published before it has been heard too, since Redis delivers in order. A
//! connection that looks alive and is not, a subscriber left behind on a demoted master, and a server that takes no
//! writes (the beat tries one that comes to nothing) all end in silence, and silence is noticed within [`PATIENCE`].
//!
//! The beat also carries the data set's era, a value that is drawn anew when it is not there: after `FLUSHALL` or a
//! restart without persistence, what is kept here is not in the store any more (RS-02, RS-13).

use std::{
    convert::Infallible,
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{Fuse, FusedFuture as _},
};
use redis::{Msg, Script};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::{Redis, link::Retry};
use crate::{
    entropy::Entropy,
    session::StoreKey,
    store::{
        Down,
        cache::{GOOD, Mark},
        changes::Ear,
    },
};

/// How often the feed is proven.
const BEAT: Duration = Duration::from_millis(200);
/// How long nothing proven is borne.
const PATIENCE: Duration = GOOD;
/// Between two attempts to listen.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the era's value is kept, in milliseconds: a day.
const ERA: &str = "86400000";

/// The `DEL` of nothing changes nothing, and a server that takes no writes refuses it.
static PROVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('DEL', KEYS[1] .. ':')
         local era = redis.call('GET', KEYS[1])
         if not era then
           era = ARGV[3]
           redis.call('SET', KEYS[1], era, 'PX', ARGV[4])
         end
         return redis.call('PUBLISH', ARGV[1], ARGV[2] .. era)",
    )
});

/// Listens, for ever, and tells the ear.
pub(super) async fn listen(redis: Arc<Redis>, ear: Arc<dyn Ear>, draw: Entropy) {
    let mut feed = Feed {
        changes: changes(&redis.prefix).into_bytes(),
        beats: format!("{}beats:{}", redis.prefix, draw.token()).into_bytes(),
        redis,
        ear,
        draw,
        era: Vec::new(),
    };
    loop {
        let Err(down) = feed.follow().await;
        feed.ear.lost(&down.to_string());
        sleep(PAUSE).await;
    }
}

/// The channel of changes.
pub(super) fn changes(prefix: &str) -> String {
    format!("{prefix}changes")
}

/// What is published when something that bears `mark` is written to `key`, or, with no mark, when it is ended.
pub(super) fn word(key: &StoreKey, mark: Mark) -> Vec<u8> {
    [key.0.as_slice(), mark.as_slice()].concat()
}

fn read(word: &[u8]) -> Option<(StoreKey, Mark)> {
    let (key, mark) = word.split_first_chunk()?;
    Some((StoreKey(*key), Mark::try_from(mark).ok()?))
}

struct Feed {
    redis: Arc<Redis>,
    ear: Arc<dyn Ear>,
    draw: Entropy,
    changes: Vec<u8>,
    /// This process's own.
    beats: Vec<u8>,
    /// The era heard last.
    era: Vec<u8>,
}

type Nonce = [u8; 16];

impl Feed {
    /// One connection, until it is lost.
    async fn follow(&mut self) -> Result<Infallible, Down> {
        let mut connections = self.redis.link.connections();
        let (mut sink, mut words) = self.redis.link.subscriber().await?.split();
        let channels = [self.changes.as_slice(), self.beats.as_slice()];
        let subscribed = sink.subscribe(&channels);
        match timeout(PATIENCE, subscribed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Down::Refused(error.to_string())),
            Err(_) => return Err(Down::TimedOut),
        }
        // From here on the beat proves it; a new connection only tells sooner that it may lead elsewhere.
        connections.mark_unchanged();
        self.ear.begin();
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let beat = Fuse::terminated();
        tokio::pin!(beat);
        let mut sent: Option<(Nonce, Instant)> = None;
        loop {
            let patience = sent.map_or_else(Instant::now, |(_, at)| at + PATIENCE);
            tokio::select! {
                word = words.next() => {
                    let word = word.ok_or_else(|| Down::Unreachable("the feed of changes was cut".to_owned()))?;
                    let said = self.hear(&word);
                    if let Some((_, at)) = sent.take_if(|(nonce, _)| said == Some(*nonce)) {
                        self.ear.proven(at);
                    }
                }
                answer = &mut beat, if !beat.is_terminated() => answer?,
                _ = ticks.tick(), if sent.is_none() && beat.is_terminated() => {
                    let nonce = self.draw.bytes();
                    // Before it is sent: what is published meanwhile may come before or after it.
                    sent = Some((nonce, Instant::now()));
                    beat.set(prove(Arc::clone(&self.redis), self.beats.clone(), nonce, self.draw.token()).fuse());
                }
                _ = connections.changed() => {
                    return Err(Down::Unreachable("another server may take the writes now".to_owned()));
                }
                () = sleep_until(patience), if sent.is_some() => return Err(Down::TimedOut),
            }
        }
    }

    /// Takes a word in; the nonce of a beat.
    fn hear(&mut self, word: &Msg) -> Option<Nonce> {
        let payload = word.get_payload_bytes();
        if word.get_channel_name().as_bytes() == self.changes {
            match read(payload) {
                Some((key, mark)) => self.ear.changed(&key, &mark),
                // From a newer program, perhaps: something changed, and nobody here knows what.
                None => self.ear.begin(),
            }
            return None;
        }
        let (nonce, era) = payload.split_first_chunk()?;
        if era != self.era {
            self.ear.begin();
            self.era = era.to_vec();
        }
        Some(*nonce)
    }
}

async fn prove(redis: Arc<Redis>, channel: Vec<u8>, nonce: Nonce, era: String) -> Result<(), Down> {
    let arguments = vec![channel, nonce.to_vec(), era.into_bytes(), ERA.to_owned().into_bytes()];
    let key = format!("{}{{era}}", redis.prefix);
    let _heard_by: i64 = redis.link.script(Retry::Never, &PROVE, key, arguments).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_comes_back_whole_and_nothing_else_is_one() {
        let (key, mark) = (StoreKey([7; 32]), [9; 16]);
        let word = word(&key, mark);
        assert_eq!(read(&word), Some((key, mark)));
        assert_eq!(read(&word[..47]), None);
        assert_eq!(read(&[word.as_slice(), b"x"].concat()), None);
        assert_eq!(read(b""), None);
    }
}
