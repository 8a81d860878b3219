//! A route: what it matches, who may pass, where it goes and how.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method};

use super::{Access, Cors, HostPattern, PathPattern, Rate, Upstream};
use crate::{
    identity::{HeaderPlan, VerifiedIdentity},
    oidc::ProviderName,
    time::UnixTime,
};

/// A route's name: as the operator named it, or made of its host and path.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct RouteId(pub Arc<str>);

/// What a route matches.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// Hosts.
    pub host: HostPattern,
    /// Paths.
    pub path: PathPattern,
    /// Methods; `None` for all that the gateway lets in.
    pub methods: Option<Vec<Method>>,
}

/// The methods that a route may name and that are forwarded (RFC 9110 section 9.3, RFC 5789). `CONNECT` and `TRACE` never are.
pub const FORWARDED: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// The prompt parameter (OpenID Connect Core 1.0 section 3.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prompt {
    /// `login`.
    Login,
    /// `consent`.
    Consent,
    /// `select_account`.
    SelectAccount,
}

/// How people sign in for a route: the provider and what is asked of it beyond the provider's own settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignInTerms {
    /// Which provider.
    pub provider: ProviderName,
    /// Other providers whose sessions count as well: those that the route's rule names.
    pub also: Vec<ProviderName>,
    /// Scopes beyond the provider's; `openid` is always asked for.
    pub scopes: Vec<String>,
    /// `acr_values`, in order of preference.
    pub acr_values: Vec<String>,
    /// `max_age`.
    pub max_age: Option<Duration>,
    /// `prompt`.
    pub prompt: Option<Prompt>,
    /// Other parameters, such as Google's `access_type=offline`.
    pub extra: BTreeMap<String, String>,
    /// How far the provider's clock may differ from ours, for `max_age`.
    pub skew: Duration,
}

/// How much longer than `max_age` a sign-in counts as recent enough: one that was recent enough when it came back is so for the
/// page that it was made for, and never has to be made again at once.
const GRACE: Duration = Duration::from_secs(30);

/// What a route demands of the sign-in behind a session (`acr_values` and `max_age` of OpenID Connect Core 1.0 section
/// 3.1.2.1, RFC 9470), held against it at each request.
#[derive(Clone, Copy, Debug)]
pub struct StepUp<'a> {
    /// One of these has been reached; empty for no demand (ID-12).
    pub acr_values: &'a [String],
    /// The person showed up at the provider at most so long ago; who does not say when, did not (ID-11).
    pub max_age: Option<Duration>,
    /// How far the provider's clock may differ from ours.
    pub skew: Duration,
}

impl StepUp<'_> {
    /// Whether the sign-in that proved this identity is strong and recent enough.
    #[must_use]
    pub fn met_by(&self, identity: &VerifiedIdentity, now: UnixTime) -> bool {
        let reached = |acr: &String| identity.acr() == Some(acr.as_str());
        let strong = self.acr_values.is_empty() || self.acr_values.iter().any(reached);
        let recent = self.max_age.is_none_or(|max_age| {
            let since = identity.auth_time();
            since.is_some_and(|since| now <= since + max_age + self.skew + GRACE)
        });
        strong && recent
    }
}

impl SignInTerms {
    /// A provider's own terms, with nothing added.
    #[must_use]
    pub const fn of(provider: ProviderName) -> Self {
        Self {
            provider,
            also: Vec::new(),
            scopes: Vec::new(),
            acr_values: Vec::new(),
            max_age: None,
            prompt: None,
            extra: BTreeMap::new(),
            skew: Duration::ZERO,
        }
    }

    /// What is demanded of a sign-in.
    #[must_use]
    pub fn step_up(&self) -> StepUp<'_> {
        StepUp {
            acr_values: &self.acr_values,
            max_age: self.max_age,
            skew: self.skew,
        }
    }

    /// Whether a session with this identity was signed in as these terms say: at one of the providers, strong and recent
    /// enough. A session of another provider is another person's as far as this route knows.
    #[must_use]
    pub fn met_by(&self, identity: &VerifiedIdentity, now: UnixTime) -> bool {
        let at = identity.provider();
        (self.provider == *at || self.also.contains(at)) && self.step_up().met_by(identity, now)
    }
}

/// How an admitted request is sent on and its response sent back.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Where to.
    pub upstream: Arc<Upstream>,
    /// Whether the matched prefix is taken off the path.
    pub strip_prefix: bool,
    /// A prefix put in front of the path, after stripping.
    pub add_prefix: Option<String>,
    /// The `Host` header sent: `None` keeps the client's.
    pub host_header: Option<HeaderValue>,
    /// Identity, static and removed request headers; one for all routes that do alike.
    pub headers: Arc<HeaderPlan>,
    /// Response headers to set.
    pub response_set: Vec<(HeaderName, HeaderValue)>,
    /// Response headers to remove.
    pub response_remove: Vec<HeaderName>,
    /// Whether WebSocket upgrades are allowed.
    pub websocket: bool,
    /// Largest request body in bytes; `None` for no limit.
    pub max_body: Option<u64>,
}

