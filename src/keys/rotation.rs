//! Which step of a rotation may be taken: accept → promote → retire.
//!
//! A key that seals on one replica must open on all, and its public half must be in every key set that a verifier still
//! keeps: so it is promoted [`KEY_SET_KEPT`] after the last replica accepted it. Whatever a key sealed is gone when the longest
//! session that it could have sealed has ended: so it is retired a session's life after the last replica stopped sealing with
//! it: until then sessions that it sealed use it, as they should. A use after that tells that some live longer, and is waited
//! out as well.

use std::time::Duration;

use super::{
    KeyId, RingKey,
    file::{Note, RingFile},
};
use crate::time::UnixTime;

/// How long verifiers keep a key set.
pub const KEY_SET_KEPT: Duration = Duration::from_secs(3600);

/// How much longer than its life a session may be met: clocks differ, and a store forgets a little late.
const MOMENT: Duration = Duration::from_secs(60);

/// A replica as it describes itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replica {
    /// What the operator calls it.
    pub name: String,
    /// The keys of its ring, in order.
    pub keys: Vec<Seen>,
}

/// A key at a replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// What tells it from another key of the same name ([`RingKey::fingerprint`]).
    pub fingerprint: String,
    /// Its place, from 1; the first seals.
    pub place: u64,
    /// Since when it seals, or opens only, as the replica knows: not from before it was started.
    pub since: UnixTime,
    /// When it last sealed, opened or found a session there.
    pub used: Option<UnixTime>,
}

/// A step with a key that is in the ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// To the front.
    Promote,
    /// Out of the ring.
    Retire,
}

/// Why a step is not safe yet.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Objection {
    /// Nobody knows.
    #[error("no replica was asked; name each one's admin listener with --admin")]
    Unasked,
    /// It seals in this file.
    #[error("it is the first key of the ring: it seals; promote another one before")]
    First,
    /// A replica does not have it.
    #[error("{0} does not have it: what others sealed with it would be no session there")]
    Lacks(String),
    /// A replica has another key by this name.
    #[error("{0} has another key by this name: every replica needs the same file")]
    Differs(String),
    /// Verifiers may not know it.
    #[error("{replica} has it since {since} only, and apps keep a key set for an hour; wait until {until}")]
    Fresh {
        /// Which replica.
        replica: String,
        /// Since when.
        since: UnixTime,
        /// Until when to wait.
        until: UnixTime,
    },
    /// A replica seals with it.
    #[error("{0} still seals with it")]
    Seals(String),
    /// Sessions may need it.
    #[error("{replica} {what} {at}, and sessions live as long as {}; wait until {until}", hours(.life))]
    Warm {
        /// Which replica.
        replica: String,
        /// What it did, in words that a time follows.
        what: &'static str,
        /// When.
        at: UnixTime,
        /// How long a session lives.
        life: Duration,
        /// Until when to wait.
        until: UnixTime,
    },
}

/// What the file says is to be done next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing is under way.
    Accept,
    /// This key was accepted.
    Promote(KeyId),
    /// This key was replaced.
    Retire(KeyId),
    /// Nothing is noted of this key: whoever wrote the file knows whether it is to come or to go.
    Either(KeyId),
}

impl Next {
    /// What follows from the order and the notes of a file.
    #[must_use]
    pub fn of(file: &RingFile) -> Self {
        let noted = |wanted| {
            let found = file.entries().skip(1).filter(move |entry| entry.note() == wanted);
            found.last().map(|entry| entry.key.id.clone())
        };
        noted(Some(Note::Accepted))
            .map(Self::Promote)
            .or_else(|| noted(Some(Note::Replaced)).map(Self::Retire))
            .or_else(|| noted(Some(Note::Promoted)).map(Self::Retire))
            .or_else(|| noted(None).map(Self::Either))
            .unwrap_or(Self::Accept)
    }
}

