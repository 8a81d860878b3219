//! What each endpoint answers when it behaves.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicU64, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};
use percent_encoding::percent_decode_str;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::{
    Members, Request, Shared,
    key::b64,
    lock,
    script::{Edit, Fault, IdTokenEdit, IssParameter, Script},
};

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// What was issued.
#[derive(Default)]
pub(super) struct State {
    pub(super) user: User,
    pub(super) grants: HashMap<u64, Grant>,
    pub(super) reused: usize,
    codes: HashMap<String, u64>,
    access_tokens: HashMap<String, u64>,
    pub(super) refresh_tokens: HashMap<String, u64>,
    spent: HashSet<String>,
}

#[derive(Clone)]
pub(super) struct User {
    pub(super) sub: String,
    pub(super) claims: Members,
}

#[derive(Clone)]
pub(super) struct Grant {
    user: User,
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
    scope: String,
    acr: Option<String>,
    auth_time: i64,
    sid: String,
}

impl Default for User {
    fn default() -> Self {
        let claims = json!({"email": "ada@example.org", "email_verified": true, "name": "Ada"});
        Self {
            sub: "ada".to_owned(),
            claims: claims.as_object().cloned().unwrap_or_default(),
        }
    }
}

impl State {
    pub(super) fn sids(&self, sub: &str) -> Vec<String> {
        let mut found: Vec<_> = self.grants.iter().filter(|(_, grant)| grant.user.sub == sub).collect();
        found.sort_by_key(|(id, _)| **id);
        found.into_iter().map(|(_, grant)| grant.sid.clone()).collect()
    }
}

/// Header and claims of a logout token.
pub(super) fn logout(shared: &Shared, script: &Script, whose: &Value) -> (Members, Members) {
    let now = now(shared, script);
    let header = json!({"typ": "logout+jwt"});
    let mut claims = json!({
        "iss": shared.issuer, "aud": script.client_id, "iat": now, "exp": now + 120, "jti": token_text("jti"),
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    for (name, value) in whose.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    let members = |value: Value| value.as_object().cloned().unwrap_or_default();
    (members(header), members(claims))
}

type Reply = (u16, Value);

/// Records the request and answers it; `None` when the path is nobody's.
pub(super) async fn answer(shared: &Shared, parts: &Parts, body: Bytes) -> Option<(Response<Bytes>, Fault)> {
    let request = received(shared, parts, body)?;
    let endpoint = request.endpoint;
    lock(&shared.requests).push(request.clone());
    shared.count.send_modify(|count| *count += 1);
    let (script, edited) = {
        let mut script = lock(&shared.script);
        let endpoint = script.endpoint_mut(endpoint);
        let edited = if endpoint.strikes() {
            endpoint.clone()
        } else {
            super::Endpoint {
                hold: endpoint.hold.clone(),
                ..super::Endpoint::default()
            }
        };
        (script.clone(), edited)
    };
    if let Some(hold) = &edited.hold {
        // Closed means released.
        drop(hold.acquire().await);
    }
    let right = if edited.status == 0 {
        right_answer(shared, &script, &request)
    } else {
        json_response((edited.status, json!({})))
    };
    Some(falsified(right, edited))
}

fn falsified(right: Response<Bytes>, edited: super::Endpoint) -> (Response<Bytes>, Fault) {
    let (mut head, mut body) = right.into_parts();
    if let Some(other) = edited.body {
        body = other.into();
    }
    if let Some(content_type) = edited.content_type {
        head.headers.remove("content-type");
        if !content_type.is_empty() {
            head.headers.insert("content-type", content_type.parse().unwrap());
        }
    }
    for (name, value) in edited.headers {
        let name: http::HeaderName = name.parse().unwrap();
        head.headers.append(name, value.parse().unwrap());
    }
    (Response::from_parts(head, body), edited.fault)
}

fn received(shared: &Shared, parts: &Parts, body: Bytes) -> Option<Request> {
    let base = Url::parse(&shared.issuer).unwrap();
    let path = parts.uri.path();
    let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let refreshing = form.contains(&("grant_type".to_owned(), "refresh_token".to_owned()));
    let endpoint = match path.strip_prefix(base.path().trim_end_matches('/'))? {
        "/.well-known/openid-configuration" => "discovery",
        "/jwks" => "jwks",
        "/authorize" => "authorize",
        "/token" if refreshing => "refresh",
        "/token" => "token",
        "/userinfo" => "userinfo",
        "/end-session" => "end_session",
        "/revoke" => "revoke",
        _ => return None,
    };
    let query = parts.uri.query().unwrap_or_default();
    Some(Request {
        endpoint,
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers.clone(),
        form,
        body,
    })
}

fn right_answer(shared: &Shared, script: &Script, request: &Request) -> Response<Bytes> {
    match request.endpoint {
        "discovery" => json_response((200, discovery(shared, script))),
        "jwks" => {
            let mut document = lock(&shared.keys).document();
            apply(script.jwks_document.as_ref(), &mut document);
            json_response((200, document))
        }
        "authorize" => authorize(shared, script, request),
        "token" => json_response(token(shared, script, request)),
        "refresh" => json_response(refresh(shared, script, request)),
        "userinfo" => json_response(userinfo(shared, script, request)),
        "end_session" => end_session(request),
        "revoke" => json_response(revoke(shared, script, request)),
        _ => json_response((200, json!({}))),
    }
}

fn json_response((status, body): Reply) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("cache-control", "no-store")
        .body(body.to_string().into())
        .unwrap()
}

fn redirect(to: &Url) -> Response<Bytes> {
    Response::builder()
        .status(StatusCode::FOUND)
        .header("location", to.as_str())
        .body(Bytes::new())
        .unwrap()
}

fn apply(edit: Option<&Edit>, document: &mut Value) {
    if let (Some(edit), Some(members)) = (edit, document.as_object_mut()) {
        edit(members);
    }
}

fn violation(shared: &Shared, what: impl Into<String>) -> Reply {
    let what = what.into();
    lock(&shared.violations).push(what.clone());
    (400, json!({"error": "invalid_request", "error_description": what}))
}

fn discovery(shared: &Shared, script: &Script) -> Value {
    let issuer = &shared.issuer;
    let advertised = match script.iss {
        IssParameter::Sent | IssParameter::Missing | IssParameter::Other(_) => true,
        IssParameter::SentUnadvertised | IssParameter::Unsupported | IssParameter::OtherUnadvertised(_) => false,
    };
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "end_session_endpoint": format!("{issuer}/end-session"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": advertised,
    });
    apply(script.metadata.as_ref(), &mut document);
    document
}

