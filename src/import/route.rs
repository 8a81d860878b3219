//! Routes, written.

use super::{
    access::Access,
    path::Pattern,
    translate::Desk,
    upstream::Target,
    yaml::{Map, Yaml},
};

/// A route.
pub(super) struct Route {
    pub(super) pattern: Pattern,
    pub(super) methods: Option<Vec<String>>,
    pub(super) open: bool,
    /// Which of the targets.
    pub(super) target: usize,
    /// What is said above it.
    pub(super) notes: Vec<String>,
}

impl Desk<'_> {
    pub(super) fn routes(&mut self, top: &mut Map, access: &Access) {
        let (targets, gone) = self.targets();
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
                self.open(setting, written, (&targets, &gone), &mut routes);
            }
        }
        let sign_in = self.sign_in();
        let closed = routes.iter().filter(|route| !route.open).count();
        let access = &once(top, access, closed);
        let shared = |target: usize| routes.iter().filter(|route| route.target == target).count() > 1;
        let mut each = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            // Routes are called by host, path and methods, whatever kind of path it is.
            let namesake = |one: &Route| one.pattern.front() == route.pattern.front() && one.methods == route.methods;
            let first = !routes.iter().take(index).any(namesake);
            let name = (!first).then(|| format!("route-{}", index + 1));
            if let Some(target) = targets.get(route.target) {
                let written = written(route, name, target, shared(route.target), access, &sign_in);
                each.push(self.with_slashes(written));
            }
        }
        top.put("routes", each);
        top.note("the most specific path wins, whatever the order");
    }

    fn with_slashes(&self, mut route: Map) -> Map {
        if self.given.raw_paths {
            route.put("allow_encoded_slashes", true);
        }
        route
    }
}

fn written(route: &Route, name: Option<String>, target: &Target, shared: bool, access: &Access, sign_in: &Map) -> Map {
    let mut map = Map::default();
    map.put("path", route.pattern.yaml());
    for note in &route.notes {
        map.note(note.as_str());
    }
    map.put_some("name", name);
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
