//! The walls of the house, checked by reading the source as text (`docs/ARCHITECTURE.md`, section 1).
//!
//! Clippy sees one item at a time; these rules are about where an item stands. Each rule has a sample below that
//! breaks it, so a rule that has stopped working fails its own test.

use std::{fmt, fs, io, path::Path};

/// Rooms that decide: no IO, clock, randomness or logging.
const PURE: [&str; 7] = ["keys", "oidc", "identity", "session", "policy", "gate", "pages"];
/// Rooms that may name the proxy library.
const PINGORA: [&str; 2] = ["proxy", "server"];
const NOT_IN_PURE: [&str; 6] = ["async", "tokio", "redis", "reqwest", "tracing", "SystemTime"];
const NOT_FROM_STD_IN_PURE: [&str; 2] = ["fs", "env"];
const FILE_LINES: usize = 300;
const FUNCTION_LINES: usize = 60;
/// Built in two halves, so that this file does not break its own rule.
const MACHINE_PATHS: [&str; 6] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/main"),
    concat!("/wo", "rk/wt"),
    concat!("/wo", "rk/shared"),
];

#[test]
fn the_walls_stand() {
    let files = read_repository().expect("the sources can be read");
    assert!(
        files.iter().any(|file| file.path == "src/lib.rs"),
        "src/lib.rs was not read"
    );
    let violations = check(&files);
    let report: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(
        violations.is_empty(),
        "{} violation(s):\n{}\n",
        report.len(),
        report.join("\n")
    );
}

/// One file of the repository: its path from the root, with `/`, and its text.
struct SourceFile {
    path: String,
    text: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Violation {
    path: String,
    line: usize,
    rule: Rule,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    RoomList,
    UpwardUse,
    Pingora,
    Pure,
    FileSize,
    FunctionSize,
    Unfinished,
    MachinePath,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {:?}: {}", self.path, self.line, self.rule, self.detail)
    }
}

/// Every broken rule in `files`, in the order of the files.
fn check(files: &[SourceFile]) -> Vec<Violation> {
    let rooms = files
        .iter()
        .find(|file| file.path == "src/lib.rs")
        .map(|lib| rooms(&lib.text))
        .unwrap_or_default();
    let test_files = test_files(files);
    let mut found = room_list(&rooms);
    for file in files {
        machine_paths(file, &mut found);
        if !is_rust(&file.path) {
            continue;
        }
        let code = strip(&file.text);
        unfinished(file, &code, &mut found);
        if file.path.starts_with("src/") && !is_test_file(&file.path, &file.text, &test_files) {
            let code = blank_tests(&code);
            upward_uses(file, &code, &rooms, &mut found);
            pingora(file, &code, &mut found);
            pure(file, &code, &mut found);
            file_size(file, &code, &mut found);
            function_sizes(file, &code, &mut found);
        }
    }
    found
}

// ---- rules ----

fn room_list(rooms: &[String]) -> Vec<Violation> {
    // A renamed room would otherwise leave its wall without a word.
    let missing = PURE
        .iter()
        .chain(&PINGORA)
        .filter(|name| !rooms.iter().any(|room| room == *name));
    missing
        .map(|name| Violation {
            path: "src/lib.rs".into(),
            line: 1,
            rule: Rule::RoomList,
            detail: format!("`mod {name};` is not in the list, but a wall is built around it"),
        })
        .collect()
}

fn upward_uses(file: &SourceFile, code: &str, rooms: &[String], found: &mut Vec<Violation>) {
    let Some(own) = room_of(&file.path) else {
        return;
    };
    let Some(own_place) = rooms.iter().position(|room| room == own) else {
        found.push(file.at(
            1,
            Rule::UpwardUse,
            format!("room `{own}` is not in the list of src/lib.rs"),
        ));
        return;
    };
    for (at, name) in path_heads(code, "crate") {
        match rooms.iter().position(|room| *room == name) {
            Some(place) if place <= own_place => {}
            Some(_) => found.push(file.at_offset(
                code,
                at,
                Rule::UpwardUse,
                format!("`crate::{name}` stands below `{own}` in src/lib.rs: a room uses only itself and rooms above"),
            )),
            None => found.push(file.at_offset(
                code,
                at,
                Rule::UpwardUse,
                format!("`crate::{name}` is no room of src/lib.rs: name the room the item lives in"),
            )),
        }
    }
    // `super` climbing out of the room would reach another one without naming `crate`.
    let inline = usize::from(words(code, "mod").any(|at| next_symbol(code, at + 3) == Some('{')));
    let depth = file.path.trim_start_matches("src/").split('/').count() + inline;
    let climb = "super::".repeat(depth);
    for (at, _) in code.match_indices(&climb) {
        let detail = "`super` leaves the room: name the other room from `crate::`";
        found.push(file.at_offset(code, at, Rule::UpwardUse, detail.into()));
    }
}

