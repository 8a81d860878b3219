//! Whatever is given: what comes of it compiles, is no wider, and everything is told of.

mod published;

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;

use super::{Document, Fate, Import, Wishes, known, translate};
use crate::config::{self, Source};

fn imported(text: &str) -> Import {
    let file = Document { name: "f", text };
    translate(&[file], &Wishes::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What oauth2-proxy asked of everybody: an address, and that the provider does not call it unverified.
const ANYBODY: &str = "access:
      all:
        - claim:
            path: email
            contains: \"@\"
        - not:
            claim:
              path: email_verified
              one_of: [false, \"false\"]
";

/// Who may pass `/`, as it is written.
fn access(text: &str) -> String {
    let yaml = imported(text).yaml;
    let from = yaml.find("    access:").unwrap_or_else(|| panic!("{yaml}"));
    yaml[from..].to_owned()
}

#[test]
fn what_restricted_people_never_becomes_anybody() {
    let anybody = access("email_domains = '*'\nupstreams = 'http://a'");
    assert!(anybody.contains(ANYBODY), "{anybody}");
    for restriction in [
        "",
        "email_domains = 'example.com'",
        "email_domains = '.example.com'",
        "email_domains = ['', 'a b']",
        "authenticated_emails_file = '/etc/emails'",
        "htpasswd_file = '/etc/htpasswd'",
        "email_domains = '*'\nallowed_groups = 'g'",
        "email_domains = '*'\nallowed_roles = 'r'",
        "email_domains = '*'\nallowed_roles = 'a.b:r'",
        "email_domains = '*'\nkeycloak_groups = 'g'",
        "email_domains = '*'\ngoogle_groups = ['g']",
        "email_domains = '*'\ngoogle_group = ['g']",
        "email_domains = '*'\ngitlab_groups = 'g'",
        "email_domains = '*'\ngitlab_projects = 'g/p'",
        "email_domains = '*'\ngithub_org = 'o'",
        "email_domains = '*'\ngithub_team = 't'",
        "email_domains = '*'\ngithub_repo = 'o/r'",
        "email_domains = '*'\ngithub_users = 'u'",
        "email_domains = '*'\nbitbucket_team = 't'",
        "email_domains = '*'\nbitbucket_repository = 'r'",
    ] {
        let access = access(&format!("upstreams = 'http://a'\n{restriction}"));
        let narrower = access.contains("email_domain: ") || access.contains("group: ") || access.contains("roles");
        let narrower = narrower || access.contains("email: \"nobody@");
        assert!(
            narrower && !access.contains("signed_in") && !access.contains("open"),
            "{restriction}\n{access}"
        );
    }
}

#[test]
fn what_was_asked_besides_still_is() {
    let access = access("upstreams = 'http://a'\nemail_domains = '*'\nallowed_groups = 'met'\ngoogle_groups = 'unmet'");
    let expected = "        - group: met\n        - group: unmet\n";
    assert!(access.contains(expected), "{access}");
}

#[test]
fn what_let_programs_and_networks_in_opens_nothing() {
    const GROUP: &str = "upstreams = 'http://a'\nemail_domains = 'a.test'\nallowed_groups = 'g'\n";
    let usual = access(GROUP);
    for way_in in [
        "trusted_ips = ['0.0.0.0/0']",
        "skip_jwt_bearer_tokens = true",
        "skip_jwt_bearer_tokens = true\nextra_jwt_issuers = ['https://i.test=a']",
        "skip_auth_preflight = true",
        "api_routes = ['^/']",
        "htpasswd_file = '/etc/htpasswd'\nhtpasswd_user_groups = ['h']",
        "ping_path = '/x'\nready_path = '/y'\ngcp_healthchecks = true",
    ] {
        assert_eq!(access(&format!("{GROUP}{way_in}")), usual, "{way_in}");
    }
}

#[test]
fn a_claim_that_cannot_be_written_admits_nobody_by_another() {
    for key in ["oidc_groups_claim", "oidc_email_claim", "user_id_claim"] {
        let odd = format!("upstreams = 'http://a'\nemail_domains = '*'\nallowed_groups = 'g'\n{key} = 'a..b'");
        assert!(
            access(&odd).contains("email_domain: nobody.invalid"),
            "{key}\n{}",
            access(&odd)
        );
    }
}

#[test]
fn a_proxy_is_believed_only_if_one_was() {
    let trusted = |more: &str| {
        imported(&format!(
            "trusted_proxy_ips = ['10.0.0.0/8', '0.0.0.0/0', '::/0']\n{more}"
        ))
    };
    let believed = trusted("reverse_proxy = true");
    assert!(
        believed.yaml.contains("trusted_proxies: [10.0.0.0/8]\n"),
        "{}",
        believed.yaml
    );
    let unasked = trusted("");
    assert!(!unasked.yaml.contains("trusted_proxies"), "{}", unasked.yaml);
    assert!(
        unasked.report.to_string().contains("believed no proxy"),
        "{}",
        unasked.report
    );
}

#[test]
fn what_was_open_for_one_method_is_for_that_one() {
    let yaml = imported("email_domains = 'a.test'\nupstreams = 'http://a'\nskip_auth_routes = ['GET=^/x$']").yaml;
    assert!(
        yaml.contains("methods: [GET]\n    upstream:\n      name: app\n      targets: [http://a]\n    access: open\n"),
        "{yaml}"
    );
    assert_eq!(yaml.matches("exact: /x").count(), 2, "{yaml}");
    let yaml = imported("email_domains = 'a.test'\nupstreams = 'http://a'\nskip_auth_routes = ['GET=^/']").yaml;
    assert_eq!(yaml.matches("access: open").count(), 1, "{yaml}");
    assert_eq!(yaml.matches("path: /\n").count(), 2, "{yaml}");
}

#[test]
fn what_may_be_for_several_upstreams_is_not_opened_at_one() {
    let yaml =
        imported("email_domains = 'a.test'\nupstreams = 'http://a,http://b/b/'\nskip_auth_routes = ['\\\\.js$']").yaml;
    assert!(!yaml.contains("access: open"), "{yaml}");
    let rewritten = of(&[
        ("f", "email_domains = 'a.test'\nskip_auth_routes = ['^/a/open$']"),
        (
            "alpha",
            "upstreamConfig:\n  upstreams: [{id: a, path: '^/a/(.*)$', rewriteTarget: /b/$1, uri: 'http://a'}]\n",
        ),
    ]);
    assert!(!rewritten.yaml.contains("access: open"), "{}", rewritten.yaml);
    assert!(
        rewritten
            .report
            .to_string()
            .contains("below a prefix that is taken off"),
        "{}",
        rewritten.report
    );
}

#[test]
fn nothing_below_the_folder_of_oauth2_proxy_is_opened_or_passed_on() {
    let import = imported(
        "email_domains = 'a.test'\nupstreams = 'http://a,http://b/oauth2/x/'\nskip_auth_routes = ['^/oauth2/']",
    );
    assert!(
        !import.yaml.contains("access: open") && !import.yaml.contains("http://b"),
        "{}",
        import.yaml
    );
    assert_eq!(
        import
            .report
            .to_string()
            .matches("which Doorward answers itself")
            .count(),
        2,
        "{}",
        import.report
    );
}

#[test]
fn an_organisation_admits_no_more_than_its_teams() {
    let of = |more: &str| {
        access(&format!(
            "upstreams = 'http://a'\nemail_domains = '*'\ngithub_org = 'o'\n{more}"
        ))
    };
    assert!(of("").contains("group: o\n"), "{}", of(""));
    let teams = of("github_team = 'a, p:b'");
    assert!(
        teams.contains("group: [\"o:a\", \"p:b\"]\n") || teams.contains("group: [o:a, p:b]\n"),
        "{teams}"
    );
}

#[test]
fn the_first_provider_alone_decides() {
    let import = imported(
        "providers:\n- {provider: oidc, allowedGroups: [admins]}\n- {provider: oidc, allowedGroups: [everyone]}\n",
    );
    assert!(
        import.yaml.contains("group: admins\n") && !import.yaml.contains("everyone"),
        "{}",
        import.yaml
    );
}

#[test]
fn an_address_that_stands_for_a_person_is_vouched_for() {
    let of = |more: &str| access(&format!("upstreams = 'http://a'\nemail_domains = '*'\n{more}"));
    let vouched = "path: email_verified\n            equals: true\n";
    assert!(!of("").contains(vouched));
    assert!(
        of("prefer_email_to_user = true").contains(vouched),
        "{}",
        of("prefer_email_to_user = true")
    );
}

#[test]
fn what_is_open_is_told() {
    for (skip, opened) in [
        ("skip_auth_routes = ['GET=^/x$']", 1),
        ("skip_auth_routes = ['get=^/x$', 'POST=^/x$']", 2),
        ("skip_auth_regex = ['^/']", 1),
        ("skip_auth_routes = ['!=^/x']", 0),
        ("skip_auth_routes = ['GET!=^/x']", 0),
        ("skip_auth_routes = ['BREW=^/x']", 0),
        ("skip_auth_routes = ['^/a=b$']", 0),
        ("skip_auth_routes = ['GET=^/a!=b']", 0),
        ("skip_auth_routes = ['=^/x$']", 1),
        ("skip_auth_regex = ['^/(']", 0),
        ("skip_auth_regex = ['']", 0),
        ("skip_auth_routes = ['^/gone/', '^/gone/x$']", 0),
        ("skip_auth_routes = ['^/g', '^/a']", 2),
    ] {
        let import = imported(&format!(
            "email_domains = 'a.test'\nupstreams = 'http://a,file:///x/#/gone/'\n{skip}"
        ));
        assert_eq!(
            import.yaml.matches("access: open").count(),
            opened,
            "{skip}\n{}",
            import.yaml
        );
        let missing = import
            .report
            .remarks
            .iter()
            .any(|one| one.fate == Fate::Missing && one.option.starts_with("skip"));
        assert_eq!(missing, opened == 0 && skip != "skip_auth_regex = ['']", "{skip}");
    }
}

#[test]
fn whom_the_provider_does_not_vouch_for_stays_out() {
    let of = |option: &str| access(&format!("upstreams = 'http://a'\nemail_domains = '*'\n{option}"));
    assert!(of("allowed_groups = 'g'").contains("email_verified"));
    assert!(!of("insecure_oidc_allow_unverified_email = true").contains("email_verified"));
    assert!(of("insecure_oidc_allow_unverified_email = true").contains("path: email"));
    assert!(of("oidc_email_claim = 'upn'").contains("path: upn"));
    let older = of("oidc_email_claim = 'email'\nuser_id_claim = 'upn'");
    assert!(older.contains("path: upn"), "{older}");
    assert!(of("oidc_email_claim = 'sub'").contains("signed_in"));
}

#[test]
fn a_variable_that_was_never_read_opens_nothing() {
    let variables = "OAUTH2_PROXY_EMAIL_DOMAIN=*\nOAUTH2_PROXY_SKIP_AUTH_ROUTE=^/\nOAUTH2_PROXY_GOOGLE_GROUP=g\n";
    let import = of(&[
        ("v", variables),
        ("f", "upstreams = 'http://a'\nemail_domains = 'corp.com'"),
    ]);
    assert!(import.yaml.contains("email_domain: corp.com"), "{}", import.yaml);
    assert!(import.yaml.contains("group: g\n"), "{}", import.yaml);
    assert!(!import.yaml.contains("access: open"), "{}", import.yaml);
    assert_eq!(
        import.report.to_string().matches("never read").count(),
        2,
        "{}",
        import.report
    );
}

#[test]
fn a_list_in_one_text_is_cut_as_it_was() {
    let domains = |text: &str| access(&format!("{text}--upstream=http://a\n"));
    let spaced = domains("--email-domain=\"a.test, *\"\n");
    assert!(spaced.contains("email_domain: a.test\n"), "{spaced}");
    let args = "args:\n- --upstream=http://a\n- --email-domain='*'\n";
    assert!(access(args).contains("nobody.invalid"), "{}", access(args));
    let quoted = access("args:\n- --upstream=http://a\n- --email-domain=\"*\"\n");
    assert!(quoted.contains(ANYBODY), "{quoted}");
    let file = access("upstreams = 'http://a'\nemail_domains = 'a.test, *'");
    assert!(file.contains("email_domain: a.test\n"), "{file}");
    let groups = domains("--email-domain=*\n--allowed-group='\"a,b\",c'\n");
    assert!(groups.contains("a,b"), "{groups}");
}

#[test]
fn a_structured_form_that_the_chart_does_not_use_is_told() {
    const ALPHA: &str = "  configData:\n    providers: [{provider: oidc, allowedGroups: [admins]}]\n";
    let used = imported(&format!("{CHART}alphaConfig:\n  enabled: true\n{ALPHA}"));
    assert!(used.yaml.contains("group: admins\n"), "{}", used.yaml);
    let unused = imported(&format!(
        "{CHART}alphaConfig:\n  enabled: false\n  existingSecret: s\n{ALPHA}"
    ));
    assert!(!unused.yaml.contains("admins"), "{}", unused.yaml);
    assert!(unused.yaml.contains(ANYBODY), "{}", unused.yaml);
    assert!(
        unused.report.to_string().contains("alphaConfig.enabled: it is false"),
        "{}",
        unused.report
    );
}

#[test]
fn every_member_of_the_structured_form_is_told() {
    let import = imported(
        "upstreamConfig:\n  upstreams:\n  - {id: a, path: /, uri: 'http://a', staticCode: 1, flushInterval: 1s, \
         disableKeepAlives: true, odd: 1}\nproviders:\n- provider: oidc\n  clientID: '${ID}'\n  additionalClaims: [a]\n  \
         allowedGroups: ['${GROUP}']\n  ADFSConfig: {skipScope: true}\ninjectRequestHeaders:\n- name: X-A\n  \
         InsecureSkipHeaderNormalization: true\n  values: [{claimSource: {claim: refresh_token, odd: 1}}]\n",
    );
    let told = import.report.to_string();
    for what in [
        "staticCode: ",
        "flushInterval: ",
        "disableKeepAlives: ",
        "clientID: its value is kept elsewhere",
        "additionalClaims: ",
        "allowedGroups: its value is kept elsewhere",
        "skipScope: ",
        "InsecureSkipHeaderNormalization: ",
        "nor of what renews it",
    ] {
        assert!(told.contains(what), "{what}\n{told}");
    }
    assert_eq!(import.report.unknown.len(), 2, "{told}");
    assert!(!import.yaml.contains("${"), "{}", import.yaml);
    assert!(import.yaml.contains("nobody.invalid"), "{}", import.yaml);
}

/// The translation of several files, each by name and text.
fn of(files: &[(&str, &str)]) -> Import {
    let files: Vec<Document<'_>> = files.iter().map(|(name, text)| Document { name, text }).collect();
    translate(&files, &Wishes::default()).unwrap()
}

#[test]
fn the_highest_of_several_forms_counts_in_any_order() {
    let flags = "oauth2-proxy \\\n  --client-id=flag \\\n  --upstream \"http://a:1\"\n";
    let (flags, file) = (
        ("flags", flags),
        ("file", "client_id = 'file'\nupstreams = ['http://b:1/b/']\n"),
    );
    for import in [of(&[file, flags]), of(&[flags, file])] {
        assert!(import.yaml.contains("client_id: flag"), "{}", import.yaml);
        assert!(import.yaml.contains("http://a:1"), "{}", import.yaml);
        assert!(!import.yaml.contains("http://b:1"), "{}", import.yaml);
        let overridden = import
            .report
            .remarks
            .iter()
            .filter(|one| one.place.starts_with("file:"));
        let overridden: Vec<String> = overridden.map(ToString::to_string).collect();
        let expected = [
            "file:1  client_id: a flag counts instead, at flags:2",
            "file:2  upstreams: a flag counts instead, at flags:3",
        ];
        assert_eq!(overridden, expected);
    }
}

#[test]
fn a_list_replaces_that_of_a_lower_form() {
    let file =
        "upstreams = 'http://a'\nemail_domains = ['*']\nallowed_groups = ['everyone']\nskip_auth_routes = ['^/']";
    let variables = "OAUTH2_PROXY_EMAIL_DOMAINS=corp.com\nOAUTH2_PROXY_ALLOWED_GROUPS=admins\nOAUTH2_PROXY_SKIP_AUTH_ROUTES=^/public\n\
                     OAUTH2_PROXY_ALLOWED_ROLES=";
    let yaml = of(&[("b.env", variables), ("b.cfg", file)]).yaml;
    let expected = "access:\n      all:\n        - email_domain: corp.com\n        - group: admins\n";
    assert!(yaml.contains(expected), "{yaml}");
    assert_eq!(yaml.matches("access: open").count(), 1, "{yaml}");
    assert!(yaml.contains("path: /public\n"), "{yaml}");
    assert!(!yaml.contains("everyone"), "{yaml}");
    // An empty variable is none; an empty flag is one.
    let yaml = of(&[
        ("f", "upstreams = 'http://a'\nemail_domains = '*'\nallowed_groups = 'g'"),
        ("v", "OAUTH2_PROXY_ALLOWED_GROUPS="),
    ])
    .yaml;
    assert!(yaml.contains("group: g"), "{yaml}");
    let yaml = of(&[
        ("f", "upstreams = 'http://a'\nemail_domains = '*'"),
        ("flags", "--email-domain="),
    ])
    .yaml;
    assert!(!yaml.contains("signed_in"), "{yaml}");
}

#[test]
fn of_values_of_the_chart_flags_count_most() {
    let yaml = imported(
        "config:\n  configFile: |\n    upstreams = 'http://a'\n    email_domains = '*'\n    allowed_groups = 'file'\n\
         extraArgs:\n  allowed-group: flag\n  client-id: flag\n\
         extraEnv:\n  - { name: OAUTH2_PROXY_ALLOWED_GROUPS, value: variable }\n  - { name: OAUTH2_PROXY_CLIENT_ID, value: variable }\n",
    )
    .yaml;
    assert!(
        yaml.contains("client_id: flag") && yaml.contains("        - group: flag\n"),
        "{yaml}"
    );
}

#[test]
fn no_flag_is_lost() {
    const REST: &str = "--email-domain='*' --upstream http://a --skip-auth-route='^/[a-z]+\\.js$'";
    for text in [
        format!("oauth2-proxy --provider=oidc --allowed-group=admins \\\n  {REST}\n"),
        format!("oauth2-proxy --provider=oidc --allowed-group=admins {REST}"),
        format!("/usr/bin/oauth2-proxy \\\n  --provider=oidc --allowed-group admins \\\n  {REST}\n"),
        format!("--provider=oidc --allowed-group=admins\n{REST}\n"),
        format!("--provider oidc --allowed-group \"admins\"\n{REST}\n"),
        format!("\"--provider=oidc\" '--allowed-group=admins'\n{REST}\n"),
        "- --provider=oidc\n- --allowed-group admins\n- \"--email-domain=*\"\n- --upstream=http://a\n\
         - --skip-auth-route=^/[a-z]+\\.js$\n"
            .to_owned(),
        "args:\n- --provider=oidc\n- --allowed-group\n- admins\n- --email-domain=*\n- --upstream=http://a\n\
         - \"--skip-auth-route=^/[a-z]+\\\\.js$\"\n"
            .to_owned(),
    ] {
        let import = imported(&text);
        assert!(import.report.unknown.is_empty(), "{text}\n{}", import.report);
        assert!(import.yaml.contains("  oidc:\n"), "{text}\n{}", import.yaml);
        assert!(
            import.yaml.contains("        - group: admins\n"),
            "{text}\n{}",
            import.yaml
        );
        assert!(
            import.yaml.contains(r#"regex: "/[a-z]+\\.js""#),
            "{text}\n{}",
            import.yaml
        );
    }
}

#[test]
fn a_word_of_no_flag_is_told() {
    let import = imported("sudo docker run oauth2-proxy --email-domain=* \\\n  --upstream=http://a b\n");
    assert_eq!(import.report.unknown.len(), 5, "{}", import.report);
    let import = imported("args:\n- --email-domain=*\n- {a: b}\n");
    assert_eq!(import.report.unknown.len(), 1, "{}", import.report);
    let file = Document {
        name: "f",
        text: "--upstream=http://a\n--banner=don't --allowed-group=admins\n",
    };
    let error = translate(&[file], &Wishes::default()).unwrap_err();
    assert!(error.to_string().starts_with("f:2: a quote"), "{error}");
}

const CHART: &str = "extraArgs:\n  email-domain: '*'\n  provider: oidc\n  oidc-issuer-url: https://idp.example.com\n  client-id: x\n  \
                     redirect-url: https://app.example.com/oauth2/callback\n  upstream: http://a\n";

#[test]
fn what_is_kept_elsewhere_admits_nobody_until_it_is_given() {
    assert!(access(CHART).contains(ANYBODY));
    for reference in [
        "extraEnv:\n  - name: OAUTH2_PROXY_ALLOWED_GROUPS\n    valueFrom: {secretKeyRef: {name: a, key: b}}\n",
        "env:\n  - {name: OAUTH2_PROXY_OIDC_GROUPS_CLAIM, valueFrom: {configMapKeyRef: {name: a, key: b}}}\n",
        "envFrom:\n  - configMapRef: {name: a}\n",
        "config: {existingConfig: a}\n",
        "alphaConfig: {enabled: true, existingConfig: a}\n",
        "alphaConfig: {enabled: true, existingSecret: a}\n",
    ] {
        let text = format!("{CHART}{reference}");
        let import = imported(&text);
        assert!(!import.report.is_whole(), "{text}\n{}", import.report);
        assert!(!import.yaml.contains("signed_in"), "{text}\n{}", import.yaml);
        assert!(
            import.yaml.contains("email_domain: nobody.invalid"),
            "{text}\n{}",
            import.yaml
        );
        let told = import.report.to_string();
        assert!(
            told.contains("give it as well") || told.contains("give them as well"),
            "{told}"
        );
    }
    // A variable that stands beside is not what is kept elsewhere.
    let variable = "extraEnv: [{name: OAUTH2_PROXY_SCOPE, value: openid}]\nenvFrom:\n  - configMapRef: {name: a}\n";
    let beside = imported(&format!("{CHART}{variable}"));
    assert!(beside.yaml.contains("email_domain: nobody.invalid"), "{}", beside.yaml);
    // Further values of the chart are not, either.
    let more = "config: {emailDomains: ['*']}\nalphaConfig: {enabled: true}\nextraEnv: [{name: OAUTH2_PROXY_SCOPE, value: openid}]\n";
    for named in [
        "config: {existingConfig: a}",
        "alphaConfig: {configData: {providers: [{allowedGroups: [admins]}]}}",
        "alphaConfig: {enabled: true, existingSecret: a}",
        "envFrom: [{configMapRef: {name: a}}]",
    ] {
        let first = format!("{CHART}{named}\n");
        let yaml = of(&[("first", &first), ("second", more)]).yaml;
        assert!(yaml.contains("email_domain: nobody.invalid"), "{named}\n{yaml}");
    }
    let values = format!("{CHART}envFrom:\n  - configMapRef: {{name: a}}\n");
    let both = of(&[
        ("values", &values),
        ("variables", "OAUTH2_PROXY_ALLOWED_GROUPS=admins\n"),
    ]);
    assert!(both.report.is_whole(), "{}", both.report);
    assert!(both.yaml.contains("        - group: admins\n"), "{}", both.yaml);
}

#[test]
fn of_several_values_of_the_chart_nobody_passes_until_they_are_merged() {
    for (base, overlay) in [
        (
            "alphaConfig: {enabled: false, configData: {providers: [{allowedGroups: [admins]}]}}",
            "alphaConfig: {enabled: true}",
        ),
        (
            "config: {emailDomains: [corp.com, partner.com]}",
            "config: {emailDomains: [corp.com]}",
        ),
        (
            "authenticatedEmailsFile: {enabled: true, restricted_access: eve@a.test}",
            "authenticatedEmailsFile: {enabled: false}\nenvFrom: []",
        ),
        ("", "extraArgs: {skip-auth-route: null}"),
    ] {
        let base = format!("{CHART}  skip-auth-route: ^/public\n{base}\n");
        for files in [
            [("base", &*base), ("overlay", overlay)],
            [("overlay", overlay), ("base", &*base)],
        ] {
            // A file of any other form is not what is wanted.
            let [one, other] = files;
            let beside = ("file", "allowed_groups = 'g'\n");
            for import in [of(&[one, other]), of(&[one, beside, other])] {
                assert!(
                    import.yaml.contains("email_domain: nobody.invalid"),
                    "{overlay}\n{}",
                    import.yaml
                );
                assert!(!import.yaml.contains("access: open"), "{overlay}\n{}", import.yaml);
                let told = import.report.to_string();
                assert!(told.contains("helm get values RELEASE"), "{told}");
                assert!(told.contains("another file of values may take it back"), "{told}");
                assert!(!import.report.is_whole(), "{told}");
            }
        }
    }
    let alone = imported(&format!("{CHART}  skip-auth-route: ^/public\n"));
    assert!(alone.yaml.contains("access: open"), "{}", alone.yaml);
}

#[test]
fn what_the_chart_takes_for_true_is_on() {
    let form = "config: {emailDomains: [legacy.test]}\nalphaConfig: {configData: {providers: [{allowedGroups: [admins]}]}, enabled: ";
    for on in ["true", "'false'", "\"False\"", "'true'", "yes", "1", "'0'", "{a: b}"] {
        let access = access(&format!("{form}{on}}}\n"));
        assert!(access.contains("group: admins\n"), "{on}\n{access}");
    }
    for off in ["false", "", "''", "0", "0.0", "null", "{}", "[]"] {
        let access = access(&format!("{form}{off}}}\n"));
        assert!(
            access.contains("legacy.test") && !access.contains("admins"),
            "{off}\n{access}"
        );
    }
    let quoted = imported(&format!("{form}'false'}}\n")).report.to_string();
    assert!(
        quoted.contains("alphaConfig.enabled: in quotes it is a text, which the chart takes for true"),
        "{quoted}"
    );
    let listed = |enabled: &str| {
        access(&format!(
            "authenticatedEmailsFile: {{restricted_access: ada@a.test, enabled: {enabled}}}\nconfig: {{emailDomains: [a.test]}}\n"
        ))
    };
    assert!(listed("'false'").contains("ada@a.test") && listed("1").contains("ada@a.test"));
    assert!(!listed("false").contains("ada@a.test") && !listed("''").contains("ada@a.test"));
    assert_eq!(addresses(&format!("{CHART}metrics: {{enabled: 'false'}}\n")).len(), 2);
    assert_eq!(addresses(&format!("{CHART}metrics: {{enabled: ''}}\n")).len(), 1);
}

#[test]
fn a_switch_that_does_not_say_how_it_stands_admits_nobody() {
    assert!(access(CHART).contains(ANYBODY));
    for switch in [
        "alphaConfig: {enabled: %, configData: {providers: [{allowedGroups: [admins]}]}}",
        "authenticatedEmailsFile: {enabled: %, restricted_access: ada@a.test}",
        "htpasswdFile: {enabled: %}",
        "config: {forceLegacyConfig: %, emailDomains: [a.test]}",
    ] {
        for word in ["off", "'off'", "No", "n"] {
            let import = imported(&format!("{CHART}{}\n", switch.replace('%', word)));
            assert!(
                import.yaml.contains("email_domain: nobody.invalid"),
                "{switch} {word}\n{}",
                import.yaml
            );
            let told = import.report.to_string();
            assert!(told.contains("write `true` or `false`"), "{told}");
        }
    }
    // What decides nothing is taken for on.
    let open = imported(&format!("{CHART}metrics: {{enabled: off}}\n"));
    assert!(open.yaml.contains(ANYBODY), "{}", open.yaml);
}

#[test]
fn what_the_chart_holds_besides_is_read() {
    let of = |more: &str| imported(&format!("extraArgs: {{upstream: 'http://a'}}\n{more}"));
    let listed = of(
        "authenticatedEmailsFile:\n  enabled: true\n  restricted_access: |-\n    ada@a.test\n    # bob@a.test\n    eve@a.test\n",
    );
    assert!(
        listed.yaml.contains("email: [\"ada@a.test\", \"eve@a.test\"]\n"),
        "{}",
        listed.yaml
    );
    let mounted =
        of("authenticatedEmailsFile:\n  enabled: true\n  template: another-object\n  restricted_access: ada@a.test\n");
    assert!(!mounted.yaml.contains("ada@a.test"), "{}", mounted.yaml);
    assert!(
        mounted.yaml.contains("email: \"nobody@nobody.invalid\""),
        "{}",
        mounted.yaml
    );
    let told = mounted.report.to_string();
    assert!(
        told.contains("restricted_access: the chart mounts the object"),
        "{told}"
    );
    assert!(told.contains("give the file with --emails"), "{told}");
    let unsaid = of("authenticatedEmailsFile: {enabled: true, template: '', restricted_access: ada@a.test}\n");
    assert!(unsaid.yaml.contains("ada@a.test"), "{}", unsaid.yaml);
    let off = of("authenticatedEmailsFile: {enabled: false, restricted_access: ada@a.test}\n");
    assert!(!off.yaml.contains("ada@a.test"), "{}", off.yaml);
    let secret = of("config: {existingSecret: a}\n");
    let told = secret.report.to_string();
    assert!(
        told.contains("config.existingSecret (client-id): its value is kept elsewhere"),
        "{told}"
    );
    assert!(secret.yaml.contains("client_id: CHANGE-ME\n"), "{}", secret.yaml);
    let named = of("config: {existingSecret: a, clientID: b}\n");
    assert!(named.yaml.contains("client_id: b\n"), "{}", named.yaml);
    let google = of("config: {google: {adminEmail: a, serviceAccountJson: not-to-be-repeated}}\n");
    let told = google.report.to_string();
    assert!(
        told.contains("config.google.serviceAccountJson: ") && !told.contains("not-to-be-repeated"),
        "{told}"
    );
}

/// The addresses that are listened at.
fn addresses(text: &str) -> Vec<String> {
    let yaml = imported(text).yaml;
    let named = yaml.lines().filter_map(|line| line.split_once("address: "));
    named.map(|(_, address)| address.to_owned()).collect()
}

#[test]
fn the_chart_listens_for_the_whole_cluster() {
    const TLS: &str = "  tls-cert-file: a\n  tls-key-file: b\n";
    const ALPHA: &str = "alphaConfig:\n  enabled: true\n";
    for (more, expected) in [
        ("", vec!["0.0.0.0:4180", "0.0.0.0:44180"]),
        ("  http-address: 0.0.0.0:80\n", vec!["0.0.0.0:80", "0.0.0.0:44180"]),
        ("metrics: {enabled: false}\n", vec!["0.0.0.0:4180"]),
        ("  metrics-address: 0.0.0.0:81\n", vec!["0.0.0.0:4180", "0.0.0.0:81"]),
        (TLS, vec!["0.0.0.0:4443", "0.0.0.0:44180"]),
        (ALPHA, vec!["0.0.0.0:4180", "0.0.0.0:44180"]),
        (
            "alphaConfig:\n  enabled: true\n  serverConfigData: {BindAddress: '0.0.0.0:80'}\n",
            vec!["0.0.0.0:80", "0.0.0.0:44180"],
        ),
        (
            "alphaConfig: {enabled: true, existingSecret: a}\n",
            vec!["127.0.0.1:4180"],
        ),
        (
            "extraEnv: [{name: OAUTH2_PROXY_HTTP_ADDRESS, value: '0.0.0.0:80'}]\n",
            vec!["0.0.0.0:4180", "0.0.0.0:44180"],
        ),
    ] {
        assert_eq!(addresses(&format!("{CHART}{more}")), expected, "{more}");
    }
    assert_eq!(
        addresses("args: [--email-domain=*, --upstream=http://a]\n"),
        ["127.0.0.1:4180"]
    );
}

#[test]
fn of_the_charts_files_of_options_the_one_that_it_uses_counts() {
    let of = |config: &str, alpha: &str| {
        let values =
            format!("config:\n{config}\nextraArgs: {{upstream: 'http://a'}}\nalphaConfig: {{enabled: {alpha}}}\n");
        access(&values)
    };
    let inline = "  configFile: email_domains = '*'\n";
    let domains = "  emailDomains: [corp.com]\n";
    let corp = "email_domain: corp.com\n";
    assert!(of(inline, "false").contains(ANYBODY));
    assert!(of(&format!("{inline}{domains}"), "false").contains(ANYBODY));
    assert!(of(domains, "false").contains(corp));
    assert!(of(&format!("{inline}{domains}  forceLegacyConfig: false\n"), "true").contains(corp));
    assert!(of(&format!("{inline}{domains}  forceLegacyConfig: true\n"), "true").contains(ANYBODY));
    // It makes none at all where it makes one of nothing else.
    let none = format!("{domains}  upstreams: ['http://b']\n  forceLegacyConfig: false\n");
    for alpha in ["false", "''"] {
        let without = of(&none, alpha);
        assert!(
            without.contains("nobody.invalid") && !without.contains("corp.com"),
            "{without}"
        );
    }
    let unused = imported(&format!("config:\n{none}"));
    assert!(!unused.yaml.contains("http://b"), "{}", unused.yaml);
    let told = unused.report.to_string();
    assert!(
        told.contains("config.emailDomains: the chart does not use it"),
        "{told}"
    );
    assert!(told.contains("config.upstreams: the chart does not use it"), "{told}");
    assert!(of(&none, "true").contains(corp));
    assert!(of(&format!("{inline}  forceLegacyConfig: false\n"), "false").contains(ANYBODY));
    assert!(of(&format!("{inline}{domains}  existingConfig: a\n"), "false").contains("nobody.invalid"));
    let silent = imported("extraArgs: {upstream: 'http://a'}\n");
    assert!(silent.yaml.contains("nobody.invalid"), "{}", silent.yaml);
    assert!(
        silent
            .report
            .to_string()
            .contains("of the chart itself: the chart has `*`"),
        "{}",
        silent.report
    );
}

#[test]
fn a_structured_form_of_which_the_chart_says_nothing_admits_nobody() {
    let import = imported(&format!(
        "{CHART}alphaConfig:\n  configData:\n    providers: [{{provider: oidc, allowedGroups: [everyone]}}]\n"
    ));
    assert!(import.yaml.contains("nobody.invalid"), "{}", import.yaml);
    assert!(!import.yaml.contains("everyone"), "{}", import.yaml);
    assert!(
        import.report.to_string().contains("write `true` or `false`"),
        "{}",
        import.report
    );
}

#[test]
fn a_password_of_redis_may_be_in_an_object_that_the_chart_names() {
    let redis = |kind: &str| {
        imported(&format!(
            "{CHART}sessionStorage:\n  type: redis\n  redis:\n    existingSecret: a\n    clientType: {kind}\n    \
             standalone: {{connectionUrl: 'redis://r'}}\n    sentinel: {{masterName: m, connectionUrls: ['redis://s']}}\n"
        ))
    };
    let (one, several) = (redis("standalone"), redis("sentinel"));
    assert!(
        one.yaml.contains("password_env: OAUTH2_PROXY_REDIS_PASSWORD\n"),
        "{}",
        one.yaml
    );
    let told = one.report.to_string();
    assert!(
        told.contains("sentinel.masterName: Redis is reached in another way"),
        "{told}"
    );
    assert!(
        several
            .yaml
            .contains("password_env: OAUTH2_PROXY_REDIS_SENTINEL_PASSWORD\n"),
        "{}",
        several.yaml
    );
}

#[test]
fn a_user_of_redis_without_a_password_is_nobody() {
    let redis = |more: &str| {
        imported(&format!(
            "session_store_type = 'redis'\nredis_connection_url = 'redis://me@r'\n{more}"
        ))
    };
    let nobody = redis("");
    assert!(!nobody.yaml.contains("username"), "{}", nobody.yaml);
    assert!(
        nobody.report.to_string().contains("did not log in at Redis"),
        "{}",
        nobody.report
    );
    assert!(redis("redis_password = 'x'").yaml.contains("username: me\n"));
    let unused = imported("redis_connection_url = 'redis://r'");
    assert!(
        unused
            .report
            .to_string()
            .contains("redis_connection_url: sessions were not in Redis"),
        "{}",
        unused.report
    );
}

#[test]
fn plain_http_of_an_issuer_is_seen_however_it_is_written() {
    for issuer in [
        "http://a.test",
        "HTTP://a.test",
        "http:a.test",
        "http:s://a.test",
        " http://a.test",
    ] {
        let yaml = imported(&format!("--provider=oidc\n\"--oidc-issuer-url={issuer}\"\n")).yaml;
        let plain = yaml.contains("insecure_http_issuer: true\n");
        assert!(plain || yaml.contains("issuer.example.invalid"), "{issuer}\n{yaml}");
    }
}

#[test]
fn a_secret_may_be_kept_elsewhere() {
    let secrets = ["CLIENT_SECRET", "COOKIE_SECRET", "REDIS_PASSWORD"]
        .map(|name| format!("  - {{name: OAUTH2_PROXY_{name}, valueFrom: {{secretKeyRef: {{name: a, key: b}}}}}}\n"));
    let import = imported(&format!(
        "{CHART}extraEnv:\n{}config: {{existingSecret: a}}\n",
        secrets.concat()
    ));
    assert!(import.report.is_whole(), "{}", import.report);
    assert!(import.yaml.contains(ANYBODY), "{}", import.yaml);
}

#[test]
fn the_structured_form_in_a_text_of_the_chart_is_read() {
    let import = imported(
        "extraArgs:\n  email-domain: '*'\nalphaConfig:\n  enabled: true\n  configFile: |\n    upstreamConfig:\n      \
         upstreams: [{id: a, path: /, uri: http://127.0.0.1:8080}]\n    providers:\n      - provider: oidc\n        allowedGroups: [admins]\n",
    );
    assert!(import.yaml.contains("        - group: admins\n"), "{}", import.yaml);
    let told = import.report.to_string();
    assert!(told.contains("f:10  providers[0].allowedGroups"), "{told}");
    let groups = access("config:\n  clientID: x\n  configFile: email_domains = '*'\n  google: {groups: [g]}\n");
    assert!(groups.contains("group: g\n"), "{groups}");
}

#[test]
fn a_header_that_nobody_sets_is_removed() {
    const ALPHA: &str =
        "upstreamConfig:\n  upstreams: [{id: a, path: /, uri: 'http://127.0.0.1:8080'}]\ninjectRequestHeaders:\n";
    let option =
        |text: &str| format!("upstreams = 'http://a'\nemail_domains = 'a.test'\nskip_auth_routes = '^/open'\n{text}");
    for (text, removed) in [
        (option("pass_authorization_header = true"), "authorization"),
        (option("basic_auth_password = 'x'"), "authorization"),
        (option("signature_key = 'sha256:x'"), "gap-auth"),
        (
            format!("{ALPHA}- {{name: X-Remote-User, values: [{{claim: user, prefix: corp-}}]}}"),
            "x-remote-user",
        ),
        (
            format!("{ALPHA}- {{name: X_Mail, values: [{{claim: email}}, {{claim: user}}]}}"),
            "x-mail",
        ),
        (
            format!("{ALPHA}- {{name: Authorization, values: [{{claim: id_token, prefix: 'Bearer '}}]}}"),
            "authorization",
        ),
        (
            format!("{ALPHA}- {{name: X-A, values: []}}\n- {{name: X-A, values: [{{claim: a}}]}}"),
            "x-a",
        ),
    ] {
        let yaml = imported(&text).yaml;
        let source = Source::with_environment(Path::new("/nonexistent"), variables(&yaml));
        let plan =
            config::from_source("doorward.yaml", &yaml, &source).unwrap_or_else(|report| panic!("{report}\n{yaml}"));
        for route in plan.site.routes() {
            let stripped = route.forward.headers.stripped();
            assert!(stripped.contains(removed), "{removed} in {stripped:?}\n{yaml}");
        }
    }
    assert!(
        !imported(&option("basic_auth_password = 'x'\npass_basic_auth = false"))
            .yaml
            .contains("remove:")
    );
}

fn value() -> impl Strategy<Value = String> {
    let pool = [
        "true",
        "false",
        "",
        "1",
        "24h",
        "168h0m0s",
        "*",
        "/",
        "/a",
        "/a/",
        "a",
        "a:b",
        "a.b",
        "https://a.test/x",
        "http://a.test",
        "https://a.test:8443/base/",
        "unix:///run/a.sock",
        "file:///x/#/y",
        "static://200",
        "redis://u:p@h:1/2",
        "rediss://h",
        "h:26379",
        "example.com",
        ".example.com",
        "ada@example.com",
        "GET=^/x$",
        "^/x",
        "^/x/",
        "!=^/y",
        "\\.(a|b)$",
        "^/(",
        ":4180",
        "0.0.0.0:4180",
        "localhost:1",
        "-",
        "oidc",
        "github",
        "azure",
        "keycloak",
        "login.gov",
        "redis",
        "openid email",
        "RS256",
        "10.0.0.0/8",
        "0.0.0.0/0",
        "é",
        "'",
        "\"",
        "# x",
        "a: b",
        "[",
        "~",
        "null",
        "/.doorward/x",
        "/oauth2/x",
        "login",
        "plain",
        "https://login.microsoftonline.com/common/v2.0",
        "realm_access.roles",
        "https://a.test/groups",
        "urn:a:b",
        "%2F",
        "//",
        "/a;b",
    ];
    prop_oneof![8 => prop::sample::select(pool.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,8}"]
}

fn settings() -> impl Strategy<Value = Vec<(&'static str, Vec<String>)>> {
    let keys: Vec<&'static str> = known::keys().collect();
    prop::collection::vec(
        (prop::sample::select(keys), prop::collection::vec(value(), 1..4)),
        0..24,
    )
}

/// A good value for every variable that is named.
fn variables(yaml: &str) -> BTreeMap<String, String> {
    let named = yaml.lines().filter_map(|line| {
        let (key, name) = line.split_once("_env: ")?;
        let good = if key.ends_with("key") {
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
        } else {
            "a-secret-that-is-long-enough"
        };
        Some((name.to_owned(), good.to_owned()))
    });
    named.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn whatever_is_given_becomes_a_configuration(given in settings()) {
        let mut lines: BTreeMap<&str, String> = BTreeMap::new();
        for (key, values) in &given {
            let written = serde_json::to_string(values).unwrap();
            let lone = serde_json::to_string(&values[0]).unwrap();
            lines.insert(key, if values.len() > 1 { written } else { lone });
        }
        let text = lines.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n");
        let import = imported(&text);
        let source = Source::with_environment(Path::new("/nonexistent"), variables(&import.yaml));
        if let Err(report) = config::from_source("doorward.yaml", &import.yaml, &source) {
            for problem in report.list() {
                // Files are not there; and an upstream may have been oauth2-proxy's own address.
                let fine = problem.what.contains(" cannot be read: ") || problem.what.contains("Doorward itself");
                prop_assert!(fine, "{problem:?}\n{}\n{text}", import.yaml);
            }
        }
        for key in lines.keys() {
            let told = import.report.remarks.iter().any(|remark| remark.option.starts_with(key));
            prop_assert!(told, "nothing is said of {key}\n{}\n{text}", import.report);
        }
    }

    #[test]
    fn no_text_is_too_much(text in "\\PC{0,60}|(--|- |[a-z_=\n:.'\"\\[\\]{}/]){0,60}") {
        let file = Document { name: "f", text: &text };
        drop(translate(&[file], &Wishes { public_url: Some(&text), emails: Some(&text) }));
    }
}
