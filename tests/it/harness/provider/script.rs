//! What a test can make the provider do.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{CLIENT_ID, CLIENT_SECRET, Members};

pub(super) type Edit = Arc<dyn Fn(&mut Members) + Send + Sync>;
type TextEdit = Arc<dyn Fn(String) -> String + Send + Sync>;

/// How one endpoint misbehaves. All of it applies after the request was read and recorded.
#[derive(Clone, Default)]
pub struct Endpoint {
    /// Answer with this status instead; with [`Self::body`], or an empty JSON object. 0 for as it should be.
    pub status: u16,
    /// Answer with this body instead of the right one.
    pub body: Option<String>,
    /// Answer with this content type instead of the right one; empty for none.
    pub content_type: Option<String>,
    /// More headers.
    pub headers: Vec<(String, String)>,
    /// Break the connection or the body.
    pub fault: Fault,
    /// Misbehave for so many requests only, then be well.
    pub times: Option<usize>,
    /// Wait for this before answering; see [`super::Provider::hold`].
    pub hold: Option<Arc<Semaphore>>,
}

/// How a connection or body breaks.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It does not.
    #[default]
    None,
    /// Reset the connection once the request was read.
    Reset,
    /// Never answer.
    Hang,
    /// Send the head and some of the body, then nothing more.
    HangInBody,
    /// Send the head and some of the body, then reset.
    Truncate,
    /// Send a body of 2 MiB with its length.
    Huge,
    /// Send a body that never ends.
    Endless,
    /// Redirect to this address.
    Redirect(String),
}

/// What is done about `iss` in the authorization response (RFC 9207).
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum IssParameter {
    /// Sent and advertised.
    #[default]
    Sent,
    /// Sent, not advertised.
    SentUnadvertised,
    /// Neither.
    Unsupported,
    /// Advertised and left out.
    Missing,
    /// Advertised, and this is sent.
    Other(String),
    /// Not advertised, and this is sent.
    OtherUnadvertised(String),
}

/// Which key signs the ID token.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum SignWith {
    /// The current RSA key, RS256.
    #[default]
    Rs256,
    /// The ES256 key.
    Es256,
    /// A key that is in no set, under the current kid.
    Stranger,
    /// None: `alg` is `none` and the signature empty.
    Nothing,
    /// The client secret, HS256.
    Secret,
}

/// How ID tokens are falsified.
#[derive(Clone, Default)]
pub struct IdTokenEdit {
    /// The key.
    pub sign_with: SignWith,
    /// Leave the ID token out of the answer.
    pub omit: bool,
    pub(super) claims: Option<Edit>,
    pub(super) header: Option<Edit>,
    pub(super) raw: Option<TextEdit>,
}

