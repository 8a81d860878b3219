//! A distinguished name as text (RFC 4514), so that two names are one only if their texts are.

use std::fmt::Write as _;

use x509_parser::{
    der_parser::asn1_rs::ToDer as _,
    x509::{AttributeTypeAndValue, X509Name},
};

/// Attribute types by their short names: those of RFC 4514 section 3, and two that `openssl` writes like this too.
const NAMES: [(&str, &str); 11] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "street"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.5", "serialNumber"),
];

/// The last part first, parts parted by `,` and what belongs to one by `+`, without spaces between.
pub(super) fn written(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_rdn()
        .map(|part| part.iter().map(attribute).collect::<Vec<_>>().join("+"))
        .collect();
    parts.reverse();
    parts.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let short = NAMES.iter().find(|(known, _)| *known == oid).map(|(_, short)| *short);
    match (short, attribute.as_str()) {
        (Some(short), Ok(text)) => format!("{short}={}", escaped(text)),
        (short, Ok(_) | Err(_)) => format!("{}={}", short.unwrap_or(&oid), hexadecimal(attribute)),
    }
}

/// RFC 4514 section 2.4.
fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        let special = matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\');
        let first = at == 0 && matches!(c, ' ' | '#');
        if special || first || (at == last && c == ' ') {
            out.push('\\');
            out.push(c);
        } else if c.is_ascii_control() {
            write!(out, "\\{:02X}", u32::from(c)).ok();
        } else {
            out.push(c);
        }
    }
    out
}

/// A value that is no text, or whose type has no name: its encoding.
fn hexadecimal(attribute: &AttributeTypeAndValue<'_>) -> String {
    let value = attribute.attr_value();
    let der = value.to_der_vec().unwrap_or_else(|_| value.data.to_vec());
    let mut out = "#".to_owned();
    for byte in der {
        write!(out, "{byte:02X}").ok();
    }
    out
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

    use crate::identity::ClientCertificate;

    fn subject(parts: &[(DnType, DnValue)]) -> String {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        ClientCertificate::verified(made.der()).unwrap().subject().to_owned()
    }

    fn text(text: &str) -> DnValue {
        DnValue::Utf8String(text.to_owned())
    }

    #[test]
    fn the_last_part_comes_first() {
        let named = subject(&[
            (DnType::CountryName, DnValue::PrintableString("DE".try_into().unwrap())),
            (DnType::OrganizationName, text("Shop GmbH")),
            (DnType::OrganizationalUnitName, text("Kassen")),
            (DnType::CommonName, text("Kasse Süd")),
        ]);
        assert_eq!(named, "CN=Kasse Süd,OU=Kassen,O=Shop GmbH,C=DE");
        assert_eq!(subject(&[]), "");
    }

    #[test]
    fn a_subject_is_written_as_openssl_writes_it() {
        let der = include_bytes!("../../../fuzz/seeds/certificate/names");
        let said = ClientCertificate::verified(der).unwrap();
        // `openssl x509 -inform der -noout -subject -nameopt RFC2253,-esc_msb`
        assert_eq!(
            said.subject(),
            r"emailAddress=till@shop.test,CN=till-1,OU=Kassen,O=Shop\, Bank,C=DE"
        );
    }

    #[test]
    fn no_value_can_look_like_another_part() {
        for (value, expected) in [
            ("till,O=Bank", r"CN=till\,O=Bank"),
            ("till+UID=root", r"CN=till\+UID=root"),
            (r"till\", r"CN=till\\"),
            (" till ", r"CN=\ till\ "),
            (" ", r"CN=\ "),
            ("#04", r"CN=\#04"),
            ("a\0b\nc", r"CN=a\00b\0Ac"),
            ("\"<;>", r#"CN=\"\<\;\>"#),
        ] {
            assert_eq!(subject(&[(DnType::CommonName, text(value))]), expected);
        }
    }

    #[test]
    fn what_has_no_name_or_is_no_text_is_written_as_encoded() {
        let title = DnType::CustomDnType(vec![2, 5, 4, 12]);
        assert_eq!(subject(&[(title, text("Dr"))]), "2.5.4.12=#0C024472");
        let wide = DnValue::BmpString("A".try_into().unwrap());
        assert_eq!(subject(&[(DnType::CommonName, wide)]), "CN=#1E020041");
    }
}
