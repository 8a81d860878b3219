//! Configuration files.

use std::{collections::BTreeMap, path::Path};

use doorward::config::{self, Source};

/// Every text compiles or is told off in places that are in it; nothing that compiled is without routes or key.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    // A folder that is not there: nothing of the machine is read, whatever file a text names by a relative path.
    let variables = [("SECRET".to_owned(), "a-secret-of-the-seeds".to_owned())];
    let source = Source::with_environment(Path::new("/nonexistent"), BTreeMap::from(variables));
    match config::from_source("doorward.yaml", text, &source) {
        Ok(plan) => {
            assert!(!plan.listeners.is_empty());
            assert!(!plan.providers.is_empty() || plan.default_provider.is_none());
        }
        Err(report) => {
            let problems = report.list();
            assert!(!problems.is_empty());
            // YAML ends a line at a lone carriage return, too (1.2.2 section 5.4).
            let lines = text.split(['\n', '\r']).count() + 1;
            for problem in problems {
                assert!(problem.line <= lines, "{problem:?}");
                assert!(!problem.what.is_empty(), "{problem:?}");
            }
            let told = report.to_string();
            assert!(!told.contains("a-secret-of-the-seeds"), "{told}");
        }
    }
}
