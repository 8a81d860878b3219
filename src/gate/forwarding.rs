//! Headers that say where a request comes from, and whose word of them an upstream gets.
//!
//! A client can write each of them, and most proxies pass on what they do not know. So what Doorward knows itself it says itself,
//! whoever asks; of the rest it takes a listed proxy's word only where the operator says that the proxy keeps it.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

use crate::identity::headers::{Near, folded};

/// The hops a request came by, as proxies write them; the right-most is the latest.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The host that the client asked for.
pub const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// `http` or `https`, as the client came.
pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The port that the client came to.
pub const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// The client's address, as nginx and others write it.
pub const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// The request's identifier.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const FAMILY: &str = "x-forwarded-";
/// Who a person is, which is never a proxy's to say.
const OF_THE_PERSON: [&str; 5] = [
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
];
/// What else says something of the connection (RFC 7239; of its certificate, RFC 9440 section 2.4), of the client's address as
/// networks in front name it, or of another target than the one that was decided about.
const OTHERS: [&str; 31] = [
    "x-real-ip",
    "x-request-id",
    "forwarded",
    "x-forwarded",
    "forwarded-for",
    "client-cert",
    "client-cert-chain",
    "client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "fastly-client-ip",
    "fly-client-ip",
    "do-connecting-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-envoy-external-address",
    "x-original-forwarded-for",
    "x-scheme",
    "x-original-host",
    "x-original-proto",
    "x-original-method",
    "x-original-path",
    "x-original-uri",
    "x-original-url",
    "x-envoy-original-path",
    "x-override-url",
    "x-rewrite-url",
];
/// What most names that a client sends are not even near.
const NEAR: Near = near(&OTHERS);

const fn near(mut names: &[&str]) -> Near {
    let mut near = Near::family(FAMILY.as_bytes());
    while let [name, rest @ ..] = names {
        near = near.and(name.as_bytes());
        names = rest;
    }
    near
}

/// Whose word of a header an upstream gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// The sender's: it says nothing of where the request comes from, or a listed proxy says it.
    Senders,
    /// Ours, in each request.
    Ours,
    /// Ours, where a listed proxy said it.
    OursInReturn,
    /// Nobody's.
    Nobodys,
}

/// Whose word of a header an upstream gets. `listed` are the headers that a listed proxy keeps, `None` for whoever is not listed.
/// A spelling that folds to a known name is not that name, and nobody's.
#[must_use]
pub fn word(name: &HeaderName, listed: Option<&[HeaderName]>) -> Word {
    let text = name.as_str().as_bytes();
    let family = text.first() == FAMILY.as_bytes().first();
    if !NEAR.begins(text) || !(family || NEAR.as_long(text)) {
        return Word::Senders;
    }
    let folded = folded(name);
    if !folded.starts_with(FAMILY) && !OTHERS.contains(&&*folded) {
        return Word::Senders;
    }
    let Some(kept) = listed.filter(|_| folded == name.as_str()) else {
        return Word::Nobodys;
    };
    if *name == FORWARDED_FOR || kept.contains(name) {
        Word::Senders
    } else if [FORWARDED_HOST, FORWARDED_PROTO, REQUEST_ID].contains(name) {
        Word::Ours
    } else if [REAL_IP, FORWARDED_PORT].contains(name) {
        Word::OursInReturn
    } else {
        Word::Nobodys
    }
}

/// Why a header cannot be one that listed proxies keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotKept {
    /// It passes as it is, or is read as it is, without that.
    Anyway,
    /// It says who a person is.
    Person,
    /// It is another spelling of a name.
    Spelling,
}

