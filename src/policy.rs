//! What the operator wants: which route a request belongs to, who may pass, where it goes. Pure.

pub mod access;
pub mod cors;
pub mod difference;
pub mod former;
pub mod host;
pub mod path;
pub mod rate;
pub mod route;
pub mod site;
pub mod upstream;

pub use self::{
    access::{Access, Rule, Unmet},
    cors::{Cors, Origin, Preflight},
    difference::{Difference, Differences},
    former::FormerFolder,
    host::{Host, HostPattern},
    path::{PathPattern, PathRegex},
    rate::{Rate, RateBy},
    route::{FORWARDED, Forward, Matcher, Prompt, Route, RouteId, SignInTerms, StepUp},
    site::{Clash, Found, Site},
    upstream::{Balance, Ejection, HealthCheck, Pool, Protocol, Target as UpstreamTarget, Timeouts, Tls, Upstream},
};