fn pingora(file: &SourceFile, code: &str, found: &mut Vec<Violation>) {
    if room_of(&file.path).is_some_and(|room| PINGORA.contains(&room)) {
        return;
    }
    for (at, _) in code.match_indices("pingora").filter(|(at, _)| starts_word(code, *at)) {
        let detail = format!("`pingora` is named in {} only", PINGORA.join(" and "));
        found.push(file.at_offset(code, at, Rule::Pingora, detail));
    }
}

fn pure(file: &SourceFile, code: &str, found: &mut Vec<Violation>) {
    let Some(room) = room_of(&file.path).filter(|room| PURE.contains(room)) else {
        return;
    };
    let mut report = |at: usize, what: &str| {
        found.push(file.at_offset(code, at, Rule::Pure, format!("`{what}` in the pure room `{room}`")));
    };
    for word in NOT_IN_PURE {
        words(code, word).for_each(|at| report(at, word));
    }
    code.match_indices(".await").for_each(|(at, word)| report(at, word));
    for (at, name) in path_heads(code, "std") {
        if NOT_FROM_STD_IN_PURE.contains(&name.as_str()) {
            report(at, &format!("std::{name}"));
        }
    }
}

fn file_size(file: &SourceFile, code: &str, found: &mut Vec<Violation>) {
    let tests = code.matches(TEST_LINE).count();
    let lines = file.text.lines().count().saturating_sub(tests);
    if lines > FILE_LINES {
        let detail = format!("{lines} lines without the tests, {FILE_LINES} at most");
        found.push(file.at(FILE_LINES, Rule::FileSize, detail));
    }
}

/// Counts as clippy's `too_many_lines` does: the lines of the body that hold code.
fn function_sizes(file: &SourceFile, code: &str, found: &mut Vec<Violation>) {
    for at in words(code, "fn") {
        let name: String = code
            .get(at + 2..)
            .unwrap_or_default()
            .trim_start()
            .chars()
            .take_while(is_word)
            .collect();
        let Some(body) = (!name.is_empty()).then(|| body_after(code, at)).flatten() else {
            continue;
        };
        let lines = body.lines().filter(|line| !line.trim().is_empty()).count();
        if lines > FUNCTION_LINES {
            let detail = format!("`{name}` has {lines} lines of code, {FUNCTION_LINES} at most");
            found.push(file.at_offset(code, at, Rule::FunctionSize, detail));
        }
    }
}

fn unfinished(file: &SourceFile, code: &str, found: &mut Vec<Violation>) {
    for word in ["#[ignore", "todo!(", "unimplemented!("] {
        for (at, _) in code.match_indices(word) {
            found.push(file.at_offset(code, at, Rule::Unfinished, format!("`{word}` is left in the code")));
        }
    }
}

fn machine_paths(file: &SourceFile, found: &mut Vec<Violation>) {
    for word in MACHINE_PATHS {
        for (at, _) in file.text.match_indices(word) {
            // In the middle of a URL or a longer path it is no path of this machine.
            let before = file.text.get(..at).and_then(|text| text.chars().next_back());
            if before.is_none_or(|c| !is_word(&c) && !".-/}".contains(c)) {
                let detail = format!("`{word}` is a path of one machine");
                found.push(file.at_offset(&file.text, at, Rule::MachinePath, detail));
            }
        }
    }
}

// ---- reading Rust as text ----

impl SourceFile {
    fn at(&self, line: usize, rule: Rule, detail: String) -> Violation {
        Violation {
            path: self.path.clone(),
            line,
            rule,
            detail,
        }
    }

    fn at_offset(&self, text: &str, offset: usize, rule: Rule, detail: String) -> Violation {
        let line = text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        self.at(line, rule, detail)
    }
}

