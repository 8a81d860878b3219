//! Addresses: where we listen, where others do.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use url::Url;

use super::Written;
use crate::{
    oidc::Issuer,
    policy::{Host, Origin, Protocol, UpstreamTarget, upstream::Address},
    proxy::Bind,
    store::RedisAddress,
};

/// An address and port to listen at, or a unix socket.
#[derive(Debug)]
pub enum Listen {}

/// A network, or one address.
#[derive(Debug)]
pub enum Network {}

/// The URL that people open: scheme, host and port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicUrl {
    /// As written, without a slash at its end.
    pub text: String,
    /// Whether by https.
    pub https: bool,
    /// The host.
    pub host: Host,
    /// The port, the scheme's unless written.
    pub port: u16,
}

/// An issuer's URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssuerUrl {
    /// The identifier, byte for byte.
    pub issuer: Issuer,
    /// Whether by plain HTTP.
    pub plain: bool,
}

/// A Redis URL without credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedisUrl {
    /// Where.
    pub address: RedisAddress,
    /// Database number.
    pub database: i64,
}

/// A target's URL.
#[derive(Debug)]
pub enum UpstreamUrl {}

/// The origin of a page.
#[derive(Debug)]
pub enum WebOrigin {}

impl Written for Listen {
    type Value = Bind;
    const FORMAT: &'static str = "listen-address";
    const WHAT: &'static str = "an address to listen at";
    const HINT: &'static str =
        "write an IP address and a port, such as 127.0.0.1:8080 or \"[::]:8443\", or unix:/run/doorward.sock";

    fn read(text: &str) -> Result<Bind, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return socket(path).map(Bind::Unix);
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Bind::Tcp(address));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() && host.parse::<IpAddr>().is_err() => {
                Err("the part before the port is not an IP address".to_owned())
            }
            Some(_) | None => Err(String::new()),
        }
    }
}

impl Written for Network {
    type Value = IpNet;
    const FORMAT: &'static str = "cidr";
    const WHAT: &'static str = "a network";
    const HINT: &'static str = "write 10.0.0.0/8, 2001:db8::/32 or a single address";

    fn read(text: &str) -> Result<IpNet, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let network = text.parse::<IpNet>().map_err(|_| String::new())?;
        if network.trunc() != network {
            return Err(format!(
                "it has bits behind its prefix; that would be {}",
                network.trunc()
            ));
        }
        Ok(network)
    }
}

impl Written for PublicUrl {
    type Value = Self;
    const FORMAT: &'static str = "public-url";
    const WHAT: &'static str = "the URL of a site";
    const HINT: &'static str = "write scheme, host and, where it is not the usual one, port: https://apps.example.com";

    fn read(text: &str) -> Result<Self, String> {
        let url = web(text)?;
        if url.path() != "/" {
            return Err("it has a path".to_owned());
        }
        let host = url.host_str().ok_or("it has no host")?;
        Ok(Self {
            text: text.trim_end_matches('/').to_owned(),
            https: url.scheme() == "https",
            host: Host::parse(host)?,
            port: url.port_or_known_default().ok_or("it has no port")?,
        })
    }
}

impl Written for IssuerUrl {
    type Value = Self;
    const FORMAT: &'static str = "issuer-url";
    const WHAT: &'static str = "an issuer";
    const HINT: &'static str =
        "write it exactly as the provider's discovery document does, such as https://id.example.com/realms/main";

    fn read(text: &str) -> Result<Self, String> {
        let url = web(text)?;
        if text.ends_with("/.well-known/openid-configuration") {
            return Err("it is the address of the discovery document; leave that part out".to_owned());
        }
        Ok(Self {
            issuer: Issuer::new(text),
            plain: url.scheme() == "http",
        })
    }
}

impl Written for RedisUrl {
    type Value = Self;
    const FORMAT: &'static str = "redis-url";
    const WHAT: &'static str = "a Redis URL";
    const HINT: &'static str = "write redis://host:6379/0, rediss://host:6379 or unix:/run/redis.sock; user and password have keys of their own";
    // A password may have been written into it.
    const SHOWN: bool = false;

