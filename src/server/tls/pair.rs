//! A certificate and its key, from files.

use std::{fmt, fs, path::Path, sync::Arc};

use rustls::{Error, crypto::ring, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::TlsError;
use crate::{identity::Certified, proxy::TlsFiles, time::UnixTime};

/// A certificate chain and its key, which fit each other.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) files: TlsFiles,
    pub(super) key: Arc<CertifiedKey>,
    pub(super) said: Certified,
}

/// What a certificate is there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// For whoever names no host or an unknown one.
    Default,
    /// For hosts that clients name: it has at least one.
    Named,
}

impl Pair {
    /// # Errors
    /// Either file cannot be read or used.
    pub(super) fn read(files: &TlsFiles, part: Part) -> Result<Self, TlsError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&load(&files.certificate)?)
            .collect::<Result<_, _>>()
            .map_err(|error| unusable(&files.certificate, error))?;
        let Some(first) = chain.first().cloned() else {
            return Err(unusable(&files.certificate, "no certificate in it"));
        };
        let key = PrivateKeyDer::from_pem_slice(&load(&files.key)?).map_err(|error| unusable(&files.key, error))?;
        let key =
            CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| unfit(files, &error))?;
        let said = Certified::read(&first).map_err(|error| unusable(&files.certificate, error))?;
        if part == Part::Named && said.dns.is_empty() {
            return Err(unusable(
                &files.certificate,
                "no DNS name in it, so no client could ask for it",
            ));
        }
        Ok(Self {
            files: files.clone(),
            key: Arc::new(key),
            said,
        })
    }

    /// # Errors
    /// It is not valid now.
    pub(super) fn valid_at(self, now: UnixTime) -> Result<Self, TlsError> {
        if self.said.is_valid_at(now) {
            return Ok(self);
        }
        Err(TlsError::Time {
            path: self.files.certificate,
            not_before: self.said.not_before,
            not_after: self.said.not_after,
            now,
        })
    }
}

fn unfit(files: &TlsFiles, error: &Error) -> TlsError {
    if matches!(error, Error::InconsistentKeys(_)) {
        let certificate = files.certificate.display();
        let what = format!("not the key of the first certificate in {certificate}");
        return unusable(&files.key, what);
    }
    unusable(&files.key, error)
}

pub(super) fn load(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn unusable(path: &Path, what: impl fmt::Display) -> TlsError {
    TlsError::Content {
        path: path.to_owned(),
        what: what.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;

    use super::*;

    #[test]
    fn a_key_of_another_certificate_is_named_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let made = || generate_simple_self_signed(vec!["apps.example.com".to_owned()]).unwrap();
        let files = TlsFiles {
            certificate: folder.path().join("tls.crt"),
            key: folder.path().join("tls.key"),
        };
        fs::write(&files.certificate, made().cert.pem()).unwrap();
        fs::write(&files.key, made().signing_key.serialize_pem()).unwrap();
        let said = Pair::read(&files, Part::Default).unwrap_err().to_string();
        let (certificate, key) = (files.certificate.display(), files.key.display());
        assert_eq!(
            said,
            format!("{key}: not the key of the first certificate in {certificate}")
        );
    }
}
