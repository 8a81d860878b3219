use std::{collections::BTreeMap, path::Path as FilePath};

use super::*;
use crate::{
    flow::Duty,
    policy::{FormerFolder, Found, Host},
};

const GOOD: &str = r"
public_url: https://apps.example.com
listeners:
  - address: 127.0.0.1:8080
    behind_tls_proxy: true
providers:
  main:
    issuer: https://id.example.com
    client_id: doorward
    client_secret_env: SECRET
routes:
  - path: /
    upstream: http://127.0.0.1:3000
    access: signed_in
";

fn read(text: &str) -> Result<Plan, Report> {
    let secrets = [
        ("SECRET".to_owned(), "long-enough-secret".to_owned()),
        ("SHORT".to_owned(), "short".to_owned()),
    ];
    let source = Source::with_environment(FilePath::new("/"), BTreeMap::from(secrets));
    compile("doorward.yaml", text, &source)
}

/// The problems of the good configuration with one text in place of another.
fn problems(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    match read(&GOOD.replacen(from, to, 1)) {
        Ok(_) => Vec::new(),
        Err(report) => report
            .list()
            .iter()
            .map(|one| format!("{}: {}", one.path, one.what))
            .collect(),
    }
}

#[test]
fn pages_of_other_origins_are_listed_one_by_one() {
    let route = "    access: signed_in\n";
    let with = |more: &str| problems(route, &format!("{route}    {more}\n"));
    assert!(with("cors: { allowed_origins: [https://app.example.com] }").is_empty());
    for (bad, told) in [
        ("cors: {}", "routes[0].cors: `allowed_origins` is missing"),
        (
            "cors: { allowed_origins: [] }",
            "routes[0].cors.allowed_origins: the list is empty",
        ),
        (
            "cors: { allowed_origins: [\"*\"] }",
            "routes[0].cors.allowed_origins[0]: \"*\" is not the origin of a page: relative URL without a base",
        ),
    ] {
        assert_eq!(with(bad), [told], "{bad}");
    }
    let deaf = "methods: [GET]\n    cors: { allowed_origins: [https://app.example.com], preflight: pass }";
    assert_eq!(
        with(deaf),
        ["routes[0].cors.preflight: preflights are OPTIONS, which `methods` of this route does not name"]
    );
}

/// The problems of the good configuration whose route has these lines instead of its upstream.
#[test]
fn in_the_place_of_oauth2_proxy_its_folder_is_taken() {
    let with = |switch: &str, more: &str| problems("routes:\n", &format!("compatibility: {switch}\nroutes:\n{more}"));
    let below = "  - { path: /oauth2/x, upstream: \"http://127.0.0.1:1\", access: open }\n";
    assert!(with("{ oauth2_proxy: false }", below).is_empty());
    assert!(with("{ oauth2_proxy: true }", "").is_empty());
    assert!(with("{ oauth2_proxy: true, oauth2_proxy_prefix: /old }", below).is_empty());
    for (switch, more, expected) in [
        (
            "{ oauth2_proxy: true }",
            below,
            "routes[0].path: /oauth2/x is below /oauth2",
        ),
        (
            "{ oauth2_proxy: true, oauth2_proxy_prefix: /.doorward/x }",
            "",
            "Doorward's own",
        ),
        (
            "{ oauth2_proxy: true, oauth2_proxy_prefix: / }",
            "",
            "a folder of paths",
        ),
    ] {
        let told = with(switch, more);
        assert!(told.len() == 1 && told[0].contains(expected), "{told:?}");
    }
    let on = "compatibility: { oauth2_proxy: true }\nroutes:\n";
    let plan = read(&GOOD.replacen("routes:\n", on, 1)).unwrap();
    assert_eq!(plan.site.former().map(FormerFolder::as_str), Some("/oauth2"));
    assert!(read(GOOD).unwrap().site.former().is_none(), "off unless written");
}

fn of_route(lines: &str) -> Vec<String> {
    problems("    upstream: http://127.0.0.1:3000\n", lines)
}

#[test]
fn a_header_is_set_or_removed() {
    let upstream = "    upstream: http://127.0.0.1:3000\n";
    assert_eq!(
        of_route(&format!(
            "{upstream}    headers: {{ static: {{ X-A: one }}, remove: [X_a, X-B] }}\n"
        )),
        ["routes[0].headers.remove[0]: x_a is both set and removed"]
    );
    assert_eq!(
        of_route(&format!(
            "{upstream}    response_headers: {{ set: {{ X-A: one }}, remove: [X-B, x-a] }}\n"
        )),
        ["routes[0].response_headers.remove[1]: x-a is both set and removed"]
    );
}

