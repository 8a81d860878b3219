//! Paths and path patterns as the operator writes them.

use doorward::policy::path::{PathPattern, PathRegex, normalise, other_reading};

/// A longer expression is a test of the library's patience.
const LONGEST_EXPRESSION: usize = 100;

/// A pattern is in the form that requests have, and a lenient reading is final.
pub fn run(data: &[u8]) {
    if let Ok(normal) = normalise(data) {
        assert_eq!(
            normalise(normal.path.as_bytes()),
            Ok(normal.clone()),
            "the normal form is final"
        );
        assert_eq!(normal.path.len(), data.len());
        assert_eq!(normal.encoded_slash, normal.path.contains("%2F"));
        if let Some(reading) = other_reading(&normal.path) {
            assert_ne!(reading, normal.path);
            assert!(other_reading(&reading).is_none(), "{} reads as {reading}", normal.path);
        }
    }
    let Ok(written) = str::from_utf8(data) else {
        return;
    };
    if let Ok(PathPattern::Exact(path)) = PathPattern::exact(written) {
        assert_eq!(normalise(path.as_bytes()).unwrap().path, path);
        assert!(path.eq_ignore_ascii_case(written) && !path.contains(';'));
        assert_eq!(PathPattern::prefix(written), Ok(PathPattern::Prefix(path)));
    }
    if written.len() <= LONGEST_EXPRESSION
        && let Ok(expression) = PathRegex::parse(written)
    {
        assert_eq!(expression.as_str(), written);
        assert!(!expression.fits("/a") || !expression.fits("/a\n/b") || written.contains(['\\', '[', '.', '(']));
    }
}
