//! `docs/trust.md`, as far as a test can follow it.

use std::{fs, process::Command};

use crate::harness::haproxy;

const DOCUMENT: &str = include_str!("../../docs/trust.md");

fn snippets(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    let found: Vec<_> = DOCUMENT
        .match_indices(&begin)
        .map(|(at, _)| DOCUMENT[at + begin.len()..].split("```").next().unwrap())
        .collect();
    assert!(!found.is_empty(), "no {language}");
    found
}

#[test]
fn haproxy_takes_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("haproxy.cfg");
    for snippet in snippets("haproxy") {
        fs::write(&file, snippet).unwrap();
        let checked = Command::new(haproxy::program())
            .args(["-c", "-q", "-dW", "-f"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn its_defaults_are_the_schemas() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../docs/config.schema.json")).unwrap();
    let rows = DOCUMENT.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let option = cells.get(2)?.split('`').nth(1)?;
        let (part, key) = option.split_once('.')?;
        Some((part.to_owned(), key.to_owned(), cells[3].to_owned()))
    });
    let mut count = 0;
    for (part, key, said) in rows {
        let of = if part == "limits" { "Limits" } else { "Timeouts" };
        let property = &schema["$defs"][of]["properties"][&key];
        assert!(property.is_object(), "there is no {part}.{key}");
        let default = &property["default"];
        let text = default.as_str().map(|text| format!("`{text}`"));
        let number = default.as_u64().map(|number| number.to_string());
        let default = text.or(number).unwrap_or_else(|| "none".to_owned());
        assert!(said.starts_with(&default), "{part}.{key} is {default}, not {said}");
        count += 1;
    }
    assert_eq!(count, 13);
}
