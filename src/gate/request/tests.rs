use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn parse(raw: &str) -> Result<Target, Refusal> {
    Target::parse(raw.as_bytes(), &[b"h.test"])
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn origin_form_is_kept() {
    for (raw, path, query) in [
        ("/", "/", None),
        ("/a/b?c=d", "/a/b", Some("c=d")),
        ("/a?", "/a", Some("")),
        ("/a??b", "/a", Some("?b")),
        ("/a/", "/a/", None),
        (
            "/a?u=https://x.test//y&z=../..",
            "/a",
            Some("u=https://x.test//y&z=../.."),
        ),
        ("/a?q={\"a\":[1]}|^`\\<>%zz%", "/a", Some("q={\"a\":[1]}|^`\\<>%zz%")),
        ("/caf%c3%a9?x=%c3", "/caf%C3%A9", Some("x=%c3")),
    ] {
        let target = parse(raw).unwrap();
        assert_eq!((target.path(), target.query()), (path, query), "{raw}");
        assert_eq!(target.path_and_query(), raw.replace("caf%c3%a9", "caf%C3%A9"));
        assert_eq!((target.authority().as_str(), target.port()), ("h.test", None));
    }
}

/// Every row of the table of targets that a proxy's parsed view and the forwarded bytes differ on.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn other_forms_are_refused() {
    for raw in [
        "admin",
        "admin/x",
        "**",
        "*",
        "@admin",
        "h:443",
        "h.test:80",
        "\\admin",
        "\\\\evil\\x",
        "?x=/admin",
        "",
        "ftp://h.test/admin",
        "foo:/admin",
        "file:///etc/passwd",
        "ws://h.test/",
        "javascript:1",
        "//h.test/admin",
        "/a/../b//c",
        "/%2e%2e/admin",
        "/x/..%2fadmin",
        "/adm%69n",
        "//h/admin",
        "/admin;a=b/../x",
        "/a b",
        "/a#frag",
        "/a?b#frag",
        "/é",
        "/a?é",
        "/a{b}",
        "/a<b>",
        "http:/x",
        "http:///x",
        "http:x",
        "http://",
        "https:///x",
        "/a?b c",
        "/a?b\tc",
        "/a?b\r\nc",
        "/a\0",
        "/a?\0",
        "/a?\x7f",
        "/a?b\x0b",
        " /a",
        "/a ",
        "/%",
        "/%4",
        "/%gg",
        "/a\\b",
        "/%5C",
        "/%00",
        "/a//b",
        "http://h.test//a",
        "http://h.test/../a",
        "http://h.test#x",
        "http://h.test\\@evil/a",
    ] {
        assert_eq!(parse(raw), Err(Refusal::BadTarget), "{raw:?}");
    }
    assert_eq!(Target::parse(b"/\xff", &[b"h.test"]), Err(Refusal::BadTarget));
    assert_eq!(Target::parse(b"/?\xff", &[b"h.test"]), Err(Refusal::BadTarget));
}

#[test]
fn absolute_form_becomes_origin_form_when_it_names_the_host() {
    for (raw, host, expected) in [
        ("http://h.test/p?q", "h.test", "/p?q"),
        ("HTTPS://H.Test/p", "h.test", "/p"),
        ("http://h.test", "h.test", "/"),
        ("http://h.test?q=/x", "h.test", "/?q=/x"),
        ("http://h.test:80/p", "h.test", "/p"),
        ("https://h.test/p", "h.test:443", "/p"),
        ("http://h.test:8080/p", "h.test:8080", "/p"),
        ("http://[::1]:8080/p", "[::1]:8080", "/p"),
        ("http://h.test/a@b:c/http://x", "h.test", ""),
    ] {
        let target = Target::parse(raw.as_bytes(), &[host.as_bytes()]);
        assert_eq!(
            target.map(|target| target.path_and_query()).unwrap_or_default(),
            expected,
            "{raw}"
        );
    }
}

#[test]
fn absolute_form_for_another_host_is_refused() {
    for (raw, host) in [
        ("http://other.test/p", "h.test"),
        ("http://h.test:8080/p", "h.test"),
        ("http://h.test/p", "h.test:8080"),
        ("http://h.test:443/p", "h.test"),
    ] {
        assert_eq!(
            Target::parse(raw.as_bytes(), &[host.as_bytes()]),
            Err(Refusal::BadHost),
            "{raw} {host}"
        );
    }
    for raw in [
        "http://h.test@evil.test/p",
        "http://user@h.test/p",
        "http://h.test:/p",
        "http://h.test:x/p",
    ] {
        assert_eq!(parse(raw), Err(Refusal::BadTarget), "{raw}");
    }
}

