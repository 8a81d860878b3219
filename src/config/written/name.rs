//! Names and patterns: hosts, paths, methods, headers, claims.

use http::{HeaderName, HeaderValue, Method};
use regex::Regex;

use super::Written;
use crate::{
    identity::ClaimPath,
    policy::{FORWARDED, FormerFolder, HostPattern, PathPattern},
};

/// A host name, `*.suffix`, or `*`.
#[derive(Debug)]
pub enum HostName {}

/// A path from `/`, in normal form.
#[derive(Debug)]
pub enum RoutePath {}

/// A path put in front of another: from `/`, no `/` at its end.
#[derive(Debug)]
pub enum AddedPrefix {}

/// The folder that oauth2-proxy had: from `/`, no `/` at its end.
#[derive(Debug)]
pub enum FormerFolderText {}

/// A regular expression for whole paths.
#[derive(Debug)]
pub enum PathExpression {}

/// An HTTP method that the gateway forwards.
#[derive(Debug)]
pub enum MethodName {}

/// A header's name.
#[derive(Debug)]
pub enum HeaderTitle {}

/// A header's value.
#[derive(Debug)]
pub enum HeaderText {}

/// A path to a claim.
#[derive(Debug)]
pub enum ClaimName {}

/// The part of an address behind the `@`.
#[derive(Debug)]
pub enum EmailDomain {}

/// A name for a route, a provider or an upstream.
#[derive(Debug)]
pub enum NameText {}

/// One word without spaces: a scope, a client identifier.
#[derive(Debug)]
pub enum Word {}

impl Written for HostName {
    type Value = HostPattern;
    const FORMAT: &'static str = "host-pattern";
    const WHAT: &'static str = "a host";
    const HINT: &'static str =
        "write a name such as app.example.com, `*.example.com` for all below it, or \"*\"; no scheme, port or path";

    fn read(text: &str) -> Result<HostPattern, String> {
        HostPattern::parse(text)
    }
}

impl Written for RoutePath {
    type Value = String;
    const FORMAT: &'static str = "path";
    const WHAT: &'static str = "a path";
    const HINT: &'static str = "write it from the slash, such as /app, without `..`, `//` or a query";

    fn read(text: &str) -> Result<String, String> {
        PathPattern::check(text)?;
        Ok(text.to_owned())
    }
}

impl Written for AddedPrefix {
    type Value = String;
    const FORMAT: &'static str = "path-prefix";
    const WHAT: &'static str = "a path prefix";
    const HINT: &'static str = "write it from the slash and without one at its end, such as /internal";

    fn read(text: &str) -> Result<String, String> {
        PathPattern::check(text)?;
        if text.ends_with('/') {
            return Err("it ends with a slash".to_owned());
        }
        Ok(text.to_owned())
    }
}

impl Written for FormerFolderText {
    type Value = FormerFolder;
    const FORMAT: &'static str = "oauth2-proxy-prefix";
    const WHAT: &'static str = "a folder of paths";
    const HINT: &'static str = "write it from the slash and without one at its end, such as /oauth2";

    fn read(text: &str) -> Result<FormerFolder, String> {
        FormerFolder::parse(text)
    }
}

impl Written for PathExpression {
    type Value = Regex;
    const FORMAT: &'static str = "path-regex";
    const WHAT: &'static str = "a regular expression";
    const HINT: &'static str =
        "write an expression for the whole path, such as /users/[0-9]+/avatar; syntax: docs.rs/regex";

    fn read(text: &str) -> Result<Regex, String> {
        // The expression alone first: `a)(b` must not become good by what is put around it.
        let alone = Regex::new(text).map_err(|error| brief(&error))?;
        Regex::new(&format!("^(?:{})$", alone.as_str())).map_err(|error| brief(&error))
    }
}

