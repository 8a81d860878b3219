//! What a listener shows and asks in a TLS handshake.

use std::path::PathBuf;

use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use crate::{
    config::{Path, compile::Desk, raw},
    identity::Certified,
    proxy::{ListenerTls, TlsFiles},
};

impl Desk<'_, '_> {
    pub(super) fn listener_tls(&mut self, path: &Path, written: &raw::ListenerTls) -> Option<ListenerTls> {
        let files = (written.certificate_file.as_ref(), written.key_file.as_ref());
        let default = self.certificate(path, files).map(|(files, _)| files);
        let all = path.key("certificates");
        let more: Vec<_> = written
            .certificates
            .iter()
            .enumerate()
            .map(|(index, one)| self.named(&all.index(index), one))
            .collect();
        Some(ListenerTls {
            default: default?,
            more: more.into_iter().collect::<Option<_>>()?,
        })
    }

    /// A certificate that clients ask for by a name in it.
    fn named(&mut self, path: &Path, written: &raw::NamedCertificate) -> Option<TlsFiles> {
        let files = (written.certificate_file.as_ref(), written.key_file.as_ref());
        let (files, said) = self.certificate(path, files)?;
        if said.dns.is_empty() {
            let hint = "write a certificate with a DNS name, or make it the listener's own: `certificate_file` above";
            let what = "there is no DNS name in this certificate, so no client could ask for it";
            self.found.add(&path.key("certificate_file"), what, hint);
            return None;
        }
        Some(files)
    }

    /// A pair of files, and what the certificate says.
    fn certificate(
        &mut self,
        path: &Path,
        (certificate, key): (Option<&PathBuf>, Option<&PathBuf>),
    ) -> Option<(TlsFiles, Certified)> {
        let paths = (path.key("certificate_file"), path.key("key_file"));
        let (pem, _) = self.pair((&paths.0, certificate), (&paths.1, key))?;
        let files = TlsFiles {
            certificate: self.source.resolve(certificate?),
            key: self.source.resolve(key?),
        };
        let read = CertificateDer::from_pem_slice(&pem).map_err(|error| error.to_string());
        match read.and_then(|der| Certified::read(&der).map_err(|error| error.to_string())) {
            Ok(said) => Some((files, said)),
            Err(why) => {
                self.found.add(&paths.0, why, "write certificates in PEM");
                None
            }
        }
    }
}
