//! What an X.509 certificate says (RFC 5280): for which names it is, and when.

mod subject;

use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::{
    certificate::X509Certificate, error::X509Error, extensions::GeneralName, nom, prelude::FromDer as _,
};

use crate::time::UnixTime;

/// What a certificate says. Whether that is true is for whoever verifies it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certified {
    /// The DNS names among its alternative names (RFC 5280 section 4.2.1.6), in small letters.
    pub dns: Vec<String>,
    /// The email addresses among them.
    pub emails: Vec<String>,
    /// The URIs among them.
    pub uris: Vec<String>,
    /// Whom it is for, as text (RFC 4514); empty when it does not say.
    pub subject: String,
    /// First moment at which it is valid.
    pub not_before: UnixTime,
    /// Last moment.
    pub not_after: UnixTime,
}

/// Bytes that are no certificate.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no certificate: {0}")]
pub struct NoCertificate(String);

impl Certified {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// It is none, or one that says something twice or in a way that cannot be read.
    pub fn read(der: &[u8]) -> Result<Self, NoCertificate> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error: nom::Err<X509Error>| NoCertificate(error.to_string()))?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|error| NoCertificate(error.to_string()))?;
        let names = names.map_or(&[][..], |names| &names.value.general_names);
        let validity = certificate.validity();
        let mut said = Self {
            dns: Vec::new(),
            emails: Vec::new(),
            uris: Vec::new(),
            subject: subject::written(certificate.subject()),
            not_before: UnixTime::from_secs(validity.not_before.timestamp()),
            not_after: UnixTime::from_secs(validity.not_after.timestamp()),
        };
        for name in names {
            if let GeneralName::DNSName(name) = name {
                said.dns.push(name.to_ascii_lowercase());
            } else if let GeneralName::RFC822Name(name) = name {
                said.emails.push((*name).to_owned());
            } else if let GeneralName::URI(name) = name {
                said.uris.push((*name).to_owned());
            }
        }
        Ok(said)
    }

    /// Whether it is valid at a moment.
    #[must_use]
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// The certificate that a client showed and proved to have the key of, signed by an authority that the listener trusts.
/// Made where the handshake verified it, and from nothing else: no header makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate(Certified);

impl ClientCertificate {
    /// What a certificate says that a handshake just verified, in DER.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn verified(der: &[u8]) -> Result<Self, NoCertificate> {
        Certified::read(der).map(Self)
    }

    /// What the first certificate of a PEM text says, for explanations: nobody showed it.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn hypothetical(pem: &[u8]) -> Result<Self, NoCertificate> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|error| NoCertificate(error.to_string()))?;
        Certified::read(&der).map(Self)
    }

    /// Whom it is for (RFC 4514): `CN=till,O=Shop,C=DE`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The DNS names in it, in small letters.
    #[must_use]
    pub fn dns(&self) -> &[String] {
        &self.0.dns
    }

    /// The email addresses in it.
    #[must_use]
    pub fn emails(&self) -> &[String] {
        &self.0.emails
    }

    /// The URIs in it, such as a SPIFFE identifier.
    #[must_use]
    pub fn uris(&self) -> &[String] {
        &self.0.uris
    }

    /// Whether it is valid at a moment: a connection can last longer than the certificate that it began with.
    #[must_use]
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        self.0.is_valid_at(now)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The certificate of a client with this common name, and these names: a DNS name, an email address or a URI each.
    pub(crate) fn client(common_name: &str, names: &[&str]) -> ClientCertificate {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        let name = |name: &&str| match (name.contains("://"), name.contains('@')) {
            (true, _) => rcgen::SanType::URI((*name).try_into().unwrap()),
            (false, true) => rcgen::SanType::Rfc822Name((*name).try_into().unwrap()),
            (false, false) => rcgen::SanType::DnsName((*name).try_into().unwrap()),
        };
        params.subject_alt_names = names.iter().map(name).collect();
        params.not_before = rcgen::date_time_ymd(1970, 1, 1);
        params.not_after = rcgen::date_time_ymd(2100, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        ClientCertificate::verified(params.self_signed(&key).unwrap().der()).unwrap()
    }

    #[test]
    fn a_certificate_says_its_names_and_its_time() {
        let names = vec!["Shop.Test".to_owned(), "*.shop.test".to_owned(), "127.0.0.1".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 3, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let said = Certified::read(params.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(said.dns, ["shop.test", "*.shop.test"]);
        assert_eq!(said.not_after.to_string(), "2026-03-01T00:00:00Z");
        let at = |secs: i64| said.is_valid_at(UnixTime::from_secs(secs));
        let (first, last) = (said.not_before.secs(), said.not_after.secs());
        assert_eq!([first - 1, first, last, last + 1].map(at), [false, true, true, false]);
    }

    #[test]
    fn what_is_no_certificate_is_told() {
        for bytes in [&b""[..], b"nonsense", &[0x30, 0x82, 0xff, 0xff]] {
            assert!(Certified::read(bytes).is_err(), "{bytes:?}");
        }
    }
}