/// Everything that speaks against the step with `key`, whose place in the file is `place` (from 0). `life` is the longest
/// life of a session.
#[must_use]
pub fn objections(
    step: Step,
    key: &RingKey,
    place: usize,
    replicas: &[Replica],
    life: Duration,
    now: UnixTime,
) -> Vec<Objection> {
    if step == Step::Retire && place == 0 {
        return vec![Objection::First];
    }
    if replicas.is_empty() {
        return vec![Objection::Unasked];
    }
    let stopped = stopped(key, replicas);
    let about = |replica: &Replica| {
        let seen = replica.keys.iter().find(|seen| seen.name == key.id.as_str());
        match (step, seen) {
            (_, Some(seen)) if seen.fingerprint != key.fingerprint() => Some(Objection::Differs(replica.name.clone())),
            (Step::Promote, Some(seen)) => fresh(&replica.name, seen, now),
            (Step::Promote, None) => Some(Objection::Lacks(replica.name.clone())),
            (Step::Retire, Some(seen)) => warm(&replica.name, seen, stopped, life, now),
            (Step::Retire, None) => None,
        }
    };
    replicas.iter().filter_map(about).collect()
}

/// When the last replica stopped sealing with the key, as far as they know.
fn stopped(key: &RingKey, replicas: &[Replica]) -> UnixTime {
    let all = replicas.iter().flat_map(|replica| &replica.keys);
    let sinces = all.filter(|seen| seen.name == key.id.as_str()).map(|seen| seen.since);
    sinces.max().unwrap_or(UnixTime::from_secs(0))
}

fn fresh(replica: &str, seen: &Seen, now: UnixTime) -> Option<Objection> {
    let until = seen.since + KEY_SET_KEPT;
    // Where it seals already, its public half was published long before or is missed already.
    (seen.place > 1 && now < until).then(|| Objection::Fresh {
        replica: replica.to_owned(),
        since: seen.since,
        until,
    })
}

fn warm(replica: &str, seen: &Seen, stopped: UnixTime, life: Duration, now: UnixTime) -> Option<Objection> {
    if seen.place == 1 {
        return Some(Objection::Seals(replica.to_owned()));
    }
    // Sign-ins under way and assertions in the hands of apps are over well within the hour.
    let wait = life.max(KEY_SET_KEPT);
    let (what, at) = match seen.used {
        Some(used) if used > stopped + wait + MOMENT => ("used it", used),
        Some(_) | None => ("was started, or stopped sealing with it,", seen.since),
    };
    let until = at + wait;
    (now < until).then(|| Objection::Warm {
        replica: replica.to_owned(),
        what,
        at,
        life,
        until,
    })
}

