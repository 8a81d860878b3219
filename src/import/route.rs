//! Upstreams and open paths, as routes.

use http::Method;
use url::Url;

use super::{
    access::Access,
    given::{Setting, Upstream},
    path::{Pattern, is_below},
    report::Fate,
    session::length,
    translate::Desk,
    yaml::{Map, Yaml},
};
use crate::config::written::{Written as _, address::UpstreamUrl};

/// Where nothing says where the application is.
const SOMEWHERE: &str = "http://127.0.0.1:8080";
/// How long oauth2-proxy waited for an answer.
const USUAL_TIMEOUT: &str = "30s";

/// Where requests go.
struct Target {
    pattern: Pattern,
    /// Our `upstream`, without a name.
    upstream: Map,
    name: String,
    host_header: Option<String>,
    web_sockets: bool,
    strip_prefix: bool,
    add_prefix: Option<String>,
    notes: Vec<String>,
}

/// A route.
struct Route {
    pattern: Pattern,
    methods: Option<Vec<String>>,
    open: bool,
    target: usize,
    notes: Vec<String>,
}

/// A path that was open.
struct Opening {
    methods: Option<Vec<String>>,
    pattern: Pattern,
}

impl Desk<'_> {
    pub(super) fn routes(&mut self, top: &mut Map, access: &Access) {
        let targets = self.targets();
        let mut routes: Vec<Route> = targets
            .iter()
            .enumerate()
            .map(|(target, one)| Route {
                pattern: one.pattern.clone(),
                methods: None,
                open: false,
                target,
                notes: one.notes.clone(),
            })
            .collect();
        for key in ["skip_auth_routes", "skip_auth_regex"] {
            for (setting, written) in self.given.list(key) {
                self.open(setting, written, &targets, &mut routes);
            }
        }
        let sign_in = self.sign_in();
        let closed = routes.iter().filter(|route| !route.open).count();
        let access = &once(top, access, closed);
        let shared = |target: usize| routes.iter().filter(|route| route.target == target).count() > 1;
        let each = routes
            .iter()
            .filter_map(|route| {
                let target = targets.get(route.target)?;
                let written = written(route, target, shared(route.target), access, &sign_in);
                Some(self.with_slashes(written))
            })
            .collect::<Vec<Map>>();
        top.put("routes", each);
        top.note("the most specific path wins, whatever the order");
    }

    fn with_slashes(&self, mut route: Map) -> Map {
        if self.given.raw_paths {
            route.put("allow_encoded_slashes", true);
        }
        route
    }

    fn targets(&mut self) -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        for upstream in self.upstreams() {
            let (fate, what) = match self.target(&upstream) {
                Ok(target) if targets.iter().any(|one| one.pattern == target.pattern) => {
                    (Fate::Missing, "another upstream has this path".to_owned())
                }
                Ok(mut target) => {
                    target.name = match targets.len() {
                        0 => "app".to_owned(),
                        more => format!("app-{}", more + 1),
                    };
                    let what = format!("a route for {}", target.pattern);
                    targets.push(target);
                    (Fate::Translated, what)
                }
                Err(why) => (Fate::Missing, why),
            };
            self.note_at(&upstream.place, &upstream.written, fate, what);
        }
        self.say_nothing("upstreams");
        if targets.is_empty() {
            targets.push(nowhere());
            let what = "nothing says where the application is: write its address. Doorward does not answer another proxy that \
                        asks (`auth_request`, forward-auth): it stands in the way of requests itself";
            self.note_absent(Fate::Missing, "upstreams", what);
        }
        targets
    }

    /// Those of both forms.
    fn upstreams(&self) -> Vec<Upstream> {
        let options = self.given.list("upstreams").into_iter();
        let options = options.map(|(setting, written)| {
            // What stands behind `#` is the path of a folder of files; nothing behind it is a secret, a login is.
            let path = Url::parse(written).map_or_else(|_| "/".to_owned(), |url| url.path().to_owned());
            let file = written.starts_with("unix:");
            Upstream {
                place: setting.place.clone(),
                written: format!("{} {}", setting.written, shown(written)),
                path: if file || path.is_empty() { "/".to_owned() } else { path },
                rewrite: None,
                uri: written.to_owned(),
                fixed: written.starts_with("static:"),
                unverified: self.given.truth("ssl_upstream_insecure_skip_verify"),
                pass_host: self.given.truth("pass_host_header"),
                web_sockets: self.given.truth("proxy_websockets"),
                timeout: self.given.text("upstream_timeout").map(str::to_owned),
            }
        });
        options.chain(self.given.upstreams.iter().cloned()).collect()
    }

    fn target(&mut self, written: &Upstream) -> Result<Target, String> {
        if written.fixed {
            return Err(
                "a fixed answer is not given; until an application is there its paths go to other upstreams".to_owned(),
            );
        }
        if written.uri.starts_with("file:") {
            return Err("files are not served; put a web server there and write its address, or its paths go to other upstreams".to_owned());
        }
        let (address, host) = address(&written.uri).ok_or("this is no address of an upstream")?;
        let (pattern, strip_prefix, add_prefix, notes) = self.mapped(written)?;
        let mut upstream = Map::default();
        upstream.put("targets", vec![address.as_str()]);
        if written.unverified && address.starts_with("https:") {
            let mut tls = Map::default();
            tls.put("insecure_skip_verify", true);
            tls.note("anyone on the way can read and change everything; better is ca_file");
            upstream.put("tls", tls);
        }
        let timeout = written
            .timeout
            .as_deref()
            .filter(|one| *one != USUAL_TIMEOUT)
            .and_then(length);
        if let Some((read, _)) = timeout {
            let mut timeouts = Map::default();
            timeouts.put("read", read);
            upstream.put("timeouts", timeouts);
        }
        Ok(Target {
            pattern,
            upstream,
            name: String::new(),
            host_header: host.filter(|_| !written.pass_host),
            web_sockets: written.web_sockets,
            strip_prefix,
            add_prefix,
            notes,
        })
    }

    /// The path, and what becomes of it on the way: `^/a/(.*)$` to `/b/$1` is a prefix taken off and one put in front.
    fn mapped(&mut self, written: &Upstream) -> Result<(Pattern, bool, Option<String>, Vec<String>), String> {
        let plain = |pattern| (pattern, false, None, Vec::new());
        let Some(rewrite) = &written.rewrite else {
            let pattern = if written.path.starts_with('^') {
                let mut all = Pattern::of_expression(&written.path).map_err(|why| why.0)?;
                match (all.pop(), all.is_empty()) {
                    (Some(only), true) => only,
                    (Some(_) | None, _) => return Err("an expression with `|`: write a route for each".to_owned()),
                }
            } else {
                Pattern::of_path(&written.path).map_err(|why| why.0)?
            };
            return Ok(plain(pattern));
        };
        let folder = written.path.trim_start_matches('^').trim_end_matches('$');
        let folder = folder.strip_suffix("(.*)").and_then(|rest| rest.strip_suffix('/'));
        let added = rewrite.strip_suffix("$1").and_then(|rest| rest.strip_suffix('/'));
        match (folder, added) {
            (Some(folder), Some(added)) if !folder.is_empty() => {
                let path = format!("{folder}/");
                let pattern = Pattern::of_path(&path).map_err(|why| why.0)?;
                let add = Some(added.to_owned()).filter(|added| !added.is_empty());
                if add.as_ref().is_some_and(|add| Pattern::of_path(add).is_err()) {
                    return Err(format!("{rewrite:?} is no path that can be put in front"));
                }
                Ok((pattern, true, add, Vec::new()))
            }
            _ => Err(format!(
                "only a prefix can be taken off and put in front, as in ^/a/(.*)$ to /b/$1, not {:?} to {rewrite:?}",
                written.path
            )),
        }
    }

    /// Opens a path: `GET=^/x` for a method, `^/x` for all, `!=` for all but these.
    fn open(&mut self, setting: &Setting, written: &str, targets: &[Target], routes: &mut Vec<Route>) {
        let openings = match openings(&setting.key, written) {
            Ok(openings) => openings,
            Err(why) => {
                self.note(
                    setting,
                    Fate::Missing,
                    format!("{written:?}: {why}; people sign in there"),
                );
                return;
            }
        };
        for opening in openings {
            let outcome = place(&opening, targets, routes);
            let methods = opening.methods.as_ref().map(|all| format!("{} of ", all.join(", ")));
            let what = format!("{}{}", methods.unwrap_or_default(), opening.pattern);
            match outcome {
                Ok(()) if opening.pattern == Pattern::Prefix("/".to_owned()) && opening.methods.is_none() => {
                    self.note(
                        setting,
                        Fate::Translated,
                        format!("{written:?} opens everything: {what}"),
                    );
                }
                Ok(()) => self.note(
                    setting,
                    Fate::Stricter,
                    format!("{written:?}: open is {what}, in no other spelling"),
                ),
                Err(why) => self.note(
                    setting,
                    Fate::Missing,
                    format!("{written:?}: {why}; people sign in there"),
                ),
            }
        }
        self.say_nothing(&setting.key);
    }
}