/// Whether a header can be one that listed proxies keep.
///
/// # Errors
/// Why it cannot.
pub fn can_be_kept(name: &HeaderName) -> Result<(), NotKept> {
    if folded(name) != name.as_str() {
        return Err(NotKept::Spelling);
    }
    if OF_THE_PERSON.contains(&name.as_str()) {
        return Err(NotKept::Person);
    }
    match word(name, Some(&[])) {
        Word::Senders => Err(NotKept::Anyway),
        Word::Ours if *name == REQUEST_ID => Err(NotKept::Anyway),
        Word::Ours | Word::OursInReturn | Word::Nobodys => Ok(()),
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Whether the peer is a listed proxy.
    pub listed: bool,
    /// How many hops of `X-Forwarded-For`, from the right, are believed: the client's and those of listed proxies behind it. What is
    /// to the left of them a client can have written.
    pub hops: usize,
}

impl Origin {
    /// Of a peer that is not listed: it is the client, whatever it says.
    #[must_use]
    pub const fn peer(client: Option<IpAddr>) -> Self {
        Self {
            client,
            listed: false,
            hops: 0,
        }
    }

    /// Of a listed peer: the client is the right-most hop that is not listed, as far as hops can be read.
    #[must_use]
    pub fn behind(peer: Option<IpAddr>, headers: &HeaderMap, is_listed: impl Fn(IpAddr) -> bool) -> Self {
        let mut origin = Self {
            client: peer,
            listed: true,
            hops: 0,
        };
        for ip in hops(headers).map(address) {
            let Some(ip) = ip else {
                break;
            };
            origin.client = Some(ip);
            origin.hops += 1;
            if !is_listed(ip) {
                break;
            }
        }
        origin
    }

    /// The list that an upstream gets: the hops that are believed, as they are written, and the peer.
    #[must_use]
    pub fn list(self, headers: &HeaderMap, peer: Option<&str>) -> Option<Vec<u8>> {
        let mut all: Vec<&[u8]> = hops(headers).take(self.hops).collect();
        all.reverse();
        all.extend(peer.map(str::as_bytes));
        (!all.is_empty()).then(|| all.join(&b", "[..]))
    }
}

/// The hops in all lines, the latest first.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii))
}