fn hours(life: &Duration) -> String {
    let minutes = life.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} minutes"),
        (hours, 0) => format!("{hours} hours"),
        (hours, minutes) => format!("{hours} hours {minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::generate;

    const HOUR: Duration = Duration::from_secs(3600);
    const LIFE: Duration = Duration::from_secs(24 * 3600);

    fn at(hours: u32) -> UnixTime {
        UnixTime::from_secs(0) + HOUR * hours
    }

    fn key() -> RingKey {
        RingKey::decode("k", &generate([1; 32])).unwrap()
    }

    fn seen(place: u64, since: u32, used: Option<u32>) -> Seen {
        Seen {
            name: "k".to_owned(),
            fingerprint: key().fingerprint(),
            place,
            since: at(since),
            used: used.map(at),
        }
    }

    fn replica(name: &str, seen: Option<Seen>) -> Replica {
        Replica {
            name: name.to_owned(),
            keys: seen.into_iter().collect(),
        }
    }

    fn told(step: Step, place: usize, replicas: &[Replica], now: u32) -> Vec<String> {
        let all = objections(step, &key(), place, replicas, LIFE, at(now));
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_key_is_promoted_an_hour_after_the_last_replica_accepted_it() {
        let replicas = |last: Option<Seen>| [replica("one", Some(seen(2, 5, None))), replica("two", last)];
        assert_eq!(
            told(Step::Promote, 1, &replicas(None), 9),
            ["two does not have it: what others sealed with it would be no session there"]
        );
        let fresh = told(Step::Promote, 1, &replicas(Some(seen(2, 9, None))), 9);
        assert!(fresh[0].starts_with("two has it since") && fresh[0].ends_with("wait until 1970-01-01T10:00:00Z"));
        assert!(told(Step::Promote, 1, &replicas(Some(seen(2, 9, None))), 10).is_empty());
        // Half of the replicas promoted it: the rest follows.
        assert!(told(Step::Promote, 1, &replicas(Some(seen(1, 10, None))), 10).is_empty());
        let other = Seen {
            fingerprint: "00000000".to_owned(),
            ..seen(2, 0, None)
        };
        assert!(told(Step::Promote, 1, &replicas(Some(other)), 10)[0].starts_with("two has another key"));
    }

    #[test]
    fn a_key_is_retired_a_session_life_after_it_last_sealed() {
        let one = |seen: Seen| [replica("one", Some(seen))];
        assert_eq!(
            told(Step::Retire, 1, &one(seen(1, 0, None)), 99),
            ["one still seals with it"]
        );
        assert_eq!(told(Step::Retire, 1, &one(seen(2, 10, Some(9))), 33).len(), 1);
        assert!(told(Step::Retire, 1, &one(seen(2, 10, Some(9))), 34).is_empty());
        // Whoever signed in before goes on using it until their session ends: that says nothing new.
        assert_eq!(
            told(Step::Retire, 1, &one(seen(2, 10, Some(30))), 33),
            [
                "one was started, or stopped sealing with it, 1970-01-01T10:00:00Z, and sessions live as long as 24 hours; \
                 wait until 1970-01-02T10:00:00Z"
            ]
        );
        assert!(told(Step::Retire, 1, &one(seen(2, 10, Some(30))), 34).is_empty());
        assert!(told(Step::Retire, 1, &one(seen(2, 10, Some(34))), 34).is_empty());
        // Unless sessions live longer than was said.
        assert_eq!(
            told(Step::Retire, 1, &one(seen(2, 10, Some(35))), 58),
            [
                "one used it 1970-01-02T11:00:00Z, and sessions live as long as 24 hours; wait until 1970-01-03T11:00:00Z"
            ]
        );
        assert!(told(Step::Retire, 1, &one(seen(2, 10, Some(35))), 59).is_empty());
        // Two that stopped at different times: a session of the later is met by both.
        let both = [
            replica("one", Some(seen(2, 10, Some(36)))),
            replica("two", Some(seen(2, 12, Some(36)))),
        ];
        assert_eq!(told(Step::Retire, 1, &both, 35).len(), 1);
        assert!(told(Step::Retire, 1, &both, 36).is_empty());
        // A replica that took it out already has nothing against it.
        assert!(told(Step::Retire, 1, &[replica("one", None)], 0).is_empty());
        assert!(told(Step::Retire, 0, &one(seen(2, 0, None)), 99)[0].starts_with("it is the first key"));
    }

    #[test]
    fn what_nobody_was_asked_about_is_not_safe() {
        for step in [Step::Promote, Step::Retire] {
            assert_eq!(told(step, 1, &[], 99).len(), 1);
        }
    }

    // However short sessions are, assertions and sign-ins under way are given an hour.
    #[test]
    fn short_sessions_do_not_make_it_hasty() {
        let replicas = [replica("one", Some(seen(2, 10, None)))];
        let minute = Duration::from_secs(60);
        let before = objections(
            Step::Retire,
            &key(),
            1,
            &replicas,
            minute,
            UnixTime::from_secs(10 * 3600 + 3599),
        );
        assert_eq!(before.len(), 1);
        assert!(objections(Step::Retire, &key(), 1, &replicas, minute, at(11)).is_empty());
    }

    #[test]
    fn the_next_step_is_read_off_the_file() {
        let line = |name: &str, note: &str| format!("{name} {} # {note}\n", generate([name.as_bytes()[0]; 32]));
        let next = |text: &str| Next::of(&RingFile::parse(text).unwrap());
        let id = |name: &str| KeyId::parse(name).unwrap();
        assert_eq!(next(&line("a", "promoted")), Next::Accept);
        let old = line("a", "ours");
        assert_eq!(
            next(&(old.clone() + &line("bb", "accepted now"))),
            Next::Promote(id("bb"))
        );
        assert_eq!(
            next(&(line("bb", "promoted") + &line("a", "replaced"))),
            Next::Retire(id("a"))
        );
        assert_eq!(next(&(old + &line("bb", "whatever"))), Next::Either(id("bb")));
    }
}
