//! Where a claim is, and which claims a provider uses.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Claim, ClaimsSet};

/// A path to a claim: member names from the top, written `realm_access.roles`; a dot inside a name is written `\.`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ClaimPath(Vec<String>);

/// Which claims a provider uses for the fields of an identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimNames {
    /// Default `email`.
    pub email: ClaimPath,
    /// Default `groups`; a string or a list of strings.
    pub groups: ClaimPath,
    /// Default `name`.
    pub name: ClaimPath,
    /// Default `preferred_username`.
    pub preferred_username: ClaimPath,
}

impl ClaimPath {
    /// Reads a written path.
    ///
    /// # Errors
    /// A sentence for the operator, when a name is empty.
    pub fn parse(written: &str) -> Result<Self, String> {
        let mut names = vec![String::new()];
        let mut rest = written.chars().peekable();
        while let Some(c) = rest.next() {
            match (c, names.last_mut()) {
                ('.', _) => names.push(String::new()),
                ('\\', Some(name)) if rest.peek() == Some(&'.') => {
                    rest.next();
                    name.push('.');
                }
                (other, Some(name)) => name.push(other),
                (_, None) => {}
            }
        }
        if names.iter().any(String::is_empty) {
            return Err(format!(
                "the claim path {written:?} has an empty name; write it as in realm_access.roles, and a dot inside a name \
                 as \\."
            ));
        }
        Ok(Self(names))
    }

    /// The path to the claim of this name at the top, whatever is in the name.
    #[must_use]
    pub fn top(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// The claim at the top that it leads into.
    #[must_use]
    pub fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The value at this path.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a ClaimsSet) -> Option<&'a Claim> {
        let (first, rest) = self.0.split_first()?;
        rest.iter()
            .try_fold(claims.get(first)?, |value, name| value.as_object()?.get(name))
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(|name| name.replace('.', "\\.")).collect();
        f.write_str(&names.join("."))
    }
}

impl Default for ClaimNames {
    /// The names of OpenID Connect Core 1.0 section 5.1, and `groups`.
    fn default() -> Self {
        Self {
            email: ClaimPath::top("email"),
            groups: ClaimPath::top("groups"),
            name: ClaimPath::top("name"),
            preferred_username: ClaimPath::top("preferred_username"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_read_and_written() {
        for (written, names) in [
            ("email", vec!["email"]),
            ("realm_access.roles", vec!["realm_access", "roles"]),
            (r"https://x\.example/roles", vec!["https://x.example/roles"]),
            (r"a\b.c", vec![r"a\b", "c"]),
            (r"\.", vec!["."]),
        ] {
            let path = ClaimPath::parse(written).unwrap();
            assert_eq!(path.0, names, "{written}");
            assert_eq!(path.to_string(), written);
        }
        for bad in ["", ".", "a.", ".a", "a..b"] {
            assert!(ClaimPath::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_finds_through_objects_only() {
        let members = json!({"a": {"b": {"c": 1}}, "a.b": 2, "list": [{"b": 3}], "text": "b"});
        let claims: ClaimsSet = serde_json::from_value(members).unwrap();
        let find = |written: &str| ClaimPath::parse(written).unwrap().find(&claims).cloned();
        assert_eq!(find("a.b.c"), Some(json!(1).into()));
        assert_eq!(find(r"a\.b"), Some(json!(2).into()));
        for nothing in ["a.c", "a.b.c.d", "list.b", "list.0", "text.b", "z"] {
            assert_eq!(find(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn a_path_of_any_names_comes_back(names in prop::collection::vec("[a-z./:_-]{1,12}", 1..5)) {
            let path = ClaimPath(names);
            prop_assert_eq!(ClaimPath::parse(&path.to_string()).unwrap(), path);
        }
    }
}
