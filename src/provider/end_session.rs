//! Where the browser is sent to sign out: the end-session endpoint (OpenID Connect RP-Initiated Logout 1.0 section 2).

use url::Url;

use super::{Settings, authorize::with_query};
use crate::oidc::{Metadata, VerifiedIdToken};

/// Longest address that the browser is redirected to. The provider's server would take 8 KiB, but proxies in front of
/// this gateway keep 4 KiB for a whole response head by default, and some servers read 2 KiB of query: above this the
/// way is a form (RL-02).
const LONGEST_URL: usize = 3 * 1024;

/// A request to the end-session endpoint.
#[derive(Clone, Debug)]
pub struct EndSession {
    endpoint: Url,
    parameters: Vec<(&'static str, String)>,
}

impl EndSession {
    /// By client identifier in any case, with the hints that there are, back to `post_logout_redirect_uri`.
    pub(super) fn new(
        settings: &Settings,
        metadata: &Metadata,
        id_token: &str,
        post_logout_redirect_uri: &str,
        state: &str,
    ) -> Option<Self> {
        let mut parameters = vec![
            ("client_id", settings.client_id.clone()),
            ("post_logout_redirect_uri", post_logout_redirect_uri.to_owned()),
            ("state", state.to_owned()),
        ];
        parameters.extend(logout_hint(id_token).map(|hint| ("logout_hint", hint)));
        parameters.push(("id_token_hint", id_token.to_owned()));
        Some(Self {
            endpoint: metadata.end_session_endpoint.clone()?,
            parameters,
        })
    }

    /// The address to redirect to, unless it would be too long.
    #[must_use]
    pub fn redirect(&self) -> Option<Url> {
        Some(with_query(&self.endpoint, &self.parameters)).filter(|url| url.as_str().len() <= LONGEST_URL)
    }

    /// An address that always fits: without the ID token where it is too long. The provider then knows the client and
    /// asks the person.
    #[must_use]
    pub fn short_redirect(&self) -> Url {
        let without_hint = || {
            let fewer: Vec<_> = self
                .parameters
                .iter()
                .filter(|(name, _)| !name.ends_with("_hint"))
                .cloned()
                .collect();
            with_query(&self.endpoint, &fewer)
        };
        self.redirect().unwrap_or_else(without_hint)
    }

    /// Where a form goes, and its fields: a provider takes POST as well.
    #[must_use]
    pub fn form(&self) -> (&Url, &[(&'static str, String)]) {
        (&self.endpoint, &self.parameters)
    }
}

/// What the provider itself gave out to be handed back at a sign-out: Microsoft Entra does by the `login_hint` claim.
fn logout_hint(id_token: &str) -> Option<String> {
    let claims = VerifiedIdToken::claims_before(id_token)?;
    let hint = claims.get("login_hint")?.as_str()?;
    Some(hint.to_owned()).filter(|hint| !hint.is_empty())
}
