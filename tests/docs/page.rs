//! A page of Markdown, as far as these tests read it: headings, links, blocks of code and what stands before them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A page.
pub struct Page {
    /// From the root of the repository, such as `docs/tls.md`.
    pub name: String,
    /// What a link after `#` may say.
    pub anchors: Vec<String>,
    /// Where links lead, with their lines.
    pub links: Vec<(usize, String)>,
    /// All blocks of code.
    pub blocks: Vec<Block>,
}

/// A block of code.
pub struct Block {
    /// `page:line` of its first line.
    pub place: String,
    /// What stands after the fence; empty for an indented block, and where nothing does.
    pub language: String,
    /// What the HTML comment right before it says.
    pub mark: Option<String>,
    /// The heading that it stands below.
    pub heading: String,
    /// Its text without the fence's indentation.
    pub text: String,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and every page of docs/ that is written by hand.
pub fn pages() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned()];
    for folder in ["docs", "docs/decisions"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&file).extension().is_some_and(|ending| ending == "md") {
                names.push(format!("{folder}/{file}"));
            }
        }
    }
    names.sort();
    names.into_iter().map(|name| Page::read(&name)).collect()
}

impl Page {
    /// Reads one, by its name from the root of the repository.
    pub fn read(name: &str) -> Self {
        Self::parse(name, &fs::read_to_string(root().join(name)).unwrap())
    }

    /// Takes a text apart.
    pub fn parse(name: &str, text: &str) -> Self {
        let mut page = Self {
            name: name.to_owned(),
            anchors: Vec::new(),
            links: Vec::new(),
            blocks: Vec::new(),
        };
        let (mut heading, mut mark) = (String::new(), None);
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        while let Some((number, line)) = lines.next() {
            let bare = line.trim_start();
            let (depth, place) = (line.len() - bare.len(), format!("{name}:{number}"));
            if let Some(language) = bare.strip_prefix("```") {
                let mut text = String::new();
                for (_, inner) in lines.by_ref().take_while(|(_, inner)| inner.trim_start() != "```") {
                    let spaces = inner.len() - inner.trim_start().len();
                    text += &inner[spaces.min(depth)..];
                    text.push('\n');
                }
                page.blocks.push(Block {
                    place,
                    language: language.to_owned(),
                    mark: mark.take(),
                    heading: heading.clone(),
                    text,
                });
            } else if depth >= 4 {
                page.blocks.push(Block {
                    place,
                    language: String::new(),
                    mark: None,
                    heading: heading.clone(),
                    text: format!("{bare}\n"),
                });
            } else if let Some(comment) = bare.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->")) {
                mark = Some(comment.trim().to_owned());
            } else {
                mark = None;
                if line.starts_with('#') {
                    line.trim_start_matches('#').trim().clone_into(&mut heading);
                    page.add_anchor(&heading);
                }
                page.read_prose(number, line);
            }
        }
        page
    }

    /// As GitHub makes anchors of headings: lower case, spaces as hyphens, no other punctuation, `-1` for the second of a name.
    fn add_anchor(&mut self, heading: &str) {
        let slug: String = heading
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let before = self.anchors.iter().filter(|anchor| **anchor == slug).count();
        self.anchors
            .push(if before == 0 { slug } else { format!("{slug}-{before}") });
    }

    fn read_prose(&mut self, number: usize, line: &str) {
        for id in line.split("<a id=\"").skip(1) {
            self.anchors.extend(id.split('"').next().map(str::to_owned));
        }
        // What is between backticks is code; a link's text may have some.
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let (target, next) = after.split_once(')').unwrap_or((after, ""));
            self.links.push((number, target.to_owned()));
            rest = next;
        }
    }
}
