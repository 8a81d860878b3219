//! What stands between a connection and its first byte of HTTP: the PROXY header, room for its address, and TLS.

use std::{net::IpAddr, sync::Arc, time::Duration};

use pingora::{listeners::tls::Acceptor, protocols::Stream};

use super::{
    crowd::{Crowd, Place},
    socket::Accepted,
    stream::Coalesced,
    tls,
    watched::Watch,
};
use crate::{
    identity::ClientCertificate,
    proxy::{
        FarEnd, Listener, Peer,
        proxy_protocol::{LONGEST, Reading, Told, read},
    },
    telemetry::TurnedAway,
};

/// What a listener asks of a connection. Made for each connection, since its certificates may change.
pub(super) struct Entrance {
    pub(super) listener: Arc<Listener>,
    pub(super) acceptor: Option<Arc<Acceptor>>,
    pub(super) crowd: Crowd,
}

/// A connection that is closed before it may speak HTTP.
pub(super) struct Closed {
    /// Why; nothing where it only looked whether somebody listens.
    pub(super) why: Option<TurnedAway>,
    /// Whose it was, as far as is known.
    pub(super) whose: Option<IpAddr>,
}

/// A connection that may speak HTTP.
pub(super) struct Arrived {
    pub(super) stream: Stream,
    pub(super) far_end: FarEnd,
    /// Held as long as the connection lasts.
    pub(super) place: Option<Place>,
}

impl Entrance {
    /// Takes a connection in.
    ///
    /// # Errors
    /// Why it is closed, and whose it was as far as is known.
    pub(super) async fn admit(
        self,
        accepted: Accepted,
        watch: impl FnOnce(Option<IpAddr>) -> Watch,
    ) -> Result<Arrived, Closed> {
        let deadline = self.listener.limits.handshake;
        let (accepted, peer, rest) = self.announced(accepted, deadline).await?;
        let whose = peer.address();
        let closed = |why| Closed { why: Some(why), whose };
        let place = self.place(peer).map_err(closed)?;
        let secured = secure((accepted, rest), self.acceptor, deadline, watch(whose)).await;
        let (stream, certificate) = secured.map_err(|why| Closed { why, whose })?;
        let far_end = FarEnd::new(peer, certificate);
        Ok(Arrived { stream, far_end, place })
    }

    /// Room for its address. Trusted proxies have theirs without limit: they speak for many.
    fn place(&self, peer: Peer) -> Result<Option<Place>, TurnedAway> {
        let proxy = match peer {
            Peer::At(_) | Peer::Local => peer.is_listed(&self.listener.trusted_proxies),
            Peer::Unsaid(_) => true,
        };
        if proxy {
            return Ok(None);
        }
        let most = self.listener.limits.connections_per_address;
        let place = self.crowd.enter(peer.address(), most);
        place.map(Some).ok_or(TurnedAway::TooManyOfAddress)
    }

    /// Whose connection it is: by its socket, or by what a trusted proxy says first. With what was read behind that.
    async fn announced(&self, mut accepted: Accepted, deadline: Duration) -> Result<(Accepted, Peer, Vec<u8>), Closed> {
        let socket = accepted.peer();
        let peer = socket.map_or(Peer::Local, Peer::At);
        if !self.listener.proxy_protocol {
            return Ok((accepted, peer, Vec::new()));
        }
        if !peer.is_listed(&self.listener.trusted_proxies) {
            return Err(Closed {
                why: Some(TurnedAway::NotATrustedProxy),
                whose: socket,
            });
        }
        let reading = tokio::time::timeout(deadline, header(&mut accepted)).await;
        let (told, rest) = reading
            .unwrap_or(Err(Some(TurnedAway::SlowProxyHeader)))
            .map_err(|why| Closed { why, whose: socket })?;
        let peer = match told {
            Told::Client(address) => Peer::At(address),
            Told::Nobody => Peer::Unsaid(socket),
        };
        Ok((accepted, peer, rest))
    }
}

/// Reads the PROXY header, and what came with it.
async fn header(accepted: &mut Accepted) -> Result<(Told, Vec<u8>), Option<TurnedAway>> {
    let mut bytes = Vec::with_capacity(256);
    loop {
        if !matches!(accepted.read(&mut bytes, LONGEST).await, Ok(1..)) {
            return Err((!bytes.is_empty()).then_some(TurnedAway::BadProxyHeader));
        }
        match read(&bytes) {
            Reading::More => {}
            Reading::Whole { length, told } => return Ok((told, bytes.split_off(length))),
            Reading::Absent => return Err(Some(TurnedAway::NoProxyHeader)),
            Reading::Malformed => return Err(Some(TurnedAway::BadProxyHeader)),
        }
    }
}

/// Does the TLS handshake, where there is TLS, within its deadline. Beside the stream: what the client showed of itself. A
/// connection that ends without a byte, as a load balancer's check does, also behind a PROXY header, is no event.
async fn secure(
    (mut accepted, mut first): (Accepted, Vec<u8>),
    acceptor: Option<Arc<Acceptor>>,
    deadline: Duration,
    watch: Watch,
) -> Result<(Stream, Option<Arc<ClientCertificate>>), Option<TurnedAway>> {
    let Some(acceptor) = acceptor else {
        return Ok((Box::new(watch.over(Coalesced::new(accepted, &first))), None));
    };
    let shaking = async {
        if first.is_empty() {
            first.reserve(LONGEST);
            if !matches!(accepted.read(&mut first, LONGEST).await, Ok(1..)) {
                return Err(None);
            }
        }
        let stream = Coalesced::new(accepted, &first);
        acceptor.tls_handshake(stream).await.map_err(Some)
    };
    match tokio::time::timeout(deadline, shaking).await {
        Ok(Ok(stream)) => {
            let certificate = tls::shown(&stream);
            Ok((Box::new(watch.over(stream)), certificate))
        }
        Ok(Err(None)) => Err(None),
        Ok(Err(Some(error))) => {
            tracing::debug!(error = error.etype().as_str(), "a TLS handshake failed");
            Err(Some(TurnedAway::Handshake))
        }
        Err(_) => Err(Some(TurnedAway::SlowHandshake)),
    }
}
