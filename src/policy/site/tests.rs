use super::*;
use crate::policy::route::tests::route;

fn site(written: &[&str]) -> Site {
    Site::new(written.iter().map(|one| route(one)).collect()).unwrap()
}

/// `METHOD host path`.
fn find(site: &Site, asked: &str) -> String {
    let [method, host, path] = asked.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{asked}")
    };
    match site.find(&Host::parse(host).unwrap(), path, &method.parse().unwrap()) {
        Found::Route(route) => route.id.0.to_string(),
        Found::Nothing => "nothing".to_owned(),
        Found::OtherMethods(methods) => format!("{methods:?}"),
    }
}

fn clashes(written: &[&str]) -> Vec<(usize, usize)> {
    match Site::new(written.iter().map(|one| route(one)).collect()) {
        Ok(_) => Vec::new(),
        Err(clashes) => clashes.iter().map(|clash| (clash.first, clash.second)).collect(),
    }
}

#[track_caller]
fn holds(routes: &[&str], table: &[(&str, &str)]) {
    let backwards: Vec<&str> = routes.iter().rev().copied().collect();
    for site in [site(routes), site(&backwards)] {
        for (asked, expected) in table {
            assert_eq!(find(&site, asked), *expected, "{asked}");
        }
    }
}

#[test]
fn an_empty_site_has_nothing() {
    assert_eq!(find(&site(&[]), "GET a.test /"), "nothing");
}

#[test]
fn prefixes_go_by_whole_segments() {
    holds(
        &["a.test /app/*", "a.test /app/deep/er/*"],
        &[
            ("GET a.test /app", "a.test /app/*"),
            ("GET a.test /app/", "a.test /app/*"),
            ("GET a.test /app/x/y", "a.test /app/*"),
            ("GET a.test /app/deep", "a.test /app/*"),
            ("GET a.test /app/deep/", "a.test /app/*"),
            ("GET a.test /app/deep/er", "a.test /app/deep/er/*"),
            ("GET a.test /app/deep/er/x", "a.test /app/deep/er/*"),
            ("GET a.test /app/deep/erx", "a.test /app/*"),
            ("GET a.test /apple", "nothing"),
            ("GET a.test /ap", "nothing"),
            ("GET a.test /App", "nothing"),
            ("GET a.test /", "nothing"),
            ("GET a.test /x/app", "nothing"),
        ],
    );
}

#[test]
fn the_prefix_of_the_root_is_for_every_path() {
    holds(
        &["a.test /*"],
        &[
            ("GET a.test /", "a.test /*"),
            ("GET a.test /x", "a.test /*"),
            ("GET b.test /", "nothing"),
        ],
    );
}

#[test]
fn an_exact_path_is_itself_only() {
    holds(
        &["a.test /", "a.test /x", "a.test /y/"],
        &[
            ("GET a.test /", "a.test /"),
            ("GET a.test /x", "a.test /x"),
            ("GET a.test /x/", "nothing"),
            ("GET a.test /y", "nothing"),
            ("GET a.test /y/", "a.test /y/"),
            ("GET a.test /x/y", "nothing"),
        ],
    );
}

#[test]
fn exact_goes_before_regex_before_the_longest_prefix() {
    holds(
        &[
            "a.test /*",
            "a.test /app/*",
            "a.test /app",
            "a.test ~/app/[0-9]+",
            "a.test ~/app/[0-9]+/edit|/app/0",
            "a.test /app/1",
        ],
        &[
            ("GET a.test /app", "a.test /app"),
            ("GET a.test /app/", "a.test /app/*"),
            ("GET a.test /app/1", "a.test /app/1"),
            ("GET a.test /app/2", "a.test ~/app/[0-9]+"),
            ("GET a.test /app/0", "a.test ~/app/[0-9]+/edit|/app/0"),
            ("GET a.test /app/2/edit", "a.test ~/app/[0-9]+/edit|/app/0"),
            ("GET a.test /app/2/x", "a.test /app/*"),
            ("GET a.test /other", "a.test /*"),
        ],
    );
}

#[test]
fn exact_hosts_go_before_suffixes_before_any() {
    holds(
        &["* /*", "*.test /*", "*.b.test /*", "a.b.test /*"],
        &[
            ("GET a.b.test /", "a.b.test /*"),
            ("GET x.b.test /", "*.b.test /*"),
            ("GET x.y.b.test /", "*.b.test /*"),
            ("GET b.test /", "*.test /*"),
            ("GET xb.test /", "*.test /*"),
            ("GET test /", "* /*"),
            ("GET other /", "* /*"),
            ("GET 10.0.0.1 /", "* /*"),
            ("GET [::1] /", "* /*"),
        ],
    );
}

