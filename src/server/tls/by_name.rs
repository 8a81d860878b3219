//! Which certificate a client is shown: by the host that it names (SNI, RFC 6066 section 3).

use std::{collections::HashMap, sync::Arc};

use rustls::{
    SignatureScheme,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::pair::Pair;

/// Certificates by the names in them. The cost of a choice does not grow with their number.
#[derive(Debug)]
pub(super) struct ByName {
    default: Arc<CertifiedKey>,
    /// By whole name.
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what follows the `*.` that stands for one label (RFC 6125 section 6.4.3).
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
}

impl ByName {
    /// The first is for whoever names no host or an unknown one, and, as all others, for the names in it.
    pub(super) fn new<'p>(default: &'p Pair, more: impl Iterator<Item = &'p Pair>) -> Self {
        let mut made = Self {
            default: Arc::clone(&default.key),
            exact: HashMap::new(),
            wildcard: HashMap::new(),
        };
        for pair in std::iter::once(default).chain(more) {
            for name in &pair.said.dns {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(suffix) => (&mut made.wildcard, suffix),
                    None => (&mut made.exact, name.as_str()),
                };
                names.entry(name.to_owned()).or_default().push(Arc::clone(&pair.key));
            }
        }
        made
    }

    /// Of the certificates for a name, the first that the client can verify: one may have an RSA key and one an elliptic
    /// curve's. A whole name goes before a wildcard.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> &Arc<CertifiedKey> {
        let exact = name.and_then(|name| self.exact.get(name));
        let suffix = name.and_then(|name| name.split_once('.')).map(|(_, suffix)| suffix);
        let wildcard = suffix.and_then(|suffix| self.wildcard.get(suffix));
        let named = || exact.into_iter().chain(wildcard).flatten();
        named()
            .find(|key| key.key.choose_scheme(schemes).is_some())
            .or_else(|| named().next())
            .unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // The library gives the name in small letters.
        Some(Arc::clone(self.choose(hello.server_name(), hello.signature_schemes())))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, SignatureAlgorithm};

    use super::{super::pair::Part, *};
    use crate::proxy::TlsFiles;

    const BOTH: [SignatureScheme; 2] = [
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::ECDSA_NISTP384_SHA384,
    ];

    fn pair(names: &[&str], algorithm: &'static SignatureAlgorithm) -> Pair {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate_for(algorithm).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let files = TlsFiles {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        std::fs::write(&files.certificate, made.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        Pair::read(&files, Part::Default).unwrap()
    }

    #[test]
    fn the_nearest_name_is_chosen_and_the_default_for_all_others() {
        let p256 = |names: &[&str]| pair(names, &PKCS_ECDSA_P256_SHA256);
        let pairs = [
            p256(&["default.test"]),
            p256(&["*.shop.test"]),
            p256(&["cart.shop.test", "Till.Shop.Test"]),
            p256(&["*.default.test"]),
        ];
        let [default, more @ ..] = &pairs;
        let by_name = ByName::new(default, more.iter());
        for (name, expected) in [
            (None, 0),
            (Some("default.test"), 0),
            (Some("other.test"), 0),
            (Some("shop.test"), 0),
            (Some("a.shop.test"), 1),
            (Some("a.b.shop.test"), 0),
            (Some("cart.shop.test"), 2),
            (Some("till.shop.test"), 2),
            (Some("x.default.test"), 3),
            (Some("test"), 0),
            (Some("*.shop.test"), 1),
        ] {
            let chosen = by_name.choose(name, &BOTH);
            assert!(Arc::ptr_eq(chosen, &pairs[expected].key), "{name:?}");
        }
    }

    #[test]
    fn of_several_for_a_name_the_first_that_suits_the_client_is_chosen() {
        let pairs = [
            pair(&["default.test"], &PKCS_ECDSA_P256_SHA256),
            pair(&["a.test"], &PKCS_ECDSA_P256_SHA256),
            pair(&["a.test"], &PKCS_ECDSA_P384_SHA384),
            pair(&["*.test"], &PKCS_ECDSA_P384_SHA384),
        ];
        let [default, more @ ..] = &pairs;
        let by_name = ByName::new(default, more.iter());
        let [p256, p384] = BOTH;
        for (schemes, expected) in [
            (&BOTH[..], 1),
            (&[p256], 1),
            (&[p384], 2),
            // None suits: the handshake says so.
            (&[SignatureScheme::ED25519], 1),
        ] {
            let chosen = by_name.choose(Some("a.test"), schemes);
            assert!(Arc::ptr_eq(chosen, &pairs[expected].key), "{schemes:?}");
        }
    }
}
