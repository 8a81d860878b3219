//! Paths and expressions of oauth2-proxy, which searched for an expression anywhere in a path, as ours, which are for whole
//! paths. What is translated is never wider than what it was.

use std::fmt;

use super::yaml::{Map, Yaml};
use crate::{
    config::written::{
        Written as _,
        name::{PathExpression, RoutePath},
    },
    gate::place::is_own,
};

/// Which paths a route is for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Pattern {
    /// This one.
    Exact(String),
    /// This one and all below it.
    Prefix(String),
    /// Those that fit whole. What stands before its first sign is in front of all of them.
    Regex(String, String),
}

/// An expression that has no equivalent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Untranslated(pub(super) String);

impl Pattern {
    /// A path of an upstream: with a slash at its end all below it, otherwise itself.
    pub(super) fn of_path(path: &str) -> Result<Self, Untranslated> {
        let made = match path.strip_suffix('/') {
            Some("") => Self::Prefix("/".to_owned()),
            Some(folder) => Self::Prefix(folder.to_owned()),
            None => Self::Exact(path.to_owned()),
        };
        made.checked()
    }

    /// An expression, as one pattern for each of its alternatives.
    pub(super) fn of_expression(expression: &str) -> Result<Vec<Self>, Untranslated> {
        alternatives(expression).into_iter().map(Self::of_alternative).collect()
    }

    fn of_alternative(written: &str) -> Result<Self, Untranslated> {
        if written.is_empty() {
            return Err(Untranslated("an empty expression fits everything".to_owned()));
        }
        let (from_start, rest) = match written.strip_prefix('^') {
            Some(rest) => (true, rest),
            None => (written.starts_with('/'), written),
        };
        let (to_end, rest) = match rest.strip_suffix('$').filter(|rest| !ends_escaped(rest)) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (open, bare) = match rest.strip_suffix(".*").filter(|rest| !ends_escaped(rest)) {
            Some(bare) => (true, bare),
            None => (!to_end, rest),
        };
        match literal(bare) {
            Some(text) if text.is_empty() && open => Ok(Self::Prefix("/".to_owned())),
            Some(text) if from_start && text.starts_with('/') => Self::of_literal(text, open),
            Some(_) | None => {
                let before = if from_start { "" } else { ".*" };
                let after = if open { ".*" } else { "" };
                let front = if from_start { front(bare) } else { String::new() };
                Self::Regex(format!("{before}{bare}{after}"), front).checked()
            }
        }
    }

    fn of_literal(text: String, open: bool) -> Result<Self, Untranslated> {
        let made = match (open, text.as_str()) {
            (false, _) => Self::Exact(text),
            (true, "/") => Self::Prefix(text),
            // `/x/` was not for `/x`.
            (true, folder) if folder.ends_with('/') => Self::Regex(format!("{}.*", regex::escape(folder)), text),
            (true, _) => Self::Prefix(text),
        };
        made.checked()
    }

    /// The same, if we can say it.
    fn checked(self) -> Result<Self, Untranslated> {
        let fault = match &self {
            Self::Exact(path) | Self::Prefix(path) if is_own(path) => Some("it is Doorward's own".to_owned()),
            Self::Exact(path) | Self::Prefix(path) => RoutePath::read(path).err(),
            Self::Regex(expression, _) => foreign(expression).or_else(|| PathExpression::read(expression).err()),
        };
        fault.map_or(Ok(self), |why| Err(Untranslated(why)))
    }

    /// What stands in front of all of its paths.
    pub(super) fn front(&self) -> &str {
        match self {
            Self::Exact(path) | Self::Prefix(path) => path,
            Self::Regex(_, front) => front,
        }
    }

    /// Whether all paths of the other are among its own, as far as that can be seen.
    pub(super) fn holds(&self, other: &Self) -> bool {
        match self {
            Self::Prefix(folder) => is_below(folder, other.front()) && !matches!(other, Self::Regex(..)),
            Self::Exact(_) | Self::Regex(..) => self == other,
        }
    }