#[test]
fn the_host_is_brought_into_its_normal_form() {
    for (written, authority, port) in [
        ("h.test", "h.test", None),
        ("H.TEST", "h.test", None),
        ("h.test.", "h.test", None),
        ("h.test.:80", "h.test:80", Some(80)),
        ("h.test:1", "h.test:1", Some(1)),
        ("h.test:65535", "h.test:65535", Some(65535)),
        ("127.0.0.1:8080", "127.0.0.1:8080", Some(8080)),
        ("[0:0::1]:8080", "[::1]:8080", Some(8080)),
        ("[::1]", "[::1]", None),
    ] {
        let target = Target::parse(b"/", &[written.as_bytes()]).unwrap();
        assert_eq!(
            (target.authority().as_str(), target.port()),
            (authority, port),
            "{written}"
        );
    }
}

#[test]
fn there_is_exactly_one_well_formed_host() {
    for written in [
        "",
        " ",
        "h.test ",
        " h.test",
        "a b/../c",
        "h.test/x",
        "h.test:0",
        "h.test:65536",
        "h.test:",
        "h.test:080",
        "h.test:+80",
        "h.test:8 0",
        "h.test:80:80",
        "u@h.test",
        "h.test@evil",
        "::1",
        "[::1",
        "[::1]x",
        "[::1]:",
        "h..test",
        "h.test?x",
        "h.test#x",
        "h\\test",
        "h%2etest",
        "h.test,evil.test",
        "127.1",
        "\u{e9}.test",
        "h.test\0",
        "*",
        "*.test",
    ] {
        assert_eq!(
            Target::parse(b"/", &[written.as_bytes()]),
            Err(Refusal::BadHost),
            "{written:?}"
        );
    }
    assert_eq!(Target::parse::<[u8]>(b"/", []), Err(Refusal::BadHost));
    assert_eq!(Target::parse(b"/", &[b"h.test", b"h.test"]), Err(Refusal::BadHost));
    assert_eq!(Target::parse::<[u8]>(b"http://h.test/", []), Err(Refusal::BadHost));
    assert_eq!(Target::parse(b"/", &[b"h\xff.test"]), Err(Refusal::BadHost));
}

#[test]
fn an_encoded_slash_is_noted() {
    assert!(parse("/a%2fb").unwrap().has_encoded_slash());
    assert!(!parse("/a/b?c=%2f").unwrap().has_encoded_slash());
}

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

// AR-21
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn only_navigations_are_navigations() {
    use Caller::{Api, Navigation};
    let document = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    for (method, lines, expected) in [
        ("GET", vec![("accept", HTML)], Navigation),
        ("HEAD", vec![("accept", HTML)], Navigation),
        (
            "GET",
            vec![("accept", "application/json"), ("accept", "Text/HTML;q=0.5")],
            Navigation,
        ),
        ("GET", document.to_vec(), Navigation),
        (
            "GET",
            [&document[..], &[("accept", "*/*"), ("sec-fetch-site", "cross-site")]].concat(),
            Navigation,
        ),
        ("GET", vec![], Api),
        ("GET", vec![("accept", "*/*")], Api),
        ("GET", vec![("accept", "application/json")], Api),
        ("GET", vec![("accept", "text/html;q=0")], Api),
        ("GET", vec![("accept", "text/html;level=1;q=0.0")], Api),
        ("GET", vec![("accept", "text/html;q=x")], Api),
        ("GET", vec![("accept", "text/htmlx")], Api),
        (
            "GET",
            vec![("accept", HTML), ("x-requested-with", "XMLHttpRequest")],
            Api,
        ),
        (
            "GET",
            vec![
                ("accept", HTML),
                ("sec-fetch-mode", "cors"),
                ("sec-fetch-dest", "empty"),
            ],
            Api,
        ),
        ("GET", vec![("accept", HTML), ("sec-fetch-mode", "same-origin")], Api),
        (
            "GET",
            vec![
                ("accept", HTML),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
            ],
            Api,
        ),
        (
            "GET",
            vec![
                ("accept", HTML),
                ("sec-fetch-mode", "no-cors"),
                ("sec-fetch-dest", "image"),
            ],
            Api,
        ),
        ("GET", vec![("accept", HTML), ("sec-fetch-mode", "navigate")], Api),
        ("GET", vec![("accept", HTML), ("sec-fetch-dest", "document")], Api),
        ("GET", [&document[..], &[("sec-fetch-mode", "cors")]].concat(), Api),
        (
            "GET",
            [&document[..], &[("sec-purpose", "prefetch;prerender")]].concat(),
            Api,
        ),
        ("POST", document.to_vec(), Api),
        ("POST", vec![("accept", HTML)], Api),
        ("PUT", vec![("accept", HTML)], Api),
        ("DELETE", document.to_vec(), Api),
        ("OPTIONS", vec![("accept", HTML)], Api),
        ("PROPFIND", vec![("accept", HTML)], Api),
    ] {
        assert_eq!(
            Caller::of(&method.parse().unwrap(), &headers(&lines)),
            expected,
            "{method} {lines:?}"
        );
    }
}

