use super::*;

fn path(raw: &str) -> Result<String, PathFault> {
    normalise(raw.as_bytes()).map(|normal| normal.path)
}

#[test]
fn normal_paths_stay_as_they_are() {
    for raw in [
        "/",
        "/a",
        "/a/",
        "/a/b.c/d-e_f~g",
        "/a.b",
        "/...",
        "/a..b",
        "/.well-known/x",
        "/a;b=1/c",
        "/@scope/pkg",
        "/a:b",
        "/!$&'()*+,=",
        "/[x]",
        "/a^b|c",
        "/a%20b",
        "/caf%C3%A9",
        "/a%25b",
        "/%40x",
        "/a%3Fb",
        "/a%23b",
    ] {
        assert_eq!(path(raw).as_deref(), Ok(raw));
    }
}

#[test]
fn hex_digits_become_upper_case() {
    assert_eq!(path("/caf%c3%a9/%e2%82%Ac").as_deref(), Ok("/caf%C3%A9/%E2%82%AC"));
    let normal = normalise(b"/a%2fb").unwrap();
    assert_eq!((normal.path.as_str(), normal.encoded_slash), ("/a%2Fb", true));
    assert!(!normalise(b"/a/b").unwrap().encoded_slash);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn faults_are_told_apart() {
    use PathFault::*;
    for (raw, fault) in [
        ("", NoSlash),
        ("a", NoSlash),
        ("*", NoSlash),
        ("@admin", NoSlash),
        ("\\a", NoSlash),
        ("?x", NoSlash),
        ("//", EmptySegment),
        ("//h/a", EmptySegment),
        ("/a//b", EmptySegment),
        ("/a//", EmptySegment),
        ("/.", DotSegment),
        ("/..", DotSegment),
        ("/a/..", DotSegment),
        ("/a/./b", DotSegment),
        ("/a/../b", DotSegment),
        ("/..;/a", DotSegment),
        ("/..;x=1/a", DotSegment),
        ("/.;/a", DotSegment),
        ("/..%3b/a", DotSegment),
        ("/x/..%2fadmin", DotSegment),
        ("/x%2f..", DotSegment),
        ("/x%2f.%2fy", DotSegment),
        ("/x%2F..;a", DotSegment),
        ("/a b", Byte),
        ("/a\\b", Byte),
        ("/a\"b", Byte),
        ("/a<b>", Byte),
        ("/a{b}", Byte),
        ("/a`b", Byte),
        ("/a#b", Byte),
        ("/a?b", Byte),
        ("/\0", Byte),
        ("/a\tb", Byte),
        ("/a\r\nb", Byte),
        ("/a\x7f", Byte),
        ("/é", Byte),
        ("/%", Escape),
        ("/%4", Escape),
        ("/%zz", Escape),
        ("/%%41", Escape),
        ("/a%2", Escape),
        ("/%+1", Escape),
        ("/%41", Unreserved),
        ("/adm%69n", Unreserved),
        ("/%2e%2e/admin", Unreserved),
        ("/%2E", Unreserved),
        ("/%7euser", Unreserved),
        ("/%2d", Unreserved),
        ("/%30", Unreserved),
        ("/%00", Hidden),
        ("/%0d%0a", Hidden),
        ("/%7f", Hidden),
        ("/a%5cb", Hidden),
        ("/..%5C..", Hidden),
        ("/%ff", Hidden),
        ("/%c0%ae%c0%ae/a", Hidden),
        ("/%e0%80%af", Hidden),
        ("/%c3", Hidden),
        ("/%ed%a0%80", Hidden),
    ] {
        assert_eq!(path(raw), Err(fault), "{raw:?}");
    }
    assert_eq!(normalise(b"/\xff"), Err(Byte));
}

#[test]
fn other_readings_are_found() {
    for (written, read) in [
        ("/a", None),
        ("/a%20b", None),
        ("/caf%C3%A9", None),
        ("/a%25b", None),
        ("/a;x", Some("/a")),
        ("/a;x/b;y=1;z/c", Some("/a/b/c")),
        ("/;x/a", Some("/a")),
        ("/;x", Some("/")),
        ("/a/;x", Some("/a/")),
        ("/%2Fadmin", Some("/admin")),
        ("/a%3Bx/b", Some("/a/b")),
        ("/%40scope", Some("/@scope")),
        ("/a%2Bb%20c", Some("/a+b%20c")),
        ("/a%2Fb", Some("/a/b")),
        ("/a%2Fb;c%2Fd", Some("/a/b/d")),
    ] {
        assert_eq!(other_reading(written).as_deref(), read, "{written}");
    }
}

#[test]
fn configured_paths_are_checked() {
    for good in ["/", "/app", "/app/", "/a%20b", "/caf%c3%a9", "/@scope", "/a%2Fb"] {
        assert_eq!(PathPattern::check(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        "app",
        "*",
        "/a//b",
        "/a/..",
        "/a?x",
        "/a#x",
        "/a*b c",
        "/a;x",
        "/a%3bx",
        "/%40scope",
        "/%41",
        "/é",
    ] {
        let told = PathPattern::check(bad).unwrap_err();
        assert!(told.starts_with(&format!("{bad:?}: ")), "{told}");
    }
}

#[test]
fn constructors_take_the_normal_form() {
    assert_eq!(
        PathPattern::exact("/%c3%a9"),
        Ok(PathPattern::Exact("/%C3%A9".to_owned()))
    );
    assert_eq!(PathPattern::prefix("/a/"), Ok(PathPattern::Prefix("/a/".to_owned())));
    assert!(PathPattern::prefix("a").is_err());
    let shown = [
        PathPattern::exact("/a"),
        PathPattern::prefix("/a/"),
        PathPattern::prefix("/"),
        PathPattern::regex("/x+"),
    ];
    let shown: Vec<String> = shown.into_iter().map(|pattern| pattern.unwrap().to_string()).collect();
    assert_eq!(shown, ["/a", "/a/*", "/*", "~/x+"]);
}

#[test]
fn expressions_fit_whole_paths() {
    let fits = |written: &str, path: &str| PathRegex::parse(written).unwrap().fits(path);
    assert!(fits("/a|/b", "/b"));
    assert!(fits("/a+", "/aaa"));
    assert!(!fits("/a|/b", "/b/c"));
    assert!(!fits("/a|/ab", "/abc"));
    assert!(!fits("/a", "/x/a"));
    assert!(!fits("(?m)/a$", "/a\n/b"));
    for bad in ["(", "/a)|(?:/b", "[", "(?x)/a #"] {
        assert!(PathRegex::parse(bad).is_err(), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn the_normal_form_of_a_normal_form_is_itself(raw in "(/[a-c.;%25]{0,4}(%[0-9a-fA-F]{2})?){1,4}") {
        if let Ok(normal) = normalise(raw.as_bytes()) {
            proptest::prop_assert!(normal.path.eq_ignore_ascii_case(&raw));
            proptest::prop_assert_eq!(normalise(normal.path.as_bytes()), Ok(normal.clone()));
        }
    }

    #[test]
    fn what_is_plain_at_first_sight_is_so_at_a_thorough_look(raw in "(/[a-c.;%\\-]{0,3}){1,4}") {
        if normal::is_plain(raw.as_bytes()) {
            proptest::prop_assert_eq!(normal::thorough(&raw), normalise(raw.as_bytes()));
        }
    }

    #[test]
    fn anything_at_all_is_refused_or_safe(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
        if let Ok(normal) = normalise(&raw) {
            proptest::prop_assert!(normal.path.starts_with('/') && !normal.path.contains("//"));
            proptest::prop_assert!(normal.path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'));
        }
    }
}