/// Puts a route for an opened path, or opens those that are there for it.
fn place(opening: &Opening, targets: &[Target], routes: &mut Vec<Route>) -> Result<(), String> {
    let pattern = &opening.pattern;
    let front = pattern.front();
    let among = |one: &Target| is_below(one.pattern.front(), front) && !matches!(one.pattern, Pattern::Regex(..));
    let fitting = targets.iter().enumerate().filter(|(_, one)| match &one.pattern {
        Pattern::Exact(path) => matches!(pattern, Pattern::Exact(own) if own == path),
        Pattern::Prefix(_) => among(one),
        Pattern::Regex(..) => one.pattern == *pattern,
    });
    let best = fitting.max_by_key(|(_, one)| one.pattern.front().len());
    let expression = matches!(pattern, Pattern::Regex(..));
    let others = targets.iter().enumerate().filter(|(index, one)| {
        let deeper = best.is_none_or(|(best, _)| best != *index) && one.pattern.may_hold(front);
        let above = matches!(&one.pattern, Pattern::Prefix(folder) if is_below(folder, front))
            && best.is_some_and(|(_, best)| one.pattern.front().len() < best.pattern.front().len());
        deeper && !above
    });
    if expression && others.count() > 0 {
        return Err("it may be for paths of several upstreams: write a route for each".to_owned());
    }
    if opening.methods.is_none() {
        let mut held = false;
        for route in routes
            .iter_mut()
            .filter(|route| pattern.holds(&route.pattern) && route.methods.is_none())
        {
            route.open = true;
            held |= route.pattern == *pattern;
        }
        if held {
            return Ok(());
        }
    }
    let Some((target, _)) = best else {
        let any = routes.iter().any(|route| route.open && pattern.holds(&route.pattern));
        return if any {
            Ok(())
        } else {
            Err("no upstream is for it".to_owned())
        };
    };
    let rewrites = targets
        .get(target)
        .is_some_and(|one| one.strip_prefix || one.add_prefix.is_some());
    if rewrites && targets.get(target).is_some_and(|one| one.pattern != *pattern) {
        return Err("it is below a prefix that is taken off: write a route for it".to_owned());
    }
    let same = |route: &&mut Route| route.pattern == *pattern && route.methods == opening.methods;
    if let Some(route) = routes.iter_mut().find(same) {
        route.open = true;
        return Ok(());
    }
    let route = |methods, open, notes| Route {
        pattern: pattern.clone(),
        methods,
        open,
        target,
        notes,
    };
    let alone = routes.iter().all(|one| one.pattern != *pattern);
    routes.push(route(opening.methods.clone(), true, Vec::new()));
    if opening.methods.is_some() && alone {
        let note = "the other methods there, which would be answered with 405 without this".to_owned();
        routes.push(route(None, false, vec![note]));
    }
    Ok(())
}

