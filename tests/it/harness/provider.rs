//! A scriptable identity provider on a loopback port: OpenID Connect as it should be, and every way it should not be.
//!
//! ```ignore
//! let op = Provider::start().await;
//! op.login_as("ada", json!({"email": "ada@example.org"}));
//! op.script(|script| script.token.status = 503);
//! assert_eq!(op.requests("token").len(), 1);
//! ```
//!
//! Endpoints are named `discovery`, `jwks`, `authorize`, `token` (a code), `refresh` (a refresh token), `userinfo`,
//! `end_session`, `revoke`. The authorization endpoint approves at once, as whoever [`Provider::login_as`] named. A
//! request that breaks the protocol (no S256, no nonce, two kinds of client authentication) is a violation, and fails
//! the test when the provider is dropped.

#![allow(
    dead_code,
    unused_imports,
    reason = "a harness offers more than the tests of one day use"
)]

mod answer;
mod key;
mod script;
mod wire;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use doorward::time::Clock;
use http::HeaderMap;
use serde_json::{Map, Value};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
};

pub use self::{
    key::Rotation,
    script::{Endpoint, Fault, IdTokenEdit, IssParameter, Script, SignWith},
};

/// A JSON object.
pub type Members = Map<String, Value>;

/// The client identifier that the provider knows.
pub const CLIENT_ID: &str = "doorward";
/// Its secret, with characters that show a missing form encoding (TE-01).
pub const CLIENT_SECRET: &str = "s3cr:t %+é/of more than 32 bytes";

/// A running provider. Dropping it stops it and fails the test on a violation.
pub struct Provider {
    shared: Arc<Shared>,
    address: SocketAddr,
    tasks: Mutex<JoinSet<()>>,
    tls: Option<wire::Tls>,
}

/// A request as received.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which endpoint.
    pub endpoint: &'static str,
    /// Method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query parameters, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// Form members, decoded, in order.
    pub form: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
}

/// Holds every answer of one endpoint back until released or dropped.
#[must_use]
pub struct Hold(Arc<Semaphore>);

struct Shared {
    issuer: String,
    clock: Clock,
    script: Mutex<Script>,
    keys: Mutex<key::Keys>,
    state: Mutex<answer::State>,
    requests: Mutex<Vec<Request>>,
    violations: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

impl Provider {
    /// Starts a provider on a free port, over plain HTTP.
    pub async fn start() -> Self {
        Self::start_with(Clock::system(), "", false).await
    }

    /// Starts a provider that shares a clock with the code under test, has a path in its issuer, or speaks TLS.
    pub async fn start_with(clock: Clock, path: &str, tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (scheme, host) = if tls {
            ("https", "localhost")
        } else {
            ("http", "127.0.0.1")
        };
        let shared = Arc::new(Shared {
            issuer: format!("{scheme}://{host}:{}{path}", address.port()),
            clock,
            script: Mutex::default(),
            keys: Mutex::new(key::Keys::new()),
            state: Mutex::default(),
            requests: Mutex::default(),
            violations: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let provider = Self {
            shared,
            address,
            tasks: Mutex::default(),
            tls: tls.then(wire::Tls::new),
        };
        provider.listen(listener);
        provider
    }

    fn listen(&self, listener: TcpListener) {
        let tls = self.tls.as_ref().map(|tls| tls.acceptor.clone());
        lock(&self.tasks).spawn(wire::serve(listener, Arc::clone(&self.shared), tls));
    }

    /// Stops listening and drops every connection; what was issued is kept for [`Provider::up`].
    pub async fn down(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        tasks.shutdown().await;
    }

    /// Listens again, on the same port.
    pub async fn up(&self) {
        self.listen(TcpListener::bind(self.address).await.unwrap());
    }

    /// Its issuer.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The CA certificate in PEM, when it speaks TLS.
    pub fn ca_pem(&self) -> Option<Vec<u8>> {
        self.tls.as_ref().map(|tls| tls.ca_pem.clone())
    }

    /// Changes how it behaves from now on.
    pub fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut lock(&self.shared.script));
    }