#[test]
fn a_host_without_a_fitting_path_leaves_the_request_to_a_wider_one() {
    holds(
        &["* /*", "*.test /s/*", "a.test /a/*"],
        &[
            ("GET a.test /a/x", "a.test /a/*"),
            ("GET a.test /s/x", "*.test /s/*"),
            ("GET a.test /x", "* /*"),
        ],
    );
}

#[test]
fn the_place_decides_about_methods() {
    let routes = [
        "* /*",
        "GET a.test /x",
        "POST,PUT a.test /x",
        "a.test /y",
        "DELETE a.test /y",
        "HEAD a.test ~/z+",
        "a.test /z/*",
    ];
    holds(
        &routes,
        &[
            ("GET a.test /x", "GET a.test /x"),
            ("PUT a.test /x", "POST,PUT a.test /x"),
            ("HEAD a.test /x", "GET a.test /x"),
            ("get a.test /x", "[GET, HEAD, POST, PUT]"),
            ("DELETE a.test /x", "[GET, HEAD, POST, PUT]"),
            ("GET a.test /y", "a.test /y"),
            ("DELETE a.test /y", "DELETE a.test /y"),
            ("GET a.test /zz", "[HEAD]"),
            ("GET a.test /z/", "a.test /z/*"),
        ],
    );
}

#[test]
fn who_takes_get_takes_head_unless_another_names_it() {
    let routes = [
        "GET a.test /x",
        "a.test /x",
        "GET a.test /y",
        "HEAD a.test /y",
        "POST a.test /z",
    ];
    holds(
        &routes,
        &[
            ("HEAD a.test /x", "GET a.test /x"),
            ("POST a.test /x", "a.test /x"),
            ("HEAD a.test /y", "HEAD a.test /y"),
            ("GET a.test /y", "GET a.test /y"),
            ("HEAD a.test /z", "[POST]"),
        ],
    );
}

#[test]
fn a_route_for_no_method_is_for_nothing() {
    let mut nothing = route("a.test /x");
    nothing.matcher.methods = Some(Vec::new());
    let site = Site::new(vec![nothing]).unwrap();
    assert_eq!(find(&site, "GET a.test /x"), "nothing");
}

#[test]
fn a_path_without_normal_form_is_for_nothing() {
    for pattern in [
        PathPattern::Prefix(String::new()),
        PathPattern::Prefix("app".to_owned()),
        PathPattern::Prefix("/a/../".to_owned()),
    ] {
        let mut odd = route("a.test /x");
        odd.matcher.path = pattern;
        let site = Site::new(vec![odd]).unwrap();
        for asked in ["GET a.test /", "GET a.test /app", "GET a.test /a"] {
            assert_eq!(find(&site, asked), "nothing");
        }
    }
}

#[test]
fn configured_paths_are_brought_into_the_form_of_requests() {
    holds(
        &["a.test /caf%c3%a9", "a.test ~/x%C3.*"],
        &[
            ("GET a.test /caf%C3%A9", "a.test /caf%c3%a9"),
            ("GET a.test /x%C3%A9", "a.test ~/x%C3.*"),
        ],
    );
}

#[test]
fn equal_routes_clash() {
    for (routes, pairs) in [
        (vec!["a.test /x", "A.test. /x"], vec![(0, 1)]),
        (
            vec!["a.test /x/*", "b.test /x/*", "a.test /x/*", "a.test /x/*"],
            vec![(0, 2), (0, 3), (2, 3)],
        ),
        (vec!["GET,PUT a.test /x", "PUT,GET a.test /x"], vec![(0, 1)]),
        (vec!["GET a.test ~/x", "POST,GET a.test ~/x"], vec![(0, 1)]),
        (vec!["* /%c3%a9", "* /%C3%A9"], vec![(0, 1)]),
        (vec!["*.test /", "*.test /"], vec![(0, 1)]),
    ] {
        assert_eq!(clashes(&routes), pairs, "{routes:?}");
    }
    let mut with_slash = route("a.test /x/*");
    with_slash.matcher.path = PathPattern::Prefix("/x/".to_owned());
    assert!(Site::new(vec![route("a.test /x/*"), with_slash]).is_err());
}

