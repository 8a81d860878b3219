//! Provider metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::{Claims, json};

/// An issuer identifier, compared byte for byte (Discovery 1.0 section 4.3).
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Issuer(Arc<str>);

impl Issuer {
    /// Wraps an issuer as the operator wrote it.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        Self(issuer.into())
    }

    /// The identifier as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The endpoints and capabilities that a provider publishes, checked.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Equal to the configured issuer.
    pub issuer: Issuer,
    /// Where the browser is sent.
    pub authorization_endpoint: Url,
    /// Where codes and refresh tokens are spent.
    pub token_endpoint: Url,
    /// Where the key set is.
    pub jwks_uri: Url,
    /// Where more claims are, if anywhere.
    pub userinfo_endpoint: Option<Url>,
    /// Where RP-initiated logout begins, if supported.
    pub end_session_endpoint: Option<Url>,
    /// RFC 7009, if supported.
    pub revocation_endpoint: Option<Url>,
    /// RFC 9207: whether every authorization response carries `iss`.
    pub iss_parameter_supported: bool,
    /// `id_token_signing_alg_values_supported`, as published.
    pub id_token_algs: Vec<String>,
    /// `token_endpoint_auth_methods_supported`, as published; the default is `client_secret_basic`.
    pub token_auth_methods: Vec<String>,
    /// `code_challenge_methods_supported`, as published (RFC 8414 section 2).
    pub pkce_methods: Vec<String>,
    /// `prompt_values_supported`, as published (Initiating User Registration 1.0 section 3).
    pub prompts: Vec<String>,
    /// What it demands of authorization requests and none of ours is. It stands in the way of a sign-in, and of nothing else.
    pub demand: Option<RequestDemand>,
}

/// What a provider takes authorization requests only with. Ours go by the browser's address, neither pushed nor signed: where
/// nothing else is taken, everybody would come back with an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestDemand {
    /// AR-18: `require_pushed_authorization_requests` (RFC 9126 section 5).
    #[error(
        "the provider takes authorization requests that are pushed (RFC 9126) only, and Doorward does not send such"
    )]
    Pushed,
    /// AR-19: `require_signed_request_object` (RFC 9101 section 10.5).
    #[error(
        "the provider takes authorization requests that are signed (RFC 9101) only, and Doorward does not send such"
    )]
    Signed,
}

/// Why a metadata document is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MetadataError {
    /// Not a JSON object of the right shape.
    #[error("the discovery document is not valid metadata: {0}")]
    Malformed(String),
    /// DJ-01, IP-07.
    #[error("the discovery document names issuer {found:?}, the configuration says {expected:?}")]
    OtherIssuer {
        /// As configured.
        expected: String,
        /// As published.
        found: String,
    },
    /// DJ-02.
    #[error("{endpoint} is {url}: only https is accepted")]
    Insecure {
        /// The member's name.
        endpoint: &'static str,
        /// Its value.
        url: String,
    },
    /// AR-03.
    #[error("the provider supports only the plain PKCE method; S256 is required")]
    NoS256,
}

impl Metadata {
    /// Reads and checks a discovery document: issuer equal byte for byte, endpoints https (plain http only when
    /// `allow_http`, which the configuration spells with an `insecure_` word), S256 not excluded.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn parse(body: &[u8], issuer: &Issuer, allow_http: bool) -> Result<Self, MetadataError> {
        let members = json::object(body).map_err(MetadataError::Malformed)?;
        let document = Document {
            members: &members,
            allow_http,
        };
        document.check_issuer(issuer)?;
        document.check_pkce()?;
        let mut token_auth_methods = document.list("token_endpoint_auth_methods_supported");
        if token_auth_methods.is_empty() {
            token_auth_methods.push("client_secret_basic".to_owned());
        }
        Ok(Self {
            issuer: issuer.clone(),
            authorization_endpoint: document.required("authorization_endpoint")?,
            token_endpoint: document.required("token_endpoint")?,
            jwks_uri: document.required("jwks_uri")?,
            userinfo_endpoint: document.optional("userinfo_endpoint")?,
            end_session_endpoint: document.optional("end_session_endpoint")?,
            revocation_endpoint: document.optional("revocation_endpoint")?,
            iss_parameter_supported: members.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
            id_token_algs: document.list("id_token_signing_alg_values_supported"),
            token_auth_methods,
            pkce_methods: document.list("code_challenge_methods_supported"),
            prompts: document.list("prompt_values_supported"),
            demand: document.demand(),
        })
    }
}

