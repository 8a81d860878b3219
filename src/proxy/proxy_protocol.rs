//! The PROXY protocol, versions 1 and 2: what a proxy that passes a connection on without reading it says of its client,
//! before the connection's first byte (`proxy-protocol.txt` of `HAProxy`, sections 2.1 and 2.2).
//!
//! Stricter than the text where the text lets a receiver choose: one space between words, ports without sign or leading
//! zero, streams only, and no header longer than [`LONGEST`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest header that is read, of version 2 with its extensions. The protocol's own bound is 64 KiB; what balancers add
/// is some hundred bytes.
pub const LONGEST: usize = 4096;
/// The longest header of version 1, with its line end.
const LONGEST_LINE: usize = 107;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const WORD: &[u8; 6] = b"PROXY ";
/// Signature, command, family and length of version 2.
const FIXED: usize = 16;
/// Two addresses and two ports.
const OF_IPV4: usize = 12;
const OF_IPV6: usize = 36;
/// Two paths of unix sockets.
const OF_UNIX: usize = 216;

/// Whom a proxy speaks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// For a client at this address.
    Client(IpAddr),
    /// For itself, as in a check of health, or for one it does not know.
    Nobody,
}

/// What is made of a connection's first bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// A header may be there and is not whole.
    More,
    /// A header.
    Whole {
        /// Its bytes; what follows is the connection's.
        length: usize,
        /// What it says.
        told: Told,
    },
    /// There is none.
    Absent,
    /// It begins like one and is none.
    Malformed,
}

/// Reads the header that a connection begins with.
#[must_use]
pub fn read(bytes: &[u8]) -> Reading {
    if begins(bytes, SIGNATURE) {
        binary(bytes)
    } else if begins(bytes, WORD) {
        line(bytes)
    } else {
        Reading::Absent
    }
}

/// Whether the bytes begin like that, as far as they go.
fn begins(bytes: &[u8], like: &[u8]) -> bool {
    bytes.iter().zip(like).all(|(one, other)| one == other)
}

fn binary(bytes: &[u8]) -> Reading {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Reading::More;
    };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if FIXED + length > LONGEST {
        return Reading::Malformed;
    }
    let Some(said) = rest.get(..length) else {
        return Reading::More;
    };
    let told = match (command, family) {
        // What a proxy says of a connection of its own does not count.
        (0x20, _) | (0x21, 0x00) => Some(Told::Nobody),
        (0x21, 0x11) => said
            .first_chunk::<OF_IPV4>()
            .and_then(|addresses| addresses.first_chunk::<4>())
            .map(|source| client(Ipv4Addr::from(*source).into())),
        (0x21, 0x21) => said
            .first_chunk::<OF_IPV6>()
            .and_then(|addresses| addresses.first_chunk::<16>())
            .map(|source| client(Ipv6Addr::from(*source).into())),
        (0x21, 0x31) => said.first_chunk::<OF_UNIX>().map(|_| Told::Nobody),
        _ => None,
    };
    told.map_or(Reading::Malformed, |told| Reading::Whole {
        length: FIXED + length,
        told,
    })
}

fn line(bytes: &[u8]) -> Reading {
    let Some(end) = bytes.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n') else {
        return if bytes.len() < LONGEST_LINE {
            Reading::More
        } else {
            Reading::Malformed
        };
    };
    let told = bytes
        .get(..end)
        .and_then(|line| line.strip_suffix(b"\r"))
        .and_then(|line| std::str::from_utf8(line).ok())
        .and_then(words);
    told.map_or(Reading::Malformed, |told| Reading::Whole { length: end + 1, told })
}

fn words(line: &str) -> Option<Told> {
    let words: Vec<&str> = line.split(' ').collect();
    match *words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Some(Told::Nobody),
        ["PROXY", "TCP4", source, destination, from, to] => {
            destination.parse::<Ipv4Addr>().ok()?;
            let source = source.parse::<Ipv4Addr>().ok()?;
            (is_port(from) && is_port(to)).then(|| client(source.into()))
        }
        ["PROXY", "TCP6", source, destination, from, to] => {
            destination.parse::<Ipv6Addr>().ok()?;
            let source = source.parse::<Ipv6Addr>().ok()?;
            (is_port(from) && is_port(to)).then(|| client(source.into()))
        }
        _ => None,
    }
}

fn is_port(word: &str) -> bool {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    plain && word.parse::<u16>().is_ok()
}

