//! Which requests have an access line, and what of a request stands in it.

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;

use super::{RequestLine, Share};
use crate::{
    entropy::{Entropy, Serial},
    keys::Ring,
    session::client::{AddressKept, coarse},
};

/// What access lines there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessSettings {
    /// The share of lines about requests that went well. All others have one.
    pub sample: Share,
    /// How the client's address is told.
    pub client: Address,
    /// What is left out.
    pub omit: Vec<Field>,
}

/// How an address is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Address {
    /// As much of it as this.
    Kept(AddressKept),
    /// By a keyed hash: the same for the same address, as long as the key seals.
    Hash,
}

/// What can be left out of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The host.
    Host,
    /// The path.
    Path,
    /// The hash of the subject.
    Subject,
    /// The trace's identifier.
    TraceId,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            sample: Share::ALL,
            client: Address::Kept(AddressKept::Full),
            omit: Vec::new(),
        }
    }
}

/// Chooses and edits access lines.
#[derive(Debug)]
pub struct AccessLog {
    settings: AccessSettings,
    serial: Serial,
    ring: Option<Arc<ArcSwap<Ring>>>,
}

impl AccessLog {
    /// By these settings; hashed addresses are keyed by the ring in force, and there are none without one.
    #[must_use]
    pub fn new(settings: AccessSettings, entropy: &Entropy, ring: Option<Arc<ArcSwap<Ring>>>) -> Self {
        Self {
            settings,
            serial: Serial::new(entropy),
            ring,
        }
    }

    /// Whether the request has a line: it went wrong, or it is drawn.
    pub(super) fn wants(&self, line: &RequestLine<'_>) -> bool {
        let went_well = matches!(line.status, 100..=399) && line.error.is_none();
        !went_well || self.settings.sample == Share::ALL || self.settings.sample.takes(self.serial.short())
    }

    /// What of the client's address stands in it.
    pub(super) fn client(&self, client: IpAddr) -> Option<String> {
        match self.settings.client {
            Address::Kept(kept) => coarse(client, kept),
            Address::Hash => {
                let ring = self.ring.as_ref()?.load();
                let mark = ring.sealing().mark("access line client", &[&client.to_string()]);
                let (first, _) = mark.split_first_chunk::<8>()?;
                Some(format!("{:016x}", u64::from_be_bytes(*first)))
            }
        }
    }

    /// Whether the client's address stands in it as it is.
    pub(super) fn tells_clients(&self) -> bool {
        self.settings.client == Address::Kept(AddressKept::Full)
    }

    /// A value, unless it is left out.
    pub(super) fn shown<T>(&self, field: Field, value: T) -> Option<T> {
        (!self.settings.omit.contains(&field)).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::keys::{RingKey, generate};

    fn line(status: u16, error: Option<&str>) -> RequestLine<'_> {
        RequestLine {
            request_id: "1",
            trace_id: None,
            recorded_at: None,
            method: "GET",
            host: "app.test",
            path: "/",
            route: "app",
            outcome: "forwarded",
            status,
            subject_hash: None,
            client: None,
            took: Duration::ZERO,
            decided: Duration::ZERO,
            upstream: None,
            sent: 0,
            received: 0,
            error,
        }
    }

    fn log(sample: f64, client: Address, ring: Option<Ring>) -> AccessLog {
        let settings = AccessSettings {
            sample: Share::of(sample),
            client,
            omit: vec![Field::Path],
        };
        let ring = ring.map(|ring| Arc::new(ArcSwap::from_pointee(ring)));
        AccessLog::new(settings, &Entropy::system(), ring)
    }

    #[test]
    fn what_goes_wrong_is_never_left_out() {
        let log = log(0.0, Address::Kept(AddressKept::Full), None);
        for (status, error, wanted) in [
            (200, None, false),
            (101, None, false),
            (302, None, false),
            (304, None, false),
            (400, None, true),
            (401, None, true),
            (503, None, true),
            (0, None, true),
            (200, Some("broken off"), true),
        ] {
            assert_eq!(log.wants(&line(status, error)), wanted, "{status} {error:?}");
        }
    }

    #[test]
    fn a_share_of_the_others_is_written() {
        let log = log(0.1, Address::Kept(AddressKept::Full), None);
        let written = (0..10_000).filter(|_| log.wants(&line(200, None))).count();
        assert!((800..1200).contains(&written), "{written}");
    }

    #[test]
    fn an_address_is_told_as_far_as_is_wanted() {
        let (four, six) = ("203.0.113.77".parse().unwrap(), "2001:db8:1:2::3".parse().unwrap());
        for (kept, of_four, of_six) in [
            (AddressKept::Full, Some("203.0.113.77"), Some("2001:db8:1:2::3")),
            (AddressKept::Network, Some("203.0.113.0/24"), Some("2001:db8:1::/48")),
            (AddressKept::None, None, None),
        ] {
            let log = log(1.0, Address::Kept(kept), None);
            assert_eq!(log.client(four).as_deref(), of_four);
            assert_eq!(log.client(six).as_deref(), of_six);
        }
    }

    #[test]
    fn a_hashed_address_tells_addresses_apart_and_needs_the_key() {
        let ring = |fill: u8| Ring::new(vec![RingKey::decode("a", &generate([fill; 32])).unwrap()]).unwrap();
        let (one, same, other) = (
            log(1.0, Address::Hash, Some(ring(1))),
            log(1.0, Address::Hash, Some(ring(1))),
            log(1.0, Address::Hash, Some(ring(2))),
        );
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let told = one.client(ip("203.0.113.77")).unwrap();
        assert_eq!(told.len(), 16);
        assert!(!told.contains("203"));
        assert_eq!(same.client(ip("203.0.113.77")), Some(told.clone()));
        assert_ne!(one.client(ip("203.0.113.78")), Some(told.clone()));
        assert_ne!(other.client(ip("203.0.113.77")), Some(told));
    }
}