    /// Who signs in from now on, with these claims in the ID token and at userinfo.
    #[expect(clippy::needless_pass_by_value, reason = "reads better with json!")]
    pub fn login_as(&self, sub: &str, claims: Value) {
        let mut state = lock(&self.shared.state);
        sub.clone_into(&mut state.user.sub);
        state.user.claims = claims.as_object().cloned().unwrap_or_default();
    }

    /// Changes the signing key.
    pub fn rotate(&self, how: Rotation) {
        lock(&self.shared.keys).rotate(how);
    }

    /// The requests so far to an endpoint, oldest first.
    pub fn requests(&self, endpoint: &str) -> Vec<Request> {
        lock(&self.shared.requests)
            .iter()
            .filter(|request| request.endpoint == endpoint)
            .cloned()
            .collect()
    }

    /// How many requests an endpoint has had.
    pub fn count(&self, endpoint: &str) -> usize {
        self.requests(endpoint).len()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        lock(&self.shared.requests).clear();
    }

    /// Waits until an endpoint has had at least this many requests.
    ///
    /// # Panics
    /// After ten seconds.
    pub async fn seen(&self, endpoint: &str, at_least: usize) {
        let mut changes = self.shared.count.subscribe();
        let waiting = changes.wait_for(|_| self.count(endpoint) >= at_least);
        let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        assert!(waited.is_ok(), "{endpoint} was not asked {at_least} times");
    }

    /// Holds answers of an endpoint back, after the request was read and recorded.
    pub fn hold(&self, endpoint: &str) -> Hold {
        let gate = Arc::new(Semaphore::new(0));
        lock(&self.shared.script).endpoint_mut(endpoint).hold = Some(Arc::clone(&gate));
        Hold(gate)
    }

    /// Refresh tokens that were spent twice.
    pub fn reused(&self) -> usize {
        lock(&self.shared.state).reused
    }

    /// Revokes every grant: the next refresh is answered with `invalid_grant`.
    pub fn revoke_all(&self) {
        lock(&self.shared.state).grants.clear();
    }

    /// The `sid` of every sign-in of a person that is not revoked, oldest first.
    pub fn sids(&self, sub: &str) -> Vec<String> {
        lock(&self.shared.state).sids(sub)
    }

    /// A logout token, as OpenID Connect Back-Channel Logout 1.0 section 2.4 says, about what `whose` names.
    pub fn logout_token(&self, whose: &Value) -> String {
        self.logout_token_but(whose, |_, _| {})
    }

    /// The same, with header and claims changed before they are signed.
    pub fn logout_token_but(&self, whose: &Value, edit: impl Fn(&mut Members, &mut Members)) -> String {
        let script = lock(&self.shared.script).clone();
        let (mut header, mut claims) = answer::logout(&self.shared, &script, whose);
        edit(&mut header, &mut claims);
        let mut as_it_is = script.id_token;
        as_it_is.header(move |there| {
            there.retain(|name, _| name == "kid" || name == "alg");
            there.extend(header.clone());
        });
        let secret = script.client_secret.as_deref().unwrap_or_default();
        lock(&self.shared.keys).sign(claims, &as_it_is, secret)
    }

    /// Whether the grant of a refresh token is gone.
    pub fn revoked(&self, refresh_token: &str) -> bool {
        let state = lock(&self.shared.state);
        let grant = state.refresh_tokens.get(refresh_token);
        !grant.is_some_and(|id| state.grants.contains_key(id))
    }

    /// What broke the protocol so far, taken, so that dropping the provider does not fail the test.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared.violations))
    }
}

impl Hold {
    /// Lets every answer go, also later ones.
    pub fn release(&self) {
        self.0.close();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let violations = self.take_violations();
        assert!(
            violations.is_empty() || std::thread::panicking(),
            "the provider was asked in a way that breaks the protocol: {violations:#?}"
        );
    }
}

impl Request {
    /// The value of a form member that stands once.
    pub fn form(&self, name: &str) -> Option<&str> {
        once(&self.form, name)
    }

    /// The value of a query parameter that stands once.
    pub fn query(&self, name: &str) -> Option<&str> {
        once(&self.query, name)
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn once<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = pairs.iter().filter(|(key, _)| key == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