/// A route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub id: RouteId,
    /// What it matches.
    pub matcher: Matcher,
    /// Whether `%2F` may stand in the path.
    pub encoded_slashes: bool,
    /// Who may pass.
    pub access: Access,
    /// How people sign in for it. Apart, as few requests ask.
    pub sign_in: Box<SignInTerms>,
    /// Whether a refusal says what was missing.
    pub explain_refusals: bool,
    /// What pages of other origins may do; `None` for nothing.
    pub cors: Option<Cors>,
    /// How many requests it takes from each caller; `None` for no limit.
    pub rate: Option<Rate>,
    /// How it is sent on.
    pub forward: Forward,
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::upstream::{Address, Balance, Pool, Protocol, Target, Timeouts, Tls};

    /// A route from `[METHODS ]host path`, where the path is exact, `prefix/*` or `~regex`, named as written and open
    /// to anyone.
    pub(crate) fn route(written: &str) -> Route {
        let words: Vec<&str> = written.split(' ').collect();
        let (methods, host, path) = match words[..] {
            [host, path] => (None, host, path),
            [methods, host, path] => (Some(methods), host, path),
            _ => panic!("{written}"),
        };
        Route {
            id: RouteId(written.into()),
            matcher: Matcher {
                host: HostPattern::parse(host).unwrap(),
                path: pattern(path),
                methods: methods.map(|names| names.split(',').map(|name| name.parse().unwrap()).collect()),
            },
            encoded_slashes: false,
            access: Access::Open,
            sign_in: Box::new(SignInTerms::of(ProviderName::new("corporate"))),
            explain_refusals: true,
            cors: None,
            rate: None,
            forward: forward(),
        }
    }

    fn identity(acr: &Value, auth_time: &Value) -> VerifiedIdentity {
        serde_json::from_value(json!({
            "provider": "corporate", "issuer": "https://id.example", "subject": "s-1", "email": null,
            "email_verified": false, "groups": [], "name": null, "preferred_username": null, "acr": acr,
            "amr": [], "auth_time": auth_time, "sid": null, "claims": {"sub": "s-1"},
        }))
        .unwrap()
    }

    // ID-11, ID-12
    #[test]
    fn a_sign_in_is_held_against_what_is_demanded() {
        let terms = |acr_values: &[&str], max_age: Option<u64>| SignInTerms {
            acr_values: acr_values.iter().map(|acr| (*acr).to_owned()).collect(),
            max_age: max_age.map(Duration::from_secs),
            skew: Duration::from_secs(60),
            ..SignInTerms::of(ProviderName::new("corporate"))
        };
        let now = UnixTime::from_secs(10_000);
        // acr, auth_time, acr_values, max_age, met
        let table = [
            (json!(null), json!(null), &[][..], None, true),
            (json!("mfa"), json!(null), &["mfa"][..], None, true),
            (json!("mfa"), json!(null), &["gold", "mfa"][..], None, true),
            (json!("MFA"), json!(null), &["mfa"][..], None, false),
            (json!(null), json!(9_999), &["mfa"][..], None, false),
            (json!("mfa"), json!(null), &["mfa"][..], Some(600), false),
            (json!("mfa"), json!(10_000), &["mfa"][..], Some(600), true),
            (json!(null), json!(9_310), &[][..], Some(600), true),
            (json!(null), json!(9_309), &[][..], Some(600), false),
            (json!(null), json!(9_910), &[][..], Some(0), true),
            (json!(null), json!(9_909), &[][..], Some(0), false),
        ];
        for (acr, auth_time, acr_values, max_age, met) in table {
            let (identity, terms) = (identity(&acr, &auth_time), terms(acr_values, max_age));
            assert_eq!(terms.met_by(&identity, now), met, "{identity:?} {terms:?}");
        }
        let elsewhere = SignInTerms::of(ProviderName::new("partners"));
        let identity = identity(&json!(null), &json!(null));
        assert!(!elsewhere.met_by(&identity, now));
        let also = vec![ProviderName::new("corporate")];
        assert!(SignInTerms { also, ..elsewhere }.met_by(&identity, now));
    }

    fn pattern(path: &str) -> PathPattern {
        match (path.strip_prefix('~'), path.strip_suffix("/*")) {
            (Some(expression), _) => PathPattern::regex(expression).unwrap(),
            (None, Some("")) => PathPattern::prefix("/").unwrap(),
            (None, Some(prefix)) => PathPattern::prefix(prefix).unwrap(),
            (None, None) => PathPattern::exact(path).unwrap(),
        }
    }

    fn forward() -> Forward {
        let upstream = Upstream {
            name: "app".into(),
            targets: vec![Target {
                protocol: Protocol::Http,
                address: Address::Tcp {
                    host: "127.0.0.1".to_owned(),
                    port: 3000,
                },
            }],
            balance: Balance::RoundRobin,
            tls: Tls::default(),
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                read: Some(Duration::from_secs(60)),
                write: Duration::from_secs(60),
                idle: Duration::from_secs(60),
            },
            pool: Pool { h2_streams: 100 },
            ejection: None,
            health: None,
        };
        Forward {
            upstream: Arc::new(upstream),
            strip_prefix: false,
            add_prefix: None,
            host_header: None,
            headers: Arc::new(HeaderPlan::new(Vec::new(), false, &[], &[])),
            response_set: Vec::new(),
            response_remove: Vec::new(),
            websocket: true,
            max_body: None,
        }
    }
}
