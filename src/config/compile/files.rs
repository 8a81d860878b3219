//! Secrets and PEM files.

use std::path::Path as FilePath;

use rustls::{Error, crypto::ring::default_provider, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::Desk;
use crate::{config::Path, secret::Secret};

/// A certificate chain and its key in PEM.
pub(super) type Pair = (Vec<u8>, Secret<Vec<u8>>);

/// The three ways to write a secret: itself, by file, by environment.
pub(super) struct Ways<'w> {
    pub(super) key: &'static str,
    pub(super) inline: Option<&'w Secret<String>>,
    pub(super) file: Option<&'w FilePath>,
    pub(super) env: Option<&'w str>,
}

impl Desk<'_, '_> {
    /// The secret, if it is written; `Some` also with a problem told would hide it, so a bad one is `None`.
    pub(super) fn secret(&mut self, object: &Path, ways: &Ways<'_>) -> Option<Secret<String>> {
        let (file_key, env_key) = (format!("{}_file", ways.key), format!("{}_env", ways.key));
        let count =
            usize::from(ways.inline.is_some()) + usize::from(ways.file.is_some()) + usize::from(ways.env.is_some());
        if count > 1 {
            let what = format!("`{}` is written in more than one way", ways.key);
            let hint = format!("keep one of {}, {file_key} and {env_key}", ways.key);
            self.found.add(object, what, hint);
            self.found.maim(object);
            return None;
        }
        if let Some(secret) = ways.inline {
            return Some(secret.clone());
        }
        let (path, read) = match (ways.file, ways.env) {
            (Some(file), _) => (object.key(&file_key), self.source.secret_file(file)),
            (None, Some(name)) => (object.key(&env_key), self.source.secret_env(name)),
            (None, None) => return None,
        };
        match read {
            Ok(secret) => Some(secret),
            Err(why) => {
                let hint = if ways.file.is_some() {
                    "put the secret there, readable for the user that Doorward runs as, or name another file"
                } else {
                    "set it for the process that runs Doorward, or name another variable"
                };
                self.found.add(&path, why.to_string(), hint);
                self.found.maim(object);
                None
            }
        }
    }

    /// A file's bytes.
    pub(super) fn bytes(&mut self, path: &Path, file: &FilePath) -> Option<Vec<u8>> {
        match self.source.file(file) {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                let hint = "put the file there, readable for the user that Doorward runs as, or name another";
                self.found.add(path, why.to_string(), hint);
                None
            }
        }
    }

    /// CA certificates in PEM.
    pub(super) fn authorities(&mut self, path: &Path, file: Option<&std::path::PathBuf>) -> Option<Vec<u8>> {
        let pem = self.bytes(path, file?)?;
        let mut store = rustls::RootCertStore::empty();
        let fault = chain(&pem).and_then(|found| {
            found
                .into_iter()
                .try_for_each(|one| store.add(one).map_err(|error| error.to_string()))
        });
        if let Err(why) = fault {
            let what = format!("this is no file of CA certificates: {why}");
            self.found.add(path, what, "write certificates in PEM");
            return None;
        }
        Some(pem)
    }

    /// A certificate chain and its key, which must fit each other.
    pub(super) fn pair(
        &mut self,
        certificate: (&Path, Option<&std::path::PathBuf>),
        key: (&Path, Option<&std::path::PathBuf>),
    ) -> Option<Pair> {
        let pem = self.bytes(certificate.0, certificate.1?);
        let secret = self.bytes(key.0, key.1?).map(Secret::new);
        let (pem, secret) = (pem?, secret?);
        let chain = match chain(&pem) {
            Ok(chain) => chain,
            Err(why) => {
                let what = format!("this is no certificate chain: {why}");
                self.found.add(certificate.0, what, "write certificates in PEM");
                return None;
            }
        };
        let fits = PrivateKeyDer::from_pem_slice(secret.expose())
            .map_err(|error| format!("this is no private key: {error}"))
            .and_then(|key| {
                CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| {
                    if matches!(error, Error::InconsistentKeys(_)) {
                        return "certificate and key do not go together".to_owned();
                    }
                    format!("this key cannot be used: {error}")
                })
            });
        if let Err(what) = fits {
            let hint = "write the private key of the first certificate, in PEM and not encrypted";
            self.found.add(key.0, what, hint);
            return None;
        }
        Some((pem, secret))
    }

    /// A client certificate: both files or none.
    pub(super) fn client(
        &mut self,
        object: &Path,
        certificate: Option<&std::path::PathBuf>,
        key: Option<&std::path::PathBuf>,
    ) -> Option<Pair> {
        if certificate.is_some() != key.is_some() {
            self.found.missing(
                object,
                "a client certificate needs its key, and a key its certificate",
                "write both client_certificate_file and client_key_file",
            );
            return None;
        }
        let paths = (object.key("client_certificate_file"), object.key("client_key_file"));
        self.pair((&paths.0, certificate), (&paths.1, key))
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    if found.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(found)
}
