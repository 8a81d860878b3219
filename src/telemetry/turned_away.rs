//! Connections that ended before their first request.

use std::net::IpAddr;

/// Why a connection was closed before its first request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TurnedAway {
    /// The listener takes connections of trusted proxies alone, and this is none.
    NotATrustedProxy,
    /// A trusted proxy sent no PROXY header.
    NoProxyHeader,
    /// A trusted proxy sent something like a PROXY header.
    BadProxyHeader,
    /// A trusted proxy's PROXY header did not come to its end in time.
    SlowProxyHeader,
    /// The listener has as many connections as it may have.
    TooMany,
    /// Its address has as many connections as one may have.
    TooManyOfAddress,
    /// Its TLS handshake failed.
    Handshake,
    /// Its TLS handshake did not come to its end in time.
    SlowHandshake,
}

impl TurnedAway {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NotATrustedProxy,
        Self::NoProxyHeader,
        Self::BadProxyHeader,
        Self::SlowProxyHeader,
        Self::TooMany,
        Self::TooManyOfAddress,
        Self::Handshake,
        Self::SlowHandshake,
    ];

    /// The name in the metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotATrustedProxy => "not_a_trusted_proxy",
            Self::NoProxyHeader => "no_proxy_header",
            Self::BadProxyHeader => "bad_proxy_header",
            Self::SlowProxyHeader => "slow_proxy_header",
            Self::TooMany => "too_many",
            Self::TooManyOfAddress => "too_many_of_address",
            Self::Handshake => "handshake",
            Self::SlowHandshake => "slow_handshake",
        }
    }

    /// What an operator can do about it; nothing where it is every day's business of a port that is open to the world.
    const fn advice(self) -> Option<&'static str> {
        match self {
            Self::NotATrustedProxy => Some(
                "this listener has `proxy_protocol: true`, so only `trusted_proxies` may connect: list the proxy's address, \
                 or find out who goes round it",
            ),
            Self::NoProxyHeader => {
                Some("this listener has `proxy_protocol: true`: turn the PROXY protocol on in the proxy, or off here")
            }
            Self::BadProxyHeader | Self::SlowProxyHeader => Some(
                "this listener has `proxy_protocol: true`, and what the proxy sends first is not a whole PROXY header",
            ),
            Self::TooMany => Some(
                "the listener has `limits.connections` connections: raise it if memory and file descriptors allow, or limit what \
                 one address may have with `limits.connections_per_address`",
            ),
            Self::TooManyOfAddress => Some(
                "it has `limits.connections_per_address` connections: if many people share that address, raise it, or list \
                 the proxy that they come through in `trusted_proxies`",
            ),
            Self::Handshake | Self::SlowHandshake => None,
        }
    }
}

/// Writes the line, if it has one. `again` when another of its kind was written a moment ago.
pub(super) fn write(why: TurnedAway, peer: Option<IpAddr>, again: bool) {
    let (peer, why) = (peer.map(|peer| peer.to_string()), (why.name(), why.advice()));
    match why {
        (reason, Some(advice)) if !again => tracing::warn!(
            reason,
            peer,
            advice,
            "a connection was closed before its first request; more of this kind within a minute are counted, not written"
        ),
        (reason, Some(_) | None) => tracing::debug!(reason, peer, "a connection was closed before its first request"),
    }
}