/// The rooms of `lib.rs`, first to last.
fn rooms(lib: &str) -> Vec<String> {
    let code = blank_tests(&strip(lib));
    let names = words(&code, "mod").filter_map(|at| {
        let rest = code.get(at + 3..)?.trim_start();
        let name: String = rest.chars().take_while(is_word).collect();
        rest.get(name.len()..)?.trim_start().starts_with(';').then_some(name)
    });
    names.collect()
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|kind| kind == "rs")
}

/// `src/gate.rs` and `src/gate/decide.rs` are in the room `gate`; `lib.rs` and `main.rs` are in none.
fn room_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let room = inside.split('/').next()?.trim_end_matches(".rs");
    (!matches!(inside, "lib.rs" | "main.rs")).then_some(room)
}

/// Paths of modules declared as `#[cfg(test)] mod name;`, without `.rs`.
fn test_files(files: &[SourceFile]) -> Vec<String> {
    let mut paths = Vec::new();
    for file in files.iter().filter(|file| is_rust(&file.path)) {
        let code = strip(&file.text);
        let folder = match file.path.strip_suffix(".rs") {
            Some("src/lib" | "src/main") | None => "src",
            Some(folder) => folder,
        };
        for (at, marker) in code.match_indices("#[cfg(test)]") {
            let rest = code.get(at + marker.len()..).unwrap_or_default();
            let declaration = rest.split([';', '{']).next().unwrap_or_default();
            if let Some(name) = declaration.split_whitespace().skip_while(|word| *word != "mod").nth(1) {
                paths.push(format!("{folder}/{name}"));
            }
        }
    }
    paths
}

fn is_test_file(path: &str, text: &str, test_files: &[String]) -> bool {
    let module = path.trim_end_matches(".rs");
    text.contains("#![cfg(test)]")
        || test_files.iter().any(|test| {
            module
                .strip_prefix(test.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
}

/// The text with the inside of comments, strings and characters turned to blanks; lines stay where they are.
fn strip(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let Some(end) = literal_end(&chars, at) else {
            out.push(c);
            at += 1;
            continue;
        };
        let inside = chars.get(at..end).unwrap_or_default();
        out.extend(inside.iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// Where the comment, string or character that starts at `at` ends; `None` when none starts there.
fn literal_end(chars: &[char], at: usize) -> Option<usize> {
    let next = |ahead: usize| chars.get(at + ahead).copied();
    let in_word = at
        .checked_sub(1)
        .and_then(|before| chars.get(before))
        .is_some_and(is_word);
    match (next(0)?, next(1)) {
        ('/', Some('/')) => Some(find(chars, at, |rest| rest.first() == Some(&'\n'))),
        ('/', Some('*')) => Some(block_comment_end(chars, at)),
        ('"', _) => Some(string_end(chars, at + 1)),
        ('r', Some('"' | '#')) if !in_word => raw_string_end(chars, at + 1),
        ('b' | 'c', Some('r')) if !in_word && matches!(next(2), Some('"' | '#')) => raw_string_end(chars, at + 2),
        ('\'', Some('\\')) => Some(find(chars, at + 3, |rest| rest.first() == Some(&'\'')) + 1),
        // One character and a quote is a character; anything else is a lifetime.
        ('\'', Some(_)) if next(2) == Some('\'') => Some(at + 3),
        _ => None,
    }
}

fn find(chars: &[char], from: usize, is_end: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len())
        .find(|at| chars.get(*at..).is_some_and(&is_end))
        .unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while at < chars.len() {
        match chars.get(at..at + 2) {
            Some(['/', '*']) => (depth, at) = (depth + 1, at + 2),
            Some(['*', '/']) if depth == 1 => return at + 2,
            Some(['*', '/']) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while let Some(c) = chars.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], hashes_at: usize) -> Option<usize> {
    let hashes = chars.get(hashes_at..)?.iter().take_while(|c| **c == '#').count();
    if chars.get(hashes_at + hashes) != Some(&'"') {
        return None; // a raw identifier
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    Some((find(chars, hashes_at + hashes + 1, |rest| rest.starts_with(&close)) + close.len()).min(chars.len()))
}

/// Stands in a line of test code, so that the line is neither read nor counted.
const TEST_LINE: &str = "\u{1}";

/// Stripped code with each item under `#[cfg(test)]` replaced by one [`TEST_LINE`] a line.
fn blank_tests(code: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(code.len()), code);
    while let Some((before, from)) = rest.split_once("#[cfg(test)]") {
        let end = item_end(from);
        let (test, after) = from.split_at_checked(end).unwrap_or((from, ""));
        out.push_str(before);
        out.push_str(TEST_LINE);
        test.matches('\n').for_each(|_| {
            out.push('\n');
            out.push_str(TEST_LINE);
        });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The end of the item at the start of `code`: its `;`, or the brace that closes it.
fn item_end(code: &str) -> usize {
    let (mut round, mut curly) = (0_i32, 0_i32);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            '{' => curly += 1,
            '}' => curly -= 1,
            _ => {}
        }
        let closed = (c == ';' && curly == 0 && round == 0) || (c == '}' && curly <= 0);
        if closed {
            return at + 1;
        }
    }
    code.len()
}

/// What stands between the braces of the function at `at`; `None` when it has no body.
fn body_after(code: &str, at: usize) -> Option<&str> {
    let item = code.get(at..at + item_end(code.get(at..)?))?;
    let (_, body) = item.strip_suffix('}')?.split_once('{')?;
    Some(body)
}

/// The first name after each `root::`, also of `root::{a, b::C}`, with its place in the code.
fn path_heads(code: &str, root: &str) -> Vec<(usize, String)> {
    let mut heads = Vec::new();
    for at in words(code, root) {
        let Some(rest) = code
            .get(at + root.len()..)
            .and_then(|rest| rest.trim_start().strip_prefix("::"))
        else {
            continue;
        };
        let rest = rest.trim_start();
        let group = rest.strip_prefix('{').map(top_level_names);
        let names = group.unwrap_or_else(|| vec![rest.chars().take_while(is_word).collect()]);
        heads.extend(names.into_iter().filter(|name| !name.is_empty()).map(|name| (at, name)));
    }
    heads
}

/// The names that begin each entry of a `{…}` group; `group` starts after its brace.
fn top_level_names(group: &str) -> Vec<String> {
    let (mut depth, mut entries) = (0_usize, vec![String::new()]);
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => entries.push(String::new()),
            _ if depth == 0 => entries.iter_mut().last().into_iter().for_each(|entry| entry.push(c)),
            _ => {}
        }
    }
    entries
        .iter()
        .map(|entry| entry.trim().chars().take_while(is_word).collect())
        .collect()
}

fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let after = code.get(at + word.len()..).and_then(|rest| rest.chars().next());
        starts_word(code, *at) && !after.is_some_and(|c| is_word(&c))
    })
}

