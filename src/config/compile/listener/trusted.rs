//! The proxies in front, and networks that are too wide to be some.

use http::HeaderName;
use ipnet::IpNet;

use super::super::Desk;
use crate::{
    config::{Path, raw},
    gate::forwarding::{NotKept, can_be_kept},
};

/// The widest network of one organisation: `10.0.0.0/8`, and `fc00::/7`, which are all private addresses of IPv6.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 7;
/// Together: a sixteenth of all IPv4 addresses, and twice all private ones of IPv6.
const MOST_V4: u128 = 1 << 28;
const MOST_V6: u128 = 1 << 122;

impl Desk<'_, '_> {
    pub(super) fn trusted(&mut self, config: &raw::Config) -> Vec<IpNet> {
        let path = Path::top().key("trusted_proxies");
        let networks: Vec<IpNet> = config.trusted_proxies.iter().map(|network| network.value).collect();
        let mut wide = false;
        for (index, network) in networks.iter().enumerate() {
            if is_mapped(network) {
                self.found.add(
                    &path.index(index),
                    format!("{network} is IPv4 written as IPv6, and no peer is ever seen as that"),
                    "write it as IPv4, such as 10.0.0.0/8",
                );
            }
            if is_wide(network) && !config.insecure_trust_all_proxies {
                wide = true;
                self.found.add(
                    &path.index(index),
                    format!("{network} trusts everybody, or nearly, to say who they are"),
                    "write the proxies' own network, or `insecure_trust_all_proxies: true`",
                );
            }
        }
        if !wide && is_much(&networks) && !config.insecure_trust_all_proxies {
            self.found.add(
                &path,
                "together these networks trust a large part of the Internet to say who they are",
                "write the proxies' own networks, or `insecure_trust_all_proxies: true`",
            );
        }
        networks
    }

    /// The headers that those proxies keep.
    pub(super) fn trusted_headers(&mut self, config: &raw::Config) -> Vec<HeaderName> {
        let path = Path::top().key("trusted_headers");
        let names: Vec<HeaderName> = config.trusted_headers.iter().map(|name| name.value.clone()).collect();
        if !names.is_empty() && config.trusted_proxies.is_empty() {
            self.found.add(
                &path,
                "nobody is believed in these headers",
                "write the addresses of the proxies that send them into `trusted_proxies`",
            );
        }
        for (index, name) in names.iter().enumerate() {
            let (what, hint) = match can_be_kept(name) {
                Ok(()) => continue,
                Err(NotKept::Anyway) => (
                    format!("{name} need not be listed"),
                    "X-Forwarded-For and X-Request-Id of `trusted_proxies` are read as they are, and what says nothing of \
                     where a request comes from passes from everybody: take it out",
                ),
                Err(NotKept::Person) => (
                    format!("{name} says who a person is, which Doorward alone says"),
                    "take it out",
                ),
                Err(NotKept::Spelling) => (
                    format!("{name} is another spelling of a name that upstreams know with hyphens"),
                    "write it with hyphens",
                ),
            };
            self.found.add(&path.index(index), what, hint);
        }
        names
    }
}

fn is_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(v4) => v4.prefix_len() < WIDEST_V4,
        IpNet::V6(v6) => v6.prefix_len() < WIDEST_V6,
    }
}

fn is_mapped(network: &IpNet) -> bool {
    match network {
        IpNet::V4(_) => false,
        IpNet::V6(v6) => v6.prefix_len() >= 96 && v6.addr().to_ipv4_mapped().is_some(),
    }
}

fn is_much(networks: &[IpNet]) -> bool {
    let (mut v4, mut v6) = (0_u128, 0_u128);
    for network in IpNet::aggregate(&networks.to_vec()) {
        match network {
            IpNet::V4(net) => v4 += 1 << (32 - net.prefix_len()),
            IpNet::V6(net) => {
                let size = 1_u128.checked_shl(128 - u32::from(net.prefix_len()));
                v6 = v6.saturating_add(size.unwrap_or(u128::MAX));
            }
        }
    }
    v4 > MOST_V4 || v6 > MOST_V6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(written: &str) -> Vec<IpNet> {
        written.split(' ').map(|net| net.parse().unwrap()).collect()
    }

    #[test]
    fn everybody_in_any_number_of_pieces_is_seen() {
        for wide in ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/7", "2000::/3", "8000::/1"] {
            assert!(is_wide(&wide.parse().unwrap()), "{wide}");
        }
        let halves: Vec<IpNet> = (0..=255_u8)
            .map(|first| IpNet::new([first, 0, 0, 0].into(), 8).unwrap())
            .collect();
        assert!(is_much(&halves) && is_much(&nets("::/0 ::/0")));
        assert!(is_much(&nets("2000::/7 2200::/7 2400::/7")));
        for fine in [
            "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 fc00::/7 ::1/128",
            "173.245.48.0/20 103.21.244.0/22 2400:cb00::/32",
            "10.0.0.0/8 10.0.0.0/8 10.1.0.0/16",
        ] {
            assert!(!is_much(&nets(fine)) && !nets(fine).iter().any(is_wide), "{fine}");
        }
        assert!(is_mapped(&"::ffff:10.0.0.0/104".parse().unwrap()) && !is_mapped(&"::/0".parse().unwrap()));
    }
}
