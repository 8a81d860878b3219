//! The configuration as it is written: these types are the YAML, their docs the reference, their schema the JSON Schema.
//!
//! Nothing is decided here. Defaults stand in the schema (`extend("default" = …)`) and are filled in by the walk, so that
//! what the reference says is what happens. Decoding cannot fail after the walk: a value that is required is an `Option`
//! all the same, since a bad one is taken out and told while the rest is still read.

pub mod access;
pub mod listener;
pub mod provider;
pub mod redis;
pub mod route;
pub mod session;
pub mod upstream;

use std::{borrow::Cow, collections::BTreeMap, path::PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

pub use self::{
    access::{Access, AnyCertificate, CertificateTest, Claim, ClientCertificate, Rule, Word},
    listener::{Admin, ClientCa, ClientCaMode, Hsts, Limits, Listener, ListenerTls, NamedCertificate, Timeouts},
    provider::{Claims, ClientAuth, Provider, UserInfo},
    redis::{Redis, RedisCluster, RedisSentinel},
    route::{
        Cors, Headers, Path, PathObject, Preflight, Prompt, Rate, RateBy, ResponseHeaders, Route, SignIn, StaticValue,
    },
    session::{ClientAddress, Key, Memory, Session, Store},
    upstream::{Balance, Ejection, Health, Pool, Upstream, UpstreamObject, UpstreamTimeouts, UpstreamTls},
};
use super::written::{
    Text,
    address::{Network, PublicUrl},
    measure::LengthOfTime,
    name::{FormerFolderText, NameText},
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
    /// Proxies in front of Doorward, as networks. Only what they say in `X-Forwarded-*` is believed; from anyone
    /// else these headers are removed.
    #[schemars(extend("default" = []))]
    pub trusted_proxies: Vec<Text<Network>>,
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

/// Logs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// JSON lines for machines or text for people.
    #[schemars(extend("default" = "json"))]
    pub format: Format,
    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, also by part, such as `info,doorward::store=debug`.
    #[schemars(extend("default" = "info"))]
    pub level: String,
    /// Whether each request makes a line.
    #[schemars(extend("default" = true))]
    pub access_log: bool,
    /// The audit trail: sign-ins, refusals, failed renewals, sign-outs and what administrators do, one JSON line each.
    #[schemars(extend("default" = {}))]
    pub audit: Audit,
}

/// The audit trail. Its lines have the target `doorward::audit`, whatever `level` says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Whether it is written.
    #[schemars(extend("default" = true))]
    pub enabled: bool,
    /// A file that lines are added to. Default: standard output, among the other lines.
    pub file: Option<File>,
    /// How people are named: `hash`, a keyed hash as on access lines, or `subject`, the provider's identifier too.
    #[schemars(extend("default" = "hash"))]
    pub person: Person,
}

/// How people are named.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// By a keyed hash.
    Hash,
    /// By the provider's subject too.
    Subject,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
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