    /// Whether a path, or all that it is in front of, may belong to it.
    pub(super) fn may_hold(&self, front: &str) -> bool {
        match self {
            Self::Prefix(folder) => is_below(folder, front) || folder.starts_with(front),
            Self::Exact(path) => path.starts_with(front),
            Self::Regex(_, own) => own.starts_with(front) || front.starts_with(own.as_str()),
        }
    }

    pub(super) fn yaml(&self) -> Yaml {
        let object = |key: &str, value: &str| {
            let mut object = Map::default();
            object.put(key, value);
            Yaml::Map(object)
        };
        match self {
            Self::Prefix(path) => Yaml::from(path.as_str()),
            Self::Exact(path) => object("exact", path),
            Self::Regex(expression, _) => object("regex", expression),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(f, "{path} alone"),
            Self::Prefix(path) => write!(f, "{path} and all below it"),
            Self::Regex(expression, _) => write!(f, "paths that are {expression} as a whole"),
        }
    }
}

/// Whether a path is a folder's, by whole segments.
pub(super) fn is_below(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The alternatives at the top of an expression.
fn alternatives(expression: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut class, mut escaped, mut from) = (0_usize, false, false, 0);
    for (at, c) in expression.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class => depth = depth.saturating_sub(1),
            '|' if !class && depth == 0 => {
                found.extend(expression.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    found.extend(expression.get(from..));
    found
}

/// Whether a text ends in an odd number of backslashes.
fn ends_escaped(text: &str) -> bool {
    text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The text that an expression stands for, if it is one. A dot is meant as itself, which is narrower than what it was.
fn literal(expression: &str) -> Option<String> {
    let mut text = String::new();
    let mut signs = expression.chars();
    while let Some(c) = signs.next() {
        match c {
            '\\' => match signs.next()? {
                sign if sign.is_ascii_alphanumeric() => return None,
                sign => text.push(sign),
            },
            '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            other => text.push(other),
        }
    }
    Some(text)
}

/// Why an expression may mean something else in Go than in Rust: sets in a class, the ends of words, a count without a lower end.
fn foreign(expression: &str) -> Option<String> {
    let mut class = false;
    let mut rest = expression;
    while let Some(c) = rest.chars().next() {
        let next = rest.get(c.len_utf8()..).unwrap_or_default();
        let odd = match c {
            '\\' => next.starts_with(['<', '>']) || next.starts_with("b{") || next.starts_with("B{"),
            '[' | '&' | '-' | '~' if class => c == '[' || next.starts_with(c),
            '{' if !class => next.trim_start().starts_with(','),
            _ => false,
        };
        if odd {
            return Some(format!(
                "{c:?} may mean something else here than it did: write it another way"
            ));
        }
        class = c == '[' || (class && c != ']');
        let escaped = next.chars().next().filter(|_| c == '\\').map_or(0, char::len_utf8);
        rest = next.get(escaped..).unwrap_or_default();
    }
    None
}

/// What stands in an expression before its first sign. A sign may be about the character in front of it, or make it optional.
fn front(expression: &str) -> String {
    let end = expression.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_')));
    let whole = expression.get(..end.unwrap_or(expression.len())).unwrap_or_default();
    match end {
        Some(_) => whole
            .get(..whole.len().saturating_sub(1))
            .unwrap_or_default()
            .to_owned(),
        None => whole.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::PathPattern;

    fn shown(expression: &str) -> String {
        match Pattern::of_expression(expression) {
            Ok(patterns) => patterns
                .iter()
                .map(|one| match one {
                    Pattern::Exact(path) => format!("={path}"),
                    Pattern::Prefix(path) => format!("{path}*"),
                    Pattern::Regex(expression, front) => format!("~{expression} in {front:?}"),
                })
                .collect::<Vec<_>>()
                .join(" "),
            Err(why) => format!("! {}", why.0),
        }
    }

    #[test]
    fn expressions_become_the_plainest_pattern() {
        for (expression, expected) in [
            ("^/health$", "=/health"),
            ("^/robots.txt$", "=/robots.txt"),
            ("^/robots\\.txt$", "=/robots.txt"),
            ("^/public", "/public*"),
            ("/public", "/public*"),
            ("^/public.*", "/public*"),
            ("^/static/", "~/static/.* in \"/static/\""),
            ("^/static/.*$", "~/static/.* in \"/static/\""),
            ("^/a$|^/b", "=/a /b*"),
            ("^/(a|b)/x$", "~/(a|b)/x in \"\""),
            ("^/api/v[0-9]+/", "~/api/v[0-9]+/.* in \"/api/\""),
            ("\\.(css|js)$", "~.*\\.(css|js) in \"\""),
            ("^/", "/*"),
            (".*", "/*"),
            ("^.*$", "/*"),
            ("^/a||", "! an empty expression fits everything"),
            ("", "! an empty expression fits everything"),
            ("^/.doorward/x$", "! it is Doorward's own"),
        ] {
            assert_eq!(shown(expression), expected, "{expression}");
        }
        for bad in ["^/(", "^/a/../b$", "^/x(?=y)"] {
            assert!(shown(bad).starts_with('!'), "{bad}: {}", shown(bad));
        }
    }

    #[test]
    fn what_go_reads_otherwise_stays_closed() {
        for odd in [
            "^/x/[^a&&b]$",
            "^/y/[a[b]c]$",
            "^/[[:alpha:]]$",
            "^/[a-z--b]$",
            "^/[a~~b]$",
            "^/(a|b)\\<c",
            "^/(a|b)\\>",
            "^/a+\\b{start}",
            "^/a{,2}$",
        ] {
            assert!(shown(odd).starts_with("! '"), "{odd}: {}", shown(odd));
        }
        for same in ["^/[a&b-]+$", "^/\\[[a-c]\\&&+$", "^/a{1,2}$", "^/x--(a|b)&&[a]$"] {
            assert!(shown(same).starts_with('~'), "{same}: {}", shown(same));
        }
    }

    #[test]
    fn paths_of_upstreams_are_as_their_slash_says() {
        assert_eq!(Pattern::of_path("/"), Ok(Pattern::Prefix("/".to_owned())));
        assert_eq!(Pattern::of_path("/a/"), Ok(Pattern::Prefix("/a".to_owned())));
        assert_eq!(Pattern::of_path("/a"), Ok(Pattern::Exact("/a".to_owned())));
        assert!(Pattern::of_path("a").is_err());
    }

    fn fits(pattern: &Pattern, path: &str) -> bool {
        match pattern {
            Pattern::Exact(own) => own == path,
            Pattern::Prefix(own) => is_below(own, path),
            Pattern::Regex(own, _) => match PathPattern::regex(own) {
                Ok(PathPattern::Regex(expression)) => expression.fits(path),
                Ok(_) | Err(_) => false,
            },
        }
    }

    proptest! {
        /// Whatever is opened was open.
        #[test]
        fn no_translation_is_wider(
            expression in "[\\^]?(/|/?[a-c]|\\\\?\\.|[a-c]\\*|\\(a\\|b\\)|\\||\\[ab\\]|\\.\\*){0,6}[$]?",
            path in "(/[abc.]{0,3}){1,3}",
        ) {
            if let (Ok(patterns), Ok(theirs)) = (Pattern::of_expression(&expression), regex::Regex::new(&expression)) {
                for pattern in patterns {
                    prop_assert!(!fits(&pattern, &path) || theirs.is_match(&path), "{expression} {pattern:?} {path}");
                    let front = pattern.front();
                    prop_assert!(!fits(&pattern, &path) || path.starts_with(front.trim_end_matches('/')), "{pattern:?} {path}");
                }
            }
        }
    }
}
