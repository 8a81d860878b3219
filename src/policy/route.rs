//! A route: what it matches, who may pass, where it goes and how.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method};

use super::{Access, Cors, HostPattern, PathPattern, Upstream};
use crate::{identity::HeaderPlan, oidc::ProviderName};

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
}

impl SignInTerms {
    /// A provider's own terms, with nothing added.
    #[must_use]
    pub const fn of(provider: ProviderName) -> Self {
        Self {
            provider,
            scopes: Vec::new(),
            acr_values: Vec::new(),
            max_age: None,
            prompt: None,
            extra: BTreeMap::new(),
        }
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
    /// Identity, static and removed request headers.
    pub headers: HeaderPlan,
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
    /// How people sign in for it.
    pub sign_in: SignInTerms,
    /// Whether a refusal says what was missing.
    pub explain_refusals: bool,
    /// What pages of other origins may do; `None` for nothing.
    pub cors: Option<Cors>,
    /// How it is sent on.
    pub forward: Forward,
}

#[cfg(test)]
pub(crate) mod tests {
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
            sign_in: SignInTerms {
                provider: ProviderName::new("corporate"),
                scopes: Vec::new(),
                acr_values: Vec::new(),
                max_age: None,
                prompt: None,
                extra: BTreeMap::new(),
            },
            explain_refusals: true,
            cors: None,
            forward: forward(),
        }
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
            headers: HeaderPlan::new(Vec::new(), false, &[], &[]),
            response_set: Vec::new(),
            response_remove: Vec::new(),
            websocket: true,
            max_body: None,
        }
    }
}