/// What one item of the options opens.
fn openings(key: &str, written: &str) -> Result<Vec<Opening>, String> {
    let (methods, expression) = match written.split_once('=') {
        Some((before, rest)) if key == "skip_auth_routes" && is_method(before) => {
            if before.ends_with('!') {
                return Err(
                    "what is open everywhere but there is not translated: write a route for `/` and others below"
                        .to_owned(),
                );
            }
            (
                Some(before.to_ascii_uppercase()).filter(|method| !method.is_empty()),
                rest,
            )
        }
        Some(_) | None => (None, written),
    };
    if let Some(method) = &methods
        && !matches!(
            method.parse(),
            Ok(Method::GET
                | Method::HEAD
                | Method::POST
                | Method::PUT
                | Method::PATCH
                | Method::DELETE
                | Method::OPTIONS)
        )
    {
        return Err(format!("{method} is no method that is forwarded"));
    }
    let patterns = Pattern::of_expression(expression).map_err(|why| why.0)?;
    let methods = methods.map(|method| vec![method]);
    Ok(patterns
        .into_iter()
        .map(|pattern| Opening {
            methods: methods.clone(),
            pattern,
        })
        .collect())
}

/// Whether what stands before `=` is a method, or `!` alone or behind one.
fn is_method(before: &str) -> bool {
    before.trim_end_matches('!').bytes().all(|c| c.is_ascii_alphabetic())
}

