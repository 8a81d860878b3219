//! Sockets, bound before anything else starts: an address in use is an error and an exit code, not a silent service.

use std::{io, sync::Arc};

use super::{Certificates, TlsError, change::overlap, crowd::Crowd, given::Sockets, socket::Socket};
use crate::{
    proxy::{Bind, Listener},
    time::UnixTime,
};

/// A listener with its socket and, for https, its certificate.
#[derive(Debug)]
pub struct Bound {
    asked: Listener,
    listener: Arc<Listener>,
    address: Bind,
    certificates: Option<Arc<Certificates>>,
    socket: Arc<Socket>,
    crowd: Crowd,
}

/// A listener that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be bound.
    #[error("cannot listen on {}: {source}{}", written(address), advice(source))]
    Address {
        /// Where.
        address: Bind,
        /// Why.
        source: io::Error,
    },
    /// This process itself listens on an address that holds it.
    #[error(
        "cannot listen on {}: this process itself listens on {}; a listener moves to an address that overlaps \
         its old one by a restart only",
        written(address),
        written(held)
    )]
    Held {
        /// As written.
        address: Bind,
        /// What holds it.
        held: Bind,
    },
    /// Its certificate or key cannot be used.
    #[error("cannot serve https on {address}: {source}")]
    Tls {
        /// As written.
        address: String,
        /// Why.
        source: TlsError,
    },
}

/// What to do about an address that cannot be had.
const ADVICE: [(io::ErrorKind, &str); 3] = [
    (
        io::ErrorKind::AddrInUse,
        "\n    another program listens there, perhaps a Doorward that still runs; `ss -ltnp` (as root) says which",
    ),
    (
        io::ErrorKind::AddrNotAvailable,
        "\n    this machine does not have that address; 0.0.0.0 and [::] stand for all that it has",
    ),
    (
        io::ErrorKind::PermissionDenied,
        "\n    a port below 1024 needs the capability CAP_NET_BIND_SERVICE, a unix socket a folder that can be written to",
    ),
];

/// A line for the operator, where there is one.
#[must_use]
pub fn advice(error: &io::Error) -> &'static str {
    let found = ADVICE.iter().find(|(kind, _)| *kind == error.kind());
    found.map_or("", |(_, advice)| advice)
}

/// Binds a listener and reads its certificate. Must be called in a runtime.
///
/// # Errors
/// The address cannot be bound, or the certificate cannot be used.
pub fn bind(listener: Listener) -> Result<Bound, BindError> {
    bind_among(listener, &mut Sockets::default())
}

/// The same, where it may be that its socket was given.
///
/// # Errors
/// As [`bind`].
pub(super) fn bind_among(listener: Listener, given: &mut Sockets) -> Result<Bound, BindError> {
    let certificates = certificates(&listener)?;
    let (socket, address) = given.open(&listener.bind).map_err(|source| BindError::Address {
        address: listener.bind.clone(),
        source,
    })?;
    Ok(Bound::new(listener, address, certificates, Arc::new(socket)))
}

/// Reads a listener's certificate.
fn certificates(listener: &Listener) -> Result<Option<Arc<Certificates>>, BindError> {
    let tls = listener.tls.as_ref();
    tls.map(Certificates::load)
        .transpose()
        .map_err(|source| unusable(&listener.bind, source))
}

fn unusable(bind: &Bind, source: TlsError) -> BindError {
    let address = written(bind);
    BindError::Tls { address, source }
}

impl BindError {
    /// The same in a process that listens on these addresses already.
    pub(super) fn among<'a>(self, mut ours: impl Iterator<Item = &'a Bind>) -> Self {
        let Self::Address { address, source } = self else {
            return self;
        };
        let held = ours
            .find(|held| overlap(&address, held))
            .filter(|_| source.kind() == io::ErrorKind::AddrInUse);
        match held.cloned() {
            Some(held) => Self::Held { address, held },
            None => Self::Address { address, source },
        }
    }
}

impl Bound {
    fn new(asked: Listener, address: Bind, certificates: Option<Arc<Certificates>>, socket: Arc<Socket>) -> Self {
        let mut listener = asked.clone();
        // Where the operator left the public port to the system, it is the one that it gave.
        if let (0, Bind::Tcp(address)) = (listener.public.port, &address) {
            listener.public.port = address.port();
        }
        Self {
            asked,
            listener: Arc::new(listener),
            address,
            certificates,
            socket,
            crowd: Crowd::default(),
        }
    }

    /// The same socket, and who came in there, with other settings.
    ///
    /// # Errors
    /// The certificate cannot be used.
    pub(super) fn changed(&self, listener: Listener, now: UnixTime) -> Result<Self, BindError> {
        let certificates = match (&self.certificates, &listener.tls) {
            (Some(before), Some(wanted)) => {
                let read = before.succeeded(wanted, now);
                Some(read.map_err(|source| unusable(&listener.bind, source))?)
            }
            (Some(_) | None, _) => certificates(&listener)?,
        };
        let socket = Arc::clone(&self.socket);
        Ok(Self {
            crowd: self.crowd.clone(),
            ..Self::new(listener, self.address.clone(), certificates, socket)
        })
    }

    /// Its settings as the operator wrote them.
    pub(super) const fn asked(&self) -> &Listener {
        &self.asked
    }

    pub(super) fn socket(&self) -> Arc<Socket> {
        Arc::clone(&self.socket)
    }

    /// Who came in there.
    pub(super) fn crowd(&self) -> Crowd {
        self.crowd.clone()
    }

    /// Its settings.
    #[must_use]
    pub const fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }

    /// Where it listens, with the port that port 0 became.
    #[must_use]
    pub const fn address(&self) -> &Bind {
        &self.address
    }

    /// Its certificate, for https.
    #[must_use]
    pub const fn certificates(&self) -> Option<&Arc<Certificates>> {
        self.certificates.as_ref()
    }
}

fn written(bind: &Bind) -> String {
    match bind {
        Bind::Tcp(address) => address.to_string(),
        Bind::Unix(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        flow::{Duty, Public},
        proxy::Limits,
    };

    fn listener(bind: Bind) -> Listener {
        Listener {
            bind,
            tls: None,
            public: Public { https: false, port: 80 },
            duty: Duty::Serve,
            hsts: None,
            trusted_proxies: Vec::new(),
            trusted_headers: Vec::new(),
            proxy_protocol: false,
            limits: Limits::default(),
        }
    }

    #[tokio::test]
    async fn port_0_takes_a_free_port_and_a_taken_one_is_an_error() {
        let first = bind(listener(Bind::Tcp(([127, 0, 0, 1], 0).into()))).unwrap();
        let Bind::Tcp(address) = first.address() else {
            panic!("tcp")
        };
        assert_ne!(address.port(), 0);
        let error = bind(listener(first.address().clone())).unwrap_err();
        let expected = format!("cannot listen on {address}: ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
