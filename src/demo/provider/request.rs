//! Authorization requests, read and refused (OpenID Connect Core 1.0 section 3.1.2.1, RFC 7636 section 4.3).

use super::{client::Client, metadata::SCOPES, params::Params, session::BrowserSession};

/// `prompt`, as far as it changes anything. Consent is never asked for: there is one client, and it is the demo's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Prompt {
    Usual,
    None,
    Login,
    SelectAccount,
}

/// An authorization request that may be answered.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) scope: String,
    pub(super) challenge: String,
    pub(super) prompt: Prompt,
    pub(super) max_age: Option<i64>,
    pub(super) login_hint: Option<String>,
    pub(super) id_token_hint: Option<String>,
    /// All parameters as they came, for the form to carry.
    pub(super) params: Params,
}

/// A request that may not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Invalid {
    /// Client or redirect URI are not to be trusted: a page, and no redirect.
    Page(&'static str),
    /// Told to the client.
    Redirect {
        redirect_uri: String,
        state: Option<String>,
        error: &'static str,
        description: &'static str,
    },
}

impl Request {
    /// Reads a request.
    pub(super) fn read(params: &Params, client: &Client) -> Result<Self, Invalid> {
        let redirect_uri = trusted_redirect_uri(params, client)?;
        let request = Self {
            redirect_uri: redirect_uri.to_owned(),
            state: params.get("state").map(str::to_owned),
            nonce: params.get("nonce").map(str::to_owned),
            scope: known_scopes(params.get("scope").unwrap_or("")),
            challenge: params.get("code_challenge").unwrap_or("").to_owned(),
            prompt: Prompt::Usual,
            max_age: None,
            login_hint: params.get("login_hint").map(str::to_owned),
            id_token_hint: params.get("id_token_hint").map(str::to_owned),
            params: params.clone(),
        };
        if let Some((error, description)) = fault(params, &request) {
            return Err(request.error(error, description));
        }
        let Some(prompt) = Prompt::read(params.get("prompt")) else {
            return Err(request.error("invalid_request", "prompt is unknown, or `none` is not alone"));
        };
        let Ok(max_age) = params.get("max_age").map(str::parse::<u32>).transpose() else {
            return Err(request.error("invalid_request", "max_age is not a number of seconds"));
        };
        Ok(Self {
            prompt,
            max_age: max_age.map(i64::from),
            ..request
        })
    }

    /// This request, refused.
    pub(super) fn error(&self, error: &'static str, description: &'static str) -> Invalid {
        Invalid::Redirect {
            redirect_uri: self.redirect_uri.clone(),
            state: self.state.clone(),
            error,
            description,
        }
    }

    /// Whether the session is recent enough; `max_age=0` never is, as it means the same as `prompt=login`.
    pub(super) fn accepts(&self, session: &BrowserSession, now: i64) -> bool {
        self.max_age
            .is_none_or(|limit| limit > 0 && now.saturating_sub(session.auth_time) <= limit)
    }

    /// Whether a login hint, if there is one, is about the session's person.
    pub(super) fn hints_at(&self, session: &BrowserSession) -> bool {
        self.login_hint
            .as_deref()
            .is_none_or(|hint| hint.eq_ignore_ascii_case(session.person.email) || hint == session.person.username)
    }
}

impl Prompt {
    fn read(text: Option<&str>) -> Option<Self> {
        let mut prompt = Self::Usual;
        let words: Vec<_> = text.unwrap_or("").split_ascii_whitespace().collect();
        for word in &words {
            prompt = match (*word, prompt) {
                ("none", _) if words.len() == 1 => Self::None,
                ("login", _) => Self::Login,
                ("select_account", Self::Usual) => Self::SelectAccount,
                ("select_account" | "consent", _) => prompt,
                _ => return None,
            };
        }
        Some(prompt)
    }
}

/// Client and redirect URI come first: nothing is sent anywhere before both are known (RFC 6749 section 4.1.2.1).
fn trusted_redirect_uri<'a>(params: &'a Params, client: &Client) -> Result<&'a str, Invalid> {
    if params.get("client_id") != Some(&client.id) {
        return Err(Invalid::Page("client_id is not registered here"));
    }
    params
        .get("redirect_uri")
        .filter(|uri| client.redirect_uris.iter().any(|registered| registered == uri))
        .ok_or(Invalid::Page("redirect_uri is not registered for this client"))
}

fn fault(params: &Params, request: &Request) -> Option<(&'static str, &'static str)> {
    if params.repeats() {
        return Some(("invalid_request", "a parameter stands twice"));
    }
    if params.get("response_type") != Some("code") {
        return Some(("unsupported_response_type", "response_type must be `code`"));
    }
    if params.get("response_mode").is_some_and(|mode| mode != "query") {
        return Some(("invalid_request", "response_mode must be `query`"));
    }
    if params.get("request").is_some() {
        return Some(("request_not_supported", "request objects are not supported"));
    }
    if params.get("request_uri").is_some() {
        return Some(("request_uri_not_supported", "request objects are not supported"));
    }
    if !request.scope.split(' ').any(|scope| scope == "openid") {
        return Some(("invalid_scope", "scope must contain `openid`"));
    }
    if params.get("code_challenge_method") != Some("S256") || request.challenge.len() != 43 {
        return Some(("invalid_request", "PKCE with code_challenge_method=S256 is required"));
    }
    None
}

fn known_scopes(asked: &str) -> String {
    asked
        .split_ascii_whitespace()
        .filter(|scope| SCOPES.contains(scope))
        .collect::<Vec<_>>()
        .join(" ")
}
