//! The one registered client, and how it proves itself (RFC 6749 section 2.3).

use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use ring::digest::{SHA256, digest};

use super::params::Params;
use crate::secret::Secret;

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: Secret<String>,
    /// Where answers may go, compared byte for byte.
    pub redirect_uris: Vec<String>,
    /// Where the browser may go after a sign-out, compared byte for byte.
    pub post_logout_redirect_uris: Vec<String>,
}

/// Why a client was not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unproved {
    /// Two methods at once, or a malformed one: `invalid_request`.
    Malformed,
    /// Unknown or with the wrong secret: `invalid_client`.
    Rejected,
}

impl Client {
    /// Checks `client_secret_basic` or `client_secret_post`, whichever is used; never both.
    pub(super) fn prove(&self, headers: &HeaderMap, params: &Params) -> Result<(), Unproved> {
        let (id, secret) = match (headers.get("authorization"), params.get("client_secret")) {
            (Some(_), Some(_)) => return Err(Unproved::Malformed),
            (Some(header), None) => {
                let given = basic(header.to_str().unwrap_or("")).ok_or(Unproved::Rejected)?;
                // A client_id beside the header is allowed, when it is the same one.
                if params.get("client_id").is_some_and(|id| id != given.0) {
                    return Err(Unproved::Malformed);
                }
                given
            }
            (None, Some(secret)) => (params.get("client_id").unwrap_or("").to_owned(), secret.to_owned()),
            (None, None) => return Err(Unproved::Rejected),
        };
        if id == self.id && same(&secret, self.secret.expose()) {
            Ok(())
        } else {
            Err(Unproved::Rejected)
        }
    }
}

/// Equal, without telling by the time taken where two secrets part.
pub(super) fn same(one: &str, other: &str) -> bool {
    digest(&SHA256, one.as_bytes()).as_ref() == digest(&SHA256, other.as_bytes()).as_ref()
}

/// Id and secret of a Basic header, each form-urlencoded before (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decode(id)?, form_decode(secret)?))
}

fn form_decode(text: &str) -> Option<String> {
    Some(
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .ok()?
            .into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client {
            id: "a b".into(),
            secret: "s:%+ é/".into(),
            redirect_uris: vec![],
            post_logout_redirect_uris: vec![],
        }
    }

    fn with_basic(text: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(text));
        HeaderMap::from_iter([(axum::http::header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn basic_is_form_decoded() {
        // TE-01
        let params = Params::parse("");
        assert_eq!(client().prove(&with_basic("a+b:s%3A%25%2B+%C3%A9%2F"), &params), Ok(()));
        assert_eq!(
            client().prove(&with_basic("a b:s:%+ é/"), &params),
            Err(Unproved::Rejected)
        );
    }

    #[test]
    fn one_method_at_a_time() {
        // TE-02
        let good = with_basic("a+b:s%3A%25%2B+%C3%A9%2F");
        let posted = Params::parse("client_id=a+b&client_secret=s%3A%25%2B+%C3%A9%2F");
        assert_eq!(client().prove(&HeaderMap::new(), &posted), Ok(()));
        assert_eq!(client().prove(&good, &posted), Err(Unproved::Malformed));
        assert_eq!(
            client().prove(&good, &Params::parse("client_id=other")),
            Err(Unproved::Malformed)
        );
        assert_eq!(
            client().prove(&HeaderMap::new(), &Params::parse("client_id=a+b")),
            Err(Unproved::Rejected)
        );
    }
}