fn authorize(shared: &Shared, script: &Script, request: &Request) -> Response<Bytes> {
    let problem = authorization_problem(script, request);
    let redirect_uri = request.query("redirect_uri").map(Url::parse);
    let (None, Some(Ok(mut back))) = (problem.clone(), redirect_uri) else {
        let what = problem.unwrap_or_else(|| "redirect_uri is no URL".to_owned());
        return json_response(violation(shared, what));
    };
    {
        let mut pairs = back.query_pairs_mut();
        if let Some(state) = request.query("state") {
            pairs.append_pair("state", state);
        }
        if let Some((error, description)) = &script.authorize_error {
            pairs.append_pair("error", error);
            pairs.append_pair("error_description", description);
        } else {
            let code = issue_code(shared, script, request);
            pairs.append_pair("code", &code);
        }
        match &script.iss {
            IssParameter::Sent | IssParameter::SentUnadvertised => {
                pairs.append_pair("iss", &shared.issuer);
            }
            IssParameter::Other(other) | IssParameter::OtherUnadvertised(other) => {
                pairs.append_pair("iss", other);
            }
            IssParameter::Unsupported | IssParameter::Missing => {}
        }
    }
    redirect(&back)
}

/// What a proper authorization request must be (AR-01, AR-02, AR-05).
fn authorization_problem(script: &Script, request: &Request) -> Option<String> {
    let of = |name| request.query(name).unwrap_or_default();
    let unreserved = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
    };
    let scopes: Vec<_> = of("scope").split(' ').collect();
    let mut names = HashSet::new();
    let repeated = request.query.iter().find(|(name, _)| !names.insert(name));
    [
        (repeated.is_none(), "a parameter stands twice"),
        (of("response_type") == "code", "response_type is not code"),
        (of("client_id") == script.client_id, "another client"),
        (scopes.contains(&"openid"), "scope has no openid"),
        (of("code_challenge_method") == "S256", "not S256"),
        (
            of("code_challenge").len() == 43 && unreserved(of("code_challenge")),
            "no challenge",
        ),
        (of("state").len() >= 22, "state is short"),
        (
            (22..=43).contains(&of("nonce").len()) && unreserved(of("nonce")),
            "nonce is not 22 to 43 unreserved characters",
        ),
    ]
    .into_iter()
    .find(|(fits, _)| !fits)
    .map(|(_, what)| what.to_owned())
}

