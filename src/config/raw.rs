//! The configuration as it is written: these types are the YAML, their docs the reference, their schema the JSON Schema.
//!
//! Nothing is decided here. Defaults stand in the schema (`extend("default" = …)`) and are filled in by the walk, so that
//! what the reference says is what happens. Decoding cannot fail after the walk: a value that is required is an `Option`
//! all the same, since a bad one is taken out and told while the rest is still read.

pub mod access;
pub mod listener;
pub mod logging;
pub mod provider;
pub mod redis;
pub mod route;
pub mod session;
pub mod tracing;
pub mod upstream;

use std::{borrow::Cow, collections::BTreeMap, path::PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

pub use self::{
    access::{Access, AnyCertificate, CertificateTest, Claim, ClientCertificate, Rule, Word},
    listener::{Admin, ClientCa, ClientCaMode, Hsts, Limits, Listener, ListenerTls, NamedCertificate, Timeouts},
    logging::{AddressTold, Audit, Format, Logging, Omitted, Person},
    provider::{Claims, ClientAuth, Provider, UserInfo},
    redis::{Redis, RedisCluster, RedisSentinel},
    route::{
        Cors, Headers, Path, PathObject, Preflight, Prompt, Rate, RateBy, ResponseHeaders, Route, SignIn, StaticValue,
    },
    session::{ClientAddress, Key, Memory, Session, Store},
    tracing::{Follow, Tracing},
    upstream::{Balance, Ejection, Health, Pool, Upstream, UpstreamObject, UpstreamTimeouts, UpstreamTls},
};
use super::written::{
    Text,
    address::{Network, PublicUrl},
    measure::{LengthOfTime, LimitOfTime},
    name::{FormerFolderText, HeaderTitle, NameText},
};

/// A Doorward configuration.
///
/// Paths of files are relative to the configuration file. Lengths of time are written `500ms`, `30s`, `10m`, `8h` or
/// `7d`; sizes `512B`, `32KiB`, `10MiB` or `2GiB`.
/// Keys at the top that begin with `x-` are yours, for YAML anchors.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("patternProperties" = { "^x-": true }))]
pub struct Config {
    /// The URL at which people open this site, such as `https://apps.example.com`. Routes without a `host` are for its
    /// host. It also gives the port that people use and the default issuer of the signed assertion.
    pub public_url: Option<Text<PublicUrl>>,
    /// Where Doorward listens. At least one.
    #[schemars(required, length(min = 1))]
    pub listeners: Option<Vec<Listener>>,
    /// Limits on what a client may send.
    #[schemars(extend("default" = {}))]
    pub limits: Limits,
    /// How long a client may take.
    #[schemars(extend("default" = {}))]
    pub timeouts: Timeouts,
    /// Proxies in front of Doorward, as networks. Only they are believed in `X-Forwarded-For`, as far as it leads to the
    /// client, and in `X-Request-Id`.
    #[schemars(extend("default" = []))]
    pub trusted_proxies: Vec<Text<Network>>,
    /// Further headers in which they are believed, such as `X-Forwarded-Proto`, `X-Forwarded-Prefix` or `Client-Cert`: upstreams get
    /// them as the proxies send them. Each of the proxies has to set or remove each of them, or a client's own word goes through.
    /// What is not listed Doorward says itself or removes.
    #[schemars(extend("default" = []))]
    pub trusted_headers: Vec<Text<HeaderTitle>>,
    /// Lets `trusted_proxies` hold networks of all addresses, or nearly: then any client can claim to be any other.
    #[schemars(extend("default" = false))]
    pub insecure_trust_all_proxies: bool,
    /// The listener for health, metrics and administration. Never reachable through the other listeners.
    #[schemars(extend("default" = {}))]
    pub admin: Admin,
    /// Identity providers by a name of your choice. Needed as soon as one route is not `open`.
    #[schemars(extend("default" = {}))]
    pub providers: BTreeMap<String, Provider>,
    /// The provider of routes that name none. Not needed with a single provider.
    pub default_provider: Option<Text<NameText>>,
    /// Where sessions are kept and how long they live.
    #[schemars(extend("default" = {}))]
    pub session: Session,
    /// What upstreams are told of the person, for all routes.
    #[schemars(extend("default" = {}))]
    pub identity: Identity,
    /// Standing in for another gateway while a site moves from it.
    #[schemars(extend("default" = {}))]
    pub compatibility: Compatibility,
    /// Logs.
    #[schemars(extend("default" = {}))]
    pub logging: Logging,
    /// How the process ends.
    #[schemars(extend("default" = {}))]
    pub shutdown: Shutdown,
    /// Traces, to an OpenTelemetry collector. Without it nothing is traced.
    pub tracing: Option<Tracing>,
    /// What is protected, and how. At least one. The most specific route wins, whatever the order: exact host before
    /// `*.suffix` before `*`, then exact path before regular expression before the longest prefix.
    #[schemars(required, length(min = 1))]
    pub routes: Option<Vec<Route>>,
}

/// What upstreams are told of the person.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// `iss` of the signed assertion: a name for this installation. Default: `public_url`, or `doorward` without it.
    pub issuer: Option<String>,
    /// Whether requests carry the signed assertion, `X-Doorward-Assertion`, which an upstream verifies with the key
    /// set at `/.doorward/jwks.json`. A route may say otherwise.
    #[schemars(extend("default" = true))]
    pub assertion: bool,
    /// How long an assertion is good for, at most `5m`.
    #[schemars(extend("default" = "5m"))]
    pub assertion_life: Text<LengthOfTime>,
    /// How long a signing key signs, at least `2h`. The next one is in the key set that long before, the last one that long
    /// after; an upstream may keep the key set for as long as this.
    #[schemars(extend("default" = "7d"))]
    pub assertion_key_rotation: Text<LengthOfTime>,
    /// Headers for every route; a route adds to them, and what it says of the same header wins.
    #[schemars(extend("default" = {}))]
    pub headers: Headers,
}

/// Standing in for another gateway while a site moves from it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compatibility {
    /// Answers `/oauth2/start`, `/oauth2/sign_in`, `/oauth2/callback`, `/oauth2/sign_out` and `/oauth2/userinfo` as well, on
    /// every host, by the rules of Doorward's own endpoints. The redirect URI of the default provider is then
    /// `https://<host>/oauth2/callback`, as it was registered. Wherever a route sends the identity it also sends
    /// `X-Auth-Request-User`, `-Email`, `-Groups` and `-Preferred-Username`. Nothing else below `/oauth2` is found, and
    /// nothing below it is forwarded.
    #[schemars(extend("default" = false))]
    pub oauth2_proxy: bool,
    /// The folder, if `proxy_prefix` moved it.
    #[schemars(extend("default" = "/oauth2"))]
    pub oauth2_proxy_prefix: Text<FormerFolderText>,
}

/// How the process ends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// How long it serves on after SIGTERM. `/ready` says no meanwhile and every answer is the last of its connection, so that
    /// load balancers send elsewhere what comes next: two of their checks or more. Ctrl-C does not wait for it.
    #[schemars(extend("default" = "off"))]
    pub delay: Text<LimitOfTime>,
    /// How long requests under way may take from then on; what is left is cut.
    #[schemars(extend("default" = "30s"))]
    pub deadline: Text<LengthOfTime>,
}

/// One value, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values.
    pub fn list(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// A path of a file, relative to the configuration file.
pub type File = PathBuf;
