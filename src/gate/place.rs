//! Which part of the house a request is for.

use std::sync::Arc;

use http::Method;

use super::{Former, Refusal, Target, former, provider_logout::LONGEST_FORM};
use crate::{
    oidc::ProviderName,
    policy::{FORWARDED, FormerFolder, Found, Route, Site, path},
};

/// Where a request goes.
#[derive(Clone, Debug)]
pub enum Place {
    /// One of the gateway's own endpoints.
    Own(Endpoint),
    /// One of those that oauth2-proxy had, where the site answers in its place.
    Former(Former),
    /// A route.
    Route(Arc<Route>),
    /// Nowhere, or not like this.
    Refused(Refusal),
    /// These methods only.
    OtherMethods(Vec<Method>),
}

/// The gateway's own endpoints, below `/.doorward/`, on every host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Endpoint {
    /// `/.doorward/callback`, and `/.doorward/callback/<name>` for a provider that is not the default
    Callback,
    /// `/.doorward/sign-in`
    SignIn,
    /// `/.doorward/sign-out`
    SignOut,
    /// `/.doorward/signed-out`
    SignedOut,
    /// `/.doorward/whoami`
    WhoAmI,
    /// `/.doorward/sessions`
    Sessions,
    /// `/.doorward/jwks.json`
    Jwks,
    /// `/.doorward/backchannel-logout/<name>`
    BackChannelLogout,
    /// `/.doorward/frontchannel-logout/<name>`
    FrontChannelLogout,
}

/// The folder of the gateway's own endpoints, on every host.
pub const OWN: &str = "/.doorward";

/// Finds the place. Anything else at or below `/.doorward` is not found, in this spelling only, since paths are compared by
/// their bytes. CONNECT and TRACE are refused here, and methods beyond the seven usual ones unless a route names them.
///
/// A path that an upstream could read as another route's ([`path::other_reading`]) is refused, and so is `%2F` where the
/// route does not allow it.
#[must_use]
pub fn place(site: &Site, method: &Method, target: &Target) -> Place {
    if never_forwarded(method) {
        return Place::Refused(Refusal::Method);
    }
    let found = look_up(site, method, target, target.path());
    let Place::Route(route) = &found else {
        return found;
    };
    if target.has_encoded_slash() && !route.encoded_slashes {
        return Place::Refused(Refusal::BadTarget);
    }
    let reading = path::other_reading(target.path());
    match reading.map(|read| look_up(site, method, target, &read)) {
        None | Some(Place::Refused(Refusal::NotFound)) => found,
        Some(Place::Route(other)) if Arc::ptr_eq(route, &other) => found,
        Some(Place::Route(_) | Place::Own(_) | Place::Former(_) | Place::OtherMethods(_) | Place::Refused(_)) => {
            Place::Refused(Refusal::BadTarget)
        }
    }
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 9] = [
        Self::Callback,
        Self::SignIn,
        Self::SignOut,
        Self::SignedOut,
        Self::WhoAmI,
        Self::Sessions,
        Self::Jwks,
        Self::BackChannelLogout,
        Self::FrontChannelLogout,
    ];

    /// Its path. The endpoints of a provider's logout are one segment below, which names the provider.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Callback => "/.doorward/callback",
            Self::SignIn => "/.doorward/sign-in",
            Self::SignOut => "/.doorward/sign-out",
            Self::SignedOut => "/.doorward/signed-out",
            Self::WhoAmI => "/.doorward/whoami",
            Self::Sessions => "/.doorward/sessions",
            Self::Jwks => "/.doorward/jwks.json",
            Self::BackChannelLogout => "/.doorward/backchannel-logout",
            Self::FrontChannelLogout => "/.doorward/frontchannel-logout",
        }
    }

    /// The provider that the path names, one segment below the endpoint's own.
    #[must_use]
    pub fn provider(self, path: &str) -> Option<ProviderName> {
        below(self, path).map(ProviderName::new)
    }
}