/// An address as proxies write it: bare, with a port, or in brackets. IPv4 in IPv6 is taken as IPv4.
fn address(written: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(written).ok()?;
    let ip = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn lines(written: &[&str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for line in written {
            map.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        map
    }

    fn behind(written: &[&str]) -> Origin {
        let listed = |ip: IpAddr| ip.to_string().starts_with("10.");
        Origin::behind("10.0.0.1".parse().ok(), &lines(written), listed)
    }

    #[test]
    fn the_right_most_unlisted_hop_is_the_client() {
        for (written, expected, hops) in [
            (&["6.6.6.6, 1.2.3.4, 10.0.0.7"][..], "1.2.3.4", 2),
            (&["1.2.3.4:5555"], "1.2.3.4", 1),
            (&["[2001:db8::1]:80, 10.1.1.1"], "2001:db8::1", 2),
            (&["[2001:db8::1]"], "2001:db8::1", 1),
            (&["unknown, 10.0.0.7"], "10.0.0.7", 1),
            (&["10.0.0.9, 10.0.0.8"], "10.0.0.9", 2),
            (&["6.6.6.6", "1.2.3.4"], "1.2.3.4", 1),
            (&["1.2.3.4", ""], "10.0.0.1", 0),
            (&["::ffff:1.2.3.4"], "1.2.3.4", 1),
            (&[], "10.0.0.1", 0),
        ] {
            let found = behind(written);
            let origin = Origin {
                client: expected.parse().ok(),
                listed: true,
                hops,
            };
            assert_eq!(found, origin, "{written:?}");
        }
    }

    #[test]
    fn an_upstream_gets_the_believed_hops_in_order_and_the_peer_behind_them() {
        for (written, expected) in [
            (&["6.6.6.6, 1.2.3.4, 10.0.0.7"][..], "1.2.3.4, 10.0.0.7, 10.0.0.1"),
            (&["6.6.6.6", "1.2.3.4:80,10.0.0.7"], "1.2.3.4:80, 10.0.0.7, 10.0.0.1"),
            (&["1.2.3.4", "10.0.0.7"], "1.2.3.4, 10.0.0.7, 10.0.0.1"),
            (&["<script>, 10.0.0.7"], "10.0.0.7, 10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            let list = behind(written).list(&lines(written), Some("10.0.0.1"));
            assert_eq!(String::from_utf8(list.unwrap()).unwrap(), expected, "{written:?}");
        }
        let unlisted = Origin::peer("9.9.9.9".parse().ok());
        assert_eq!(
            unlisted.list(&lines(&["1.2.3.4"]), Some("9.9.9.9")),
            Some(b"9.9.9.9".to_vec())
        );
        assert_eq!(unlisted.list(&lines(&[]), None), None);
    }

    #[test]
    fn each_header_is_the_word_of_whom_it_should_be() {
        let kept = ["forwarded", "x-forwarded-host", "client-cert", "cf-connecting-ip"].map(HeaderName::from_static);
        for (name, unlisted, listed, keeping) in [
            ("accept", Word::Senders, Word::Senders, Word::Senders),
            ("x-forwarded-for", Word::Nobodys, Word::Senders, Word::Senders),
            ("x-forwarded-host", Word::Nobodys, Word::Ours, Word::Senders),
            ("x-forwarded-proto", Word::Nobodys, Word::Ours, Word::Ours),
            (
                "x-forwarded-port",
                Word::Nobodys,
                Word::OursInReturn,
                Word::OursInReturn,
            ),
            ("x-forwarded-prefix", Word::Nobodys, Word::Nobodys, Word::Nobodys),
            ("x-forwarded-client-cert", Word::Nobodys, Word::Nobodys, Word::Nobodys),
            ("x-real-ip", Word::Nobodys, Word::OursInReturn, Word::OursInReturn),
            ("x-request-id", Word::Nobodys, Word::Ours, Word::Ours),
            ("forwarded", Word::Nobodys, Word::Nobodys, Word::Senders),
            ("client-cert", Word::Nobodys, Word::Nobodys, Word::Senders),
            ("client-cert-chain", Word::Nobodys, Word::Nobodys, Word::Nobodys),
            ("client_cert", Word::Nobodys, Word::Nobodys, Word::Nobodys),
            ("x-client-ip", Word::Nobodys, Word::Nobodys, Word::Nobodys),
            ("true_client_ip", Word::Nobodys, Word::Nobodys, Word::Nobodys),
            ("cf-connecting-ip", Word::Nobodys, Word::Nobodys, Word::Senders),
            ("x-original-url", Word::Nobodys, Word::Nobodys, Word::Nobodys),
            ("x-original-filename", Word::Senders, Word::Senders, Word::Senders),
            ("client-version", Word::Senders, Word::Senders, Word::Senders),
            ("x_forwarded_for", Word::Nobodys, Word::Nobodys, Word::Nobodys),
            ("x~forwarded~host", Word::Nobodys, Word::Nobodys, Word::Nobodys),
        ] {
            let header = HeaderName::from_static(name);
            assert_eq!(word(&header, None), unlisted, "{name}");
            assert_eq!(word(&header, Some(&[])), listed, "{name}");
            assert_eq!(word(&header, Some(&kept)), keeping, "{name}");
        }
    }

    #[test]
    fn no_spelling_of_a_known_name_is_anybodys_word_but_a_listed_proxys() {
        for known in OTHERS.into_iter().chain(["x-forwarded-anything"]) {
            for spelt in ["-", "_", "."].map(|between| known.replace('-', between)) {
                let name = HeaderName::try_from(&spelt).unwrap();
                assert_eq!(word(&name, None), Word::Nobodys, "{spelt}");
            }
        }
        for other in [
            "accept",
            "cookie",
            "content-type",
            "user-agent",
            "x-http-method-override",
            "x-forwardedly",
        ] {
            assert_eq!(word(&HeaderName::from_static(other), None), Word::Senders, "{other}");
        }
    }

    #[test]
    fn what_a_proxy_may_keep_says_where_a_request_comes_from_and_not_who_comes() {
        for (name, expected) in [
            ("x-forwarded-host", Ok(())),
            ("x-forwarded-prefix", Ok(())),
            ("x-forwarded-client-cert", Ok(())),
            ("x-real-ip", Ok(())),
            ("forwarded", Ok(())),
            ("client-cert", Ok(())),
            ("true-client-ip", Ok(())),
            ("x-forwarded-for", Err(NotKept::Anyway)),
            ("x-request-id", Err(NotKept::Anyway)),
            ("x-team", Err(NotKept::Anyway)),
            ("x-forwarded-user", Err(NotKept::Person)),
            ("x_forwarded_host", Err(NotKept::Spelling)),
        ] {
            assert_eq!(can_be_kept(&HeaderName::from_static(name)), expected, "{name}");
        }
    }
}