#[test]
fn where_a_request_comes_from_is_not_for_a_route_to_say() {
    for header in [
        "X-Forwarded-For",
        "X_Forwarded_Host",
        "x-forwarded-proto",
        "Keep-Alive",
        "TE",
        "HTTP2-Settings",
    ] {
        let lines = format!("    upstream: http://127.0.0.1:3000\n    headers: {{ static: {{ {header}: one }} }}\n");
        let told = of_route(&lines);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].ends_with("is not yours to set or remove"), "{told:?}");
    }
}

#[test]
fn tls_goes_with_https() {
    let told = "routes[0].upstream.tls: no target of this upstream is https, so nothing is encrypted or verified";
    for tls in ["sni: app.internal", "insecure_skip_verify: true"] {
        let lines = |target| format!("    upstream: {{ targets: {target}, tls: {{ {tls} }} }}\n");
        assert_eq!(of_route(&lines("[http://a:1, h2c://b:1]")), [told], "{tls}");
        assert!(of_route(&lines("[http://a:1, https://b:1]")).is_empty(), "{tls}");
        assert_eq!(
            of_route(&lines("[https//a, http://b:1]")).len(),
            1,
            "{tls}: the bad target alone is told"
        );
    }
}

#[test]
fn a_target_stands_once() {
    assert_eq!(
        of_route("    upstream: { targets: [http://a:1, http://b, http://A:1, http://b:80] }\n"),
        [
            "routes[0].upstream.targets[2]: this target stands here twice",
            "routes[0].upstream.targets[3]: this target stands here twice"
        ]
    );
}

#[test]
fn the_admin_listener_is_no_upstream() {
    let told = "this upstream is Doorward's admin listener at 127.0.0.1:9090, which asks for no password";
    assert_eq!(
        of_route("    upstream: http://localhost:9090\n"),
        [format!("routes[0].upstream: {told}")]
    );
    assert_eq!(
        of_route("    upstream: { targets: [http://a:1, http://127.0.0.1:9090] }\n"),
        [format!("routes[0].upstream.targets[1]: {told}")]
    );
    let off = "    upstream: http://127.0.0.1:9090\n    access: open\nadmin: { enabled: false }\n";
    let all = "    upstream: http://127.0.0.1:3000\n    access: signed_in\n";
    assert!(problems(all, off).is_empty());
}

#[test]
fn a_problem_behind_a_bad_member_of_a_list_has_its_own_place() {
    let told = of_route(
        "    upstream: http://127.0.0.1:3000\n    headers:\n      remove:\n        - \"a b\"\n        - X-Fine\n        - \"c d\"\n        - Host\n",
    );
    let expected = [
        "routes[0].headers.remove[0]: \"a b\" is not a header name",
        "routes[0].headers.remove[2]: \"c d\" is not a header name",
        "routes[0].headers.remove[3]: host is not yours to set or remove",
    ];
    assert_eq!(told, expected);
    let text = GOOD.replace(
        "    access: signed_in",
        "    access: signed_in\n    headers:\n      remove:\n        - \"a b\"\n        - Host",
    );
    let report = read(&text).unwrap_err();
    let lines: Vec<_> = report.list().iter().map(|one| one.line).collect();
    assert_eq!(lines, [17, 18]);
}

#[test]
fn nothing_written_prints_in_debug() {
    let text = GOOD.replace("client_secret_env: SECRET", "client_secret: hunter2-hunter2");
    let (tree, _) = Node::read(&text).unwrap();
    assert!(!format!("{tree:?}").contains("hunter2"));
    let plan = read(&text).unwrap();
    assert!(!format!("{plan:?}").contains("hunter2"));
    let variables = BTreeMap::from([("SECRET".to_owned(), "hunter2".to_owned())]);
    let source = Source::with_environment(FilePath::new("/"), variables);
    assert!(!format!("{source:?}").contains("hunter2"));
}

#[test]
fn a_good_configuration_is_a_plan() {
    let plan = read(GOOD).unwrap();
    let public = plan.listeners[0].public;
    assert_eq!((public.https, public.port), (true, 443));
    assert_eq!(plan.default_provider, Some(ProviderName::new("main")));
    assert_eq!(plan.identity.issuer, "https://apps.example.com");
    assert!(plan.ring.is_none());
    let host = Host::parse("apps.example.com").unwrap();
    let found = plan.site.find(&host, "/x", &http::Method::GET);
    let Found::Route(route) = found else {
        panic!("{found:?}");
    };
    assert_eq!(&*route.id.0, "apps.example.com/");
    assert_eq!(route.sign_in.provider.as_str(), "main");
}

