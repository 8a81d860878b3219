//! What the documents show is so: every configuration compiles, every command exists, every link leads somewhere.
//!
//! A block of YAML is a Doorward configuration, whole or in part, unless the comment before it says otherwise:
//!
//! | comment | what the block is |
//! |---|---|
//! | none | a configuration with listeners and routes; or some of its keys at the top, which are put into a frame |
//! | `in session` | keys below this path of the frame |
//! | `from FILE` | a piece of this file, to the byte |
//! | `for NAME` | for another program, one of [`OTHERS`] |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test that cannot go on has failed"
)]

mod config;
mod page;
mod proxies;
mod shell;
mod shown;

use std::{fs, path::Path};

use page::{Block, Page, pages, root};

/// Programs that blocks of YAML are for, which no test here runs: only that it is YAML is seen.
const OTHERS: [&str; 4] = ["Traefik", "Envoy", "Dex", "the collector"];

#[test]
fn every_block_of_yaml_is_what_it_says() {
    let pages = pages();
    let quoted = |block: &&Block| block.mark.as_deref().is_some_and(|mark| mark.starts_with("from "));
    let blocks = || {
        pages
            .iter()
            .flat_map(|page| &page.blocks)
            .filter(|block| block.language == "yaml" || quoted(block))
    };
    let wrong: Vec<_> = blocks().filter_map(|block| complaint(block, yaml(block))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(blocks().count() > 20, "blocks are found");
}

fn yaml(block: &Block) -> Result<(), String> {
    let Some(mark) = &block.mark else {
        return config::compile(&block.text, None);
    };
    let (kind, what) = mark.split_once(' ').unwrap_or((mark, ""));
    match kind {
        "in" => config::compile(&block.text, Some(what)),
        "from" => {
            let file = fs::read_to_string(root().join(what)).map_err(|error| format!("{what}: {error}"))?;
            let there = file.contains(&block.text);
            if there {
                Ok(())
            } else {
                Err(format!("this is not in {what}"))
            }
        }
        "for" if OTHERS.contains(&what) => serde_yaml::from_str::<serde_yaml::Value>(&block.text)
            .map(drop)
            .map_err(|error| error.to_string()),
        other => Err(format!("nothing is known of a block with the mark `{other} {what}`")),
    }
}

#[test]
fn every_command_exists() {
    let pages = pages();
    let shells = ["", "sh", "console", "bash"];
    let blocks = || {
        pages
            .iter()
            .flat_map(|page| &page.blocks)
            .filter(|block| shells.contains(&block.language.as_str()))
    };
    let wrong: Vec<_> = blocks()
        .filter_map(|block| complaint(block, parses(&block.text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        blocks().flat_map(|block| shell::commands(&block.text)).count() > 20,
        "commands are found"
    );
}

/// In a sentence a command may be a part of one; what is there exists.
#[test]
fn every_command_in_a_sentence_exists() {
    use clap::error::ErrorKind::{
        DisplayHelpOnMissingArgumentOrSubcommand, MissingRequiredArgument, MissingSubcommand, TooFewValues,
    };
    let part = [
        DisplayHelpOnMissingArgumentOrSubcommand,
        MissingRequiredArgument,
        MissingSubcommand,
        TooFewValues,
    ];
    let (mut wrong, mut found) = (Vec::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(root().join(&page.name)).unwrap();
        for words in quoted(&text).flat_map(shell::commands) {
            found += 1;
            match doorward::cli::command().try_get_matches_from(&words) {
                Err(error) if error.use_stderr() && !part.contains(&error.kind()) => {
                    wrong.push(format!("{}: {}: {error}", page.name, words.join(" ")));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(found > 50, "commands are found");
}

/// What stands between backticks outside of blocks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let outside = text.split("```").step_by(2);
    outside.flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

/// Holds every `doorward` command of a piece of shell against the real command line.
fn parses(text: &str) -> Result<(), String> {
    for words in shell::commands(text) {
        match doorward::cli::command().try_get_matches_from(&words) {
            Err(error) if error.use_stderr() => return Err(format!("{}: {error}", words.join(" "))),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

#[test]
fn nginx_and_haproxy_read_what_is_for_them() {
    let pages = pages();
    let mut wrong = Vec::new();
    let (mut of_nginx, mut of_haproxy) = (0, 0);
    for block in pages.iter().flat_map(|page| &page.blocks) {
        match block.language.as_str() {
            "nginx" => {
                of_nginx += 1;
                wrong.extend(complaint(block, proxies::nginx(&block.text)));
            }
            "haproxy" => {
                of_haproxy += 1;
                wrong.extend(complaint(block, proxies::haproxy(&block.text)));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        of_nginx > 0 && of_haproxy > 0,
        "{of_nginx} and {of_haproxy} blocks are found"
    );
}

#[test]
fn the_difference_that_is_shown_is_what_check_prints() {
    let page = fs::read_to_string(root().join("docs/reload.md")).unwrap();
    let printed = shown::difference();
    let indented: Vec<_> = printed
        .trim_end()
        .lines()
        .map(|line| {
            if line.is_empty() {
                String::new()
            } else {
                format!("    {line}")
            }
        })
        .collect();
    assert!(
        page.contains(&indented.join("\n")),
        "docs/reload.md shows something else:\n{printed}"
    );
}

fn complaint(block: &Block, said: Result<(), String>) -> Option<String> {
    said.err()
        .map(|error| format!("{} ({}):\n{error}\n{}", block.place, block.heading, block.text))
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let wrong: Vec<_> = pages.iter().flat_map(|page| dead_links(page, &pages)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        pages.iter().map(|page| page.links.len()).sum::<usize>() > 100,
        "links are found"
    );
}

fn dead_links(page: &Page, pages: &[Page]) -> Vec<String> {
    let folder = Path::new(&page.name).parent().unwrap();
    let dead = |target: &str| {
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let name = if file.is_empty() {
            page.name.clone()
        } else {
            normal(&folder.join(file))
        };
        let other = std::iter::once(page).chain(pages).find(|other| other.name == name);
        let heading = anchor.is_empty() || other.is_some_and(|other| other.anchors.iter().any(|known| known == anchor));
        !root().join(&name).exists() || !heading
    };
    let inside = page
        .links
        .iter()
        .filter(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"));
    inside
        .filter(|(_, target)| dead(target))
        .map(|(line, target)| format!("{}:{line}: {target} leads nowhere", page.name))
        .collect()
}

/// A path without `..`.
fn normal(path: &Path) -> String {
    let mut steps: Vec<_> = Vec::new();
    for step in path.components() {
        if step.as_os_str() == ".." {
            steps.pop();
        } else {
            steps.push(step.as_os_str().to_string_lossy());
        }
    }
    steps.join("/")
}

#[test]
fn the_index_has_every_page() {
    let index = Page::read("docs/README.md");
    let linked = |page: &Page| {
        index
            .links
            .iter()
            .any(|(_, target)| normal(&Path::new("docs").join(target)) == page.name)
    };
    let pages = pages();
    let lost: Vec<_> = pages
        .iter()
        .filter(|page| {
            page.name.starts_with("docs/") && !page.name.starts_with("docs/decisions/") && page.name != index.name
        })
        .filter(|page| !linked(page))
        .map(|page| page.name.as_str())
        .collect();
    assert!(lost.is_empty(), "docs/README.md says nothing of {lost:?}");
    let start = Page::read("README.md");
    assert!(
        start.links.iter().any(|(_, target)| target == "docs/README.md"),
        "README.md links to the index"
    );
}

/// `docs/sizing.md` quotes lines of `benches/README.md`: what stands in its tables is there, cell by cell.
#[test]
fn the_figures_are_those_of_the_benches() {
    let measured = fs::read_to_string(root().join("benches/README.md")).unwrap();
    let sizing = fs::read_to_string(root().join("docs/sizing.md")).unwrap();
    let (_, quoted) = sizing
        .split_once("<!-- lines of benches/README.md -->\n")
        .expect("the quoted lines");
    let (quoted, _) = quoted.split_once("<!-- end of the lines -->").expect("their end");
    let lines: Vec<_> = quoted.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    assert!(lines.len() > 5, "lines are found");
    let known = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        measured.lines().any(|line| {
            let there: Vec<_> = line.split('|').map(|cell| cell.trim().replace("**", "")).collect();
            cells.iter().all(|cell| there.iter().any(|other| other == cell))
        })
    };
    let gone: Vec<_> = lines.into_iter().filter(|line| !known(line)).collect();
    assert!(
        gone.is_empty(),
        "benches/README.md says otherwise:\n{}",
        gone.join("\n")
    );
}

/// Broken pages are seen as such.
#[test]
fn what_is_wrong_would_be_seen() {
    let page = |text: &str| Page::parse("docs/redis.md", text);
    let only = |text: &str| yaml(&page(&format!("```yaml\n{text}\n```\n")).blocks[0]);
    assert_eq!(only("limits: { head: 16KiB }"), Ok(()));
    for wrong in [
        "limits: { heads: 16KiB }",
        "limit: {}",
        "listeners: [{ address: nowhere }]",
        "a: [",
        "replicas: 3",
    ] {
        assert!(only(wrong).is_err(), "{wrong}");
    }
    let marked = |mark: &str, text: &str| yaml(&page(&format!("<!-- {mark} -->\n```yaml\n{text}\n```\n")).blocks[0]);
    assert_eq!(marked("in session", "  redis: { url: redis://127.0.0.1 }"), Ok(()));
    assert!(marked("in session", "  redis: { uri: redis://127.0.0.1 }").is_err());
    assert!(marked("from Cargo.toml", "[packages]").is_err());
    assert!(marked("for somebody", "a: 1").is_err());

    assert_eq!(
        parses("A=b doorward check --config FILE # so\n\ncat x | doorward schema > doorward.json"),
        Ok(())
    );
    for wrong in [
        "doorward chek",
        "sudo doorward run --confg x",
        "if doorward check \\\n --dif a b; then",
        "x && /usr/bin/doorward keys",
    ] {
        assert!(parses(wrong).is_err(), "{wrong}");
    }
    assert_eq!(parses("echo doorward chek"), Ok(()));
    let indented = page("Text.\n\n    doorward chek\n");
    assert!(parses(&indented.blocks[0].text).is_err());

    assert!(proxies::nginx("proxy_set_heder A b;").is_err());
    assert!(proxies::nginx("server {\n  listen 443 ssl\n}").is_err());
    assert!(proxies::haproxy("backend a\n  servr one 127.0.0.1:1\n").is_err());

    let links = page(
        "# A `b`, c\n[x](#a-b-c) [y](tls.md#hsts) [z](https://example.com/#q)\n[no](#b) [no](none.md) [no](tls.md#none)",
    );
    assert_eq!(dead_links(&links, &pages()).len(), 3);
}
