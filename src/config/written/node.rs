//! Servers among several, by host and port.

use super::Written;

/// A server among several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostAndPort {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Written for HostAndPort {
    type Value = Self;
    const FORMAT: &'static str = "host-and-port";
    const WHAT: &'static str = "a host and port";
    const HINT: &'static str = "write both, such as redis-1.example.com:6379 or \"[2001:db8::7]:6379\"";

    fn read(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return Err("it is a URL; whether TLS is spoken is said by `tls`".to_owned());
        }
        if text.contains(['@', '/', '?', '#', ' ']) {
            return Err("it holds more than that".to_owned());
        }
        let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or("the port is none")?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.is_empty() || (bare.is_none() && host.contains(':')) {
            return Err("it has no host, or an IPv6 address without brackets".to_owned());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports() {
        let at = |host: &str, port| HostAndPort {
            host: host.to_owned(),
            port,
        };
        assert_eq!(HostAndPort::read("redis-1:6379"), Ok(at("redis-1", 6379)));
        assert_eq!(HostAndPort::read("10.0.0.1:1"), Ok(at("10.0.0.1", 1)));
        assert_eq!(HostAndPort::read("[::1]:26379"), Ok(at("::1", 26379)));
        for bad in [
            "",
            "redis-1",
            ":6379",
            "redis-1:",
            "redis-1:0",
            "redis-1:65536",
            "::1:6379",
            "redis://redis-1:6379",
            "a@b:1",
            "a:1/0",
            "[]:1",
        ] {
            assert!(HostAndPort::read(bad).is_err(), "{bad}");
        }
    }
}