    fn read(text: &str) -> Result<Self, String> {
        if let Some(path) = text
            .strip_prefix("redis+unix://")
            .or_else(|| text.strip_prefix("unix:"))
        {
            let address = RedisAddress::Unix(socket(path)?);
            return Ok(Self { address, database: 0 });
        }
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            other => return Err(format!("the scheme is {other}")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a user or password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it has a query or fragment".to_owned());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it has no host")?;
        let database = url.path().trim_start_matches('/');
        Ok(Self {
            address: RedisAddress::Tcp {
                host: unbracketed(host),
                port: url.port().unwrap_or(6379),
                tls,
            },
            database: if database.is_empty() {
                0
            } else {
                database
                    .parse::<u16>()
                    .map_err(|_| "the database is not a number")?
                    .into()
            },
        })
    }
}

impl Written for UpstreamUrl {
    type Value = UpstreamTarget;
    const FORMAT: &'static str = "upstream-url";
    const WHAT: &'static str = "an upstream";
    const HINT: &'static str =
        "write http://host:port, https://host, h2c://host:port, unix:/run/app.sock or h2c+unix:/run/app.sock";

    fn read(text: &str) -> Result<UpstreamTarget, String> {
        for (prefix, protocol) in [("unix:", Protocol::Http), ("h2c+unix:", Protocol::H2c)] {
            if let Some(path) = text.strip_prefix(prefix) {
                let address = Address::Unix(socket(path)?);
                return Ok(UpstreamTarget { protocol, address });
            }
        }
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
        let protocol = match scheme {
            "http" => Protocol::Http,
            "https" => Protocol::Https,
            "h2c" => Protocol::H2c,
            other if !is_scheme(other) => return Err("it has no scheme".to_owned()),
            other => return Err(format!("the scheme is {other}")),
        };
        // `url` knows the rules of hosts for http only.
        let as_http = if protocol == Protocol::Https { "https" } else { "http" };
        let url = web(&format!("{as_http}://{rest}"))?;
        if url.path() != "/" {
            return Err("it has a path; `add_prefix` of the route puts one in front".to_owned());
        }
        Ok(UpstreamTarget {
            protocol,
            address: Address::Tcp {
                host: unbracketed(url.host_str().ok_or("it has no host")?),
                port: url.port_or_known_default().ok_or("it has no port")?,
            },
        })
    }
}

impl Written for WebOrigin {
    type Value = Origin;
    const FORMAT: &'static str = "web-origin";
    const WHAT: &'static str = "the origin of a page";
    const HINT: &'static str = "write scheme, host and, where it is not the usual one, port: https://app.example.com; `*` and null are never allowed";

    fn read(text: &str) -> Result<Origin, String> {
        let url = web(text)?;
        if url.path() != "/" {
            return Err("it has a path".to_owned());
        }
        let host = Host::parse(url.host_str().ok_or("it has no host")?)?;
        let port = url.port_or_known_default().ok_or("it has no port")?;
        Origin::new(url.scheme() == "https", &host, port)
    }
}

/// An http or https URL with a host and without credentials, query and fragment.
pub(super) fn web(text: &str) -> Result<Url, String> {
    if text.trim() != text {
        return Err("it has a space at an end".to_owned());
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(format!("the scheme is {}", url.scheme()));
    }
    // Also an empty one, which `url` drops.
    let behind_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = behind_scheme.split(['/', '?', '#']).next();
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err("it holds a user or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or fragment".to_owned());
    }
    if url.port() == Some(0) {
        return Err("the port is 0".to_owned());
    }
    Ok(url)
}

