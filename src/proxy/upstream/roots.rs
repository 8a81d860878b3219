//! The system's CA certificates, by which upstreams without a `ca_file` are verified.
//!
//! Pingora reads them all or panics. One certificate that cannot be read is no reason to serve nobody, so when its way
//! fails it gets the good ones from here.

use std::{panic::AssertUnwindSafe, sync::Arc, sync::OnceLock};

use pingora::{
    tls::load_platform_certs_incl_env_into_store,
    utils::tls::{WrappedX509, parse_x509},
};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

/// A file without certificates: pingora reads no others than those that a peer has.
const NONE: &str = "/dev/null";

/// What the system has.
enum Roots {
    /// Pingora can read them all.
    Whole,
    /// Those that can be used.
    Good(Arc<[WrappedX509]>),
}

/// What every https peer without a CA of its own is given; `None` where pingora reads the system's itself.
pub(super) fn given() -> Option<Arc<[WrappedX509]>> {
    match system() {
        Roots::Whole => None,
        Roots::Good(good) => Some(Arc::clone(good)),
    }
}

/// The file that pingora is to read instead of the system's certificates, where it could not read those.
#[must_use]
pub fn instead() -> Option<String> {
    match system() {
        Roots::Whole => None,
        Roots::Good(_) => Some(NONE.to_owned()),
    }
}

fn system() -> &'static Roots {
    static SYSTEM: OnceLock<Roots> = OnceLock::new();
    SYSTEM.get_or_init(|| {
        if load_platform_certs_incl_env_into_store(&mut RootCertStore::empty()).is_ok() {
            return Roots::Whole;
        }
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a CA certificate of the system cannot be read");
        }
        let good: Arc<[WrappedX509]> = found.certs.iter().filter_map(usable).collect();
        tracing::warn!(
            good = good.len(),
            unread = found.errors.len(),
            "not all CA certificates of the system can be used; upstreams without a ca_file are verified by the good \
             ones. Mend the system's store, or the file that SSL_CERT_FILE names"
        );
        Roots::Good(good)
    })
}

/// A certificate in pingora's form. Its parser panics where it fails.
fn usable(certificate: &CertificateDer<'static>) -> Option<WrappedX509> {
    let parsed = RootCertStore::empty()
        .add(certificate.clone())
        .map_err(|error| error.to_string())
        .and_then(|()| {
            let der = certificate.to_vec();
            std::panic::catch_unwind(AssertUnwindSafe(|| WrappedX509::new(der, parse_x509)))
                .map_err(|_| "its fields cannot be parsed".to_owned())
        });
    match parsed {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            tracing::warn!(error, "a CA certificate of the system cannot be used and is left out");
            None
        }
    }
}