#[test]
fn routes_that_differ_do_not_clash() {
    let routes = [
        "a.test /x",
        "a.test /x/",
        "a.test /x/*",
        "a.test ~/x",
        "GET a.test /x",
        "POST a.test /x",
        "*.test /x",
        "* /x",
        "a.test /",
        "a.test /*",
        "a.test ~/y",
    ];
    assert_eq!(clashes(&routes), []);
    let site = site(&routes);
    assert_eq!(site.routes().len(), routes.len());
    let id = RouteId("GET a.test /x".into());
    assert_eq!(site.route(&id).map(|route| &route.id), Some(&id));
    assert!(site.route(&RouteId("no".into())).is_none());
}

/// The slow and obvious way, to hold the table against.
fn by_scan(routes: &[Route], path: &str) -> Option<String> {
    let fits = |route: &Route| match &route.matcher.path {
        PathPattern::Exact(exact) => (exact == path).then_some((2, 0)),
        PathPattern::Prefix(prefix) => {
            let prefix = prefix.trim_end_matches('/');
            let rest = path.strip_prefix(prefix)?;
            (rest.is_empty() || rest.starts_with('/')).then_some((0, prefix.len()))
        }
        PathPattern::Regex(expression) => expression.fits(path).then_some((1, expression.as_str().len())),
    };
    let best = routes
        .iter()
        .filter_map(|route| Some((fits(route)?, route)))
        .max_by_key(|(rank, _)| *rank);
    best.map(|(_, route)| route.id.0.to_string())
}

/// The routes of the host's own pattern, then of the suffixes, longest first, then of any host.
fn by_scan_of_hosts(routes: &[Route], host: &str, path: &str) -> Option<String> {
    let after_dots = host.match_indices('.').map(|(dot, _)| format!("*{}", &host[dot..]));
    let scopes = std::iter::once(host.to_owned())
        .chain(after_dots)
        .chain(["*".to_owned()]);
    scopes
        .map(|scope| {
            let of_scope = routes.iter().filter(|route| route.matcher.host.to_string() == scope);
            of_scope.cloned().collect::<Vec<_>>()
        })
        .find_map(|routes| by_scan(&routes, path))
}

proptest::proptest! {
    #[test]
    fn the_table_agrees_with_a_scan(
        written in proptest::collection::btree_set(
            "(\\*|\\*\\.t|\\*\\.a\\.t|a\\.t|t) (/[ab]{0,2}){1,3}(/\\*)?",
            0..16,
        ),
        host in "(b\\.)?(a\\.)?t|x",
        asked in "(/[ab]{1,2}){1,3}/?",
    ) {
        let kept = written.iter().filter(|route| !route.contains("//"));
        let routes: Vec<Route> = kept.map(|written| route(written)).collect();
        // `/a/*` and `/a//*` were both written for one prefix: such sets are not of interest here.
        if let Ok(site) = Site::new(routes.clone()) {
            let found = match site.find(&Host::parse(&host).unwrap(), &asked, &Method::GET) {
                Found::Route(route) => Some(route.id.0.to_string()),
                Found::Nothing | Found::OtherMethods(_) => None,
            };
            proptest::prop_assert_eq!(found, by_scan_of_hosts(&routes, &host, &asked));
        }
    }
}

#[test]
fn a_path_that_is_none_is_for_nothing() {
    // Host and path are one key in the table: where one ends must never be in doubt.
    let site = site(&["a.test /*", "*.test /*", "* /*"]);
    for path in ["", "x", "b/x", "*"] {
        assert_eq!(find(&site, &format!("GET a.test {path}")), "nothing", "{path:?}");
    }
}

#[test]
fn a_host_is_known_when_any_route_is_for_it() {
    let knows = |routes: &[&str], host: &str| {
        let site = Site::new(routes.iter().map(|written| route(written)).collect()).unwrap();
        site.knows(&Host::parse(host).unwrap())
    };
    let named = ["a.test /only", "*.wild.test /*"];
    for known in ["a.test", "x.wild.test", "y.x.wild.test"] {
        assert!(knows(&named, known), "{known}");
    }
    for unknown in ["b.test", "wild.test", "xwild.test", "test"] {
        assert!(!knows(&named, unknown), "{unknown}");
        assert!(knows(&["* /*"], unknown), "{unknown}");
    }
}