/// Whether it can be a scheme (RFC 3986, section 3.1). What cannot be one may be credentials.
fn is_scheme(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

fn unbracketed(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

fn socket(path: &str) -> Result<PathBuf, String> {
    // `unix:/run/x` and `unix:///run/x` are both in use.
    let Some(below_root) = path.strip_prefix('/') else {
        return Err("the socket's path does not begin with a slash".to_owned());
    };
    let path = Path::new("/").join(below_root.trim_start_matches('/'));
    // sun_path of unix(7), with the NUL at its end.
    if path.as_os_str().len() > 107 {
        return Err("the socket's path is longer than 107 bytes".to_owned());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_at() {
        for good in ["127.0.0.1:8080", "[::]:8443", "0.0.0.0:0", "unix:/run/doorward.sock"] {
            assert!(Listen::read(good).is_ok(), "{good}");
        }
        for bad in [
            "8080",
            ":8080",
            "localhost:8080",
            "127.0.0.1",
            "unix:run.sock",
            "http://127.0.0.1:80",
            "",
        ] {
            assert!(Listen::read(bad).is_err(), "{bad}");
        }
        assert!(Listen::read(&format!("unix:/{}", "x".repeat(108))).is_err());
    }

    #[test]
    fn networks() {
        assert_eq!(Network::read("10.0.0.7").unwrap().to_string(), "10.0.0.7/32");
        assert_eq!(Network::read("2001:db8::/32").unwrap().to_string(), "2001:db8::/32");
        for bad in ["10.0.0.0/33", "10.0.0.1/8", "10.0.0", "all", ""] {
            assert!(Network::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn issuers_keep_every_byte() {
        for good in [
            "https://id.example.com",
            "https://id.example.com/",
            "https://ID.example.com:443/a",
        ] {
            assert_eq!(IssuerUrl::read(good).unwrap().issuer.as_str(), good);
        }
        assert!(IssuerUrl::read("http://localhost:5556").unwrap().plain);
        for bad in [
            "id.example.com",
            "https://",
            "ftp://id.example.com",
            "https://me:pw@id.example.com",
            "https://@id.example.com",
            "https://id.example.com?x=1",
            "https://id.example.com#x",
            "https://id.example.com/.well-known/openid-configuration",
            " https://id.example.com",
        ] {
            assert!(IssuerUrl::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn upstreams_are_schemes_and_addresses_only() {
        let read = |text| UpstreamUrl::read(text).map(|target| (target.protocol, target.address));
        let tcp = |host: &str, port| Address::Tcp {
            host: host.to_owned(),
            port,
        };
        assert_eq!(
            read("http://127.0.0.1:3000"),
            Ok((Protocol::Http, tcp("127.0.0.1", 3000)))
        );
        assert_eq!(read("https://app"), Ok((Protocol::Https, tcp("app", 443))));
        assert_eq!(read("h2c://[::1]:50051/"), Ok((Protocol::H2c, tcp("::1", 50051))));
        assert_eq!(read("h2c://app"), Ok((Protocol::H2c, tcp("app", 80))));
        let unix = Address::Unix("/run/app.sock".into());
        assert_eq!(read("unix:/run/app.sock"), Ok((Protocol::Http, unix.clone())));
        assert_eq!(read("unix:///run/app.sock"), Ok((Protocol::Http, unix.clone())));
        assert_eq!(read("h2c+unix:/run/app.sock"), Ok((Protocol::H2c, unix)));
        for bad in [
            "app:3000",
            "http://",
            "http://app/path",
            "http://a:0",
            "http://u@a",
            "ws://a",
            "http://a?b",
            "http://a:99999",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(read("ws://a"), Err("the scheme is ws".to_owned()));
        // What cannot be a scheme may be a password, and is not repeated.
        for unknown in ["//user:secret://a", "user:secret@://a", "://a"] {
            assert_eq!(read(unknown), Err("it has no scheme".to_owned()), "{unknown}");
        }
    }

    #[test]
    fn origins_are_as_browsers_write_them() {
        for (written, origin) in [
            ("https://app.example.com", "https://app.example.com"),
            ("https://APP.example.com:443/", "https://app.example.com"),
            ("http://localhost:5173", "http://localhost:5173"),
        ] {
            assert_eq!(WebOrigin::read(written).unwrap().as_header(), origin, "{written}");
        }
        for bad in [
            "*",
            "null",
            "",
            "app.example.com",
            "https://*.example.com",
            "https://a/b",
            "file:///x",
            "https://a?b",
        ] {
            assert!(WebOrigin::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn redis_urls_hold_no_password_and_show_none() {
        let read = |text| RedisUrl::read(text).map(|url| (url.address, url.database));
        let tcp = |host: &str, port, tls| RedisAddress::Tcp {
            host: host.to_owned(),
            port,
            tls,
        };
        assert_eq!(read("redis://cache"), Ok((tcp("cache", 6379, false), 0)));
        assert_eq!(read("rediss://[::1]:6380/3"), Ok((tcp("::1", 6380, true), 3)));
        let unix = RedisAddress::Unix("/run/redis.sock".into());
        for text in [
            "unix:/run/redis.sock",
            "unix:///run/redis.sock",
            "redis+unix:///run/redis.sock",
        ] {
            assert_eq!(read(text), Ok((unix.clone(), 0)), "{text}");
        }
        for bad in [
            "cache:6379",
            "http://cache",
            "redis://",
            "redis://cache/x",
            "redis://cache?db=1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let told = super::super::check("redis-url", "redis://me:hunter2@cache").unwrap_err();
        assert_eq!(told.what, "this is not a Redis URL: it holds a user or password");
    }
}
