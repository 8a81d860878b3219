//! What an operator reads whose configuration has every sort of mistake: all of them at once, in the order of the file.

use std::{collections::BTreeMap, path::Path};

use doorward::config::{self, Source};

#[test]
fn many_mistakes_are_told_at_once() {
    let text = include_str!("config_problems/many.yaml");
    let source = Source::with_environment(Path::new("/nowhere"), BTreeMap::new());
    match config::from_source("many.yaml", text, &source) {
        Ok(_) => panic!("it has no mistake left"),
        Err(report) => insta::assert_snapshot!("many", report.to_string()),
    }
}
