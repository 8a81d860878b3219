//! Routes and the site they make.

use std::collections::HashMap;

use http::Method;

use super::{
    Desk,
    former::folder,
    headers::{Said, reserved},
    shared::Shared,
};
use crate::{
    config::{Path, raw},
    gate::place::{OWN, is_own},
    oidc::ProviderName,
    policy::{Forward, HostPattern, Matcher, PathPattern, Route, RouteId, Site},
};

impl Desk<'_, '_> {
    pub(super) fn site(&mut self, config: &raw::Config, provider: Option<&ProviderName>) -> Option<Site> {
        let all = Path::top().key("routes");
        let written = config.routes.as_ref()?;
        let here = Path::top().key("identity").key("headers");
        let said = self.said(&here, &config.identity.headers);
        let each: Vec<Said> = written
            .iter()
            .enumerate()
            .map(|(index, route)| self.said(&all.index(index).key("headers"), &route.headers))
            .collect();
        let reserved = reserved(each.iter().chain([&said]));
        let mut shared = Shared::new(config, provider, said, reserved);
        let mut routes = Vec::new();
        for (index, (route, said)) in written.iter().zip(&each).enumerate() {
            let path = all.index(index);
            if let Some(route) = self.route(&path, route, said, &mut shared) {
                routes.push((path, route));
            }
        }
        self.same_names(&routes);
        let (paths, routes): (Vec<Path>, Vec<Route>) = routes.into_iter().unzip();
        match Site::new(routes) {
            Ok(site) => Some(site),
            Err(clashes) => {
                for clash in clashes {
                    self.equal(paths.get(clash.first), paths.get(clash.second));
                }
                None
            }
        }
    }

    fn equal(&mut self, first: Option<&Path>, second: Option<&Path>) {
        let (Some(first), Some(second)) = (first, second) else {
            return;
        };
        let line = self.found.line(first);
        self.found.add(
            second,
            format!("this route is equal to {first} on line {line}"),
            "give one of them another host, path or methods",
        );
    }

    fn same_names(&mut self, routes: &[(Path, Route)]) {
        let mut seen: HashMap<&RouteId, (&Path, &Matcher)> = HashMap::new();
        for (path, route) in routes {
            let Some((first, matcher)) = seen.insert(&route.id, (path, &route.matcher)) else {
                continue;
            };
            // Equal routes are told as such.
            let differ = matcher.host != route.matcher.host || matcher.path != route.matcher.path;
            if differ {
                let what = format!("{first} has the name {} too", route.id.0);
                self.found.add(path, what, "give each route a `name` of its own");
            }
        }
    }

    fn route(&mut self, path: &Path, written: &raw::Route, said: &Said, shared: &mut Shared<'_>) -> Option<Route> {
        let access = written.access.as_ref().and_then(|access| {
            let here = path.key("access");
            self.access(&here, access, shared.config)
        });
        let open = matches!(written.access, Some(raw::Access::Word(raw::Word::Open)) | None);
        let host = self.host(path, written, shared.config, open);
        let sign_in = self.sign_in(path, written, shared, access.as_ref());
        let pattern = self.pattern(&path.key("path"), &written.path, shared.config);
        let methods = written
            .methods
            .as_ref()
            .map(|all| all.iter().map(|one| one.value.clone()).collect());
        let id = route_id(written, host.as_ref(), pattern.as_ref(), methods.as_ref());
        let forward = self.forward(path, written, &id, said, shared);
        let cors = self.cors(&path.key("cors"), written);
        let rate = written
            .rate
            .as_ref()
            .and_then(|rate| self.rate(&path.key("rate"), rate, open));
        self.prefix_only(path, written, pattern.as_ref());
        Some(Route {
            id,
            matcher: Matcher {
                host: host?,
                path: pattern?,
                methods,
            },
            encoded_slashes: written.allow_encoded_slashes,
            access: access?,
            sign_in: sign_in?.into(),
            explain_refusals: written.explain_refusals,
            cors,
            rate,
            forward: forward?,
        })
    }