/// The path of a provider's redirect URI. Other providers than the default have their own, so that an answer of one cannot be
/// taken for another's (RFC 9700 section 4.4). Where the site stands in for oauth2-proxy, the default provider's is the one
/// that was registered for that.
#[must_use]
pub fn callback(provider: &ProviderName, default: Option<&ProviderName>, former: Option<&FormerFolder>) -> String {
    let callback = Endpoint::Callback.path();
    if default == Some(provider) {
        former.map_or_else(|| callback.to_owned(), former::callback)
    } else {
        format!("{callback}/{}", provider.as_str())
    }
}

/// How much of a request's body the gateway itself reads, in bytes; `None` for none of it.
#[must_use]
pub fn body_limit(method: &Method, path: &str) -> Option<usize> {
    let reads = method == Method::POST && is_own(path) && endpoint(path) == Some(Endpoint::BackChannelLogout);
    reads.then_some(LONGEST_FORM)
}

/// The endpoint at a path. A provider that is not the default has its own callback, one segment below the default's; a
/// logout is always some provider's.
fn endpoint(path: &str) -> Option<Endpoint> {
    Endpoint::ALL.into_iter().find(|endpoint| match endpoint {
        Endpoint::Callback => endpoint.path() == path || below(*endpoint, path).is_some(),
        Endpoint::BackChannelLogout | Endpoint::FrontChannelLogout => below(*endpoint, path).is_some(),
        Endpoint::SignIn
        | Endpoint::SignOut
        | Endpoint::SignedOut
        | Endpoint::WhoAmI
        | Endpoint::Sessions
        | Endpoint::Jwks => endpoint.path() == path,
    })
}

fn below(endpoint: Endpoint, path: &str) -> Option<&str> {
    path.strip_prefix(endpoint.path())
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|name| !name.is_empty() && !name.contains(['/', ';', '%']))
}