fn issue_code(shared: &Shared, script: &Script, request: &Request) -> String {
    let of = |name| request.query(name).unwrap_or_default().to_owned();
    let mut state = lock(&shared.state);
    let id = SERIAL.fetch_add(1, Ordering::Relaxed);
    let grant = Grant {
        user: state.user.clone(),
        nonce: request.query("nonce").map(ToOwned::to_owned),
        challenge: of("code_challenge"),
        redirect_uri: of("redirect_uri"),
        scope: of("scope"),
        acr: of("acr_values")
            .split(' ')
            .next()
            .filter(|acr| !acr.is_empty())
            .map(ToOwned::to_owned),
        auth_time: now(shared, script),
        sid: format!("sid-{id}"),
    };
    state.grants.insert(id, grant);
    let code = token_text("code");
    state.codes.insert(code.clone(), id);
    code
}

fn now(shared: &Shared, script: &Script) -> i64 {
    shared.clock.now().secs() + script.clock_skew
}

fn token_text(kind: &str) -> String {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    format!("{kind}-{serial}-{}", b64(digest(&SHA256, &serial.to_be_bytes())))
}

/// Exactly one method of client authentication, and the right one (TE-01, TE-02).
fn client_problem(shared: &Shared, script: &Script, request: &Request) -> Option<Reply> {
    let basic = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok());
    let in_form = request.form("client_secret");
    if request.header("authorization").is_some() && in_form.is_some() {
        return Some(violation(shared, "two kinds of client authentication"));
    }
    let (id, secret) = match basic {
        Some(pair) => {
            let (id, secret) = pair.split_once(':').unwrap_or_default();
            (form_decoded(id), Some(form_decoded(secret)))
        }
        None => (
            request.form("client_id").unwrap_or_default().to_owned(),
            in_form.map(ToOwned::to_owned),
        ),
    };
    let right = id == script.client_id && secret == script.client_secret;
    (!right).then(|| (401, json!({"error": "invalid_client"})))
}

fn form_decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

fn token(shared: &Shared, script: &Script, request: &Request) -> Reply {
    if let Some(problem) = client_problem(shared, script, request) {
        return problem;
    }
    let invalid_grant = (400, json!({"error": "invalid_grant"}));
    let of = |name| request.form(name).unwrap_or_default();
    if of("grant_type") != "authorization_code" {
        return violation(shared, "grant_type is neither code nor refresh token");
    }
    let mut state = lock(&shared.state);
    let Some(id) = state.codes.remove(of("code")) else {
        return invalid_grant;
    };
    let Some(grant) = state.grants.get(&id).cloned() else {
        return invalid_grant;
    };
    let challenge = b64(digest(&SHA256, of("code_verifier").as_bytes()));
    if challenge != grant.challenge || of("redirect_uri") != grant.redirect_uri {
        return invalid_grant;
    }
    let nonce = grant.nonce.clone();
    let edits = [Some(script.id_token.clone())];
    (200, issue(shared, script, &mut state, id, nonce, &edits))
}

fn refresh(shared: &Shared, script: &Script, request: &Request) -> Reply {
    if let Some(problem) = client_problem(shared, script, request) {
        return problem;
    }
    if let Some(code) = &script.refresh_error {
        let status = if code == "invalid_client" { 401 } else { 400 };
        return (status, json!({ "error": code }));
    }
    let spent = request.form("refresh_token").unwrap_or_default();
    let mut state = lock(&shared.state);
    let invalid_grant = (400, json!({"error": "invalid_grant"}));
    let Some(id) = state.refresh_tokens.get(spent).copied() else {
        return invalid_grant;
    };
    if state.spent.contains(spent) {
        state.reused += 1;
        if script.reuse_detection {
            state.grants.remove(&id);
        }
        return invalid_grant;
    }
    if !state.grants.contains_key(&id) {
        return invalid_grant;
    }
    if script.rotate_refresh {
        state.spent.insert(spent.to_owned());
    }
    let edits = [
        script.refreshed_id_token.is_some().then(|| script.id_token.clone()),
        script.refreshed_id_token.clone(),
    ];
    (200, issue(shared, script, &mut state, id, None, &edits))
}