fn written(route: &Route, target: &Target, shared: bool, access: &Access, sign_in: &Map) -> Map {
    let mut map = Map::default();
    map.put("path", route.pattern.yaml());
    for note in &route.notes {
        map.note(note.as_str());
    }
    map.put_some("methods", route.methods.clone());
    let mut upstream = Map::default();
    if shared {
        upstream.put("name", target.name.as_str());
    }
    for (key, value, notes) in target.upstream.entries() {
        upstream.put(key, value.clone());
        for note in notes {
            upstream.note(note.as_str());
        }
    }
    map.put("upstream", upstream);
    if route.open {
        map.put("access", "open");
    } else {
        map.put("access", access.written.clone());
        for note in &access.notes {
            map.note(note.as_str());
        }
        map.put_full("sign_in", sign_in.clone());
    }
    if target.strip_prefix && matches!(route.pattern, Pattern::Prefix(_)) && route.pattern == target.pattern {
        map.put("strip_prefix", true);
    }
    map.put_some("add_prefix", target.add_prefix.clone());
    map.put_some("host_header", target.host_header.clone());
    if !target.web_sockets {
        map.put("websocket", Yaml::Truth(false));
    }
    map
}

/// Who may pass, written once where several routes say it.
fn once(top: &mut Map, access: &Access, routes: usize) -> Access {
    let Yaml::Map(rule) = &access.written else {
        return access.clone();
    };
    if routes < 2 {
        return access.clone();
    }
    top.put("x-people", Yaml::Anchored("people", rule.clone()));
    for note in &access.notes {
        top.note(note.as_str());
    }
    Access {
        written: Yaml::Alias("people"),
        notes: Vec::new(),
    }
}

/// An application that nobody named.
fn nowhere() -> Target {
    let mut upstream = Map::default();
    upstream.put("targets", vec![SOMEWHERE]);
    Target {
        pattern: Pattern::Prefix("/".to_owned()),
        upstream,
        name: "app".to_owned(),
        host_header: None,
        web_sockets: true,
        strip_prefix: false,
        add_prefix: None,
        notes: vec!["CHANGE: where the application is".to_owned()],
    }
}

/// An upstream's address without its path, and its host.
fn address(uri: &str) -> Option<(String, Option<String>)> {
    if let Some(path) = uri.strip_prefix("unix:") {
        let address = format!("unix:{}", path.strip_prefix("//").unwrap_or(path));
        return UpstreamUrl::read(&address).ok().map(|_| (address, None));
    }
    let url = Url::parse(uri).ok()?;
    let host = url.host_str()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let address = format!("{}://{host}{port}", url.scheme());
    let authority = format!("{host}{port}");
    UpstreamUrl::read(&address).ok().map(|_| (address, Some(authority)))
}

/// A URL as it may be shown: a login may stand in it.
fn shown(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(url) if url.password().is_some() || !url.username().is_empty() => format!("{}://…", url.scheme()),
        Ok(_) => uri.to_owned(),
        Err(_) => "(no URL)".to_owned(),
    }
}