/// Everything a test can change.
#[derive(Clone)]
pub struct Script {
    /// `/.well-known/openid-configuration`.
    pub discovery: Endpoint,
    /// The key set.
    pub jwks: Endpoint,
    /// The authorization endpoint.
    pub authorize: Endpoint,
    /// The token endpoint, for codes.
    pub token: Endpoint,
    /// The token endpoint, for refresh tokens.
    pub refresh: Endpoint,
    /// Userinfo.
    pub userinfo: Endpoint,
    /// RP-initiated logout.
    pub end_session: Endpoint,
    /// RFC 7009.
    pub revoke: Endpoint,
    /// The client identifier.
    pub client_id: String,
    /// The client secret; `None` for a public client.
    pub client_secret: Option<String>,
    /// ID tokens.
    pub id_token: IdTokenEdit,
    /// ID tokens at a refresh, on top of [`Self::id_token`]; `None` sends none.
    pub refreshed_id_token: Option<IdTokenEdit>,
    /// RFC 9207.
    pub iss: IssParameter,
    /// Answer at the authorization endpoint with this error and description.
    pub authorize_error: Option<(String, String)>,
    /// The `expires_in` member, whatever it is; `null` leaves it out.
    pub expires_in: Value,
    /// Lifetime of ID tokens in seconds.
    pub id_token_life: i64,
    /// Whether a refresh token is issued with a code.
    pub refresh_tokens: bool,
    /// Whether a refresh gives a new refresh token and spends the old one.
    pub rotate_refresh: bool,
    /// Whether a spent refresh token revokes all of its family.
    pub reuse_detection: bool,
    /// Answer each refresh with this OAuth error code and status 400 (401 for `invalid_client`).
    pub refresh_error: Option<String>,
    /// The provider's clock is off by so many seconds.
    pub clock_skew: i64,
    /// Claims that are only at userinfo.
    pub only_userinfo: Vec<String>,
    /// The granted scope, if other than asked.
    pub scope: Option<String>,
    pub(super) metadata: Option<Edit>,
    pub(super) userinfo_claims: Option<Edit>,
    pub(super) jwks_document: Option<Edit>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            discovery: Endpoint::default(),
            jwks: Endpoint::default(),
            authorize: Endpoint::default(),
            token: Endpoint::default(),
            refresh: Endpoint::default(),
            userinfo: Endpoint::default(),
            end_session: Endpoint::default(),
            revoke: Endpoint::default(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: Some(CLIENT_SECRET.to_owned()),
            id_token: IdTokenEdit::default(),
            refreshed_id_token: Some(IdTokenEdit::default()),
            iss: IssParameter::default(),
            authorize_error: None,
            expires_in: json!(300),
            id_token_life: 300,
            refresh_tokens: true,
            rotate_refresh: true,
            reuse_detection: true,
            refresh_error: None,
            clock_skew: 0,
            only_userinfo: Vec::new(),
            scope: None,
            metadata: None,
            userinfo_claims: None,
            jwks_document: None,
        }
    }
}

impl Script {
    /// Changes the discovery document.
    pub fn metadata(&mut self, edit: impl Fn(&mut Members) + Send + Sync + 'static) {
        self.metadata = Some(Arc::new(edit));
    }

    /// Changes the userinfo answer.
    pub fn userinfo_claims(&mut self, edit: impl Fn(&mut Members) + Send + Sync + 'static) {
        self.userinfo_claims = Some(Arc::new(edit));
    }

    /// Changes the key set document.
    pub fn jwks_document(&mut self, edit: impl Fn(&mut Members) + Send + Sync + 'static) {
        self.jwks_document = Some(Arc::new(edit));
    }

    pub(super) fn endpoint_mut(&mut self, name: &str) -> &mut Endpoint {
        match name {
            "discovery" => &mut self.discovery,
            "jwks" => &mut self.jwks,
            "authorize" => &mut self.authorize,
            "token" => &mut self.token,
            "refresh" => &mut self.refresh,
            "userinfo" => &mut self.userinfo,
            "end_session" => &mut self.end_session,
            "revoke" => &mut self.revoke,
            other => panic!("no endpoint {other}"),
        }
    }
}

impl Endpoint {
    /// Answers with this status and body.
    pub fn answer(&mut self, status: u16, content_type: &str, body: &str) {
        self.status = status;
        self.content_type = Some(content_type.to_owned());
        self.body = Some(body.to_owned());
    }

    /// Whether the endpoint misbehaves for this request; counts it.
    pub(super) fn strikes(&mut self) -> bool {
        match &mut self.times {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

impl IdTokenEdit {
    /// Changes the claims before they are signed.
    pub fn claims(&mut self, edit: impl Fn(&mut Members) + Send + Sync + 'static) {
        self.claims = Some(Arc::new(edit));
    }

    /// Changes the header before it is signed.
    pub fn header(&mut self, edit: impl Fn(&mut Members) + Send + Sync + 'static) {
        self.header = Some(Arc::new(edit));
    }

    /// Changes the finished token.
    pub fn raw(&mut self, edit: impl Fn(String) -> String + Send + Sync + 'static) {
        self.raw = Some(Arc::new(edit));
    }
}