/// Tokens for a grant. The last of `edits` counts, after the claims edits of all.
fn issue(
    shared: &Shared,
    script: &Script,
    state: &mut State,
    id: u64,
    nonce: Option<String>,
    edits: &[Option<IdTokenEdit>],
) -> Value {
    let grant = state.grants[&id].clone();
    let access_token = token_text("at");
    state.access_tokens.insert(access_token.clone(), id);
    let mut answer = json!({
        "access_token": access_token, "token_type": "Bearer",
        "scope": script.scope.clone().unwrap_or_else(|| grant.scope.clone()),
    });
    if !script.expires_in.is_null() {
        answer["expires_in"] = script.expires_in.clone();
    }
    let first = edits.len() == 1;
    if script.refresh_tokens && (first || script.rotate_refresh) {
        let refresh_token = token_text("rt");
        state.refresh_tokens.insert(refresh_token.clone(), id);
        answer["refresh_token"] = json!(refresh_token);
    }
    if let Some(edit) = edits.last().cloned().flatten().filter(|edit| !edit.omit) {
        let mut claims = id_token_claims(shared, script, &grant, nonce, &access_token);
        for earlier in edits.iter().rev().skip(1).flatten() {
            if let Some(edit) = &earlier.claims {
                edit(&mut claims);
            }
        }
        let secret = script.client_secret.as_deref().unwrap_or_default();
        answer["id_token"] = json!(lock(&shared.keys).sign(claims, &edit, secret));
    }
    answer
}

fn id_token_claims(
    shared: &Shared,
    script: &Script,
    grant: &Grant,
    nonce: Option<String>,
    access_token: &str,
) -> Members {
    let now = now(shared, script);
    let hash = digest(&SHA256, access_token.as_bytes());
    let mut claims = grant.user.claims.clone();
    claims.retain(|name, _| !script.only_userinfo.contains(name));
    let ours = json!({
        "iss": shared.issuer, "aud": script.client_id, "sub": grant.user.sub, "iat": now,
        "exp": now + script.id_token_life, "auth_time": grant.auth_time, "sid": grant.sid,
        "at_hash": b64(&hash.as_ref()[..16]),
    });
    claims.extend(ours.as_object().cloned().unwrap_or_default());
    for (name, value) in [("nonce", nonce), ("acr", grant.acr.clone())] {
        if let Some(value) = value {
            claims.insert(name.to_owned(), json!(value));
        }
    }
    claims
}

fn userinfo(shared: &Shared, script: &Script, request: &Request) -> Reply {
    if request.query("access_token").is_some() {
        return violation(shared, "an access token in a URL");
    }
    let bearer = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let state = lock(&shared.state);
    let grant = state.access_tokens.get(bearer).and_then(|id| state.grants.get(id));
    let Some(grant) = grant else {
        return (401, json!({"error": "invalid_token"}));
    };
    let mut answer = Value::Object(grant.user.claims.clone());
    answer["sub"] = json!(grant.user.sub);
    apply(script.userinfo_claims.as_ref(), &mut answer);
    (200, answer)
}

/// RFC 7009: the grant of the token is gone, whichever kind of token it is; unknown ones are fine (section 2.2).
fn revoke(shared: &Shared, script: &Script, request: &Request) -> Reply {
    if let Some(problem) = client_problem(shared, script, request) {
        return problem;
    }
    let Some(token) = request.form("token") else {
        return violation(shared, "a revocation without one token");
    };
    let mut state = lock(&shared.state);
    let known = state
        .refresh_tokens
        .get(token)
        .or(state.access_tokens.get(token))
        .copied();
    if let Some(id) = known {
        state.grants.remove(&id);
    }
    (200, json!({}))
}

/// By GET or POST (RP-Initiated Logout 1.0 section 2).
fn end_session(request: &Request) -> Response<Bytes> {
    let of = |name| request.query(name).or_else(|| request.form(name));
    let target = of("post_logout_redirect_uri").and_then(|uri| Url::parse(uri).ok());
    let Some(mut back) = target else {
        return json_response((200, json!({"signed_out": true})));
    };
    if let Some(state) = of("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    redirect(&back)
}