#[test]
fn every_mistake_is_the_problem_that_it_is() {
    let route = "    access: signed_in\n";
    let more = |text: &str| format!("{route}{text}");
    let access = |text: &str| format!("    access: {text}\n");
    let redis = |text: &str| more(&format!("session: {{store: redis, redis: {text}}}\n"));
    let issuer = "https://id.example.com";
    let secret = "client_secret_env: SECRET";
    for (from, to, expected) in [
        ("path: /", "pth: /", "unknown key \"pth\""),
        (issuer, "http://id.example.com", "plain HTTP"),
        (secret, "client_secret_env: NONE", "NONE is not set"),
        (secret, "client_secret_env: SHORT", "too short"),
        (secret, "client_secret_file: /none/such", "there is no such file"),
        (secret, "client_auth: basic", "the client secret is missing"),
        (
            secret,
            "client_secret_env: SECRET\n    algorithms: [HS256]",
            "at least 32",
        ),
        (
            secret,
            "client_secret_env: SECRET\n    extra_parameters: {state: x}",
            "own parameter",
        ),
        // AR-16: nobody is sent to sign in in silence, which would fail again and again.
        (
            secret,
            "client_secret_env: SECRET\n    extra_parameters: {prompt: none}",
            "own parameter",
        ),
        (
            route,
            &more("    sign_in: {prompt: none}\n"),
            "\"none\" is not one of its words",
        ),
        (
            "127.0.0.1:8080\n    behind_tls_proxy: true",
            "0.0.0.0:8080",
            "speaks plain HTTP",
        ),
        ("127.0.0.1:3000", "127.0.0.1:8080", "is Doorward itself"),
        ("127.0.0.1:3000", "localhost:8080", "is Doorward itself"),
        ("127.0.0.1:3000", "apps.example.com:8080", "is Doorward itself"),
        (route, "", "`access` is missing"),
        (route, &access("{group: a, email: b@c.d}"), "exactly one key"),
        (route, &access("{any: []}"), "the list is empty"),
        (route, &access("{}"), "the rule is empty"),
        (route, &access("{provider: other}"), "there is no provider \"other\""),
        (route, &access("{claim: {path: a}}"), "the claim has no test"),
        (route, &access("{email: nobody}"), "is not an email address"),
        (route, &more("    host: \"*\"\n"), "a route for every host"),
        (
            route,
            &more("    sign_in: {provider: other}\n"),
            "there is no provider \"other\"",
        ),
        (route, &more("    headers: {static: {Host: x}}\n"), "host is not yours"),
        (
            // UI-07
            route,
            &more("    headers: {static: {X_A: x, X-A: y}}\n"),
            "one header to some",
        ),
        (
            route,
            &more("    headers: {static: {X-Doorward-A: x}}\n"),
            "Doorward's own header",
        ),
        (
            route,
            &more("  - upstream: http://127.0.0.1:1\n    access: open\n"),
            "equal to routes[0]",
        ),
        (route, &more("session: {store: redis}\n"), "`redis` is missing"),
        (route, &more("session: {store: redis}\n"), "needs at least one key"),
        (route, &more("session: {keys: [{id: a, key: YQ==}]}\n"), "decodes to 1"),
        (
            route,
            &more("admin: {address: \"0.0.0.0:9090\"}\n"),
            "reached from other machines",
        ),
        (route, &more("trusted_proxies: [0.0.0.0/0]\n"), "trusts everybody"),
        (route, &more("trusted_proxies: [\"::/0\"]\n"), "trusts everybody"),
        (
            route,
            &more("trusted_headers: [X-Forwarded-Proto]\n"),
            "nobody is believed in these headers",
        ),
        (
            route,
            &more("trusted_proxies: [10.0.0.0/8]\ntrusted_headers: [X-Forwarded-For]\n"),
            "x-forwarded-for need not be listed",
        ),
        (
            route,
            &more("trusted_proxies: [10.0.0.0/8]\ntrusted_headers: [X-Forwarded-User]\n"),
            "x-forwarded-user says who a person is",
        ),
        (
            route,
            &more("trusted_proxies: [10.0.0.0/8]\ntrusted_headers: [Client_Cert]\n"),
            "another spelling",
        ),
        (
            route,
            &more("trusted_proxies: [0.0.0.0/1, 128.0.0.0/1]\n"),
            "trusts everybody",
        ),
        (
            route,
            &more("trusted_proxies: [16.0.0.0/8, 17.0.0.0/8, 18.0.0.0/7, 20.0.0.0/6, 24.0.0.0/5, 32.0.0.0/8]\n"),
            "trusts everybody",
        ),
        (
            route,
            &more("trusted_proxies: [\"::ffff:10.0.0.0/104\"]\n"),
            "IPv4 written as IPv6",
        ),
        (
            "behind_tls_proxy: true",
            "behind_tls_proxy: true\n    proxy_protocol: true",
            "nobody could connect",
        ),
        (route, &more("logging: {level: \"a=b=c\"}\n"), "this is not a level"),
        (route, &more("identity: {assertion_life: 6m}\n"), "from 1s to 5m"),
        (route, &more("identity: {assertion_key_rotation: 1h}\n"), "2h or more"),
        (route, &more("session: {idle_timeout: 48h}\n"), "idle for longer"),
        (
            route,
            &more("default_provider: other\n"),
            "there is no provider \"other\"",
        ),
        ("public_url: https://apps.example.com", "", "has no host"),
        ("path: /", "path: {exact: /a, prefix: /b}", "a path has exactly one key"),
        ("  main:", "  \"ma in\":", "is not a name"),
        ("path: /", "path: /.doorward/x", "is Doorward's own"),
        ("path: /", "path: {exact: /.doorward}", "is Doorward's own"),
        (route, &access("{email: a@}"), "is not an email address"),
        (route, &access("{email: a@b@c}"), "is not an email address"),
        (
            "127.0.0.1:8080\n    behind_tls_proxy: true",
            "127.0.0.1:8080",
            "no listener speaks it",
        ),
        (
            route,
            &more("admin: {address: \"127.0.0.1:8080\"}\n"),
            "is a listener's address",
        ),
        (
            route,
            &more("session: {redis: {url: \"redis://cache\"}}\n"),
            "kept in memory",
        ),
        (
            route,
            &more("session: {redis: {url: \"redis://cache\", password: \"\"}}\n"),
            "the password is empty",
        ),
        ("  main:", "  \"..\":", "is not a name"),
        (route, &redis("{}"), "where Redis is, is missing"),
        (
            route,
            &redis("{url: \"redis://cache\", cluster: {nodes: [\"a:1\"]}}"),
            "written in more than one way",
        ),
        (
            route,
            &redis("{url: \"redis://cache\", tls: true}"),
            "a URL says itself",
        ),
        (
            route,
            &redis("{url: \"redis://cache\", ca_file: ca.crt}"),
            "none is spoken",
        ),
        (
            route,
            &redis("{cluster: {nodes: [\"a:1\"]}, ca_file: ca.crt}"),
            "none is spoken",
        ),
        (route, &redis("{cluster: {nodes: []}}"), "the list is empty"),
        (route, &redis("{cluster: {nodes: [redis-1]}}"), "is not a host and port"),
        (
            route,
            &redis("{cluster: {nodes: [\"rediss://a:1\"]}}"),
            "whether TLS is spoken is said by `tls`",
        ),
        (route, &redis("{sentinel: {nodes: [\"a:1\"]}}"), "`service` is missing"),
        (route, &redis("{sentinel: {service: main}}"), "`nodes` is missing"),
        (
            route,
            &redis("{sentinel: {service: main, nodes: [\"a:1\"], ca_file: ca.crt}}"),
            "none is spoken",
        ),
        (
            route,
            &redis("{url: \"redis://cache\", username: me}"),
            "the user has no password",
        ),
        (
            route,
            &redis("{url: \"redis://cache\", password_env: NONE}"),
            "NONE is not set",
        ),
    ] {
        let told = problems(from, to);
        assert!(
            told.iter().any(|one| one.contains(expected)),
            "{to:?} should tell {expected:?}, told {told:#?}"
        );
    }
}

