//! Form and query parameters, with what OAuth says of them: an empty one counts as absent, and none may stand twice
//! (RFC 6749 section 3.1).

use url::form_urlencoded;

/// The parameters of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `application/x-www-form-urlencoded` text.
    pub(super) fn parse(text: &str) -> Self {
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        )
    }

    /// The value of `name`, if it is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether any name stands twice: each is held against those behind it.
    pub(super) fn repeats(&self) -> bool {
        self.0
            .iter()
            .enumerate()
            // Each with those behind it.
            .any(|(at, (name, _))| self.0.iter().skip(at + 1).any(|(other, _)| other == name))
    }

    /// The same parameters without the named ones, as query text.
    pub(super) fn without(&self, names: &[&str]) -> String {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .finish()
    }
}

/// `uri` with parameters added to its query.
pub(super) fn with_query(uri: &str, pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_absent_and_twice_is_seen() {
        let params = Params::parse("a=1&b=&c=x+y%26z");
        assert_eq!(
            (params.get("a"), params.get("b"), params.get("c")),
            (Some("1"), None, Some("x y&z"))
        );
        assert!(!params.repeats());
        assert!(Params::parse("a=1&b=2&a=1").repeats()); // AR-11
        assert_eq!(params.without(&["a"]), "c=x+y%26z");
    }

    #[test]
    fn a_query_is_added_to_one_that_is_there() {
        assert_eq!(with_query("http://a/cb", &[("code", "x&y")]), "http://a/cb?code=x%26y");
        assert_eq!(
            with_query("http://a/cb?z=1", &[("code", "x")]),
            "http://a/cb?z=1&code=x"
        );
    }
}
