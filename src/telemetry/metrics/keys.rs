//! The key ring: what each key did, and where it stands.

use std::sync::{Mutex, PoisonError};

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{count, counter, label::use_name, register};
use crate::{
    keys::{KeyId, Ring},
    telemetry::KeyUse,
    time::UnixTime,
};

#[derive(Debug)]
pub(super) struct Keys {
    uses: IntCounterVec,
    last_used: IntGaugeVec,
    place: IntGaugeVec,
    since: IntGaugeVec,
    pub(super) unreadable: IntCounterVec,
    /// The ring in force: name and fingerprint, in order.
    ring: Mutex<Vec<[String; 2]>>,
}

impl Keys {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        Self {
            uses: counter(
                registry,
                "doorward_key_uses_total",
                "Uses of ring keys: seal, open, sign, and find (the place of a session).",
                &["kid", "use"],
            ),
            last_used: gauge(
                "doorward_key_last_used_timestamp_seconds",
                "When a ring key was last used by this process.",
                &["kid", "use"],
            ),
            place: gauge(
                "doorward_key_place",
                "Place of a key in the ring, from 1; the first seals. The fingerprint tells keys of one name apart.",
                &["kid", "fingerprint"],
            ),
            since: gauge(
                "doorward_key_since_timestamp_seconds",
                "Since when a key seals, or opens only, in this process.",
                &["kid", "fingerprint"],
            ),
            unreadable: counter(
                registry,
                "doorward_unreadable_total",
                "Cookies and records that did not open.",
                &["what"],
            ),
            ring: Mutex::default(),
        }
    }

    pub(super) fn used(&self, kid: &KeyId, what: KeyUse, at: UnixTime) {
        let labels = [kid.as_str(), use_name(what)];
        count(&self.uses, &labels);
        self.last_used.with_label_values(&labels).set(at.secs());
    }

    /// Where every key stands from now on. A key that is not in the ring any more has no place.
    pub(super) fn in_force(&self, ring: &Ring, at: UnixTime) {
        let new: Vec<[String; 2]> = ring.keys().map(|key| [key.id.to_string(), key.fingerprint()]).collect();
        let mut known = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in known.iter().filter(|key| !new.contains(key)) {
            // Both are there: they were set together.
            self.place.remove_label_values(&labels(gone)).ok();
            self.since.remove_label_values(&labels(gone)).ok();
        }
        for (place, key) in (1..).zip(&new) {
            let seals = |ring: &[[String; 2]]| ring.first() == Some(key);
            if !known.contains(key) || seals(&known) != seals(&new) {
                self.since.with_label_values(&labels(key)).set(at.secs());
            }
            self.place.with_label_values(&labels(key)).set(place);
        }
        *known = new;
    }
}

fn labels(key: &[String; 2]) -> [&str; 2] {
    let [kid, fingerprint] = key;
    [kid, fingerprint]
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;
    use crate::keys::{RingKey, generate};

    fn ring(keys: &[(&str, u8)]) -> Ring {
        let key = |(name, fill): &(&str, u8)| RingKey::decode(name, &generate([*fill; 32])).unwrap();
        Ring::new(keys.iter().map(key).collect()).unwrap()
    }

    /// `kid place since` of every key, in the order of the names.
    fn told(registry: &Registry) -> Vec<String> {
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let family = |family: &str| -> Vec<(String, String)> {
            let lines = text.lines().filter(|line| line.starts_with(family));
            lines
                .map(|line| {
                    let name = line.split('"').find(|word| word.len() == 1).unwrap();
                    (name.to_owned(), line.rsplit(' ').next().unwrap().to_owned())
                })
                .collect()
        };
        let (places, sinces) = (family("doorward_key_place{"), family("doorward_key_since"));
        let mut told: Vec<String> = places
            .into_iter()
            .zip(sinces)
            .map(|((name, place), (_, since))| format!("{name} {place} {since}"))
            .collect();
        told.sort();
        told
    }

    #[test]
    fn a_key_has_its_place_and_since_when_it_seals_or_only_opens() {
        let registry = Registry::new();
        let keys = Keys::new(&registry);
        let at = UnixTime::from_secs;
        keys.in_force(&ring(&[("a", 1)]), at(10));
        keys.in_force(&ring(&[("a", 1), ("b", 2)]), at(20));
        assert_eq!(told(&registry), ["a 1 10", "b 2 20"]);
        keys.in_force(&ring(&[("a", 1), ("c", 3), ("b", 2)]), at(30));
        assert_eq!(told(&registry), ["a 1 10", "b 3 20", "c 2 30"]);
        keys.in_force(&ring(&[("b", 2), ("a", 1)]), at(40));
        assert_eq!(told(&registry), ["a 2 40", "b 1 40"]);
        keys.in_force(&ring(&[("b", 2), ("a", 9)]), at(50));
        assert_eq!(told(&registry), ["a 2 50", "b 1 40"], "another key of the same name");
        keys.in_force(&ring(&[("b", 2)]), at(60));
        assert_eq!(told(&registry), ["b 1 40"]);
    }
}
