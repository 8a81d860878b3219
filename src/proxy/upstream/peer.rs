//! Peers: where pingora connects to, and how. Every deadline set, a name to verify, and a pool of its own.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use pingora::{
    protocols::{ALPN, l4::socket::SocketAddr as PeerAddress},
    upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy},
    utils::tls::{CertKey, WrappedX509, parse_x509},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::{
    Upstream,
    balance::Target,
    held::{Connect, Hold},
    resolve::Addresses,
    roots,
};
use crate::policy::{
    self, Tls,
    upstream::{Address, Protocol},
};

/// Tells the pool of an upstream's tunnels from that of its requests.
const TUNNELS: u64 = 1 << 63;

/// TLS material in the forms that pingora and the health checks want.
#[derive(Debug, Default)]
pub(super) struct Material {
    ca: Option<Arc<[WrappedX509]>>,
    client: Option<Arc<CertKey>>,
}

impl Material {
    /// Reads and tries it: pingora would panic on what does not parse.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(super) fn read(tls: &Tls) -> Result<Self, String> {
        let ca = tls.ca_pem.as_deref().map(authorities).transpose()?;
        let client = match &tls.client {
            Some((chain, key)) => Some(Arc::new(client(chain, key.expose())?)),
            None => None,
        };
        Ok(Self { ca, client })
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{what} is not PEM: {error}"))?;
    if found.is_empty() {
        return Err(format!("{what} holds no certificate"));
    }
    Ok(found)
}

fn authorities(pem: &[u8]) -> Result<Arc<[WrappedX509]>, String> {
    let found = certificates(pem, "the CA file")?;
    let mut store = rustls::RootCertStore::empty();
    for certificate in &found {
        store
            .add(certificate.clone())
            .map_err(|error| format!("a CA certificate cannot be used: {error}"))?;
    }
    Ok(found
        .into_iter()
        .map(|der| WrappedX509::new(der.to_vec(), parse_x509))
        .collect())
}

fn client(chain: &[u8], key: &[u8]) -> Result<CertKey, String> {
    let chain = certificates(chain, "the client certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the client key is not PEM: {error}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_client_auth_cert(chain.clone(), key.clone_key())
        .map_err(|error| format!("client certificate and key do not fit: {error}"))?;
    let chain = chain.into_iter().map(|der| der.to_vec()).collect();
    Ok(CertKey::new(chain, key.secret_der().to_vec()))
}

/// All of a target's peer but its address.
///
/// # Errors
/// A sentence for the operator.
pub(super) fn template(
    target: &policy::UpstreamTarget,
    upstream: &policy::Upstream,
    material: &Material,
    group: u64,
) -> Result<HttpPeer, String> {
    let secure = target.protocol == Protocol::Https;
    let sni = if secure {
        server_name(target, &upstream.tls)?
    } else {
        String::new()
    };
    let mut peer = match &target.address {
        Address::Unix(path) => {
            let path = path.to_str().ok_or("the socket's path is not UTF-8")?;
            HttpPeer::new_uds(path, secure, sni).map_err(|_| format!("{path} cannot be a socket's path"))?
        }
        // The address is filled in for each connection; a socket address needs no look-up.
        Address::Tcp { .. } => HttpPeer::new(SocketAddr::from(([0, 0, 0, 0], 0)), secure, sni),
    };
    // The pool does not tell CAs apart, so every upstream has a pool of its own.
    peer.group_key = group;
    if secure {
        peer.client_cert_key.clone_from(&material.client);
        peer.options.ca = material.ca.clone().or_else(roots::given);
    }
    let (options, timeouts) = (&mut peer.options, &upstream.timeouts);
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect);
    options.read_timeout = timeouts.read;
    options.write_timeout = Some(timeouts.write);
    options.idle_timeout = Some(timeouts.idle);
    options.verify_cert = !upstream.tls.insecure_skip_verify;
    options.verify_hostname = !upstream.tls.insecure_skip_verify;
    options.max_h2_streams = upstream.pool.h2_streams.max(1);
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    match target.protocol {
        Protocol::Http => options.alpn = ALPN::H1,
        Protocol::Https => options.set_http_version(2, 1),
        Protocol::H2c => options.set_http_version(2, 2),
    }
    Ok(peer)
}

/// The name sent and verified. Never empty: pingora would verify nothing then.
pub(super) fn server_name(target: &policy::UpstreamTarget, tls: &Tls) -> Result<String, String> {
    let name = match (&tls.sni, &target.address) {
        (Some(name), _) => name.as_str(),
        (None, Address::Tcp { host, .. }) => host.as_str(),
        (None, Address::Unix(_)) => "",
    };
    match rustls_pki_types::ServerName::try_from(name) {
        Ok(_) if !name.is_empty() => Ok(name.to_owned()),
        Ok(_) | Err(_) => Err(format!("`{name}` is not a name that TLS can verify; write `sni`")),
    }
}

impl Upstream {
    /// A peer for a target at its present address; `None` when none is known.
    pub(super) async fn to(&self, target: &Target, tunnel: Option<&Arc<Hold>>) -> Option<Box<HttpPeer>> {
        let mut peer = Box::new(target.template.clone());
        if !matches!(target.addresses, Addresses::Unix(_)) {
            let deadline = self.policy.timeouts.connect;
            peer._address = PeerAddress::Inet(target.addresses.current(deadline).await?);
        }
        if let Some(hold) = tunnel
            && target.policy.protocol != Protocol::H2c
        {
            // A connection of its own, which nobody uses before or after.
            peer.options.custom_l4 = Some(Arc::new(Connect(Arc::clone(hold))));
            peer.options.idle_timeout = Some(Duration::ZERO);
            peer.group_key ^= TUNNELS;
            peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::standard();
            // WebSocket is HTTP/1.1, and a tunnel may be silent; the handshake's deadline is the link's.
            peer.options.alpn = ALPN::H1;
            peer.options.read_timeout = None;
        }
        Some(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn https(address: Address) -> policy::UpstreamTarget {
        policy::UpstreamTarget {
            protocol: Protocol::Https,
            address,
        }
    }

    #[test]
    fn a_tls_peer_always_has_a_name_to_verify() {
        let tcp = |host: &str| {
            https(Address::Tcp {
                host: host.to_owned(),
                port: 443,
            })
        };
        let plain = Tls::default();
        assert_eq!(server_name(&tcp("app.test"), &plain), Ok("app.test".to_owned()));
        assert_eq!(server_name(&tcp("10.0.0.1"), &plain), Ok("10.0.0.1".to_owned()));
        assert!(server_name(&https(Address::Unix("/run/app".into())), &plain).is_err());
        let empty = Tls {
            sni: Some(String::new()),
            ..Tls::default()
        };
        assert!(server_name(&tcp("app.test"), &empty).is_err());
    }

    #[test]
    fn bad_material_is_an_error_and_no_panic() {
        for pem in [
            &b""[..],
            b"nonsense",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let tls = Tls {
                ca_pem: Some(pem.to_vec()),
                ..Tls::default()
            };
            assert!(Material::read(&tls).is_err());
        }
    }
}