/// Whether a path is the gateway's own, whether or not anything is there.
#[must_use]
pub fn is_own(path: &str) -> bool {
    path.strip_prefix(OWN)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn look_up(site: &Site, method: &Method, target: &Target, path: &str) -> Place {
    if is_own(path) {
        return match endpoint(path) {
            Some(_) if !FORWARDED.contains(method) => Place::Refused(Refusal::Method),
            Some(endpoint) => Place::Own(endpoint),
            None => Place::Refused(Refusal::NotFound),
        };
    }
    if let Some(rest) = site.former().and_then(|folder| folder.below(path)) {
        return match Former::at(rest) {
            Some(_) if !FORWARDED.contains(method) => Place::Refused(Refusal::Method),
            Some(endpoint) => Place::Former(endpoint),
            None => Place::Refused(Refusal::NotFound),
        };
    }
    match site.find(target.host(), path, method) {
        Found::Route(route) if !FORWARDED.contains(method) && route.matcher.methods.is_none() => {
            Place::Refused(Refusal::Method)
        }
        Found::Route(route) => Place::Route(Arc::clone(route)),
        Found::Nothing => Place::Refused(Refusal::NotFound),
        Found::OtherMethods(methods) => Place::OtherMethods(methods),
    }
}

/// Whether no route can take the method: CONNECT makes a tunnel past every decision; TRACE shows cookies to whoever asks (RFC 9110 section 9.3.8).
#[must_use]
pub fn never_forwarded(method: &Method) -> bool {
    method == Method::CONNECT || method == Method::TRACE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Route, route::tests::route};

    fn site() -> Site {
        let mut slashes = route("* /slashes/*");
        slashes.encoded_slashes = true;
        let mut expression = route("* ~/e/[^/]+");
        expression.encoded_slashes = true;
        let mut routes: Vec<Route> = [
            "* /*",
            "* /admin/*",
            "* /slashes/deep/*",
            "* /@scope/*",
            "GET * /read",
            "PROPFIND,GET * /dav",
            "* ~/m;id=[0-9]+",
        ]
        .map(route)
        .into();
        routes.extend([slashes, expression]);
        Site::new(routes).unwrap()
    }

    fn at(asked: &str) -> String {
        at_site(&site(), asked)
    }

    /// `METHOD path`.
    fn at_site(site: &Site, asked: &str) -> String {
        let (method, path) = asked.split_once(' ').unwrap();
        let target = Target::parse(path.as_bytes(), &[b"a.test"]).unwrap();
        match place(site, &method.parse().unwrap(), &target) {
            Place::Own(endpoint) => format!("{endpoint:?}"),
            Place::Former(endpoint) => format!("former {endpoint:?}"),
            Place::Route(route) => route.id.0.to_string(),
            Place::Refused(refusal) => refusal.code().to_owned(),
            Place::OtherMethods(methods) => format!("{methods:?}"),
        }
    }

    #[track_caller]
    fn holds(table: &[(&str, &str)]) {
        for (asked, expected) in table {
            assert_eq!(at(asked), *expected, "{asked}");
        }
    }

    #[test]
    fn own_endpoints_stand_before_every_route() {
        for endpoint in Endpoint::ALL {
            let path = match endpoint {
                Endpoint::BackChannelLogout | Endpoint::FrontChannelLogout => format!("{}/op", endpoint.path()),
                Endpoint::Callback
                | Endpoint::SignIn
                | Endpoint::SignOut
                | Endpoint::SignedOut
                | Endpoint::WhoAmI
                | Endpoint::Sessions
                | Endpoint::Jwks => endpoint.path().to_owned(),
            };
            assert_eq!(at(&format!("GET {path}")), format!("{endpoint:?}"));
            assert_eq!(at(&format!("POST {path}?x=/")), format!("{endpoint:?}"));
        }
        holds(&[
            ("GET /.doorward", "no_route"),
            ("GET /.doorward/", "no_route"),
            ("GET /.doorward/other", "no_route"),
            ("GET /.doorward/callback/", "no_route"),
            ("POST /.doorward/backchannel-logout", "no_route"),
            ("POST /.doorward/backchannel-logout/", "no_route"),
            ("POST /.doorward/backchannel-logout/x/y", "no_route"),
            ("GET /.doorward/frontchannel-logout", "no_route"),
            ("GET /.doorward/frontchannel-logout/x%2Fy", "no_route"),
            ("GET /.doorward/callback/partners", "Callback"),
            ("GET /.doorward/callback/x/y", "no_route"),
            ("GET /.doorward/callback/x/", "no_route"),
            ("GET /.doorward/callback/x;y", "no_route"),
            ("GET /.doorward/callback/x%2Fy", "no_route"),
            ("GET /.doorward/whoami/x", "no_route"),
            ("GET /.doorward/Callback", "no_route"),
            ("PROPFIND /.doorward/callback", "method_not_allowed"),
            ("GET /.doorward-x", "* /*"),
            ("GET /.Doorward/callback", "* /*"),
            ("GET /x/.doorward/callback", "* /*"),
        ]);
    }

    #[test]
    fn in_the_place_of_oauth2_proxy_nothing_below_its_folder_is_forwarded() {
        let site = site().in_place_of(Some(FormerFolder::parse("/oauth2").unwrap()));
        for (asked, expected) in [
            ("GET /oauth2/start?rd=/x", "former SignIn"),
            ("GET /oauth2/sign_in", "former SignIn"),
            ("GET /oauth2/callback", "former Callback"),
            ("POST /oauth2/sign_out", "former SignOut"),
            ("GET /oauth2/userinfo", "former UserInfo"),
            ("GET /oauth2/auth", "no_route"),
            ("GET /oauth2", "no_route"),
            ("GET /oauth2/static/x.css", "no_route"),
            ("PROPFIND /oauth2/start", "method_not_allowed"),
            ("GET /oauth2;x/start", "bad_target"),
            ("GET /oauth2x/auth", "* /*"),
            ("GET /.doorward/callback", "Callback"),
        ] {
            assert_eq!(at_site(&site, asked), expected, "{asked}");
        }
        holds(&[("GET /oauth2/start", "* /*"), ("GET /oauth2/auth", "* /*")]);
    }

    #[test]
    fn the_default_provider_keeps_the_redirect_uri_of_oauth2_proxy() {
        let (one, other) = (ProviderName::new("one"), ProviderName::new("other"));
        let folder = FormerFolder::parse("/oauth2").unwrap();
        let of = |name: &ProviderName, former| callback(name, Some(&one), former);
        assert_eq!(of(&one, None), "/.doorward/callback");
        assert_eq!(of(&one, Some(&folder)), "/oauth2/callback");
        assert_eq!(of(&other, Some(&folder)), "/.doorward/callback/other");
    }

    #[test]
    fn only_a_posted_logout_has_its_body_read_here() {
        // BL-01
        let limit = Some(LONGEST_FORM);
        for (method, path, expected) in [
            (Method::POST, "/.doorward/backchannel-logout/op", limit),
            (Method::GET, "/.doorward/backchannel-logout/op", None),
            (Method::PUT, "/.doorward/backchannel-logout/op", None),
            (Method::POST, "/.doorward/backchannel-logout", None),
            (Method::POST, "/.doorward/frontchannel-logout/op", None),
            (Method::POST, "/.doorward/sign-out", None),
            (Method::POST, "/x/.doorward/backchannel-logout/op", None),
        ] {
            assert_eq!(body_limit(&method, path), expected, "{method} {path}");
        }
        let path = "/.doorward/backchannel-logout/partners";
        let named = Endpoint::BackChannelLogout.provider(path);
        assert_eq!(named, Some(ProviderName::new("partners")));
    }

    #[test]
    fn unusual_methods_pass_where_a_route_names_them() {
        holds(&[
            ("GET /x", "* /*"),
            ("OPTIONS /x", "* /*"),
            ("PATCH /x", "* /*"),
            ("CONNECT /x", "method_not_allowed"),
            ("TRACE /x", "method_not_allowed"),
            ("PROPFIND /x", "method_not_allowed"),
            ("get /x", "method_not_allowed"),
            ("PROPFIND /dav", "PROPFIND,GET * /dav"),
            ("POST /dav", "[GET, HEAD, PROPFIND]"),
            ("HEAD /read", "GET * /read"),
            ("HEAD /dav", "PROPFIND,GET * /dav"),
            ("POST /read", "[GET, HEAD]"),
        ]);
    }

    #[test]
    fn what_reads_as_another_route_is_refused() {
        holds(&[
            ("GET /admin/x", "* /admin/*"),
            ("GET /admin;x", "bad_target"),
            ("GET /admin;x/y", "bad_target"),
            ("GET /admin%3bx/y", "bad_target"),
            ("GET /;x/admin", "bad_target"),
            ("GET /x;y=1/z", "* /*"),
            ("GET /admin/x;y", "* /admin/*"),
            ("GET /%40scope/x", "bad_target"),
            ("GET /%40other/x", "* /*"),
            ("GET /@scope/x", "* /@scope/*"),
            ("GET /.doorward;x/callback", "bad_target"),
            ("GET /.doorward;x/other", "* /*"),
            ("GET /m;id=7", "bad_target"),
            ("GET /read;x", "bad_target"),
        ]);
    }

    #[test]
    fn an_expression_alone_may_have_parameters_and_slashes() {
        let mut slashes = route("* ~/e/[^/]+");
        slashes.encoded_slashes = true;
        let site = Site::new(vec![slashes, route("* ~/m;id=[0-9]+")]).unwrap();
        for path in ["/e/x%2Fy", "/m;id=7"] {
            let target = Target::parse(path.as_bytes(), &[b"a.test"]).unwrap();
            assert!(matches!(place(&site, &Method::GET, &target), Place::Route(_)), "{path}");
        }
    }

    #[test]
    fn encoded_slashes_pass_where_the_route_allows_them() {
        holds(&[
            ("GET /x%2Fy", "bad_target"),
            ("GET /admin%2Fx", "bad_target"),
            ("GET /slashes/x%2fy", "* /slashes/*"),
            ("GET /slashes/http:%2F%2Fhost%2Fx", "* /slashes/*"),
            ("GET /slashes/deep%2Fx", "bad_target"),
            ("GET /slashes%2Fx", "bad_target"),
            ("GET /e/x%2Fy", "bad_target"),
        ]);
    }
}
