//! The token that opens the administration of sessions.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use axum::http::{HeaderMap, header};
use ring::hmac;

use crate::secret::Secret;

/// The token in force, if there is one. Clones share it: a reload puts another in its place.
#[derive(Clone, Debug, Default)]
pub struct Guard(Arc<ArcSwapOption<Token>>);

/// What is compared: HMACs, so that the time it takes tells nothing of the token.
#[derive(Clone, Debug)]
struct Token(hmac::Key);

/// Why a request is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Barred {
    /// It carries no bearer token.
    NoToken,
    /// It carries another.
    WrongToken,
}

const LABEL: &[u8] = b"doorward admin token";

impl Guard {
    /// Lets in who has this token from now on, and nobody with the one before. Without one nobody is let in.
    pub fn set(&self, token: Option<&Secret<String>>) {
        self.0.store(token.map(Token::new).map(Arc::new));
    }

    /// Whether there is a token that anybody could have.
    pub(super) fn is_set(&self) -> bool {
        self.0.load().is_some()
    }

    /// Looks for the token in force.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Barred> {
        match self.0.load().as_deref() {
            Some(token) => token.check(headers),
            None => Err(Barred::NoToken),
        }
    }
}

impl Token {
    fn new(token: &Secret<String>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, token.expose().as_bytes()))
    }

    /// Looks for the token in `Authorization: Bearer` (RFC 6750 section 2.1).
    fn check(&self, headers: &HeaderMap) -> Result<(), Barred> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Barred::NoToken);
        };
        let given = value.to_str().ok().and_then(|value| value.split_once(' '));
        let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, given) = given.ok_or(Barred::NoToken)?;
        let given = hmac::Key::new(hmac::HMAC_SHA256, given.trim().as_bytes());
        hmac::verify(&self.0, LABEL, hmac::sign(&given, LABEL).as_ref()).map_err(|_| Barred::WrongToken)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_token_and_nothing_else() {
        let token = Token::new(&Secret::new("a-token-of-enough-length".to_owned()));
        let check = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(line));
            }
            token.check(&headers)
        };
        assert_eq!(check(&["Bearer a-token-of-enough-length"]), Ok(()));
        assert_eq!(check(&["bearer  a-token-of-enough-length"]), Ok(()));
        assert_eq!(check(&["Bearer a-token-of-enough-lengt"]), Err(Barred::WrongToken));
        assert_eq!(check(&["Bearer a-token-of-enough-lengthx"]), Err(Barred::WrongToken));
        assert_eq!(check(&["Bearer "]), Err(Barred::WrongToken));
        assert_eq!(check(&["Basic a-token-of-enough-length"]), Err(Barred::NoToken));
        assert_eq!(check(&["a-token-of-enough-length"]), Err(Barred::NoToken));
        assert_eq!(check(&[]), Err(Barred::NoToken));
        let twice = ["Bearer a-token-of-enough-length", "Bearer a-token-of-enough-length"];
        assert_eq!(check(&twice), Err(Barred::NoToken));
    }

    #[test]
    fn another_token_opens_and_the_one_before_no_more() {
        let guard = Guard::default();
        let held = guard.clone();
        let check = |line: &'static str| {
            let line = HeaderValue::from_static(line);
            held.check(&HeaderMap::from_iter([(header::AUTHORIZATION, line)]))
        };
        assert_eq!((held.is_set(), check("Bearer first")), (false, Err(Barred::NoToken)));
        guard.set(Some(&Secret::from("first")));
        assert_eq!((held.is_set(), check("Bearer first")), (true, Ok(())));
        guard.set(Some(&Secret::from("second")));
        assert_eq!(
            (check("Bearer first"), check("Bearer second")),
            (Err(Barred::WrongToken), Ok(()))
        );
        guard.set(None);
        assert_eq!((held.is_set(), check("Bearer second")), (false, Err(Barred::NoToken)));
    }
}
