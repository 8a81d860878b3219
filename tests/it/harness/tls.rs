//! Certificates in files, and TLS clients that say and check what a test wants.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::raw::{Raw, Response};

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate in PEM.
    pub pem: String,
    /// And in DER.
    pub der: CertificateDer<'static>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Issued {
    /// The certificate.
    pub der: CertificateDer<'static>,
    key: KeyPair,
    pem: String,
}

impl Authority {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let made = params.self_signed(&key).unwrap();
        Self {
            pem: made.pem(),
            der: made.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for these names.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| {})
    }

    /// A certificate with something else in it.
    pub fn issue_with(&self, names: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            der: made.der().clone(),
            pem: made.pem(),
            key,
        }
    }
}

impl Issued {
    /// Writes `name.crt` and `name.key`.
    pub fn write(&self, folder: &Path, name: &str) {
        fs::write(folder.join(format!("{name}.crt")), &self.pem).unwrap();
        fs::write(folder.join(format!("{name}.key")), self.key.serialize_pem()).unwrap();
    }
}

/// A TLS client.
pub struct Client {
    roots: RootCertStore,
    versions: Vec<&'static SupportedProtocolVersion>,
    alpn: Vec<Vec<u8>>,
    shows: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    sni: bool,
}

impl Client {
    /// Trusts one authority.
    pub fn trusting(authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der.clone()).unwrap();
        Self {
            roots,
            versions: rustls::ALL_VERSIONS.to_vec(),
            alpn: Vec::new(),
            shows: None,
            sni: true,
        }
    }

    /// Speaks this version alone.
    #[must_use]
    pub fn version(mut self, version: &'static SupportedProtocolVersion) -> Self {
        self.versions = vec![version];
        self
    }

    /// Offers these protocols.
    #[must_use]
    pub fn alpn(mut self, names: &[&str]) -> Self {
        self.alpn = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Shows a certificate when asked for one.
    #[must_use]
    pub fn shows(mut self, issued: &Issued) -> Self {
        let key = PrivateKeyDer::try_from(issued.key.serialize_der()).unwrap();
        self.shows = Some((issued.der.clone(), key));
        self
    }

    /// Names no host.
    #[must_use]
    pub const fn nameless(mut self) -> Self {
        self.sni = false;
        self
    }

    /// What it is configured to do. A configuration that is used again resumes.
    pub fn config(&self) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.shows {
            Some((chain, key)) => builder
                .with_client_auth_cert(vec![chain.clone()], key.clone_key())
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.alpn);
        config.enable_sni = self.sni;
        Arc::new(config)
    }

    /// Connects to a host of this name.
    pub async fn connect(&self, address: SocketAddr, host: &str) -> std::io::Result<Secured> {
        Secured::connect(self.config(), address, host).await
    }

    /// Sends one request and reads its response. With TLS 1.3 a refused client certificate is seen only here.
    pub async fn ask(&self, address: SocketAddr, host: &str, request: &str) -> Option<Response> {
        let mut raw = Raw::over(self.connect(address, host).await.ok()?.0);
        raw.send(request).await;
        Some(raw.response().await).filter(|response| response.status != 0)
    }
}

/// A connection after its handshake.
pub struct Secured(pub TlsStream<TcpStream>);

impl Secured {
    /// Connects.
    pub async fn connect(config: Arc<ClientConfig>, address: SocketAddr, host: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let name = host.to_owned().try_into().unwrap();
        TlsConnector::from(config).connect(name, stream).await.map(Self)
    }

    /// The certificate that the server showed.
    pub fn shown(&self) -> CertificateDer<'static> {
        self.0.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    }

    /// Version and protocol that came of it.
    pub fn spoken(&self) -> (ProtocolVersion, Option<&[u8]>) {
        let session = self.0.get_ref().1;
        (session.protocol_version().unwrap(), session.alpn_protocol())
    }
}
