//! TLS of listeners: certificates from files, changed without a restart.

mod by_name;
mod clients;
mod pair;

use std::{fmt, io, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use pingora::{listeners::tls::Acceptor, protocols::Ssl};
use rustls::{ServerConfig, crypto::ring, server::NoServerSessionStorage};

use self::{
    by_name::ByName,
    clients::Authorities,
    pair::{Pair, Part},
};
use crate::{
    identity::ClientCertificate,
    proxy::{ClientCa, ListenerTls, TlsFiles},
    time::UnixTime,
};

/// A listener's certificates and keys, as in force now. New handshakes see a reload at once; connections keep theirs.
pub struct Certificates {
    current: ArcSwap<InForce>,
}

/// What handshakes are done with. Another one begins with nothing to resume, so that nothing of it is outlived by the
/// memory of a handshake.
struct InForce {
    default: Pair,
    more: Vec<Pair>,
    clients: Option<Authorities>,
    acceptor: Arc<Acceptor>,
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
    /// Reads certificates and keys, each of which must fit the other of its pair.
    ///
    /// # Errors
    /// One of the files cannot be read or used.
    pub fn load(wanted: &ListenerTls) -> Result<Arc<Self>, TlsError> {
        let ListenerTls {
            default,
            more,
            client_ca,
        } = wanted;
        let default = Pair::read(default, Part::Default)?;
        let more = more.iter().map(|files| Pair::read(files, Part::Named));
        let clients = client_ca.as_ref().map(Authorities::read).transpose()?;
        let current = InForce::new(default, more.collect::<Result<_, _>>()?, clients)?;
        let current = ArcSwap::from_pointee(current);
        Ok(Arc::new(Self { current }))
    }

    /// Reads those of a listener that takes the place of this one's. What it shares with it is held to the same as in
    /// [`Certificates::reload`]: of each pair and of the authorities, what is in force stays unless the new can be used now. Another pair in
    /// the place of one that serves is to be valid.
    ///
    /// # Errors
    /// One of the files that are new cannot be read or used, or is not valid now.
    pub(super) fn succeeded(&self, wanted: &ListenerTls, now: UnixTime) -> Result<Arc<Self>, TlsError> {
        let ListenerTls {
            default,
            more,
            client_ca,
        } = wanted;
        let before = self.current.load();
        let pair = |files: &TlsFiles, part| {
            let mut old = std::iter::once(&before.default).chain(&before.more);
            let old = old.find(|old| old.files == *files && (part == Part::Default || !old.said.dns.is_empty()));
            let new = Pair::read(files, part).and_then(|new| new.valid_at(now));
            new.or_else(|error| old.cloned().ok_or(error))
        };
        let authorities = |wanted: &ClientCa| {
            let old = before.clients.as_ref().filter(|old| old.wanted() == wanted);
            Authorities::read(wanted).or_else(|error| old.cloned().ok_or(error))
        };
        let default = pair(default, Part::Default)?;
        let more = more
            .iter()
            .map(|files| pair(files, Part::Named))
            .collect::<Result<_, _>>()?;
        let clients = client_ca.as_ref().map(authorities).transpose()?;
        let current = ArcSwap::from_pointee(InForce::new(default, more, clients)?);
        Ok(Arc::new(Self { current }))
    }

    /// Reads the files again. Of each pair, what is in force stays in force unless the new one can be used now.
    ///
    /// Returns why those stay that do (GW-06).
    #[must_use]
    pub fn reload(&self, now: UnixTime) -> Vec<TlsError> {
        let before = self.current.load();
        let mut errors = Vec::new();
        let mut again = |old: &Pair, part| {
            let new = Pair::read(&old.files, part).and_then(|new| new.valid_at(now));
            new.unwrap_or_else(|error| {
                errors.push(error);
                old.clone()
            })
        };
        let default = again(&before.default, Part::Default);
        let more = before.more.iter().map(|old| again(old, Part::Named)).collect();
        let clients = before.clients.as_ref().map(|old| {
            Authorities::read(old.wanted()).unwrap_or_else(|error| {
                errors.push(error);
                old.clone()
            })
        });
        match InForce::new(default, more, clients) {
            Ok(new) => self.current.store(Arc::new(new)),
            Err(error) => errors.push(error),
        }
        errors
    }

    /// The certificate files, with when what is in force of each begins and ends to be valid.
    #[must_use]
    pub fn validity(&self) -> Vec<(TlsFiles, [UnixTime; 2])> {
        let current = self.current.load();
        let of = |pair: &Pair| (pair.files.clone(), [pair.said.not_before, pair.said.not_after]);
        std::iter::once(&current.default).chain(&current.more).map(of).collect()
    }

    /// What does the next handshake.
    pub(super) fn acceptor(&self) -> Arc<Acceptor> {
        Arc::clone(&self.current.load().acceptor)
    }
}

impl InForce {
    fn new(default: Pair, more: Vec<Pair>, clients: Option<Authorities>) -> Result<Self, TlsError> {
        let config = config(ByName::new(&default, more.iter()), clients.as_ref())?;
        Ok(Self {
            default,
            more,
            clients,
            acceptor: Arc::new(Acceptor::from_server_config(Arc::new(config))),
        })
    }
}

/// What the client showed in the handshake, which verified it.
pub(super) fn shown(stream: &impl Ssl) -> Option<Arc<ClientCertificate>> {
    let der = stream.get_ssl()?.peer_certificate_der()?;
    match ClientCertificate::verified(der) {
        Ok(certificate) => Some(Arc::new(certificate)),
        Err(error) => {
            // It counts as none, and none grants nothing.
            tracing::warn!(%error, "a client's certificate was verified and cannot be read");
            None
        }
    }
}

/// TLS 1.2 and 1.3 with HTTP/2 and HTTP/1.1. Where clients show certificates no handshake is shortened by an earlier one:
/// the certificate is verified, and has not ended, each time.
fn config(certificates: ByName, clients: Option<&Authorities>) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)?;
    let certificates = Arc::new(certificates);
    let mut config = match clients {
        Some(clients) => {
            let verifier = clients.verifier()?;
            let mut config = builder
                .with_client_cert_verifier(verifier)
                .with_cert_resolver(certificates);
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config
        }
        None => builder.with_no_client_auth().with_cert_resolver(certificates),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("default", &self.current.load().default.files)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use rustls_pki_types::CertificateDer;

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

    /// The default certificate in force, and the others.
    fn in_force(certificates: &Certificates) -> Vec<CertificateDer<'static>> {
        let current = certificates.current.load();
        let pairs = std::iter::once(&current.default).chain(&current.more);
        pairs.map(|pair| pair.key.cert[0].clone()).collect()
    }

    #[test]
    fn a_reload_changes_what_new_handshakes_see() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::load(&write(folder.path(), "one.test").into()).unwrap();
        let before = in_force(&certificates);
        write(folder.path(), "two.test");
        assert!(certificates.reload(Clock::system().now()).is_empty());
        assert_ne!(in_force(&certificates), before);
    }

    #[test]
    fn what_cannot_be_used_changes_nothing() {
        // GW-05, GW-06
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), "one.test");
        let certificates = Certificates::load(&files.clone().into()).unwrap();
        let (before, now) = (in_force(&certificates), Clock::system().now());

        let other = tempfile::tempdir().unwrap();
        let key = fs::read(&files.key).unwrap();
        fs::copy(write(other.path(), "two.test").key, &files.key).unwrap();
        let mismatch = certificates.reload(now);
        assert!(matches!(mismatch[..], [TlsError::Content { .. }]), "{mismatch:?}");

        fs::write(&files.key, key).unwrap();
        let early = certificates.reload(UnixTime::from_secs(0));
        assert!(matches!(early[..], [TlsError::Time { .. }]), "{early:?}");

        for nonsense in ["", "nonsense"] {
            fs::write(&files.certificate, nonsense).unwrap();
            assert_eq!(certificates.reload(now).len(), 1);
        }
        fs::remove_file(&files.certificate).unwrap();
        assert_eq!(certificates.reload(now).len(), 1);
        assert_eq!(in_force(&certificates), before);
    }

    #[test]
    fn a_listener_that_changes_is_held_to_the_same() {
        // GW-06
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), "one.test");
        let certificates = Certificates::load(&files.clone().into()).unwrap();
        let (before, now) = (in_force(&certificates), Clock::system().now());
        let changed = |files: &TlsFiles, now| certificates.succeeded(&files.clone().into(), now);
        write(folder.path(), "two.test");
        assert_ne!(in_force(&changed(&files, now).unwrap()), before, "renewed");
        // Not valid yet, and then not readable: what is in force goes on.
        let early = UnixTime::from_secs(0);
        assert_eq!(in_force(&changed(&files, early).unwrap()), before);
        fs::write(&files.certificate, "nonsense").unwrap();
        assert_eq!(in_force(&changed(&files, now).unwrap()), before);
        // Other files have nothing that could go on.
        let other = tempfile::tempdir().unwrap();
        let files = write(other.path(), "one.test");
        assert!(changed(&files, now).is_ok());
        assert!(matches!(changed(&files, early), Err(TlsError::Time { .. })));
    }

    #[test]
    fn each_pair_is_taken_over_or_kept_by_itself() {
        // GW-06
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [default, good, bad] = folders.each_ref().map(|folder| write(folder.path(), "one.test"));
        let certificates = Certificates::load(&ListenerTls {
            default,
            more: vec![good, bad.clone()],
            client_ca: None,
        })
        .unwrap();
        let before = in_force(&certificates);
        for folder in &folders[..2] {
            write(folder.path(), "two.test");
        }
        // An address is no name that a client could ask for.
        write(folders[2].path(), "127.0.0.1");
        let errors = certificates.reload(Clock::system().now());
        assert!(
            matches!(&errors[..], [TlsError::Content { path, .. }] if *path == bad.certificate),
            "{errors:?}"
        );
        let after = in_force(&certificates);
        assert!(after[0] != before[0] && after[1] != before[1]);
        assert_eq!(after[2], before[2]);
    }
}
