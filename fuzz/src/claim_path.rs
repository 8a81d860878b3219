//! Where a claim is.

use doorward::identity::ClaimPath;

/// A path is shown as it can be written.
pub fn run(data: &[u8]) {
    let Ok(written) = str::from_utf8(data) else {
        return;
    };
    if let Ok(path) = ClaimPath::parse(written) {
        assert_eq!(path.to_string(), written);
        assert!(!path.first().is_empty());
    }
}
