//! Configurations of oauth2-proxy.

use std::{collections::BTreeMap, path::Path};

use doorward::{
    config::{self, Source},
    import::{Document, Wishes, translate},
};

/// Whatever is read is turned into a configuration that lacks nothing but files and secrets; each option is told of.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let file = Document { name: "f", text };
    let wishes = Wishes {
        public_url: None,
        emails: Some("ada@example.com\n\nno address\n"),
    };
    let Ok(import) = translate(&[file], &wishes) else {
        return;
    };
    let source = Source::with_environment(Path::new("/nonexistent"), variables(&import.yaml));
    if let Err(report) = config::from_source("doorward.yaml", &import.yaml, &source) {
        for problem in report.list() {
            let files = problem.what.contains(" cannot be read: ");
            // An upstream may have been oauth2-proxy's own address.
            let elsewhere = problem.what.contains("Doorward itself");
            let value = problem.what.contains("environment variable") || problem.what.contains("PEM");
            assert!(files || elsewhere || value, "{problem:?}\n{}\n{text}", import.yaml);
        }
    }
    let told = import.report.to_string();
    assert!(told.ends_with("not known\n"), "{told}");
    for remark in &import.report.remarks {
        assert!(
            !remark.what.is_empty() && !remark.to_string().contains('\n'),
            "{remark:?}"
        );
    }
}

/// A good value for every variable that is named.
fn variables(yaml: &str) -> BTreeMap<String, String> {
    let named = yaml.lines().filter_map(|line| {
        let (key, name) = line.split_once(": ")?;
        let good = match key.trim_start_matches([' ', '-']) {
            "key_env" => "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
            key if key == "env" || key.ends_with("_env") => "a-secret-of-the-seeds-that-is-long-enough",
            _ => return None,
        };
        let name = serde_json::from_str(name).unwrap_or_else(|_| name.to_owned());
        Some((name, good.to_owned()))
    });
    named.collect()
}