#[test]
fn a_certificate_must_fit_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let one = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let two = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    write("cert.pem", one.cert.pem());
    write("key.pem", one.signing_key.serialize_pem());
    write("other.pem", two.signing_key.serialize_pem());
    write("text.pem", "hello".to_owned());
    let told = |certificate: &str, key: &str| {
        let text = format!(
            "listeners: [{{address: \"0.0.0.0:443\", tls: {{certificate_file: {certificate}, key_file: {key}}}}}]\n\
             routes: [{{upstream: \"http://a:1\", access: open}}]\n"
        );
        compile("x", &text, &Source::system(folder.path())).map_err(|report| report.to_string())
    };
    assert!(told("cert.pem", "key.pem").unwrap().listeners[0].public.https);
    assert!(
        told("cert.pem", "other.pem")
            .unwrap_err()
            .contains("key_file: certificate and key do not go together\n")
    );
    assert!(told("text.pem", "key.pem").unwrap_err().contains("no certificate"));
    assert!(told("cert.pem", "text.pem").unwrap_err().contains("no private key"));
    assert!(told("none.pem", "key.pem").unwrap_err().contains("no such file"));
}

#[test]
fn a_further_certificate_is_for_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, of: &str| {
        let made = rcgen::generate_simple_self_signed([of.to_owned()]).unwrap();
        std::fs::write(folder.path().join(format!("{name}.pem")), made.cert.pem()).unwrap();
        std::fs::write(
            folder.path().join(format!("{name}.key")),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
    };
    for (name, of) in [("all", "127.0.0.1"), ("till", "*.till.test"), ("address", "127.0.0.1")] {
        write(name, of);
    }
    let told = |more: &str| {
        let text = format!(
            "listeners: [{{address: \"0.0.0.0:443\", tls: {{certificate_file: all.pem, key_file: all.key, certificates: \
             [{more}]}}}}]\nroutes: [{{upstream: \"http://a:1\", access: open}}]\n"
        );
        match compile("x", &text, &Source::system(folder.path())) {
            Ok(plan) => vec![format!("{:?}", plan.listeners[0].tls.as_ref().unwrap().more.len())],
            Err(report) => report
                .list()
                .iter()
                .map(|one| format!("{}: {}", one.path, one.what))
                .collect(),
        }
    };
    let till = "{certificate_file: till.pem, key_file: till.key}";
    assert_eq!(told(till), ["1"]);
    let at = "listeners[0].tls.certificates";
    let nameless = "there is no DNS name in this certificate, so no client could ask for it";
    assert_eq!(
        told(&format!(
            "{till}, {{certificate_file: address.pem, key_file: address.key}}, {{key_file: till.key}}"
        )),
        [
            format!("{at}[1].certificate_file: {nameless}"),
            format!("{at}[2]: `certificate_file` is missing")
        ]
    );
    let other = told("{certificate_file: till.pem, key_file: all.key}");
    assert!(
        other.len() == 1 && other[0].starts_with(&format!("{at}[0].key_file: certificate and key do not go together")),
        "{other:?}"
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "\
listners: []
listeners: [{address: \"0.0.0.0:80\"}]
providers: {main: {issuer: http://a, client_id: x, client_auth: none}}
routes:
  - host: a.test
    upstream: nowhere
    access: signed_in
  - host: a.test
    path: {regex: \"[\"}
    upstream: http://b
    access: {grop: a}
";
    let report = read(text).unwrap_err();
    let lines: Vec<usize> = report.list().iter().map(|one| one.line).collect();
    assert_eq!(lines, [1, 2, 3, 6, 9, 11], "{report}");
    assert!(
        report
            .to_string()
            .starts_with("doorward.yaml:1:1: listners: unknown key \"listners\"\n    write `listeners`\n")
    );
}

/// Each value is another one, so that none can stand for its neighbour.
#[test]
fn every_option_of_an_upstream_is_what_was_written() {
    use crate::policy::{
        Balance, Ejection, HealthCheck, Pool, Protocol, Timeouts, Upstream, UpstreamTarget, upstream::Address,
    };
    let folder = tempfile::tempdir().unwrap();
    let made = ["a.test", "b.test"].map(|name| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap());
    let [authority, client] = made;
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("ca.crt", &authority.cert.pem());
    write("client.crt", &client.cert.pem());
    write("client.key", &client.signing_key.serialize_pem());
    let text = "
listeners: [{ address: \"127.0.0.1:8080\" }]
routes:
  - host: a.test
    access: open
    upstream:
      name: ledger
      targets: [https://one:1, http://two, h2c://three:3, unix:/run/four.sock, \"h2c+unix:/run/five.sock\"]
      balance: least_connections
      tls: { ca_file: ca.crt, sni: ledger.internal, client_certificate_file: client.crt, client_key_file: client.key }
      timeouts: { connect: 1s, read: off, write: 3s, idle: 4s }
      pool: { h2_streams: 5 }
      ejection: { failures: 6, rest: 7s }
      health: { path: /well, host: health.internal, interval: 8s, timeout: 900ms, unhealthy_after: 10, healthy_after: 11 }
";
    let plan = compile("x", text, &Source::system(folder.path())).unwrap_or_else(|report| panic!("{report}"));
    let tcp = |protocol, host: &str, port| UpstreamTarget {
        protocol,
        address: Address::Tcp {
            host: host.to_owned(),
            port,
        },
    };
    let unix = |protocol, path: &str| UpstreamTarget {
        protocol,
        address: Address::Unix(path.into()),
    };
    let key = client.signing_key.serialize_pem().into_bytes();
    let seconds = Duration::from_secs;
    let expected = Upstream {
        name: "ledger".into(),
        targets: vec![
            tcp(Protocol::Https, "one", 1),
            tcp(Protocol::Http, "two", 80),
            tcp(Protocol::H2c, "three", 3),
            unix(Protocol::Http, "/run/four.sock"),
            unix(Protocol::H2c, "/run/five.sock"),
        ],
        balance: Balance::LeastConnections,
        tls: crate::policy::Tls {
            ca_pem: Some(authority.cert.pem().into_bytes()),
            sni: Some("ledger.internal".to_owned()),
            client: Some((client.cert.pem().into_bytes(), crate::secret::Secret::new(key))),
            insecure_skip_verify: false,
        },
        timeouts: Timeouts {
            connect: seconds(1),
            read: None,
            write: seconds(3),
            idle: seconds(4),
        },
        pool: Pool { h2_streams: 5 },
        ejection: Some(Ejection {
            failures: 6,
            rest: seconds(7),
        }),
        health: Some(HealthCheck {
            path: "/well".to_owned(),
            host: Some("health.internal".to_owned()),
            interval: seconds(8),
            timeout: Duration::from_millis(900),
            unhealthy_after: 10,
            healthy_after: 11,
        }),
    };
    assert_eq!(*plan.site.routes()[0].forward.upstream, expected);
}

/// The JSON Schema says that a lone URL is an upstream with nothing but defaults.
#[test]
fn a_lone_url_is_an_upstream_of_defaults() {
    let upstream = |text: &str| {
        let plan = read(&GOOD.replacen("http://127.0.0.1:3000", text, 1)).unwrap();
        (*plan.site.routes()[0].forward.upstream).clone()
    };
    assert_eq!(
        upstream("http://127.0.0.1:3000"),
        upstream("{targets: \"http://127.0.0.1:3000\"}")
    );
}

#[test]
fn a_bare_number_is_told_the_unit_that_it_lacks() {
    let text = GOOD.replacen("listeners:", "timeouts: {keepalive: 75}\nlisteners:", 1);
    let report = read(&text).unwrap_err();
    let told = &report.list()[0];
    assert_eq!(told.what, "expected text, found a number");
    assert!(told.hint.contains("30s"), "{}", told.hint);
}

/// All that is told names the place and never the secret.
#[test]
fn no_problem_shows_a_secret() {
    let text = "\
listeners: [{address: \"127.0.0.1:8080\"}]
providers:
  one: {issuer: \"https://me:hunter2@id.example.com\", client_id: x, client_secret: hunter2}
session:
  store: redis
  redis: {url: \"redis://me:hunter2@cache\", password: [hunter2]}
  keys: [{id: a, key: hunter2}]
routes:
  - upstream: http://127.0.0.1:1
    access: open
    headers: {static: {X-Key: \"hunter2\\n\"}}
";
    let told = read(text).unwrap_err().to_string();
    for line in [3, 6, 7, 11] {
        assert!(told.contains(&format!("doorward.yaml:{line}:")), "{line} in {told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn a_redirect_leads_to_where_https_is_spoken() {
    let listener = "    behind_tls_proxy: true\n";
    let with = |more: &str| {
        let text = GOOD.replacen(listener, &format!("{listener}  - address: 0.0.0.0:80\n{more}"), 1);
        match read(&text) {
            Ok(plan) => vec![format!("{:?}", plan.listeners[1].duty)],
            Err(report) => {
                let told = report.list().iter().map(|one| format!("{}: {}", one.path, one.what));
                told.collect()
            }
        }
    };
    let redirect = "    redirect_to_https: true\n";
    assert_eq!(with(redirect), ["ToHttps { port: 443 }"]);
    assert_eq!(
        with(&format!("{redirect}    https_port: 8443\n")),
        ["ToHttps { port: 8443 }"]
    );
    assert_eq!(
        with(&format!("{redirect}    behind_tls_proxy: true\n")),
        [
            "listeners[1].redirect_to_https: people reach this listener by https already, so they would be sent round in \
             circles"
        ]
    );
    let nobody = "listeners[1]: `https_port` is where people are redirected to, and nobody is";
    assert_eq!(with("    https_port: 1\n    insecure_public_http: true\n"), [nobody]);
    assert_eq!(
        problems(listener, redirect),
        [
            "public_url: people come by https and no listener speaks it",
            "listeners: people are redirected to https and no listener speaks it"
        ]
    );
    let own_port = GOOD.replacen("public_url: https://apps.example.com\n", "", 1);
    let own_port = own_port
        .replacen("  - path: /", "  - host: a.test\n    path: /", 1)
        .replacen(
            listener,
            &format!("{listener}    public_port: 9443\n  - address: 0.0.0.0:80\n{redirect}"),
            1,
        );
    assert_eq!(read(&own_port).unwrap().listeners[1].duty, Duty::ToHttps { port: 9443 });
}

#[test]
fn hsts_is_told_where_browsers_believe_it() {
    let listener = "    behind_tls_proxy: true\n";
    let with = |more: &str| {
        let text = GOOD.replacen(listener, &format!("{listener}    hsts: {{ {more} }}\n"), 1);
        read(&text).map(|plan| plan.listeners[0].hsts.clone().unwrap())
    };
    for (written, said) in [
        ("", "max-age=31536000"),
        ("max_age: 1h30m", "max-age=5400"),
        ("max_age: 0s", "max-age=0"),
        ("include_subdomains: true", "max-age=31536000; includeSubDomains"),
        (
            "include_subdomains: true, preload: true, max_age: 730d",
            "max-age=63072000; includeSubDomains; preload",
        ),
    ] {
        assert_eq!(with(written).unwrap(), said, "{written}");
    }
    let early = "listeners[0].hsts.preload: no browser builds this in: it wants `include_subdomains: true` and a `max_age` of \
                 365d or more";
    for bad in [
        "preload: true",
        "preload: true, include_subdomains: true, max_age: 364d",
    ] {
        let told = problems(listener, &format!("{listener}    hsts: {{ {bad} }}\n"));
        assert_eq!(told, [early], "{bad}");
    }
    assert_eq!(
        problems(listener, "    insecure_public_http: true\n    hsts: {}\n"),
        [
            "public_url: people come by https and no listener speaks it",
            "listeners[0]: browsers do not believe it where they come by plain HTTP"
        ]
    );
    for bad in ["0", "soon"] {
        let told = problems(listener, &format!("{listener}    hsts: {{ max_age: {bad} }}\n"));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("listeners[0].hsts.max_age: "), "{told:?}");
    }
}

/// What comes of a rule on a listener that asks for certificates, or does not.
fn certified(rule: &str, asks: bool) -> Result<Plan, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    std::fs::write(folder.path().join("a.crt"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("a.key"), made.signing_key.serialize_pem()).unwrap();
    let clients = if asks { ", client_ca: { file: a.crt }" } else { "" };
    let text = format!(
        "listeners: [{{ address: \"0.0.0.0:443\", tls: {{ certificate_file: a.crt, key_file: a.key{clients} }} }}]\n\
         providers: {{ main: {{ issuer: \"https://id.test\", client_id: a, client_secret: long-enough-secret }} }}\n\
         routes: [{{ host: a.test, upstream: \"http://a:1\", access: {rule} }}]\n"
    );
    compile("x", &text, &Source::system(folder.path())).map_err(|report| {
        let told = report.list().iter().map(|one| format!("{}: {}", one.path, one.what));
        told.collect()
    })
}

#[test]
fn a_rule_may_ask_for_a_client_certificate() {
    for (rule, expected) in [
        ("{ client_certificate: any }", "a client certificate"),
        (
            "{ client_certificate: { subject_dn: \"CN=a,O=b\" } }",
            "a client certificate of \"CN=a,O=b\"",
        ),
        (
            "{ client_certificate: { san_uri: [\"spiffe://a/b\"] } }",
            "a client certificate for \"spiffe://a/b\"",
        ),
        (
            "{ all: [{ group: a }, { client_certificate: { san_dns: [a.test, b.test] } }] }",
            "member of group \"a\"; and a client certificate for the host \"a.test\" or \"b.test\"",
        ),
    ] {
        let plan = certified(rule, true).unwrap_or_else(|told| panic!("{told:?}"));
        let crate::policy::Access::Rule(compiled) = &plan.site.routes()[0].access else {
            panic!("{rule}")
        };
        assert_eq!(compiled.to_string(), expected);
        let client_ca = plan.listeners[0].tls.as_ref().unwrap().client_ca.as_ref().unwrap();
        assert!(client_ca.required, "closed unless written otherwise");
    }
}

#[test]
fn a_rule_on_a_certificate_wants_to_know_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    for file in ["a.crt", "b.crt"] {
        std::fs::write(folder.path().join(file), made.cert.pem()).unwrap();
    }
    std::fs::write(folder.path().join("a.key"), made.signing_key.serialize_pem()).unwrap();
    let told = |second: &str, rule: &str| {
        let tls = |file| format!("tls: {{ certificate_file: a.crt, key_file: a.key, client_ca: {{ file: {file} }} }}");
        let text = format!(
            "listeners: [{{ address: \"0.0.0.0:443\", {} }}, {{ address: \"0.0.0.0:8443\", {} }}]\n\
             providers: {{ main: {{ issuer: \"https://id.test\", client_id: a, client_secret: long-enough-secret }} }}\n\
             routes: [{{ host: a.test, upstream: \"http://a:1\", access: {rule} }}]\n",
            tls("a.crt"),
            tls(second),
        );
        let compiled = compile("x", &text, &Source::system(folder.path()));
        compiled.map_or_else(
            |report| report.list().iter().map(|one| one.what.clone()).collect(),
            |_| Vec::new(),
        )
    };
    let rule = "{ client_certificate: any }";
    assert_eq!(told("a.crt", rule), Vec::<String>::new());
    assert_eq!(told("b.crt", "signed_in"), Vec::<String>::new());
    let [what] = &told("b.crt", rule)[..] else {
        panic!("one problem")
    };
    assert!(what.contains("different authorities"), "{what}");
}

#[test]
fn a_rule_on_a_certificate_that_nobody_can_meet_is_told() {
    let at = "routes[0].access.client_certificate";
    assert_eq!(
        certified("{ client_certificate: any }", false).unwrap_err(),
        [format!(
            "{at}: no listener asks clients for a certificate, so nobody has one"
        )]
    );
    for (test, told) in [
        ("{}", ": the certificate has no test"),
        (
            "{ san_dns: a.test, san_uri: \"a:b\" }",
            ": a certificate has exactly one test",
        ),
        ("{ subject_dn: till }", ".subject_dn: no certificate says \"till\""),
        (
            "{ subject_dn: \"CN=a, O=b\" }",
            ".subject_dn: no certificate says \"CN=a, O=b\"",
        ),
        (
            "{ san_dns: \"https://a.test\" }",
            ".san_dns: no certificate says \"https://a.test\"",
        ),
        ("{ san_email: ada }", ".san_email: no certificate says \"ada\""),
        ("{ san_uri: till }", ".san_uri: no certificate says \"till\""),
        ("some", ": \"some\" is not one of its words"),
    ] {
        let rule = format!("{{ client_certificate: {test} }}");
        assert_eq!(certified(&rule, true).unwrap_err(), [format!("{at}{told}")], "{test}");
    }
    assert!(certified("{ client_certificate: { subject_dn: \"CN=a\\\\, b\" } }", true).is_ok());
}

#[test]
fn traces_go_where_they_can() {
    let with = |written: &str| problems("public_url", &format!("tracing: {{ {written} }}\npublic_url"));
    let endpoint = "endpoint: \"http://collector:4318\"";
    for (written, told) in [
        ("sample: 1", "tracing: `endpoint` is missing"),
        (
            "endpoint: \"collector:4318\"",
            "tracing.endpoint: \"collector:4318\" is not the URL of a collector: the scheme is collector",
        ),
        (
            &*format!("{endpoint}, sample: 1.5"),
            "tracing.sample: 1.5 is out of range",
        ),
        (
            &format!("{endpoint}, headers: {{ Content-Type: text/plain }}"),
            "tracing.headers.Content-Type: content-type is Doorward's own to say",
        ),
        (
            &format!("{endpoint}, headers: {{ Authorization: {{ env: NOT_SET }} }}"),
            "tracing.headers.Authorization: the environment variable NOT_SET is not set, or not text",
        ),
    ] {
        assert_eq!(with(written), [told]);
    }
    let written = format!("tracing: {{ {endpoint}, headers: {{ Authorization: {{ env: SECRET }} }} }}\npublic_url");
    let plan = read(&GOOD.replacen("public_url", &written, 1)).unwrap();
    let tracing = plan.tracing.unwrap();
    assert_eq!(tracing.endpoint.as_str(), "http://collector:4318/v1/traces");
    assert_eq!(tracing.headers[0].1, "long-enough-secret");
    assert!(!format!("{tracing:?}").contains("long-enough-secret"));
    assert!(read(GOOD).unwrap().tracing.is_none());
}
