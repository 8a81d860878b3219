//! The provider room against a provider that misbehaves.

mod discovery;
mod exchange;
mod faults;
mod keys;
mod renewal;
mod sign_out;
mod wire;

use std::{collections::BTreeMap, time::Duration};

use doorward::{
    entropy::Entropy,
    gate::{Attempt, ReturnTo},
    identity::{ClaimNames, ClaimPath},
    oidc::{Issuer, ProviderName},
    policy::SignInTerms,
    provider::{ClientAuth, ExchangeError, Logout, Proved, Provider, RenewFailure, Renewed, Settings, UserInfoUse},
    secret::Secret,
    session::Record,
    telemetry::Telemetry,
    time::Clock,
};
use serde_json::Value;
use url::Url;

use crate::harness::provider::{CLIENT_ID, CLIENT_SECRET, Provider as Op};

const CALLBACK: &str = "https://app.example.org/.doorward/callback";
const STATE: &str = "state-of-more-than-22-characters";

/// A provider of ours, and the one that it talks to, on one clock.
struct Rig {
    op: Op,
    provider: Provider,
    clock: Clock,
    telemetry: Telemetry,
}

impl Rig {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let clock = Clock::system();
        let op = Op::start_with(clock.clone(), "", false).await;
        Self::around(op, clock, change)
    }

    fn around(op: Op, clock: Clock, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(op.issuer());
        change(&mut settings);
        let telemetry = Telemetry::new(false);
        let provider = Provider::new(settings, clock.clone(), Entropy::system(), telemetry.clone());
        Self {
            op,
            provider: provider.unwrap(),
            clock,
            telemetry,
        }
    }

    fn attempt(&self) -> Attempt {
        let entropy = Entropy::system();
        Attempt {
            provider: ProviderName::new("corporate"),
            issuer: Issuer::new(self.op.issuer()),
            nonce: entropy.token(),
            verifier: entropy.token(),
            redirect_uri: CALLBACK.to_owned(),
            return_to: ReturnTo::home(),
            acr_values: Vec::new(),
            max_age: None,
            fresh: false,
            again: 0,
            started: self.clock.now(),
        }
    }

    /// What the browser does: follow the redirect to the provider, come back with a code.
    async fn code(&self, attempt: &Attempt) -> String {
        let url = self
            .provider
            .authorization_url(attempt, STATE, &terms(), false)
            .await
            .unwrap();
        let back = visit(&url).await;
        parameter(&back, "code").unwrap()
    }

    /// A whole sign-in.
    async fn sign_in(&self) -> Result<Proved, ExchangeError> {
        self.sign_in_as(self.attempt()).await
    }

    async fn sign_in_as(&self, attempt: Attempt) -> Result<Proved, ExchangeError> {
        let code = self.code(&attempt).await;
        self.provider.exchange(&code, &attempt).await
    }

    /// A session's record after a sign-in.
    async fn record(&self) -> Record {
        let proved = self.sign_in().await.unwrap();
        Record::new("id".to_owned(), proved.identity, proved.tokens, self.clock.now())
    }

    /// Spends the record's refresh token, everything else at hand.
    async fn renew(&self, record: &Record) -> Result<Renewed, RenewFailure> {
        let ready = self.provider.ready_to_renew(record).await?;
        self.provider.renew(record, ready).await
    }

    /// How many calls to an endpoint went this way, by the metrics.
    fn calls(&self, endpoint: &str, call: &str) -> usize {
        let count = self.figure("count", endpoint, call);
        count.map_or(0, |count| count.parse().unwrap())
    }

    /// How long they took together, in seconds.
    fn seconds(&self, endpoint: &str, call: &str) -> f64 {
        self.figure("sum", endpoint, call).unwrap().parse().unwrap()
    }

    fn figure(&self, of: &str, endpoint: &str, call: &str) -> Option<String> {
        let labels = format!("{{call=\"{call}\",endpoint=\"{endpoint}\",provider=\"corporate\"}} ");
        let name = format!("doorward_provider_call_seconds_{of}{labels}");
        let rendered = self.telemetry.render();
        let mut lines = rendered.lines();
        lines.find_map(|line| line.strip_prefix(&name)).map(ToOwned::to_owned)
    }

    /// Past every back-off and throttle, within every cache.
    fn later(&self) {
        self.clock.advance(Duration::from_secs(10));
    }
}

fn settings(issuer: &str) -> Settings {
    let path = |name| ClaimPath::parse(name).unwrap();
    Settings {
        name: ProviderName::new("corporate"),
        issuer: Issuer::new(issuer),
        client_id: CLIENT_ID.to_owned(),
        client_auth: ClientAuth::Basic(Secret::from(CLIENT_SECRET)),
        scopes: vec!["email".to_owned()],
        algs: vec!["RS256".to_owned()],
        userinfo: UserInfoUse::Never,
        mapped_claims: Vec::new(),
        claim_names: ClaimNames {
            email: path("email"),
            groups: path("groups"),
            name: path("name"),
            preferred_username: path("preferred_username"),
        },
        extra: BTreeMap::new(),
        ca_pem: None,
        allow_http: true,
        logout: Logout {
            rp_initiated: true,
            revoke: true,
            front_channel: false,
        },
        connect_timeout: Duration::from_secs(2),
        timeout: Duration::from_secs(5),
        skew: Duration::from_secs(60),
    }
}

fn terms() -> SignInTerms {
    SignInTerms::of(ProviderName::new("corporate"))
}

/// Opens an address of the provider without following its redirect, which is the answer.
async fn visit(url: &Url) -> Url {
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let response = client.get(url.clone()).send().await.unwrap();
    let location = response.headers().get("location").map(|to| to.to_str());
    let location = location.unwrap_or_else(|| panic!("no redirect but {}", response.status()));
    Url::parse(location.unwrap()).unwrap()
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
