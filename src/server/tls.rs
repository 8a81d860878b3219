//! TLS of listeners: certificates from files, changed without a restart.

use std::{fmt, fs, io, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use pingora::utils::tls::parse_x509;
use rustls::{
    ServerConfig,
    crypto::ring,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use crate::{proxy::TlsFiles, time::UnixTime};

/// A listener's certificate and key, as in force now. New handshakes see a reload at once; connections keep theirs.
pub struct Certificates {
    files: TlsFiles,
    current: ArcSwap<Current>,
}

#[derive(Clone, Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    not_before: UnixTime,
    not_after: UnixTime,
}

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {what}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// In words.
        what: String,
    },
    /// The certificate is not valid at this time.
    #[error("{}: valid from {not_before} to {not_after}, and now is {now}", path.display())]
    Time {
        /// Which.
        path: PathBuf,
        /// First moment.
        not_before: UnixTime,
        /// Last moment.
        not_after: UnixTime,
        /// The clock.
        now: UnixTime,
    },
    /// The TLS library refuses its settings.
    #[error("TLS: {0}")]
    Library(rustls::Error),
}

impl Certificates {
    /// Reads certificate and key, which must fit each other.
    ///
    /// # Errors
    /// Either file cannot be read or used.
    pub fn load(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let current = ArcSwap::from_pointee(read(&files)?);
        Ok(Arc::new(Self { files, current }))
    }

    /// Reads the files again. What is in force stays in force unless the new pair can be used now.
    ///
    /// # Errors
    /// Why it stays (GW-06).
    pub fn reload(&self, now: UnixTime) -> Result<(), TlsError> {
        let new = read(&self.files)?;
        if now < new.not_before || now > new.not_after {
            return Err(TlsError::Time {
                path: self.files.certificate.clone(),
                not_before: new.not_before,
                not_after: new.not_after,
                now,
            });
        }
        self.current.store(Arc::new(new));
        Ok(())
    }

    /// When the certificate in force ends.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.current.load().not_after
    }

    /// The files it is read from.
    #[must_use]
    pub const fn files(&self) -> &TlsFiles {
        &self.files
    }
}

/// TLS 1.2 and 1.3 with HTTP/2 and HTTP/1.1.
///
/// # Errors
/// The library refuses.
pub(super) fn config(certificates: Arc<Certificates>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(files: &TlsFiles) -> Result<Current, TlsError> {
    let load = |path: &PathBuf| {
        fs::read(path).map_err(|source| TlsError::Read {
            path: path.clone(),
            source,
        })
    };
    let unusable = |path: &PathBuf, what: String| TlsError::Content {
        path: path.clone(),
        what,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&load(&files.certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(&files.certificate, error.to_string()))?;
    let Some(first) = chain.first().cloned() else {
        return Err(unusable(&files.certificate, "no certificate in it".to_owned()));
    };
    let key =
        PrivateKeyDer::from_pem_slice(&load(&files.key)?).map_err(|error| unusable(&files.key, error.to_string()))?;
    let key = CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|error| unusable(&files.key, error.to_string()))?;
    // The library has parsed it by now, to compare the keys; before that, parsing would panic.
    let parsed = parse_x509(&first);
    let validity = parsed.validity();
    Ok(Current {
        key: Arc::new(key),
        not_before: UnixTime::from_secs(validity.not_before.timestamp()),
        not_after: UnixTime::from_secs(validity.not_after.timestamp()),
    })
}

/// Until when a certificate is valid. It must have been parsed by the TLS library, as that of a peer has; another panics.
#[must_use]
pub fn valid_until(certificate: &CertificateDer<'_>) -> UnixTime {
    let der = certificate.clone().into_owned();
    UnixTime::from_secs(parse_x509(&der).validity().not_after.timestamp())
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::time::Clock;

    fn write(folder: &Path, name: &str) -> TlsFiles {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let files = TlsFiles {
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        fs::write(&files.certificate, made.cert.pem()).unwrap();
        fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        files
    }

    fn in_force(certificates: &Certificates) -> CertificateDer<'static> {
        certificates.current.load().key.cert.first().unwrap().clone()
    }

    #[test]
    fn a_reload_changes_what_new_handshakes_see() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::load(write(folder.path(), "one.test")).unwrap();
        let before = in_force(&certificates);
        write(folder.path(), "two.test");
        certificates.reload(Clock::system().now()).unwrap();
        assert_ne!(in_force(&certificates), before);
    }

    #[test]
    fn what_cannot_be_used_changes_nothing() {
        // GW-05, GW-06
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), "one.test");
        let certificates = Certificates::load(files.clone()).unwrap();
        let (before, now) = (in_force(&certificates), Clock::system().now());

        let other = tempfile::tempdir().unwrap();
        let key = fs::read(&files.key).unwrap();
        fs::copy(write(other.path(), "two.test").key, &files.key).unwrap();
        let mismatch = certificates.reload(now).unwrap_err();
        assert!(matches!(mismatch, TlsError::Content { .. }), "{mismatch}");

        fs::write(&files.key, key).unwrap();
        let early = certificates.reload(UnixTime::from_secs(0)).unwrap_err();
        assert!(matches!(early, TlsError::Time { .. }), "{early}");

        for nonsense in ["", "nonsense"] {
            fs::write(&files.certificate, nonsense).unwrap();
            assert!(certificates.reload(now).is_err());
        }
        fs::remove_file(&files.certificate).unwrap();
        assert!(certificates.reload(now).is_err());
        assert_eq!(in_force(&certificates), before);
    }
}
