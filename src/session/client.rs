//! Where from a person signed in, as coarsely as tells their own devices apart in a list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// A browser and its address, coarse. Told by the client itself, so it is for people's eyes and decides nothing.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Client {
    /// The family of browser and system, such as `Firefox on Linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The address, as much of it as the configuration lets be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// How much of an address is kept with a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AddressKept {
    /// None of it.
    None,
    /// The network: /24 of IPv4, /48 of IPv6.
    #[default]
    Network,
    /// All of it.
    Full,
}

/// What stands in a `User-Agent`, and the family it means. The first match counts: nearly all of them claim to be
/// something else as well.
const AGENTS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

impl Client {
    /// Nothing is known.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            agent: None,
            address: None,
        }
    }

    /// Reads the `User-Agent` and keeps as much of the address as `kept` lets.
    #[must_use]
    pub fn of(user_agent: Option<&str>, address: Option<IpAddr>, kept: AddressKept) -> Self {
        Self {
            agent: user_agent.and_then(family),
            address: address.and_then(|address| coarse(address, kept)),
        }
    }
}

fn family(user_agent: &str) -> Option<String> {
    let of = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(word, _)| user_agent.contains(word));
        found.map(|(_, name)| *name)
    };
    match (of(AGENTS), of(SYSTEMS)) {
        (Some(agent), Some(system)) => Some(format!("{agent} on {system}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// As much of an address as `kept` lets.
#[must_use]
pub fn coarse(address: IpAddr, kept: AddressKept) -> Option<String> {
    match kept {
        AddressKept::None => None,
        AddressKept::Full => Some(address.to_canonical().to_string()),
        AddressKept::Network => Some(match address.to_canonical() {
            IpAddr::V4(v4) => format!("{}/24", Ipv4Addr::from_bits(v4.to_bits() & !0xff)),
            IpAddr::V6(v6) => format!("{}/48", Ipv6Addr::from_bits(v6.to_bits() & !(u128::MAX >> 48))),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_by_example() {
        let table = [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                Some("Firefox on Linux"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                 Safari/537.36 Edg/140.0.0.0",
                Some("Edge on Windows"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36",
                Some("Chrome on Android"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
                Some("Safari on iPhone"),
            ),
            ("curl/8.9.0", Some("curl")),
            ("", None),
            ("<script>alert(1)</script>", None),
        ];
        for (written, family) in table {
            let client = Client::of(Some(written), None, AddressKept::Full);
            assert_eq!(client.agent.as_deref(), family, "{written}");
        }
        assert_eq!(Client::of(None, None, AddressKept::Full), Client::unknown());
    }

    #[test]
    fn an_address_is_kept_as_far_as_is_allowed() {
        let kept = |address: &str, kept| Client::of(None, Some(address.parse().unwrap()), kept).address;
        assert_eq!(kept("203.0.113.77", AddressKept::None), None);
        assert_eq!(kept("203.0.113.77", AddressKept::Network).unwrap(), "203.0.113.0/24");
        assert_eq!(kept("203.0.113.77", AddressKept::Full).unwrap(), "203.0.113.77");
        assert_eq!(
            kept("2001:db8:1:2::3", AddressKept::Network).unwrap(),
            "2001:db8:1::/48"
        );
        assert_eq!(
            kept("::ffff:203.0.113.77", AddressKept::Network).unwrap(),
            "203.0.113.0/24"
        );
    }
}
