//! What a provider says when it ends a session: by a POST of its own (OpenID Connect Back-Channel Logout 1.0) or by a frame
//! in the browser (OpenID Connect Front-Channel Logout 1.0).

use std::borrow::Cow;

use url::form_urlencoded;

use super::Refusal;
use crate::oidc::{Issuer, logout_token};

/// Largest form that is read, in bytes: a token, and room for parameters that nobody here looks at.
pub const LONGEST_FORM: usize = 2 * logout_token::LONGEST;

/// What came of a logout that a provider asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Heard {
    /// Done: so many sessions ended. None is as good: the session may have ended before, or not have begun yet.
    Ended(usize),
    /// The same token was heard before: nothing is left to do (BL-05).
    Again,
    /// It proves nothing, by this code (BL-08).
    Refused(&'static str),
    /// Sessions or keys cannot be looked at now: the provider may ask again (BL-08).
    Later(Refusal),
}

impl Heard {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Ended(0) => "nothing_to_end",
            Self::Ended(_) => "ended",
            Self::Again => "repeated",
            Self::Refused(code) => code,
            Self::Later(refusal) => refusal.code(),
        }
    }
}

/// The logout token of a form: the one `logout_token`, others ignored (BL-01).
///
/// # Errors
/// The code of what is wrong.
pub fn posted<'a>(content_type: Option<&str>, body: &'a [u8]) -> Result<Cow<'a, str>, &'static str> {
    let essence = content_type
        .and_then(|written| written.split(';').next())
        .unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err("not_a_form");
    }
    only(body, "logout_token").ok_or("not_one_token")
}

/// The `sid` of a front-channel logout, when `iss` is the provider's (FL-01). Both are needed: without them it could only
/// be about the session of the cookie, and a browser sends none from another site's frame (FL-02).
///
/// # Errors
/// The code of what is wrong.
pub fn framed<'a>(query: &'a str, issuer: &Issuer) -> Result<Cow<'a, str>, &'static str> {
    let iss = only(query.as_bytes(), "iss").ok_or("not_one_issuer")?;
    if iss != issuer.as_str() {
        return Err("wrong_issuer");
    }
    only(query.as_bytes(), "sid")
        .filter(|sid| (1..=logout_token::LONGEST_ID).contains(&sid.len()))
        .ok_or("bad_sid")
}

fn only<'a>(form: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    let mut values = form_urlencoded::parse(form).filter(|(key, _)| key == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    #[test]
    fn one_token_of_a_form_is_read_and_the_rest_ignored() {
        // BL-01
        for (body, expected) in [
            ("logout_token=a.b.c", Ok("a.b.c")),
            ("x=1&logout_token=a.b.c&state=2&y", Ok("a.b.c")),
            ("logout_token=a%2Eb.c", Ok("a.b.c")),
            ("logout_token=a&logout_token=a", Err("not_one_token")),
            ("logout_token=a&%6cogout_token=b", Err("not_one_token")),
            ("Logout_token=a", Err("not_one_token")),
            ("{\"logout_token\":\"a\"}", Err("not_one_token")),
            ("", Err("not_one_token")),
        ] {
            assert_eq!(
                posted(FORM, body.as_bytes()).as_deref().map_err(|code| *code),
                expected,
                "{body}"
            );
        }
    }

    #[test]
    fn only_a_form_is_read() {
        // BL-01
        let body = b"logout_token=a";
        for good in [
            "application/x-www-form-urlencoded;charset=UTF-8",
            "Application/X-WWW-Form-Urlencoded ; charset=utf-8",
        ] {
            assert!(posted(Some(good), body).is_ok(), "{good}");
        }
        for bad in [
            None,
            Some(""),
            Some("application/json"),
            Some("multipart/form-data"),
            Some("text/plain"),
        ] {
            assert_eq!(posted(bad, body), Err("not_a_form"), "{bad:?}");
        }
    }

    #[test]
    fn a_frame_names_issuer_and_session() {
        // FL-01, FL-02
        let issuer = Issuer::new("https://id.example/realm");
        let long = format!("iss=https://id.example/realm&sid={}", "x".repeat(256));
        for (query, expected) in [
            ("iss=https%3A%2F%2Fid.example%2Frealm&sid=p-1", Ok("p-1")),
            ("sid=p-1&iss=https://id.example/realm&x=1", Ok("p-1")),
            ("iss=https://id.example/realm", Err("bad_sid")),
            ("iss=https://id.example/realm&sid=", Err("bad_sid")),
            ("iss=https://id.example/realm&sid=a&sid=b", Err("bad_sid")),
            (&long, Err("bad_sid")),
            ("sid=p-1", Err("not_one_issuer")),
            ("", Err("not_one_issuer")),
            (
                "iss=https://id.example/realm&iss=https://id.example/realm&sid=p-1",
                Err("not_one_issuer"),
            ),
            ("iss=https://id.example/realm/&sid=p-1", Err("wrong_issuer")),
            ("iss=https://ID.example/realm&sid=p-1", Err("wrong_issuer")),
        ] {
            assert_eq!(
                framed(query, &issuer).as_deref().map_err(|code| *code),
                expected,
                "{query}"
            );
        }
    }
}
