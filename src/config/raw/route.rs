//! Routes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, File, Upstream};
use crate::{
    config::written::{
        Text,
        address::WebOrigin,
        measure::{LengthOfTime, LimitOfSize},
        name::{
            AddedPrefix, ClaimName, HeaderText, HeaderTitle, HostName, MethodName, NameText, PathExpression, RoutePath,
        },
    },
    secret::Secret,
};

/// What is protected, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Route {
    /// A name for logs, metrics and the assertion's audience. Default: made of host and path.
    pub name: Option<Text<NameText>>,
    /// The host: `app.example.com`, `"*.example.com"` for all below it, or `"*"`. Default: the host of `public_url`. A
    /// route that signs people in needs one of the first two.
    pub host: Option<Text<HostName>>,
    /// The path: `/app` for itself and all below it, or an object.
    #[schemars(extend("default" = "/"))]
    pub path: Path,
    /// Only these methods: `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`. Default: all. `GET` takes `HEAD`
    /// as well, unless another route of the same host and path names it. What none of them takes is answered with 405.
    #[schemars(length(min = 1))]
    pub methods: Option<Vec<Text<MethodName>>>,
    /// Where requests go: `http://host:port`, `https://host`, `h2c://host:port`, `unix:/path`, or an object.
    #[schemars(required)]
    pub upstream: Option<Upstream>,
    /// Who may pass: `open`, `recognised`, `signed_in`, or a rule. There is no default.
    #[schemars(required)]
    pub access: Option<Access>,
    /// Request headers to the upstream, besides those of `identity.headers`.
    #[schemars(extend("default" = {}))]
    pub headers: Headers,
    /// Whether requests carry the signed assertion. Default: as `identity.assertion` says.
    pub assertion: Option<bool>,
    /// Takes the matched path prefix off before the request goes on.
    #[schemars(extend("default" = false))]
    pub strip_prefix: bool,
    /// Puts this path in front, after `strip_prefix`.
    pub add_prefix: Option<Text<AddedPrefix>>,
    /// The `Host` header sent to the upstream. Default: the client's.
    pub host_header: Option<Text<HeaderText>>,
    /// Response headers.
    #[schemars(extend("default" = {}))]
    pub response_headers: ResponseHeaders,
    /// How people sign in for this route.
    #[schemars(extend("default" = {}))]
    pub sign_in: SignIn,
    /// Whether the page that refuses someone says what was missing.
    #[schemars(extend("default" = false))]
    pub explain_refusals: bool,
    /// What pages of other origins may do, such as a single-page app that calls this route from its own host. Default:
    /// nothing. The same origin needs none of it.
    pub cors: Option<Cors>,
    /// Whether `%2F` may stand in the path. Without it such requests are refused, since applications disagree on it.
    #[schemars(extend("default" = false))]
    pub allow_encoded_slashes: bool,
    /// Whether WebSocket connections are let through.
    #[schemars(extend("default" = true))]
    pub websocket: bool,
    /// Largest request body, or `off`. Default: as `limits.body` says.
    pub max_body: Option<Text<LimitOfSize>>,
    /// How many requests the route takes from each caller. Beyond it: 429. Default: any number.
    pub rate: Option<Rate>,
}

/// How many requests a route takes from each caller. Each replica counts for itself, in memory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// So many requests, refused ones not counted.
    #[schemars(required, range(min = 1, max = 1_000_000))]
    pub requests: Option<u32>,
    /// In so long, steadily.
    #[schemars(extend("default" = "1s"))]
    pub per: Text<LengthOfTime>,
    /// So many at once, after a pause. Default: as `requests`. All of them are there again within `1h` at most.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: Option<u32>,
    /// Who is one caller.
    #[schemars(extend("default" = "address"))]
    pub by: RateBy,
}

/// Who is one caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateBy {
    /// Who comes from one address, IPv6 by its `/64`. An office can be one.
    Address,
    /// A person, with all their sessions; who has none, by their address.
    Person,
}

/// The path of a route.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Path {
    /// This path and all below it, by whole segments: `/app` is for `/app`, `/app/` and `/app/x`, not for `/apple`.
    Prefix(Text<RoutePath>),
    /// Exactly one of its keys.
    Object(Box<PathObject>),
}

/// The path of a route: exactly one of these keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathObject {
    /// This path and nothing else.
    pub exact: Option<Text<RoutePath>>,
    /// This path and all below it, by whole segments.
    pub prefix: Option<Text<RoutePath>>,
    /// A regular expression for the whole path. The exception: slower, and easily too wide.
    pub regex: Option<Text<PathExpression>>,
}

