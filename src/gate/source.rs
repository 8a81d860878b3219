//! Where requests come from, as far as they are counted.

use std::net::{IpAddr, Ipv6Addr};

/// An address as it is counted: IPv4 whole, IPv6 by its network of 64 bits, which is the least that one subscriber has and may
/// choose addresses of at will (RFC 6177, RFC 8981). Those without an address are one source.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Source(Option<IpAddr>);

impl Source {
    /// The source of what comes from this address.
    #[must_use]
    pub fn of(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_one_source() {
        let source = |address: &str| Source::of(Some(address.parse().unwrap()));
        assert_eq!(source("2001:db8:1:2::3"), source("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(source("2001:db8:1:2::3"), source("2001:db8:1:3::3"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_ne!(Source::of(None), source("::"));
    }
}
