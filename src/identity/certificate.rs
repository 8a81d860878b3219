//! What an X.509 certificate says (RFC 5280): for which names it is, and when.

use x509_parser::{
    certificate::X509Certificate, error::X509Error, extensions::GeneralName, nom, prelude::FromDer as _,
};

use crate::time::UnixTime;

/// What a certificate says. Whether that is true is for whoever verifies it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certified {
    /// The DNS names among its alternative names (RFC 5280 section 4.2.1.6), in small letters.
    pub dns: Vec<String>,
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
        let dns = |name: &GeneralName<'_>| {
            if let GeneralName::DNSName(name) = name {
                Some(name.to_ascii_lowercase())
            } else {
                None
            }
        };
        let validity = certificate.validity();
        Ok(Self {
            dns: names.iter().filter_map(dns).collect(),
            not_before: UnixTime::from_secs(validity.not_before.timestamp()),
            not_after: UnixTime::from_secs(validity.not_after.timestamp()),
        })
    }

    /// Whether it is valid at a moment.
    #[must_use]
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
