//! The token that opens the administration of sessions.

use axum::http::{HeaderMap, header};
use ring::hmac;

use crate::secret::Secret;

/// What is compared: HMACs, so that the time it takes tells nothing of the token.
#[derive(Clone, Debug)]
pub(super) struct Token(hmac::Key);

/// Why a request is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Barred {
    /// It carries no bearer token.
    NoToken,
    /// It carries another.
    WrongToken,
}

const LABEL: &[u8] = b"doorward admin token";

impl Token {
    pub(super) fn new(token: &Secret<String>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, token.expose().as_bytes()))
    }

    /// Looks for the token in `Authorization: Bearer` (RFC 6750 section 2.1).
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Barred> {
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
}
