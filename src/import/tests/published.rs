//! Every option that oauth2-proxy has published is told of, in each form that it has.

use super::imported;
use crate::import::Import;

/// Flag and key, one a line.
const FLAGS: &str = include_str!("published.txt");
/// The structured form.
const STRUCTURED: &str = include_str!("published.yaml");

fn options() -> impl Iterator<Item = (&'static str, &'static str)> {
    let told = FLAGS.lines().filter(|line| !line.starts_with('#'));
    told.map(|line| line.split_once(' ').unwrap())
}

/// Of each it is said what becomes of it.
fn assert_told(import: &Import, written: impl Iterator<Item = String>) {
    assert!(import.report.unknown.is_empty(), "{}", import.report);
    for option in written {
        let beside = format!("{option} ");
        let told = |one: &str| one == option || one.starts_with(&beside);
        let any = import.report.remarks.iter().any(|remark| told(&remark.option));
        assert!(any, "nothing is said of {option}\n{}", import.report);
    }
}

#[test]
fn every_flag_is_told() {
    let flags: Vec<String> = options().map(|(flag, _)| format!("--{flag}=1\n")).collect();
    assert_told(
        &imported(&flags.concat()),
        options().map(|(flag, _)| format!("--{flag}")),
    );
}

#[test]
fn every_key_of_its_file_is_told() {
    let file: Vec<String> = options().map(|(_, key)| format!("{key} = \"1\"\n")).collect();
    assert_told(&imported(&file.concat()), options().map(|(_, key)| key.to_owned()));
    for older in ["google_group", "exclude_logging_path", "show-debug-on-error"] {
        assert_told(&imported(&format!("{older} = \"1\"\n")), [older.to_owned()].into_iter());
    }
}

#[test]
fn every_variable_is_told() {
    let name = |key: &str| format!("OAUTH2_PROXY_{}", key.to_ascii_uppercase());
    let variables: Vec<String> = options().map(|(_, key)| format!("{}=1\n", name(key))).collect();
    assert_told(&imported(&variables.concat()), options().map(|(_, key)| name(key)));
}

#[test]
fn every_member_of_the_structured_form_is_known_and_no_other() {
    let whole = imported(STRUCTURED);
    assert!(whole.report.unknown.is_empty(), "{}", whole.report);
    for (at, line) in STRUCTURED.lines().enumerate().filter(|(_, line)| line.contains(':')) {
        let name = line.trim_start_matches([' ', '-']);
        if name.starts_with('#') {
            continue;
        }
        let odd = line.replacen(name, &format!("odd{name}"), 1);
        let lines = STRUCTURED.lines().enumerate();
        let text: Vec<&str> = lines
            .map(|(index, line)| if index == at { &odd } else { line })
            .collect();
        let import = imported(&text.join("\n"));
        assert!(!import.report.unknown.is_empty(), "{odd}\n{}", import.report);
    }
}
