//! The far end of a connection: who is there, and what was shown.

use std::{net::IpAddr, sync::Arc};

use http::HeaderValue;
use ipnet::IpNet;

use crate::identity::ClientCertificate;

/// What is known of a connection's far end before its first request.
#[derive(Clone, Debug)]
pub struct FarEnd {
    peer: Peer,
    certificate: Option<Arc<ClientCertificate>>,
    hop: Option<HeaderValue>,
}

impl FarEnd {
    /// Somebody, with the certificate shown in the handshake, which was verified.
    #[must_use]
    pub fn new(peer: Peer, certificate: Option<Arc<ClientCertificate>>) -> Self {
        let written = |address: IpAddr| HeaderValue::try_from(address.to_canonical().to_string()).ok();
        Self {
            peer,
            certificate,
            hop: peer.address().and_then(written),
        }
    }

    /// Who it is.
    pub(super) const fn peer(&self) -> Peer {
        self.peer
    }

    /// The certificate that it showed.
    pub(super) const fn certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.certificate.as_ref()
    }

    /// The address as `X-Forwarded-For` names it, written once for all requests of the connection.
    pub(super) const fn hop(&self) -> Option<&HeaderValue> {
        self.hop.as_ref()
    }
}

/// Who is at the far end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// Somebody at this address: the socket's own, or the one that a PROXY header told.
    At(IpAddr),
    /// A program on this machine, over a unix socket.
    Local,
    /// A proxy at this address, if it has one, that did not say for whom it speaks. Nothing that comes from there is believed.
    Unsaid(Option<IpAddr>),
}

impl Peer {
    /// The address, where there is one.
    #[must_use]
    pub const fn address(self) -> Option<IpAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Local => None,
            Self::Unsaid(address) => address,
        }
    }

    /// Whether it is one of these proxies. A program over a unix socket is when any is listed: who may open the socket's file
    /// is the operator's to say.
    #[must_use]
    pub fn is_listed(self, proxies: &[IpNet]) -> bool {
        match self {
            Self::At(address) => is_listed(address, proxies),
            Self::Local => !proxies.is_empty(),
            Self::Unsaid(_) => false,
        }
    }
}

/// Whether an address is in one of these networks.
pub(super) fn is_listed(address: IpAddr, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_the_address_as_everybody_writes_it() {
        for (peer, hop) in [
            ("10.1.20.255", "10.1.20.255"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            let address = peer.parse().unwrap();
            for peer in [Peer::At(address), Peer::Unsaid(Some(address))] {
                assert_eq!(FarEnd::new(peer, None).hop().unwrap(), hop);
            }
        }
        assert_eq!(FarEnd::new(Peer::Local, None).hop(), None);
    }
}