/// Request headers to the upstream. Whatever name stands here is first removed from what the client sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Headers {
    /// Whether `X-Forwarded-User`, `-Email`, `-Groups` and `-Preferred-Username` are sent. Default: yes.
    pub identity: Option<bool>,
    /// Claims by header: `X-Team: team` or a path such as `X-Roles: realm_access.roles`. Lists are joined by commas.
    #[schemars(extend("default" = {}))]
    pub claims: BTreeMap<String, Text<ClaimName>>,
    /// The same text for everybody, by header. A secret can come from a file or the environment.
    #[serde(rename = "static")]
    #[schemars(extend("default" = {}))]
    pub fixed: BTreeMap<String, StaticValue>,
    /// Headers of the client that are not sent on.
    #[schemars(extend("default" = []))]
    pub remove: Vec<Text<HeaderTitle>>,
    /// Sends `Authorization: Bearer` with the person's access token.
    #[schemars(extend("default" = false))]
    pub bearer_access_token: bool,
    /// Sends the person's access token in this header.
    pub access_token: Option<Text<HeaderTitle>>,
    /// Sends the person's ID token in this header.
    pub id_token: Option<Text<HeaderTitle>>,
}

/// The value of a static header: a text, or where to read it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StaticValue {
    /// The text.
    #[schemars(with = "Text<HeaderText>")]
    Text(Secret<String>),
    /// Where to read it.
    From(StaticSource),
}

/// Where to read a static header's value: exactly one of these keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaticSource {
    /// A file; a newline at its end is not part of it.
    pub file: Option<File>,
    /// An environment variable.
    #[schemars(length(min = 1))]
    pub env: Option<String>,
}

/// Response headers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseHeaders {
    /// Headers to set, by name.
    #[schemars(extend("default" = {}))]
    pub set: BTreeMap<String, Text<HeaderText>>,
    /// Headers to remove.
    #[schemars(extend("default" = []))]
    pub remove: Vec<Text<HeaderTitle>>,
}

/// What pages of other origins may do. It is about Doorward's own answers; what the upstream answers has the headers
/// that the upstream gives it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Pages that may read Doorward's 401, 403, 429 and 503 answers, each as scheme, host and port: `https://app.example.com`.
    /// The session's cookie comes along from the same site only: from `app.example.com` to `api.example.com`.
    #[schemars(required, length(min = 1))]
    pub allowed_origins: Option<Vec<Text<WebOrigin>>>,
    /// What becomes of the preflights of these pages. A browser sends them without cookies.
    #[schemars(extend("default" = "judge"))]
    pub preflight: Preflight,
}

/// What becomes of preflights: OPTIONS with `Origin` and `Access-Control-Request-Method`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preflight {
    /// Judged like every request without a session: 401 unless the route is open.
    Judge,
    /// Forwarded without identity, whoever may pass the route, so that the upstream answers it.
    Pass,
}

/// How people sign in for a route. A session that does not fit `provider`, `acr_values` and `max_age` does not count there: a
/// person who opens a page signs in again, once; a program gets 401 `step_up_needed`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The provider. Default: `default_provider`. Sessions of other providers count only where `access` names these.
    pub provider: Option<Text<NameText>>,
    /// Scopes besides the provider's.
    #[schemars(extend("default" = []))]
    pub scopes: Vec<Text<crate::config::written::name::Word>>,
    /// Authentication context classes (`acr_values`), in order of preference. The session's `acr` must be one of them.
    #[schemars(extend("default" = []))]
    pub acr_values: Vec<Text<crate::config::written::name::Word>>,
    /// How long ago the person may have signed in at the provider (`max_age`), by `auth_time`, which the provider must send.
    /// It is asked at each request, give or take `clock_skew` and half a minute.
    pub max_age: Option<Text<LengthOfTime>>,
    /// What the provider asks of the person each time.
    pub prompt: Option<Prompt>,
    /// Further parameters of the authorization request, besides the provider's.
    #[schemars(extend("default" = {}))]
    pub extra_parameters: BTreeMap<String, String>,
}

/// What the provider asks of the person each time (OpenID Connect Core 1.0 section 3.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// To sign in again.
    Login,
    /// To consent again.
    Consent,
    /// To choose an account.
    SelectAccount,
}
