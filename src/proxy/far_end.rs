//! The far end of a connection: who is there, and what was shown.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use crate::identity::ClientCertificate;

/// What is known of a connection's far end before its first request.
#[derive(Clone, Debug)]
pub struct FarEnd {
    /// Who it is.
    pub peer: Peer,
    /// The certificate that it showed in the handshake, verified.
    pub certificate: Option<Arc<ClientCertificate>>,
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
