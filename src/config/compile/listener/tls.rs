//! What a listener shows and asks in a TLS handshake.

use std::path::PathBuf;

use http::HeaderValue;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use crate::{
    config::{Path, compile::Desk, raw},
    identity::Certified,
    proxy::{ClientCa, ListenerTls, TlsFiles},
};

/// In seconds, as browsers reckon it.
const YEAR: u64 = 31_536_000;

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
        let client_ca = written
            .client_ca
            .as_ref()
            .map(|clients| self.client_ca(&path.key("client_ca"), clients));
        Some(ListenerTls {
            client_ca: client_ca.map_or(Some(None), |clients| clients.map(Some))?,
            default: default?,
            more: more.into_iter().collect::<Option<_>>()?,
        })
    }

    fn client_ca(&mut self, path: &Path, written: &raw::ClientCa) -> Option<ClientCa> {
        self.authorities(&path.key("file"), written.file.as_ref())?;
        Some(ClientCa {
            file: self.source.resolve(written.file.as_ref()?),
            required: match written.mode {
                raw::ClientCaMode::Required => true,
                raw::ClientCaMode::Optional => false,
            },
        })
    }

    /// What browsers are told of https (RFC 6797 section 6.1; what `preload` wants is said at hstspreload.org).
    pub(super) fn hsts(&mut self, listener: &Path, of: &raw::Listener, written: &raw::Hsts) -> Option<HeaderValue> {
        let path = listener.key("hsts");
        if of.tls.is_none() && !of.behind_tls_proxy {
            let what = "browsers do not believe it where they come by plain HTTP";
            let hint = "write it below the listener with `tls` or `behind_tls_proxy`";
            self.found.missing(listener, what, hint);
        }
        let seconds = written.max_age.value.as_secs();
        if written.preload && (!written.include_subdomains || seconds < YEAR) {
            let what = "no browser builds this in: it wants `include_subdomains: true` and a `max_age` of 365d or more";
            self.found
                .add(&path.key("preload"), what, "write both, or take `preload` out");
        }
        let subdomains = if written.include_subdomains {
            "; includeSubDomains"
        } else {
            ""
        };
        let preload = if written.preload { "; preload" } else { "" };
        HeaderValue::try_from(format!("max-age={seconds}{subdomains}{preload}")).ok()
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
