//! What would be decided about a request, in words, with the very functions that decide.

use http::Method;

use super::{
    Caller, Place, Refusal, Target,
    decide::valid,
    place::place,
    table::{self, AccessKind, StandingKind},
};
use crate::{
    identity::{ClaimNames, ClientCertificate, VerifiedIdentity},
    oidc::{Claims, Issuer, ProviderName},
    policy::{Access, PathPattern, Route, Site},
    time::UnixTime,
};

/// Who vouches for people, and in which claims.
#[derive(Clone, Copy, Debug)]
pub struct Voucher<'a> {
    /// The operator's name for it.
    pub name: &'a ProviderName,
    /// Its issuer.
    pub issuer: &'a Issuer,
    /// Which claims make the identity's fields.
    pub claim_names: &'a ClaimNames,
}

/// A request that nobody makes.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its target, as [`target`] reads it.
    pub target: Result<Target, Refusal>,
    /// Who makes it.
    pub caller: Assumed<'a>,
}

/// Who makes it, as far as that is assumed.
#[derive(Clone, Copy, Default, Debug)]
pub struct Assumed<'a> {
    /// The claims of somebody who is signed in.
    pub claims: Option<&'a Claims>,
    /// The client certificate of the connection, taken for one that an authority of the listener signed.
    pub certificate: Option<&'a ClientCertificate>,
}

/// Says which route a request belongs to, and what would be decided there, line by line. `vouchers` are by name in
/// alphabetical order.
#[must_use]
pub fn explain(site: &Site, vouchers: &[Voucher<'_>], question: &Question<'_>, now: UnixTime) -> String {
    let lines = match &question.target {
        Err(refusal) => vec![refused(*refusal)],
        Ok(target) => match place(site, question.method, target) {
            Place::Route(route) => explain_route(vouchers, &route, question.caller, now),
            Place::Own(endpoint) => vec![
                format!("own endpoint  {}", endpoint.path()),
                "Doorward answers this itself; no route is asked.".to_owned(),
            ],
            Place::Former(endpoint) => vec![
                format!("own endpoint  {}", target.path()),
                format!(
                    "Doorward {} here in the place of oauth2-proxy; no route is asked.",
                    endpoint.what()
                ),
            ],
            Place::Refused(refusal) => vec![refused(refusal)],
            Place::OtherMethods(methods) => vec![refused(Refusal::Method), format!("methods  {}", named(&methods))],
        },
    };
    lines.into_iter().map(|line| line + "\n").collect()
}

fn refused(refusal: Refusal) -> String {
    let (status, code) = (refusal.status(), refusal.code());
    format!("no route: answered with {status} {code}, whoever asks")
}

fn named(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// The target of a URL as the gateway would read it from the wire; `None` for what is no whole URL. Cut by hand: a URL parser would
/// repair what is to be explained.
#[must_use]
pub fn target(url: &str) -> Option<Result<Target, Refusal>> {
    let rest = ["https://", "http://", "wss://", "ws://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))?;
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
    Some(Target::parse(path.as_bytes(), &[host.as_bytes()]))
}

fn explain_route(vouchers: &[Voucher<'_>], route: &Route, caller: Assumed<'_>, now: UnixTime) -> Vec<String> {
    let certificate = valid(caller.certificate, now);
    let matcher = &route.matcher;
    let mut lines = vec![
        format!("route    {}", route.id.0),
        format!("host     {}", matcher.host),
        format!("path     {}", path_words(&matcher.path)),
    ];
    lines.extend(
        matcher
            .methods
            .as_deref()
            .map(|methods| format!("methods  {}", named(methods))),
    );
    lines.push(format!("access   {}", route.access));
    lines.extend(demands_words(route).map(|demands| format!("sign-in  {demands}")));
    lines.extend(route.cors.as_ref().map(|cors| format!("cors     {cors}")));
    lines.extend(
        route
            .rate
            .as_ref()
            .map(|rate| format!("rate     {rate}; beyond it 429")),
    );
    lines.extend(caller.certificate.map(|shown| {
        let validity = if certificate.is_some() {
            "taken as signed by an authority of the listener"
        } else {
            "not valid at this time, so it counts as none"
        };
        format!("client   with the certificate of {}, {validity}", shown.subject())
    }));
    lines.extend([String::new(), "without a session".to_owned()]);
    lines.extend(rows(route, None, certificate, now));
    lines.extend(
        caller
            .claims
            .into_iter()
            .flat_map(|claims| explain_session(vouchers, route, claims, certificate, now)),
    );
    lines
}

fn explain_session(
    vouchers: &[Voucher<'_>],
    route: &Route,
    claims: &Claims,
    certificate: Option<&ClientCertificate>,
    now: UnixTime,
) -> Vec<String> {
    let name = &route.sign_in.provider;
    let voucher = vouchers.iter().find(|one| one.name == name);
    let Some(voucher) = voucher.or_else(|| vouchers.first()) else {
        return vec![
            String::new(),
            "no provider is configured, so nobody has a session".to_owned(),
        ];
    };
    let Voucher {
        name,
        issuer,
        claim_names,
    } = voucher;
    let identity = VerifiedIdentity::hypothetical(name, issuer, claims, claim_names);
    let mut lines = vec![String::new(), format!("signed in with {}", name.as_str())];
    if let Access::Rule(rule) = &route.access {
        lines.push(match rule.evaluate(&identity, certificate) {
            Ok(()) => "  rule met".to_owned(),
            Err(unmet) => format!("  rule unmet: needs {}", unmet.0),
        });
    }
    lines.extend(rows(route, Some(&identity), certificate, now));
    lines
}

fn rows(
    route: &Route,
    identity: Option<&VerifiedIdentity>,
    certificate: Option<&ClientCertificate>,
    now: UnixTime,
) -> impl Iterator<Item = String> {
    let kind = AccessKind::of(&route.access, certificate);
    let standing = StandingKind::assumed(route, identity, certificate, now);
    let callers = [Caller::Navigation, Caller::Api, Caller::WebSocket].into_iter();
    callers.map(move |caller| format!("  {}", table::describe(kind, standing, caller)))
}

fn path_words(path: &PathPattern) -> String {
    match path {
        PathPattern::Exact(path) => format!("{path}, exactly"),
        PathPattern::Prefix(path) => format!("{path} and all below it"),
        PathPattern::Regex(expression) => format!("the expression {}", expression.as_str()),
    }
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

#[cfg(test)]
mod tests;