/// The last line of the crate's message, which says what; the lines above draw the place.
fn brief(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

impl Written for MethodName {
    type Value = Method;
    const FORMAT: &'static str = "method";
    const WHAT: &'static str = "a method that is forwarded";
    const HINT: &'static str = "write GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in capitals";

    fn read(text: &str) -> Result<Method, String> {
        FORWARDED
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or_else(String::new)
    }
}

impl Written for HeaderTitle {
    type Value = HeaderName;
    const FORMAT: &'static str = "header-name";
    const WHAT: &'static str = "a header name";
    const HINT: &'static str = "write letters, digits and hyphens, such as X-Team";

    fn read(text: &str) -> Result<HeaderName, String> {
        HeaderName::from_bytes(text.as_bytes()).map_err(|_| String::new())
    }
}

impl Written for HeaderText {
    type Value = HeaderValue;
    const FORMAT: &'static str = "header-value";
    const WHAT: &'static str = "a header value";
    const HINT: &'static str = "write printable ASCII on one line";
    const SHOWN: bool = false;

    fn read(text: &str) -> Result<HeaderValue, String> {
        if !text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err("it holds a line break, a control character or a letter outside ASCII".to_owned());
        }
        HeaderValue::from_str(text.trim()).map_err(|_| String::new())
    }
}

impl Written for ClaimName {
    type Value = ClaimPath;
    const FORMAT: &'static str = "claim";
    const WHAT: &'static str = "a claim";
    const HINT: &'static str =
        "write its name, or a path such as realm_access.roles; a dot inside a name is written `\\.`";

    fn read(text: &str) -> Result<ClaimPath, String> {
        ClaimPath::parse(text)
    }
}

impl Written for EmailDomain {
    type Value = String;
    const FORMAT: &'static str = "email-domain";
    const WHAT: &'static str = "the domain of an address";
    const HINT: &'static str = "write only what is behind the @, such as example.com";

    fn read(text: &str) -> Result<String, String> {
        let labels = |text: &str| {
            text.split('.')
                .all(|label| !label.is_empty() && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-'))
        };
        if text.contains('@') {
            return Err("it has an @".to_owned());
        }
        if text.contains('*') {
            return Err("it is compared whole; list each domain".to_owned());
        }
        labels(text).then(|| text.to_owned()).ok_or_else(String::new)
    }
}

impl Written for NameText {
    type Value = String;
    const FORMAT: &'static str = "name";
    const WHAT: &'static str = "a name";
    const HINT: &'static str = "write 1 to 64 letters, digits, `-`, `_` or `.`, a letter or digit first";

    fn read(text: &str) -> Result<String, String> {
        // The first sign keeps `..` out: names stand in paths.
        let fits = (1..=64).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        fits.then(|| text.to_owned()).ok_or_else(String::new)
    }
}

impl Written for Word {
    type Value = String;
    const FORMAT: &'static str = "word";
    const WHAT: &'static str = "one word";
    const HINT: &'static str = "write printable ASCII without spaces, quotes or backslashes; make several words a list";

    fn read(text: &str) -> Result<String, String> {
        // RFC 6749 section 3.3, scope-token.
        let fits = !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        fits.then(|| text.to_owned()).ok_or_else(String::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_fit_whole_paths() {
        let expression = PathExpression::read("/a|/b").unwrap();
        for (path, fits) in [("/a", true), ("/b", true), ("/a/x", false), ("x/b", false)] {
            assert_eq!(expression.is_match(path), fits, "{path}");
        }
        assert!(PathExpression::read("/a)|(/b").is_err());
        assert_eq!(PathExpression::read("/a[").unwrap_err(), "unclosed character class");
    }

    #[test]
    fn names_of_all_sorts() {
        assert_eq!(MethodName::read("PATCH"), Ok(Method::PATCH));
        for method in ["get", "CONNECT", "TRACE", "", "GET "] {
            assert!(MethodName::read(method).is_err(), "{method}");
        }
        assert_eq!(HeaderTitle::read("X-Team").unwrap().as_str(), "x-team");
        for header in ["", "X Team", "X-Team:", "Ü"] {
            assert!(HeaderTitle::read(header).is_err(), "{header}");
        }
        for value in ["a\r\nb", "a\0", "ü", "a\tb"] {
            assert!(HeaderText::read(value).is_err(), "{value:?}");
        }
        for (domain, good) in [
            ("example.com", true),
            ("@example.com", false),
            ("a@example.com", false),
            ("*.example.com", false),
            ("", false),
            (".com", false),
        ] {
            assert_eq!(EmailDomain::read(domain).is_ok(), good, "{domain}");
        }
        for (name, good) in [
            ("a.b-c_1", true),
            ("", false),
            ("a b", false),
            ("ä", false),
            ("..", false),
        ] {
            assert_eq!(NameText::read(name).is_ok(), good, "{name}");
        }
        assert!(Word::read("openid profile").is_err());
    }
}