/// A document being checked.
struct Document<'a> {
    members: &'a Claims,
    allow_http: bool,
}

impl Document<'_> {
    fn check_issuer(&self, expected: &Issuer) -> Result<(), MetadataError> {
        let found = self.members.get("issuer").and_then(Value::as_str);
        if found != Some(expected.as_str()) {
            return Err(MetadataError::OtherIssuer {
                expected: expected.as_str().to_owned(),
                found: found.unwrap_or_default().to_owned(),
            });
        }
        self.url("issuer", expected.as_str()).map(drop)
    }

    /// A provider that does not publish its methods is sent S256 all the same (RFC 7636 section 5).
    fn check_pkce(&self) -> Result<(), MetadataError> {
        let methods = self.list("code_challenge_methods_supported");
        if methods.is_empty() || methods.iter().any(|method| method == "S256") {
            Ok(())
        } else {
            Err(MetadataError::NoS256)
        }
    }

    fn demand(&self) -> Option<RequestDemand> {
        [
            ("require_pushed_authorization_requests", RequestDemand::Pushed),
            ("require_signed_request_object", RequestDemand::Signed),
        ]
        .into_iter()
        .find_map(|(member, demand)| (self.members.get(member) == Some(&Value::Bool(true))).then_some(demand))
    }

    fn required(&self, name: &'static str) -> Result<Url, MetadataError> {
        self.optional(name)?
            .ok_or_else(|| MetadataError::Malformed(format!("{name} is missing")))
    }

    fn optional(&self, name: &'static str) -> Result<Option<Url>, MetadataError> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(written)) if written.is_empty() => Ok(None),
            Some(Value::String(written)) => self.url(name, written).map(Some),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(MetadataError::Malformed(format!("{name} is not a string")))
            }
        }
    }

    fn url(&self, name: &'static str, written: &str) -> Result<Url, MetadataError> {
        let url =
            Url::parse(written).map_err(|error| MetadataError::Malformed(format!("{name} is not a URL: {error}")))?;
        let scheme_fits = url.scheme() == "https" || (url.scheme() == "http" && self.allow_http);
        if !scheme_fits {
            return Err(MetadataError::Insecure {
                endpoint: name,
                url: written.to_owned(),
            });
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(MetadataError::Malformed(format!(
                "{name} has credentials or a fragment"
            )));
        }
        Ok(url)
    }

    /// The strings of a list; empty when the member is missing or no list.
    fn list(&self, name: &str) -> Vec<String> {
        self.members
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example.org/realm";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example.org/authorize",
            "token_endpoint": "https://id.example.org/token",
            "jwks_uri": "https://keys.example.org/jwks",
            "userinfo_endpoint": "https://id.example.org/userinfo",
            "end_session_endpoint": "https://id.example.org/logout",
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut document = document();
        document[name] = value;
        document
    }

    fn parse(document: &Value, allow_http: bool) -> Result<Metadata, MetadataError> {
        Metadata::parse(document.to_string().as_bytes(), &Issuer::new(ISSUER), allow_http)
    }

    #[test]
    fn a_good_document_is_read_with_its_defaults() {
        let metadata = parse(&document(), false).unwrap();
        assert_eq!(metadata.issuer.as_str(), ISSUER);
        assert_eq!(metadata.token_endpoint.as_str(), "https://id.example.org/token");
        assert!(metadata.userinfo_endpoint.is_some());
        assert_eq!(metadata.revocation_endpoint, None);
        assert!(!metadata.iss_parameter_supported);
        assert_eq!(metadata.token_auth_methods, ["client_secret_basic"]);
        let advertised = with("authorization_response_iss_parameter_supported", json!(true));
        assert!(parse(&advertised, false).unwrap().iss_parameter_supported);
        let as_text = with("authorization_response_iss_parameter_supported", json!("true"));
        assert!(!parse(&as_text, false).unwrap().iss_parameter_supported);
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte() {
        // DJ-01, IP-07
        for other in [
            "https://id.example.org/realm/",
            "https://ID.example.org/realm",
            "https://id.example.org:443/realm",
            "http://id.example.org/realm",
            "https://id.example.org/Realm",
            "https://id.example.org/r%65alm",
            "https://id.example.org/{tenantid}",
            "",
        ] {
            assert_eq!(
                parse(&with("issuer", json!(other)), true).unwrap_err(),
                MetadataError::OtherIssuer {
                    expected: ISSUER.to_owned(),
                    found: other.to_owned()
                }
            );
        }
        for odd in [json!(null), json!(7), json!([ISSUER])] {
            let error = parse(&with("issuer", odd), false).unwrap_err();
            assert!(matches!(error, MetadataError::OtherIssuer { .. }));
        }
    }

    #[test]
    fn endpoints_are_https() {
        // DJ-02
        for endpoint in [
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "userinfo_endpoint",
            "end_session_endpoint",
            "revocation_endpoint",
        ] {
            let plain = with(endpoint, json!("http://id.example.org/x"));
            assert!(
                matches!(parse(&plain, false), Err(MetadataError::Insecure { endpoint: named, .. }) if named == endpoint)
            );
            assert!(parse(&plain, true).is_ok(), "{endpoint}");
            for never in ["file:///etc/passwd", "ftp://id.example.org/x", "javascript:alert(1)"] {
                let document = with(endpoint, json!(never));
                assert!(
                    matches!(parse(&document, true), Err(MetadataError::Insecure { .. })),
                    "{endpoint} {never}"
                );
            }
            for odd in [
                json!("/relative"),
                json!("https://"),
                json!("https://user:pw@id.example.org/x"),
                json!("https://id.example.org/x#y"),
                json!(7),
                json!(["https://id.example.org/x"]),
            ] {
                let document = with(endpoint, odd);
                assert!(
                    matches!(parse(&document, false), Err(MetadataError::Malformed(_))),
                    "{document}"
                );
            }
        }
    }

    #[test]
    fn a_missing_endpoint_is_named() {
        for endpoint in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for missing in [json!(null), json!("")] {
                let error = parse(&with(endpoint, missing), false).unwrap_err();
                assert_eq!(error, MetadataError::Malformed(format!("{endpoint} is missing")));
            }
        }
    }

    #[test]
    fn s256_must_not_be_excluded() {
        // AR-03
        let of = |methods| parse(&with("code_challenge_methods_supported", methods), false);
        assert_eq!(of(json!(["plain"])).unwrap_err(), MetadataError::NoS256);
        assert_eq!(of(json!(["s256"])).unwrap_err(), MetadataError::NoS256);
        assert!(of(json!(["plain", "S256"])).is_ok());
        assert!(of(json!([])).is_ok());
    }

    #[test]
    fn what_a_provider_demands_and_we_do_not_send_is_kept() {
        // AR-18, AR-19
        for (member, demand, told) in [
            (
                "require_pushed_authorization_requests",
                RequestDemand::Pushed,
                "pushed (RFC 9126)",
            ),
            (
                "require_signed_request_object",
                RequestDemand::Signed,
                "signed (RFC 9101)",
            ),
        ] {
            let of = |value| parse(&with(member, value), false).unwrap().demand;
            assert_eq!(of(json!(true)), Some(demand));
            assert!(demand.to_string().contains(told), "{demand}");
            for not in [json!(false), json!(null), json!("true")] {
                assert_eq!(of(not), None, "{member}");
            }
        }
        assert_eq!(parse(&document(), false).unwrap().demand, None);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        // IP-13
        for body in ["<html>sign in to the Wi-Fi</html>", "[]", "null", "", "{\"issuer\":"] {
            assert!(matches!(
                Metadata::parse(body.as_bytes(), &Issuer::new(ISSUER), false),
                Err(MetadataError::Malformed(_))
            ));
        }
    }

    #[test]
    fn a_plain_http_issuer_needs_its_word() {
        // DJ-02
        let mut document = document();
        document["issuer"] = json!("http://id.example.org");
        let body = document.to_string();
        let issuer = Issuer::new("http://id.example.org");
        assert!(matches!(
            Metadata::parse(body.as_bytes(), &issuer, false),
            Err(MetadataError::Insecure { endpoint: "issuer", .. })
        ));
        assert!(Metadata::parse(body.as_bytes(), &issuer, true).is_ok());
    }
}
