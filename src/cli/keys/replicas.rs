//! What replicas say of their keys, read off their metrics.

use crate::{
    cli::{Failure, client::Client, table::plain},
    keys::rotation::{Replica, Seen},
    time::UnixTime,
};

/// A replica that answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its ring.
    pub(super) replica: Replica,
    page: String,
}

impl Answer {
    /// How often it used the key for something, since it was started.
    pub(super) fn uses(&self, kid: &str, what: &str) -> i64 {
        let uses = samples(&self.page, "doorward_key_uses_total");
        uses.filter(|sample| sample.label("kid") == Some(kid) && sample.label("use") == Some(what))
            .map(|sample| sample.value)
            .sum()
    }
}

/// Asks them one after the other.
pub(super) async fn ask(clients: &[Client]) -> Vec<Result<Answer, Failure>> {
    let mut answers = Vec::new();
    for client in clients {
        let answer = client.metrics().await.map(|page| Answer {
            replica: replica(&client.shown, &page),
            page,
        });
        answers.push(answer.and_then(|answer| {
            if answer.replica.keys.is_empty() {
                let what = "says nothing of its keys: an older Doorward runs there, or something else";
                return Err(Failure::Admin(format!("{} {what}", client.shown)));
            }
            Ok(answer)
        }));
    }
    answers
}

fn replica(name: &str, page: &str) -> Replica {
    let sinces: Vec<Sample<'_>> = samples(page, "doorward_key_since_timestamp_seconds").collect();
    let last: Vec<Sample<'_>> = samples(page, "doorward_key_last_used_timestamp_seconds").collect();
    let seen = |place: &Sample<'_>| {
        let (name, fingerprint) = (place.label("kid")?, place.label("fingerprint")?);
        let same =
            |other: &&Sample<'_>| other.label("fingerprint") == Some(fingerprint) && other.label("kid") == Some(name);
        let times = last.iter().filter(|sample| sample.label("kid") == Some(name));
        Some(Seen {
            name: plain(name),
            fingerprint: plain(fingerprint),
            place: u64::try_from(place.value).ok()?,
            since: UnixTime::from_secs(sinces.iter().find(same)?.value),
            used: times.map(|sample| UnixTime::from_secs(sample.value)).max(),
        })
    };
    let mut keys: Vec<Seen> = samples(page, "doorward_key_place")
        .filter_map(|place| seen(&place))
        .collect();
    keys.sort_by_key(|seen| seen.place);
    Replica {
        name: name.to_owned(),
        keys,
    }
}

/// `family{label="value",…} number`. Names of keys hold nothing that would have to be escaped.
struct Sample<'a> {
    labels: &'a str,
    value: i64,
}

impl Sample<'_> {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.split(',').find_map(|label| {
            let (known, value) = label.split_once('=')?;
            (known == name).then(|| value.trim_matches('"'))
        })
    }
}

fn samples<'a>(page: &'a str, family: &str) -> impl Iterator<Item = Sample<'a>> {
    page.lines().filter_map(move |line| {
        let (labels, value) = line.strip_prefix(family)?.strip_prefix('{')?.split_once("} ")?;
        let value = value.parse().ok()?;
        Some(Sample { labels, value })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_read_off_the_metrics() {
        let page = "\
# HELP doorward_key_place Place.
doorward_key_place{fingerprint=\"aaaaaaaa\",kid=\"old\"} 2
doorward_key_place{fingerprint=\"bbbbbbbb\",kid=\"new\"} 1
doorward_key_since_timestamp_seconds{fingerprint=\"aaaaaaaa\",kid=\"old\"} 100
doorward_key_since_timestamp_seconds{fingerprint=\"bbbbbbbb\",kid=\"new\"} 90
doorward_key_last_used_timestamp_seconds{kid=\"old\",use=\"open\"} 120
doorward_key_last_used_timestamp_seconds{kid=\"old\",use=\"find\"} 130
doorward_key_uses_total{kid=\"old\",use=\"open\"} 7
";
        let replica = replica("here", page);
        let told: Vec<_> = replica
            .keys
            .iter()
            .map(|seen| {
                (
                    seen.name.as_str(),
                    seen.place,
                    seen.since.secs(),
                    seen.used.map(UnixTime::secs),
                )
            })
            .collect();
        assert_eq!(told, [("new", 1, 90, None), ("old", 2, 100, Some(130))]);
        let answer = Answer {
            replica,
            page: page.to_owned(),
        };
        assert_eq!((answer.uses("old", "open"), answer.uses("new", "open")), (7, 0));
    }
}