fn starts_word(code: &str, at: usize) -> bool {
    let before = code.get(..at).and_then(|text| text.chars().next_back());
    !before.is_some_and(|c| is_word(&c))
}

fn next_symbol(code: &str, at: usize) -> Option<char> {
    code.get(at..)?.chars().find(|c| !is_word(c) && !c.is_whitespace())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "take_while hands out references")]
fn is_word(c: &char) -> bool {
    c.is_alphanumeric() || *c == '_'
}

// ---- reading the repository ----

/// Every Rust source, document, script and manifest that is kept in the repository.
fn read_repository() -> io::Result<Vec<SourceFile>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for name in ["src", "tests", "benches", "fuzz", "docs", "deploy", "helm", ".ci"] {
        read_folder(root, Path::new(name), &mut files)?;
    }
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            read_file(root, Path::new(name), &mut files)?;
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn read_folder(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) -> io::Result<()> {
    if !root.join(folder).is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        let generated = ["node_modules", "artefacts", "target", "corpus", "artifacts", "coverage"].map(Into::into);
        if entry.file_type()?.is_dir() && !generated.contains(&entry.file_name()) {
            read_folder(root, &path, files)?;
        } else if entry.file_type()?.is_file() {
            read_file(root, &path, files)?;
        }
    }
    Ok(())
}

fn read_file(root: &Path, path: &Path, files: &mut Vec<SourceFile>) -> io::Result<()> {
    let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let ours = ["rs", "md", "toml", "yaml", "yml", "mjs", "sh", "css", "html"].contains(&kind)
        || ["Makefile", "run", "need", "Dockerfile"].contains(&name);
    if ours {
        let text = fs::read_to_string(root.join(path))?;
        files.push(SourceFile {
            path: path.to_string_lossy().replace('\\', "/"),
            text,
        });
    }
    Ok(())
}

