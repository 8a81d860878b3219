//! Whose certificates clients show.

use std::sync::Arc;

use rustls::{
    RootCertStore,
    crypto::ring,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use super::{
    TlsError,
    pair::{load, unusable},
};
use crate::proxy::ClientCa;

/// The authorities that sign clients' certificates, as in force.
#[derive(Clone, Debug)]
pub(super) struct Authorities {
    wanted: ClientCa,
    roots: Arc<RootCertStore>,
}

impl Authorities {
    /// # Errors
    /// The file cannot be read, or has something else than authorities in it, or nothing.
    pub(super) fn read(wanted: &ClientCa) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&load(&wanted.file)?) {
            let certificate = certificate.map_err(|error| unusable(&wanted.file, error))?;
            roots.add(certificate).map_err(|error| unusable(&wanted.file, error))?;
        }
        let made = Self {
            wanted: wanted.clone(),
            roots: Arc::new(roots),
        };
        made.verifier()?;
        Ok(made)
    }

    /// What they were read from.
    pub(super) const fn wanted(&self) -> &ClientCa {
        &self.wanted
    }

    /// # Errors
    /// There is no authority.
    pub(super) fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), provider);
        let builder = if self.wanted.required {
            builder
        } else {
            builder.allow_unauthenticated()
        };
        let verifier = builder.build().map_err(|error| unusable(&self.wanted.file, error))?;
        Ok(verifier)
    }
}
