//! `doorward import oauth2-proxy` on configurations as people have them, by the program itself: what it writes, what it says, and
//! that `doorward check` takes what it wrote.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use rcgen::{CertificateParams, KeyPair};

/// Everything that a translation of these names.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("OAUTH2_PROXY_CLIENT_SECRET", "a-secret-of-this-test"),
    ("OAUTH2_PROXY_REDIS_PASSWORD", "a-password-of-this-test"),
    ("OAUTH2_PROXY_REDIS_SENTINEL_PASSWORD", "a-password-of-this-test"),
    ("DOORWARD_KEY", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="),
    ("DOORWARD_HEADER_X_API_KEY", "a-key-of-this-test"),
    ("REGION", "north"),
];

fn doorward(args: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(args)
        .current_dir(directory)
        .envs(ENVIRONMENT)
        .env_remove("COLUMNS")
        .output()
        .expect("the program starts")
}

/// What it prints, in both ways, after `check` took the translation.
fn imported(args: &[&str]) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let all: Vec<&str> = ["import", "oauth2-proxy"].iter().chain(args).copied().collect();
    let ran = doorward(&all, &directory);
    let yaml = String::from_utf8(ran.stdout).expect("UTF-8");
    let report = String::from_utf8(ran.stderr).expect("UTF-8");
    for secret in ["not-to-be-repeated", "bm90LXRvLWJl", "c2VjcmV0", "OQINaROsh"] {
        assert!(
            !yaml.contains(secret) && !report.contains(secret),
            "{secret} is repeated"
        );
    }

    let home = tempfile::tempdir().expect("a directory");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["portal.example.com".to_owned()])
        .and_then(|params| params.self_signed(&key))
        .expect("a certificate");
    let surroundings = [
        ("doorward.yaml", yaml.clone()),
        ("client-secret", "a-secret-of-this-test\n".to_owned()),
        ("tls.crt", certificate.pem()),
        ("tls.key", key.serialize_pem()),
        ("redis-ca.crt", certificate.pem()),
    ];
    for (name, text) in surroundings {
        fs::write(home.path().join(name), text).expect("a file");
    }
    let checked = doorward(&["check", "--config", "doorward.yaml"], home.path());
    let said = String::from_utf8(checked.stdout).expect("UTF-8");
    let problems = String::from_utf8(checked.stderr).expect("UTF-8");
    assert_eq!(checked.status.code(), Some(0), "{problems}\n{yaml}");
    let code = ran.status.code().expect("it ended by itself");
    format!("{yaml}\n--- standard error\n{report}\n--- exit code {code}; doorward check\n{said}")
}

#[test]
fn google_and_a_sidecar() {
    insta::assert_snapshot!("google", imported(&["google.cfg", "--emails", "emails.txt"]));
}

#[test]
fn keycloak_by_values_of_the_chart() {
    insta::assert_snapshot!("keycloak", imported(&["keycloak-values.yaml"]));
}

#[test]
fn entra_with_redis_behind_sentinels() {
    insta::assert_snapshot!("entra", imported(&["entra.args.yaml"]));
}

#[test]
fn the_structured_form_beside_the_other() {
    insta::assert_snapshot!("alpha", imported(&["alpha.cfg", "--alpha", "alpha.yaml"]));
}

#[test]
fn github_and_nothing_behind() {
    insta::assert_snapshot!(
        "github",
        imported(&["github.env", "--public-url", "https://app.example.com"])
    );
}

#[test]
fn what_is_no_configuration_is_told_with_its_line() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(
        directory.path().join("bad.cfg"),
        "provider = \"oidc\"\nclient_id = oops\n",
    )
    .expect("a file");
    let ran = doorward(&["import", "oauth2-proxy", "bad.cfg"], directory.path());
    let said = String::from_utf8(ran.stderr).expect("UTF-8");
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.starts_with("bad.cfg:2: "), "{said}");
    assert!(ran.stdout.is_empty(), "half a configuration is none");
    let gone = doorward(&["import", "oauth2-proxy", "gone.cfg"], directory.path());
    assert_eq!(gone.status.code(), Some(2));
}