#[test]
fn a_websocket_upgrade_is_a_get_with_both_headers() {
    let both = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
    let of = |method: Method, lines: &[_]| {
        (
            Caller::of(&method, &headers(lines)),
            check_headers(&method, &headers(lines)),
        )
    };
    assert_eq!(of(Method::GET, &both), (Caller::WebSocket, Ok(())));
    let bad = (Caller::Api, Err(Refusal::BadHeader));
    assert_eq!(of(Method::POST, &both), bad);
    assert_eq!(of(Method::GET, &both[1..]), bad);
    assert_eq!(
        of(Method::GET, &[("connection", "close"), ("upgrade", "websocket")]),
        bad
    );
    for mixed in ["websocket, h2c", "h2c,WebSocket", "websocket/13"] {
        assert_eq!(
            of(Method::GET, &[("connection", "upgrade"), ("upgrade", mixed)]),
            bad,
            "{mixed}"
        );
    }
    assert_eq!(of(Method::GET, &[both[0], both[1], both[1]]), bad);
    for (body, expected) in [
        (("content-length", "0"), Ok(())),
        (("content-length", "5"), Err(Refusal::BadHeader)),
        (("transfer-encoding", "chunked"), Err(Refusal::BadHeader)),
    ] {
        let asked = of(Method::GET, &[both[0], both[1], body]);
        assert_eq!(asked, (Caller::WebSocket, expected), "{body:?}");
    }
    assert_eq!(of(Method::GET, &both[..1]), (Caller::Api, Ok(())));
}

#[test]
fn an_offer_of_another_protocol_is_ignored() {
    let offered = |lines: &[_]| {
        let headers = headers(lines);
        assert_eq!(check_headers(&Method::POST, &headers), Ok(()), "{lines:?}");
        offers_only_other_upgrades(&headers)
    };
    assert!(offered(&[
        ("connection", "upgrade, http2-settings"),
        ("upgrade", "h2c")
    ]));
    assert!(offered(&[("upgrade", "TLS/1.2, HTTP/2.0")]));
    assert!(!offered(&[("connection", "upgrade")]));
    assert!(!offers_only_other_upgrades(&headers(&[("upgrade", "h2c, websocket")])));
}

#[test]
fn framing_headers_have_one_meaning() {
    for (lines, good) in [
        (vec![], true),
        (vec![("transfer-encoding", "chunked")], true),
        (vec![("transfer-encoding", "Chunked")], true),
        (vec![("transfer-encoding", "gzip, chunked")], false),
        (
            vec![("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")],
            false,
        ),
        (
            vec![("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            false,
        ),
        (vec![("transfer-encoding", "xchunked")], false),
        (vec![("transfer-encoding", "identity")], false),
        (vec![("transfer-encoding", "")], false),
        (vec![("content-length", "5")], true),
        (vec![("content-length", "5"), ("content-length", "5")], true),
        (vec![("content-length", "5, 5")], true),
        (vec![("content-length", "5"), ("content-length", "6")], false),
        (vec![("content-length", "5,6")], false),
        (vec![("content-length", "+3")], false),
        (vec![("content-length", "-3")], false),
        (vec![("content-length", "")], false),
        (vec![("content-length", "0x5")], false),
        (vec![("content-length", "5"), ("content-length", "05")], false),
    ] {
        assert_eq!(
            check_headers(&Method::POST, &headers(&lines)).is_ok(),
            good,
            "{lines:?}"
        );
    }
}

proptest! {
    #[test]
    fn a_target_is_its_own_normal_form(raw in "/[a-z/.;%25fF?#:@\\\\ é]{0,16}") {
        if let Ok(target) = parse(&raw) {
            prop_assert!(target.path().starts_with('/'));
            prop_assert!(target.path_and_query().eq_ignore_ascii_case(&raw));
            prop_assert_eq!(parse(&target.path_and_query()), Ok(target));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_harmless(
        raw in proptest::collection::vec(any::<u8>(), 0..32),
        host in proptest::collection::vec(any::<u8>(), 0..16),
    ) {
        let raw = [b"/".as_slice(), &raw].concat();
        if let Ok(target) = Target::parse(&raw, &[b"h.test"]) {
            let whole = target.path_and_query();
            prop_assert!(whole.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
            prop_assert!(!target.path().contains("//") && !target.path().contains('\\'));
            prop_assert!(!target.path().split('/').any(|segment| segment == "." || segment == ".."));
        }
        if let Ok(target) = Target::parse(b"/", &[&host]) {
            prop_assert!(http::HeaderValue::from_str(&target.authority()).is_ok());
            prop_assert_eq!(Target::parse(b"/", &[target.authority().as_bytes()]), Ok(target.clone()));
        }
    }
}
