//! What a certificate says, of any bytes.

use doorward::identity::Certified;

/// What is read has names in small letters, and a subject whose parts no value can forge.
pub fn run(data: &[u8]) {
    let Ok(said) = Certified::read(data) else { return };
    assert!(
        said.dns
            .iter()
            .all(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase()))
    );
    assert!(
        !said.subject.contains(|c: char| c.is_ascii_control()),
        "{:?}",
        said.subject
    );
}
