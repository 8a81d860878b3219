//! The endpoints that oauth2-proxy had, for sites that move from it: each stands for one of our own, under the same rules.

use url::form_urlencoded;

use super::ReturnTo;
use crate::policy::FormerFolder;

/// An endpoint below oauth2-proxy's folder that is answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Former {
    /// `start` and `sign_in`: begins a sign-in.
    SignIn,
    /// `callback`: where the default provider sends people back to.
    Callback,
    /// `sign_out`
    SignOut,
    /// `userinfo`: who is signed in, as JSON.
    UserInfo,
}

/// Where the default provider's redirect URI is below the folder.
const CALLBACK: &str = "/callback";

impl Former {
    /// The endpoint at what stands behind the folder. `auth`, by which other proxies ask whether to let somebody pass, is
    /// none: it would have to know the request that it is asked about, and an answer that does not would admit.
    #[must_use]
    pub fn at(rest: &str) -> Option<Self> {
        match rest {
            "/start" | "/sign_in" => Some(Self::SignIn),
            CALLBACK => Some(Self::Callback),
            "/sign_out" => Some(Self::SignOut),
            "/userinfo" => Some(Self::UserInfo),
            _ => None,
        }
    }

    /// What it does, for people.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::SignIn => "begins a sign-in",
            Self::Callback => "takes the provider's answer",
            Self::SignOut => "signs out",
            Self::UserInfo => "says who is signed in",
        }
    }
}

/// The path of the default provider's redirect URI, as it was registered for oauth2-proxy.
#[must_use]
pub fn callback(folder: &FormerFolder) -> String {
    format!("{}{CALLBACK}", folder.as_str())
}

/// Where `rd` leads: a path of this host, or a URL of this very origin, which templates for nginx write. Everything else,
/// more than one `rd`, and the folder itself lead to the root.
#[must_use]
pub fn return_to(query: &str, own_origin: &str, folder: &FormerFolder) -> ReturnTo {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "rd");
    let (Some((_, value)), None) = (values.next(), values.next()) else {
        return ReturnTo::home();
    };
    // What follows the origin must begin a path, which `ReturnTo` asks for: `https://app.example.com.evil.example` does not.
    let local = value.strip_prefix(own_origin).unwrap_or(&value);
    ReturnTo::parse(local)
        .filter(|back| folder.below(back.path()).is_none())
        .unwrap_or_else(ReturnTo::home)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(rd: &str) -> String {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("x", "1")
            .append_pair("rd", rd)
            .finish();
        let folder = FormerFolder::parse("/oauth2").unwrap();
        return_to(&query, "https://app.test", &folder).as_str().to_owned()
    }

    #[test]
    fn rd_stays_on_this_host() {
        for (rd, expected) in [
            ("/a?b=c", "/a?b=c"),
            ("https://app.test/a?b=c", "/a?b=c"),
            ("https://app.test/", "/"),
            ("https://app.test", "/"),
            ("https://app.test?x", "/"),
            ("https://app.test.evil.test/a", "/"),
            ("https://app.test@evil.test/a", "/"),
            ("https://app.test:8443/a", "/"),
            ("https://app.test//evil.test", "/"),
            ("https://app.test\\evil.test", "/"),
            ("http://app.test/a", "/"),
            ("https://evil.test/a", "/"),
            ("//evil.test/a", "/"),
            ("/\\evil.test", "/"),
            ("/oauth2/sign_out", "/"),
            ("/oauth2", "/"),
            ("https://app.test/oauth2/start?rd=/x", "/"),
            ("/oauth2x", "/oauth2x"),
            ("/.doorward/sign-out", "/"),
            ("", "/"),
        ] {
            assert_eq!(back(rd), expected, "{rd}");
        }
    }

    #[test]
    fn two_rd_are_none() {
        let folder = FormerFolder::parse("/oauth2").unwrap();
        assert_eq!(return_to("rd=/a&rd=/b", "https://app.test", &folder), ReturnTo::home());
        assert_eq!(return_to("", "https://app.test", &folder), ReturnTo::home());
    }

    #[test]
    fn nothing_answers_whether_somebody_may_pass() {
        for rest in [
            "/auth",
            "",
            "/",
            "/Start",
            "/start/",
            "/static/x.css",
            "/callback/other",
        ] {
            assert_eq!(Former::at(rest), None, "{rest:?}");
        }
        assert_eq!(Former::at("/sign_in"), Some(Former::SignIn));
    }
}