// ---- each rule, broken on purpose ----

const LIB: &str = "//! The map: mod nothing;\npub mod time;\nmod keys;\npub mod oidc;\npub mod identity;\n\
    pub mod session;\npub mod policy;\npub mod gate;\npub mod pages;\npub mod store;\n#[cfg(feature = \"demo\")]\n\
    pub mod demo;\npub mod proxy;\npub mod server;\n#[cfg(test)]\nmod testing;\n";

/// The rules that `text` breaks when it stands at `path` in a small house.
fn broken(path: &str, text: &str) -> Vec<(Rule, usize)> {
    let lib = SourceFile {
        path: "src/lib.rs".into(),
        text: LIB.into(),
    };
    let sample = SourceFile {
        path: path.into(),
        text: text.into(),
    };
    check(&[lib, sample])
        .into_iter()
        .map(|violation| (violation.rule, violation.line))
        .collect()
}

#[test]
fn rooms_are_read_in_order_without_test_modules() {
    let names = rooms(LIB);
    assert_eq!(names.first().map(String::as_str), Some("time"));
    assert_eq!(names.last().map(String::as_str), Some("server"));
    assert_eq!(names.len(), 12);
}

#[test]
fn a_missing_walled_room_is_found() {
    let lib = SourceFile {
        path: "src/lib.rs".into(),
        text: LIB.replace("pub mod gate;\n", ""),
    };
    let rules: Vec<Rule> = check(&[lib]).iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, [Rule::RoomList]);
    assert_eq!(check(&[]).len(), PURE.len() + PINGORA.len(), "no lib.rs at all");
}

#[test]
fn an_upward_use_is_found() {
    let up = [(Rule::UpwardUse, 2)];
    assert_eq!(
        broken(
            "src/gate/decide.rs",
            "use crate::gate::place;\nuse crate::store::Store;\n"
        ),
        up
    );
    assert_eq!(
        broken("src/gate.rs", "\nuse crate::{time::UnixTime, store::{A, B}};\n"),
        up
    );
    assert_eq!(
        broken("src/gate.rs", "\nfn f() { let x = crate :: server :: run(); }\n"),
        up
    );
    assert_eq!(broken("src/gate.rs", "\nuse crate::Everything;\n"), up);
    assert_eq!(broken("src/cellar.rs", "\n"), [(Rule::UpwardUse, 1)]);
}

#[test]
fn a_climb_out_of_the_room_is_found() {
    assert_eq!(
        broken("src/gate.rs", "use super::store::Store;\n"),
        [(Rule::UpwardUse, 1)]
    );
    assert_eq!(
        broken("src/gate/decide.rs", "use super::super::store::Store;\n"),
        [(Rule::UpwardUse, 1)]
    );
    assert_eq!(broken("src/gate/decide.rs", "use super::place::Place;\n"), []);
    assert_eq!(broken("src/gate.rs", "mod inner { use super::Place; }\n"), []);
}

#[test]
fn a_downward_use_and_a_use_in_tests_pass() {
    let text = "use crate::{gate::Place, time::UnixTime};\n// crate::server\nconst A: &str = \"crate::server\";\n\
        #[cfg(test)]\nmod tests {\n    use crate::server::Server;\n}\n";
    assert_eq!(broken("src/gate.rs", text), []);
    assert_eq!(broken("src/main.rs", "use crate::server::run;\n"), []);
}

#[test]
fn pingora_outside_its_rooms_is_found() {
    assert_eq!(broken("src/gate.rs", "use pingora::http::X;\n"), [(Rule::Pingora, 1)]);
    assert_eq!(
        broken("src/store.rs", "fn f(_: pingora_core::X) {}\n"),
        [(Rule::Pingora, 1)]
    );
    assert_eq!(broken("src/main.rs", "use pingora::X;\n"), [(Rule::Pingora, 1)]);
    assert_eq!(broken("src/proxy/hooks.rs", "use pingora::X;\n"), []);
    assert_eq!(broken("src/server.rs", "use pingora::X;\n"), []);
    assert_eq!(broken("src/store.rs", "// pingora\nconst A: &str = \"pingora\";\n"), []);
}

