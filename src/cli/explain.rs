//! `doorward explain`: what would be decided, with the very functions that decide.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use http::Method;

use super::{ConfigFile, Failure, load};
use crate::{
    gate::{
        Caller, Place, Refusal, Target,
        place::place,
        table::{self, AccessKind, StandingKind},
    },
    identity::VerifiedIdentity,
    oidc::Claims,
    policy::{Access, Cors, PathPattern, Preflight, Route},
    provider,
    time::Clock,
};

pub(super) const HELP: &str = "\
The last lines are those of the decision table, for a browser's navigation, for an API client and for a WebSocket.
With --as, they are also those of somebody signed in at the route's provider with the claims in the file:
  {\"sub\": \"1\", \"email\": \"ada@example.com\", \"email_verified\": true, \"groups\": [\"staff\"]}
A route that demands `acr_values` or `max_age` looks at `acr` and `auth_time` among them.

Examples:
  doorward explain --config doorward.yaml https://app.example.com/admin
  doorward explain --config doorward.yaml --method POST https://app.example.com/api/orders
  doorward explain --config doorward.yaml --as ada.json https://app.example.com/admin";

/// What is to be explained.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The request's method
    #[arg(short, long, value_name = "METHOD", default_value = "GET")]
    method: Method,
    /// A JSON file with the claims of somebody who is signed in
    #[arg(long = "as", value_name = "FILE")]
    claims: Option<PathBuf>,
    /// The URL as a client would ask for it; it is not called
    url: String,
}

pub(super) fn explain(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    let target = target(&options.url)?;
    let claims = options.claims.as_deref().map(read_claims).transpose()?;
    let plan = load(&options.file.path)?;
    match target {
        Err(refusal) => refused(refusal, out),
        Ok(target) => match place(&plan.site, &options.method, &target) {
            Place::Route(route) => explain_route(&plan.providers, &route, claims.as_ref(), out),
            Place::Own(endpoint) => {
                writeln!(out, "own endpoint  {}", endpoint.path())?;
                writeln!(out, "Doorward answers this itself; no route is asked.")?;
                Ok(())
            }
            Place::Refused(refusal) => refused(refusal, out),
            Place::OtherMethods(methods) => {
                let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
                refused(Refusal::Method, out)?;
                writeln!(out, "methods  {}", methods.join(", "))?;
                Ok(())
            }
        },
    }
}

fn refused(refusal: Refusal, out: &mut impl Write) -> Result<(), Failure> {
    let (status, code) = (refusal.status(), refusal.code());
    writeln!(out, "no route: answered with {status} {code}, whoever asks")?;
    Ok(())
}

/// The target as the gateway would read it from the wire. Cut by hand: a URL parser would repair what is to be explained.
fn target(url: &str) -> Result<Result<Target, Refusal>, Failure> {
    let rest = ["https://", "http://", "wss://", "ws://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))
        .ok_or_else(|| {
            Failure::Usage(format!(
                "{url:?} is no whole URL; write it as in https://app.example.com/path"
            ))
        })?;
    // A browser keeps the fragment to itself.
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let (host, path) = rest
        .find(['/', '?'])
        .and_then(|at| rest.split_at_checked(at))
        .unwrap_or((rest, ""));
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    Ok(Target::parse(path.as_bytes(), &[host.as_bytes()]))
}

fn read_claims(path: &Path) -> Result<Claims, Failure> {
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(format!("not a JSON object of claims: {error}")))
}

fn explain_route(
    providers: &[provider::Settings],
    route: &Route,
    claims: Option<&Claims>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let matcher = &route.matcher;
    writeln!(out, "route    {}", route.id.0)?;
    writeln!(out, "host     {}", matcher.host)?;
    writeln!(out, "path     {}", path_words(&matcher.path))?;
    if let Some(methods) = &matcher.methods {
        let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
        writeln!(out, "methods  {}", methods.join(", "))?;
    }
    writeln!(out, "access   {}", access_words(&route.access))?;
    if let Some(demands) = demands_words(route) {
        writeln!(out, "sign-in  {demands}")?;
    }
    if let Some(cors) = &route.cors {
        writeln!(out, "cors     {}", cors_words(cors))?;
    }
    writeln!(out, "\nwithout a session")?;
    write_rows(route, None, out)?;
    match claims {
        Some(claims) => explain_session(providers, route, claims, out),
        None => Ok(()),
    }
}

fn explain_session(
    providers: &[provider::Settings],
    route: &Route,
    claims: &Claims,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let name = &route.sign_in.provider;
    let provider = providers.iter().find(|one| one.name == *name);
    let Some(provider) = provider.or_else(|| providers.first()) else {
        writeln!(out, "\nno provider is configured, so nobody has a session")?;
        return Ok(());
    };
    let identity = VerifiedIdentity::hypothetical(&provider.name, &provider.issuer, claims, &provider.claim_names);
    writeln!(out, "\nsigned in with {}", provider.name.as_str())?;
    if let Access::Rule(rule) = &route.access {
        match rule.evaluate(&identity, None) {
            Ok(()) => writeln!(out, "  rule met")?,
            Err(unmet) => writeln!(out, "  rule unmet: needs {}", unmet.0)?,
        }
    }
    write_rows(route, Some(&identity), out)
}

fn write_rows(route: &Route, identity: Option<&VerifiedIdentity>, out: &mut impl Write) -> Result<(), Failure> {
    let (kind, standing) = (
        AccessKind::of(&route.access, None),
        StandingKind::assumed(route, identity, None, Clock::system().now()),
    );
    for caller in [Caller::Navigation, Caller::Api, Caller::WebSocket] {
        writeln!(out, "  {}", table::describe(kind, standing, caller))?;
    }
    Ok(())
}

fn path_words(path: &PathPattern) -> String {
    match path {
        PathPattern::Exact(path) => format!("{path}, exactly"),
        PathPattern::Prefix(path) => format!("{path} and all below it"),
        PathPattern::Regex(expression) => format!("the expression {}", expression.as_str()),
    }
}

fn cors_words(cors: &Cors) -> String {
    let origins = cors.allowed_origins.iter();
    let names: Vec<_> = origins
        .map(|one| one.as_header().to_str().unwrap_or_default())
        .collect();
    let preflights = match cors.preflight {
        Preflight::Judge => "their preflights are judged like other requests",
        Preflight::Pass => "their preflights pass without a session",
    };
    format!("{} may read refusals; {preflights}", names.join(", "))
}

/// What is demanded of the sign-in behind a session, beside its provider.
fn demands_words(route: &Route) -> Option<String> {
    let terms = &route.sign_in;
    let acr = (!terms.acr_values.is_empty()).then(|| format!("acr is one of {}", terms.acr_values.join(", ")));
    let age = terms
        .max_age
        .map(|age| format!("auth_time is at most {} s ago", age.as_secs()));
    let demands: Vec<String> = acr.into_iter().chain(age).collect();
    (!demands.is_empty() && route.access != Access::Open).then(|| demands.join(", and "))
}

fn access_words(access: &Access) -> String {
    match access {
        Access::Open => "open: anyone, and no session is looked up".to_owned(),
        Access::Recognised => "recognised: anyone, with identity if there is one".to_owned(),
        Access::SignedIn => "signed_in: anyone with a session".to_owned(),
        Access::Rule(rule) => format!("rule: {rule}"),
    }
}

#[cfg(test)]
mod tests;
