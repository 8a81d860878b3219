//! Whom we believe when we call others over TLS: an operator's own CA, or the system's.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

/// Why TLS cannot be spoken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TrustError {
    /// The CA certificates do not parse, or there are none.
    #[error("{0}")]
    Ca(String),
    /// The TLS library cannot do it.
    #[error("{0}")]
    Tls(String),
}

/// TLS 1.2 and later with ring, trusting the given CA or the system's (TE-09). Without either it is an error where TLS is
/// `needed`.
///
/// # Errors
/// CA certificates that cannot be used.
pub fn client(ca_pem: Option<&[u8]>, needed: bool) -> Result<ClientConfig, TrustError> {
    let roots = match ca_pem {
        Some(pem) => given_roots(pem)?,
        None => system_roots(needed)?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TrustError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn given_roots(pem: &[u8]) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| TrustError::Ca(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| TrustError::Ca(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(TrustError::Ca("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

/// Certificates of the system that do not parse are left out; none at all is an error only where TLS is spoken.
fn system_roots(needed: bool) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() && needed {
        return Err(TrustError::Ca(
            "this system has none: install its CA certificates or configure the other side's".to_owned(),
        ));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_told() {
        for pem in [
            &b""[..],
            b"hello",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(matches!(client(Some(pem), true), Err(TrustError::Ca(_))));
        }
    }
}