/// IPv4 in IPv6 is taken as IPv4, as everywhere.
fn client(address: IpAddr) -> Told {
    Told::Client(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(bytes: &[u8]) -> Option<Told> {
        match read(bytes) {
            Reading::Whole { length, told } => {
                assert_eq!(length, bytes.len(), "{bytes:?}");
                Some(told)
            }
            Reading::More | Reading::Absent | Reading::Malformed => None,
        }
    }

    fn at(address: &str) -> Option<Told> {
        Some(Told::Client(address.parse().unwrap()))
    }

    fn v2(command: u8, family: u8, said: &[u8]) -> Vec<u8> {
        let length = u16::try_from(said.len()).unwrap();
        [SIGNATURE, &[command, family][..], &length.to_be_bytes(), said].concat()
    }

    #[test]
    fn lines() {
        for (line, expected) in [
            ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", at("192.0.2.1")),
            (
                "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
                at("255.255.255.255"),
            ),
            ("PROXY TCP6 2001:db8::1 ::1 0 443\r\n", at("2001:db8::1")),
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 443\r\n", at("192.0.2.1")),
            ("PROXY UNKNOWN\r\n", Some(Told::Nobody)),
            ("PROXY UNKNOWN ff:1 ff:2 1 2\r\n", Some(Told::Nobody)),
        ] {
            assert_eq!(told(line.as_bytes()), expected, "{line:?}");
        }
    }

    #[test]
    fn lines_that_are_none() {
        for line in [
            "PROXY \r\n",
            "PROXY TCP4\r\n",
            "PROXY TCP5 192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1  198.51.100.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 \r\n",
            "PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n",
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\r\n",
            "PROXY \u{e9}\r\n",
        ] {
            assert_eq!(read(line.as_bytes()), Reading::Malformed, "{line:?}");
        }
        let long = format!("PROXY UNKNOWN {}", "a".repeat(LONGEST_LINE));
        assert_eq!(read(long.as_bytes()), Reading::Malformed);
        for other in [
            "GET / HTTP/1.1\r\n",
            "PROXYTCP4",
            "proxy TCP4",
            "PRI * HTTP/2.0",
            "\r\nGET /",
        ] {
            assert_eq!(read(other.as_bytes()), Reading::Absent, "{other:?}");
        }
    }

    #[test]
    fn binary_headers() {
        let four = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 4, 1, 0xbb];
        let six = [&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets()[..], &[0; 20]].concat();
        let extended = [&four[..], &[0xee, 0, 2, 1, 2]].concat();
        for (bytes, expected) in [
            (v2(0x21, 0x11, &four), at("192.0.2.1")),
            (v2(0x21, 0x11, &extended), at("192.0.2.1")),
            (v2(0x21, 0x21, &six), at("2001:db8::1")),
            (v2(0x21, 0x31, &[b'/'; OF_UNIX]), Some(Told::Nobody)),
            (v2(0x21, 0x00, &[]), Some(Told::Nobody)),
            (v2(0x21, 0x00, &[1, 2, 3]), Some(Told::Nobody)),
            (v2(0x20, 0x00, &[]), Some(Told::Nobody)),
            (v2(0x20, 0x11, &four), Some(Told::Nobody)),
            (v2(0x20, 0xff, &[9; LONGEST - FIXED]), Some(Told::Nobody)),
        ] {
            assert_eq!(told(&bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn binary_headers_that_are_none() {
        for bytes in [
            v2(0x21, 0x11, &[0; OF_IPV4 - 1]),
            v2(0x21, 0x21, &[0; OF_IPV6 - 1]),
            v2(0x21, 0x31, &[0; OF_UNIX - 1]),
            v2(0x21, 0x12, &[0; OF_IPV4]),
            v2(0x21, 0x41, &[0; OF_IPV4]),
            v2(0x22, 0x11, &[0; OF_IPV4]),
            v2(0x11, 0x11, &[0; OF_IPV4]),
            v2(0x21, 0x11, &[0; LONGEST - FIXED + 1]),
        ] {
            assert_eq!(read(&bytes), Reading::Malformed, "{bytes:?}");
        }
    }

    fn header() -> impl Strategy<Value = (Vec<u8>, IpAddr)> {
        let more = prop::collection::vec(any::<u8>(), 0..200);
        let lines = (any::<IpAddr>(), any::<u16>()).prop_map(|(source, port)| {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let line = format!("PROXY {family} {source} {source} {port} {port}\r\n");
            (line.into_bytes(), source)
        });
        let binaries = (any::<IpAddr>(), more).prop_map(|(source, more)| {
            let (family, octets) = match source {
                IpAddr::V4(v4) => (0x11, v4.octets().to_vec()),
                IpAddr::V6(v6) => (0x21, v6.octets().to_vec()),
            };
            let said = [&octets[..], &octets, &[0, 1, 0, 2], &more].concat();
            (v2(0x21, family, &said), source)
        });
        prop_oneof![lines, binaries]
    }

    proptest! {
        #[test]
        fn every_header_is_read_whole_and_no_sooner((header, source) in header(), rest in prop::collection::vec(any::<u8>(), 0..40)) {
            for cut in 0..header.len() {
                prop_assert_eq!(read(&header[..cut]), Reading::More, "{}", cut);
            }
            let whole = Reading::Whole { length: header.len(), told: client(source) };
            prop_assert_eq!(read(&[header, rest].concat()), whole);
        }
    }
}
