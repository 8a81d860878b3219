//! Where to go after sign-in: always on the same host.

use super::{Endpoint, Target, place};
use crate::policy::path;

/// Longest address kept, in bytes.
pub const LONGEST: usize = 8 * 1024;

/// An origin-form reference on the same host: path and query. Made only here, so no redirect leaves the host.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnTo(String);

impl ReturnTo {
    /// The site's root.
    #[must_use]
    pub fn home() -> Self {
        Self("/".to_owned())
    }

    /// The target asked for, kept exactly; [`ReturnTo::home`] when it is longer than [`LONGEST`] or the gateway's own.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        Self::parse(&target.path_and_query()).unwrap_or_else(Self::home)
    }

    /// Reads a `return_to` parameter: `None` for anything but a normal path and query on this host, and for the
    /// gateway's own endpoints (except whoami).
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        if written.len() > LONGEST {
            return None;
        }
        let (before, query) = written.split_once('?').unwrap_or((written, ""));
        let normal = path::normalise(before.as_bytes()).ok()?;
        let visible = query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let allowed = |path: &str| !place::is_own(path) || path == Endpoint::WhoAmI.path();
        let read = path::other_reading(&normal.path).unwrap_or_default();
        (visible && allowed(&normal.path) && allowed(&read)).then(|| Self(written.to_owned()))
    }

    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.split_once('?').map_or(self.0.as_str(), |(path, _)| path)
    }

    /// For a `Location` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReturnTo {
    type Error = &'static str;

    fn try_from(written: String) -> Result<Self, Self::Error> {
        Self::parse(&written).ok_or("not a path on this host")
    }
}

impl From<ReturnTo> for String {
    fn from(value: ReturnTo) -> Self {
        value.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn addresses_on_this_host_are_kept_exactly() {
        for written in [
            "/",
            "/a",
            "/a/?",
            "/a?b=c&d=%2F..%2f",
            "/a?next=https://evil.test//x",
            "/a?//b",
            "/caf%c3%a9?q=caf%C3%A9",
            "/a;b=1",
            "/x%2Fy",
            "/a?{\"json\":[1]}|^`\\",
            "/.doorward/whoami",
            "/.doorward/whoami?x",
            "/a??",
            "/a:80/@b",
        ] {
            assert_eq!(ReturnTo::parse(written).unwrap().as_str(), written);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for written in [
            "",
            "a",
            "?x",
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "/a//b",
            "https://evil.test/",
            "javascript:alert(1)",
            "/a#b",
            "/a?b#c",
            "/a b",
            "/a?b c",
            "/a\tb",
            "/\t/evil.test",
            "/a\r\nSet-Cookie: x",
            "/é",
            "/a?é",
            "/..//evil.test",
            "/a/..",
            "/%2e%2e/x",
            "/%5cevil.test",
            "/%09/evil.test",
            "/a\u{0}",
            " /a",
            "/a ",
            "/.doorward/sign-out",
            "/.doorward/callback?code=x",
            "/.doorward/sign-in",
            "/.doorward",
            "/.doorward/",
            "/.doorward;x/sign-out",
            "/.doorward%2Fsign-out",
        ] {
            assert_eq!(ReturnTo::parse(written), None, "{written:?}");
        }
    }

    #[test]
    fn the_longest_is_eight_kibibytes() {
        let longest = format!("/{}", "a".repeat(LONGEST - 1));
        assert!(ReturnTo::parse(&longest).is_some());
        assert_eq!(ReturnTo::parse(&format!("{longest}a")), None);
    }

    #[test]
    fn a_target_is_returned_to_with_its_query() {
        let of = |raw: &str| ReturnTo::of(&Target::parse(raw.as_bytes(), &[b"a.test"]).unwrap());
        assert_eq!(of("/deep/url?x=1&u=//b").as_str(), "/deep/url?x=1&u=//b");
        assert_eq!(of("http://A.test/x?y").as_str(), "/x?y");
        assert_eq!(of(&format!("/a?{}", "b".repeat(LONGEST))), ReturnTo::home());
        assert_eq!(of("/.doorward/sign-out"), ReturnTo::home());
    }

    #[test]
    fn a_sealed_address_is_read_with_the_same_care() {
        assert!(serde_json::from_str::<ReturnTo>("\"/a?b\"").is_ok());
        assert!(serde_json::from_str::<ReturnTo>("\"//evil.test\"").is_err());
    }

    proptest! {
        #[test]
        fn no_address_leaves_the_host(written in "[/\\\\a.:@?#%2eF;\t\r\n é]{0,12}|\\PC{0,20}") {
            if let Some(back) = ReturnTo::parse(&written) {
                let base = Url::parse("https://app.test/x/y").unwrap();
                let gone = base.join(back.as_str()).unwrap();
                prop_assert_eq!(gone.origin(), base.origin());
                prop_assert_eq!(back.as_str(), &written);
                prop_assert!(http::HeaderValue::from_str(back.as_str()).is_ok());
            }
        }
    }
}