    fn host(&mut self, path: &Path, written: &raw::Route, config: &raw::Config, open: bool) -> Option<HostPattern> {
        match (&written.host, &config.public_url) {
            (Some(host), _) if host.value == HostPattern::Any && !open => {
                self.found.add(
                    &path.key("host"),
                    "a route for every host cannot sign people in: the provider needs to know where they come back to",
                    "write the host, or `*.example.com`; `\"*\"` goes with `access: open` only",
                );
                None
            }
            (Some(host), _) => Some(host.value.clone()),
            (None, Some(url)) => Some(HostPattern::Exact(url.value.host.clone())),
            (None, None) if open => Some(HostPattern::Any),
            (None, None) => {
                if !self.found.is_maimed(&Path::top()) {
                    let what = "this route signs people in and has no host";
                    let hint = "write `public_url` at the top, or `host` here";
                    self.found.missing(path, what, hint);
                }
                None
            }
        }
    }

    fn pattern(&mut self, path: &Path, written: &raw::Path, config: &raw::Config) -> Option<PathPattern> {
        let made = match written {
            raw::Path::Prefix(prefix) => PathPattern::prefix(&prefix.value),
            raw::Path::Object(object) => match (&object.exact, &object.prefix, &object.regex) {
                (Some(exact), None, None) => PathPattern::exact(&exact.value),
                (None, Some(prefix), None) => PathPattern::prefix(&prefix.value),
                (None, None, Some(regex)) => PathPattern::regex(&unanchored(regex.value.as_str())),
                (None | Some(_), None | Some(_), None | Some(_)) => {
                    let what = "a path has exactly one key";
                    let hint = "write one of exact, prefix, regex";
                    self.found.missing(path, what, hint);
                    return None;
                }
            },
        };
        match made {
            Ok(PathPattern::Exact(own) | PathPattern::Prefix(own)) if is_own(&own) => {
                let what = format!("{own} is below {OWN}, which is Doorward's own");
                self.found.add(path, what, "choose another path");
                None
            }
            Ok(pattern) => {
                self.not_former(path, &pattern, config);
                Some(pattern)
            }
            Err(why) => {
                self.found.add(path, why, "write it from the slash, such as /app");
                None
            }
        }
    }

    fn prefix_only(&mut self, path: &Path, written: &raw::Route, pattern: Option<&PathPattern>) {
        if written.strip_prefix && matches!(pattern, Some(PathPattern::Regex(_))) {
            self.found.add(
                &path.key("strip_prefix"),
                "a regular expression has no prefix to take off",
                "write the path as a prefix, or take `strip_prefix` out",
            );
        }
    }

    fn forward(
        &mut self,
        path: &Path,
        written: &raw::Route,
        id: &RouteId,
        said: &Said,
        shared: &mut Shared<'_>,
    ) -> Option<Forward> {
        let (response_set, response_remove) = self.response(path, &written.response_headers);
        let upstream = self.shared_upstream(path, written, id, shared);
        let (rules, remove) = said.joined(&shared.said, folder(shared.config).is_some());
        let assertion = written.assertion.unwrap_or(shared.config.identity.assertion);
        let headers = shared.plan((rules, assertion, remove));
        Some(Forward {
            upstream: upstream?,
            strip_prefix: written.strip_prefix,
            add_prefix: written.add_prefix.as_ref().map(|one| one.value.clone()),
            host_header: written.host_header.as_ref().map(|one| one.value.clone()),
            headers,
            response_set,
            response_remove,
            websocket: written.websocket,
            max_body: written
                .max_body
                .as_ref()
                .map_or(shared.config.limits.body.value, |limit| limit.value),
        })
    }
}

/// The expression as written: [`PathPattern::regex`] ties it to both ends itself.
fn unanchored(expression: &str) -> String {
    expression
        .strip_prefix("^(?:")
        .and_then(|rest| rest.strip_suffix(")$"))
        .unwrap_or(expression)
        .to_owned()
}

/// As named, or made of host and path, and methods where there are some.
fn route_id(
    written: &raw::Route,
    host: Option<&HostPattern>,
    pattern: Option<&PathPattern>,
    methods: Option<&Vec<Method>>,
) -> RouteId {
    if let Some(name) = &written.name {
        return RouteId(name.value.as_str().into());
    }
    let host = host.map(ToString::to_string).unwrap_or_default();
    let path = match pattern {
        Some(PathPattern::Exact(path) | PathPattern::Prefix(path)) => path.clone(),
        Some(PathPattern::Regex(expression)) => format!("~{}", expression.as_str()),
        None => String::new(),
    };
    let methods = methods.map_or_else(String::new, |all| {
        let names: Vec<&str> = all.iter().map(Method::as_str).collect();
        format!(" {}", names.join(","))
    });
    RouteId(format!("{host}{path}{methods}").into())
}
