//! Sealed values.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use doorward::keys::{Binding, Purpose, open, seal};

use super::ring;

const AT: Binding<'_> = Binding {
    purpose: Purpose::Session,
    holder: b"holder",
    place: b"place",
};

/// What opens is what sealing makes, byte for byte: nothing in front, behind or inside can change. Seeds are in base64;
/// what is not is taken as it is.
pub fn run(data: &[u8]) {
    let decoded = STANDARD.decode(data.trim_ascii());
    let sealed = decoded.as_deref().unwrap_or(data);
    let ring = ring();
    let Ok(opened) = open(&ring, &AT, sealed) else {
        return;
    };
    let head = 2 + opened.kid.as_str().len() + 8;
    let nonce: [u8; 12] = sealed[head..head + 12].try_into().unwrap();
    assert_eq!(opened.kid, ring.sealing().id, "the seeds are of the first key");
    assert_eq!(seal(&ring, &AT, opened.version, nonce, &opened.plain), sealed);
    let elsewhere = Binding {
        place: b"elsewhere",
        ..AT
    };
    assert!(open(&ring, &elsewhere, sealed).is_err());
}
