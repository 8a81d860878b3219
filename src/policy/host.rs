//! Hosts and host patterns.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

/// A normal host: lower case, no trailing dot, no port; a DNS name, an IPv4 address or a bracketed IPv6 address.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Host(Arc<str>);

/// Which hosts a route is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum HostPattern {
    /// This host.
    Exact(Host),
    /// `*.suffix`: every host with at least one more label than the suffix.
    Suffix(Host),
    /// Every host.
    Any,
}

impl Host {
    /// Reads a host without its port (RFC 3986 section 3.2.2; letters, digits, `-` and `_` in labels). Letters become
    /// small, one trailing dot goes, an IPv6 address takes its shortest form (RFC 5952).
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(written: &str) -> Result<Self, String> {
        if let Some(rest) = written.strip_prefix('[') {
            let address = rest
                .strip_suffix(']')
                .and_then(|inside| inside.parse::<Ipv6Addr>().ok())
                .ok_or_else(|| format!("{written:?} is no IPv6 address in brackets"))?;
            return Ok(Self(format!("[{address}]").into()));
        }
        let name = written.strip_suffix('.').unwrap_or(written);
        check_name(name)?;
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self(name.to_ascii_lowercase().into()));
        }
        Ok(Self(name.into()))
    }

    /// The host in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is an address and no name.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.0.starts_with('[') || self.0.parse::<Ipv4Addr>().is_ok()
    }

    /// What follows the first label, the second, and so on, each with its dot, longest first.
    pub(super) fn suffixes(&self) -> impl Iterator<Item = &str> {
        let whole = self.as_str();
        whole.match_indices('.').filter_map(|(dot, _)| whole.get(dot..))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HostPattern {
    /// Reads `host`, `*.suffix` or `*`.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(written: &str) -> Result<Self, String> {
        if written == "*" {
            return Ok(Self::Any);
        }
        let Some(suffix) = written.strip_prefix("*.") else {
            return Host::parse(written).map(Self::Exact);
        };
        let suffix = Host::parse(suffix)?;
        if suffix.is_address() {
            return Err(format!(
                "{written:?} puts `*.` before an address: write the address, or `*`"
            ));
        }
        Ok(Self::Suffix(suffix))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Suffix(host) => write!(f, "*.{host}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// RFC 1035 section 2.3.4 for the lengths. A name that ends in a number must be a whole IPv4 address: `127.1` and
/// `0x7f.1` mean different hosts to different programs (WHATWG URL, "ends in a number").
fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the host is empty".to_owned());
    }
    if name.len() > 253 {
        return Err("the host is longer than 253 characters".to_owned());
    }
    let of_name = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    for label in name.as_bytes().split(|byte| *byte == b'.') {
        if !matches!(label.len(), 1..=63) {
            return Err(format!(
                "{name:?} has a part that is empty or longer than 63 characters"
            ));
        }
        if !label.iter().all(of_name) {
            let hint = "a host is letters, digits, `-` and `_` between dots, without scheme, port or path";
            return Err(format!("{name:?} is no host: {hint}"));
        }
    }
    if ends_in_number(name) && name.parse::<Ipv4Addr>().is_err() {
        return Err(format!("{name:?} ends in a number and is no IPv4 address"));
    }
    Ok(())
}

fn ends_in_number(name: &str) -> bool {
    let last = name.as_bytes().rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    match last {
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_take_their_normal_form() {
        for (written, normal) in [
            ("app.test", "app.test"),
            ("APP.Test", "app.test"),
            ("app.test.", "app.test"),
            ("localhost", "localhost"),
            ("a_b.x-y.test", "a_b.x-y.test"),
            ("xn--bcher-kva.test", "xn--bcher-kva.test"),
            ("127.0.0.1", "127.0.0.1"),
            ("1.2.3.4.test", "1.2.3.4.test"),
            ("[::1]", "[::1]"),
            ("[2001:DB8:0:0::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(Host::parse(written).unwrap().as_str(), normal, "{written}");
            assert_eq!(Host::parse(normal).unwrap().to_string(), normal, "{written} twice");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long_label = "a".repeat(64);
        let long_name = "a.".repeat(127) + "aa";
        for written in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a..",
            "a b",
            "a/b",
            "a\\b",
            "a:80",
            "u@a",
            "a%2eb",
            "a?b",
            "a#b",
            "a,b",
            "é.test",
            "*",
            "*.a",
            "a.*",
            "127.1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            "0x7f.1",
            "a.0x1f",
            "2130706433",
            "::1",
            "[::1",
            "[]",
            "[::1]x",
            "[1.2.3.4]",
            "[fe80::1%eth0]",
            "[::1%25]",
            "a\0",
            "a\r\nb",
            &long_label,
            &long_name,
        ] {
            assert!(Host::parse(written).is_err(), "{written:?}");
        }
    }

    #[test]
    fn patterns_are_read_and_written_alike() {
        for written in ["*", "*.app.test", "*.test", "app.test", "[::1]", "10.0.0.1"] {
            assert_eq!(HostPattern::parse(written).unwrap().to_string(), written);
        }
        for written in [
            "",
            "*.",
            "**",
            "*app.test",
            "a.*.test",
            "*.*.test",
            "*.10.0.0.1",
            "*.[::1]",
            "*.",
        ] {
            assert!(HostPattern::parse(written).is_err(), "{written:?}");
        }
    }

    #[test]
    fn suffixes_go_by_whole_labels() {
        let host = Host::parse("a.bc.test").unwrap();
        assert_eq!(host.suffixes().collect::<Vec<_>>(), [".bc.test", ".test"]);
        assert_eq!(Host::parse("localhost").unwrap().suffixes().count(), 0);
    }
}