#[test]
fn an_effect_in_a_pure_room_is_found() {
    let effects = [
        "async fn f() {}",
        "fn f() { g().await; }",
        "use tokio::time::sleep;",
        "use redis::Client;",
        "use reqwest::Client;",
        "fn f() { tracing::info!(); }",
        "use std::fs;",
        "use std::{collections::HashMap, env};",
        "fn f() { std::fs::read(); }",
        "use std::time::SystemTime;",
    ];
    for room in PURE {
        for effect in effects {
            assert_eq!(
                broken(&format!("src/{room}/part.rs"), effect),
                [(Rule::Pure, 1)],
                "{room}: {effect}"
            );
        }
    }
    assert_eq!(broken("src/store/part.rs", &effects.join("\n")), []);
    let harmless = "/// An async doc of tokio.\nuse std::collections::HashMap;\nfn asynchronous(redis_key: u8) {}\n";
    assert_eq!(broken("src/gate.rs", harmless), []);
}

#[test]
fn a_long_file_is_found_and_its_tests_do_not_count() {
    let fits = "const A: u8 = 1;\n".repeat(FILE_LINES);
    let tests = format!(
        "#[cfg(test)]\nmod tests {{\n{}}}\n",
        "    const A: u8 = 1;\n".repeat(FILE_LINES)
    );
    assert_eq!(broken("src/store.rs", &fits), []);
    assert_eq!(broken("src/store.rs", &format!("{fits}{tests}")), []);
    assert_eq!(
        broken("src/store.rs", &format!("{fits}//\n{tests}")),
        [(Rule::FileSize, FILE_LINES)]
    );
    assert_eq!(
        broken("src/testing.rs", &fits.repeat(2)),
        [],
        "a module declared under cfg(test)"
    );
    assert_eq!(broken("src/testing/more.rs", &fits.repeat(2)), []);
}

#[test]
fn a_long_function_is_found() {
    let body = |lines: usize| {
        format!(
            "\nfn f(a: [u8; 2]) -> u8 {{\n{}}}\n",
            "    g('{', \"}\");\n".repeat(lines)
        )
    };
    assert_eq!(broken("src/store.rs", &body(FUNCTION_LINES)), []);
    assert_eq!(
        broken("src/store.rs", &body(FUNCTION_LINES + 1)),
        [(Rule::FunctionSize, 2)]
    );
    let comments = format!("fn f() {{\n{}}}\n", "    // why\n\n".repeat(FUNCTION_LINES));
    assert_eq!(broken("src/store.rs", &comments), []);
    assert_eq!(broken("src/store.rs", "trait T { fn f(&self); }\nfn g() {}\n"), []);
}

#[test]
fn unfinished_code_is_found_in_tests_too() {
    for left in [
        "#[ignore]\nfn f() {}",
        "#[ignore = \"slow\"]\nfn f() {}",
        "fn f() { todo!() }",
        "fn f() { unimplemented!() }",
    ] {
        assert_eq!(broken("src/store.rs", left), [(Rule::Unfinished, 1)], "{left}");
        assert_eq!(broken("tests/it/main.rs", left), [(Rule::Unfinished, 1)], "{left}");
    }
    assert_eq!(
        broken("src/store.rs", "#[cfg(test)]\nmod t { fn f() { todo!() } }"),
        [(Rule::Unfinished, 2)]
    );
    assert_eq!(broken("src/store.rs", "// todo!() \nconst A: &str = \"todo!()\";"), []);
}

#[test]
fn a_path_of_one_machine_is_found() {
    for path in MACHINE_PATHS {
        assert_eq!(
            broken("docs/a.md", &format!("see\n`{path}x`")),
            [(Rule::MachinePath, 2)],
            "{path}"
        );
        assert_eq!(
            broken("src/store.rs", &format!("// {path}x")),
            [(Rule::MachinePath, 1)],
            "{path}"
        );
        assert_eq!(
            broken("docs/a.md", &format!("https://example.com{path}x")),
            [],
            "{path}"
        );
    }
}

#[test]
fn stripping_keeps_code_and_lines() {
    let text = "a /* b /* c */ d */ e // f\n'x' '\\'' 'static r#\"g\"h\"# br\"i\" \"j\\\"k\" r#type l\n";
    let code = strip(text);
    let kept: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(kept, ["a", "e", "'static", "r#type", "l"]);
    assert_eq!(code.matches('\n').count(), 2);
    assert_eq!(strip("\"never closed"), " ".repeat("\"never closed".len()));
}
