//! The program as people run it: what it prints, and how it ends.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tempfile::TempDir;

const GOOD: &str = r#"
public_url: https://app.example.com
listeners:
  - address: 127.0.0.1:8080
    behind_tls_proxy: true
providers:
  corporate:
    issuer: https://id.example.com
    client_id: doorward
    client_secret: a-secret-for-this-test
session:
  keys:
    - id: second
      key: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
    - id: first
      key: "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
routes:
  - path: /
    upstream: http://127.0.0.1:3000
    access: open
  - name: staff
    path: /staff
    upstream: http://127.0.0.1:3000
    access:
      all:
        - email_domain: example.com
        - group: staff
"#;

/// What one run gave.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

fn doorward(args: &[&str], directory: &Path) -> Ran {
    Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(args)
        .current_dir(directory)
        .env_remove("COLUMNS")
        .output()
        .expect("the program starts")
        .into()
}

fn here(args: &[&str]) -> Ran {
    doorward(args, Path::new(env!("CARGO_MANIFEST_DIR")))
}

/// A directory with `good.yaml` and these files besides.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in [("good.yaml", GOOD)].iter().chain(files) {
        fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

/// The hardened build has no `demo`.
#[cfg(feature = "demo")]
#[test]
fn help_teaches() {
    let ran = here(&["--help"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(ran.out, @r"
    A reverse-proxy authentication gateway: sign-in with OpenID Connect, identity for every app

    Usage: doorward <COMMAND>

    Commands:
      run          Serve a configuration until SIGTERM or Ctrl-C, then drain
      check        Say every problem of a configuration, or what a reload to another would change
      doctor       Look at everything that a configuration needs, and say what to do
      explain      Say which route a URL belongs to, and what would be decided there, and why
      import       Turn the configuration of another gateway into one of Doorward's
      health       Ask a running gateway whether it is well: for health checks
      keys         Make, list, watch and rotate the keys that seal sessions
      sessions     List and end sessions at a running gateway's admin listener
      demo         Try Doorward: gateway, development identity provider and sample app on loopback
      schema       Print the JSON Schema or the reference of the configuration
      completions  Print completions for a shell
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Examples:
      doorward demo                                   try it, with nothing but this program
      doorward keys generate > session.key            a key that seals sessions
      doorward check --config doorward.yaml           every problem of a configuration at once
      doorward check --diff old.yaml new.yaml         what a reload would change
      doorward doctor --config doorward.yaml          whether all that it needs is there, and what to do
      doorward run --config doorward.yaml             serve
      doorward explain --config doorward.yaml https://app.example.com/admin
                                                      who may pass there, and why

    Exit codes: 0 done, 1 failed, 2 the configuration or the command line is wrong.
    ");
}

/// Its passwords are printed on its sign-in page.
#[cfg(feature = "demo")]
#[test]
fn the_demo_is_not_for_other_machines() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        let ran = here(&["demo", "--listen", listen]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{listen}");
        assert!(ran.err.contains("it stays on loopback"), "{}", ran.err);
    }
}

#[test]
fn every_command_has_an_example() {
    for command in [
        "run",
        "check",
        "doctor",
        "explain",
        "keys",
        "sessions",
        #[cfg(feature = "demo")]
        "demo",
        "schema",
        "completions",
    ] {
        let ran = here(&[command, "--help"]);
        assert!(
            ran.out.contains(&format!("\n  doorward {command} ")),
            "{command}: {}",
            ran.out
        );
    }
}

#[test]
fn the_version_is_the_packages() {
    let ran = here(&["--version"]);
    assert_eq!(ran.out, format!("doorward {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_unknown_command_is_a_mistake_of_the_command_line() {
    let ran = here(&["serve"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("unrecognized subcommand"), "{}", ran.err);
}

#[test]
fn a_generated_key_is_32_bytes_and_another_each_time() {
    let (one, two) = (here(&["keys", "generate"]), here(&["keys", "generate"]));
    assert_eq!(one.code, Some(0));
    assert_eq!(STANDARD.decode(one.out.trim()).expect("base64").len(), 32);
    assert_ne!(one.out, two.out);
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = here(&["completions", shell]);
        assert_eq!(ran.code, Some(0), "{shell}");
        assert!(ran.out.contains("explain"), "{shell}");
    }
}

#[test]
fn the_schema_and_the_reference_in_docs_are_up_to_date() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for (format, file) in [
        ("json", "docs/config.schema.json"),
        ("markdown", "docs/configuration.md"),
    ] {
        let ran = here(&["schema", "--format", format]);
        let kept = fs::read_to_string(root.join(file)).expect("the file is there");
        assert!(ran.out == kept, "run `doorward schema --format {format} > {file}`");
    }
}

#[test]
fn a_good_configuration_is_summed_up_with_what_to_register() {
    let directory = directory(&[]);
    let ran = doorward(&["check", "--config", "good.yaml"], directory.path());
    assert_eq!(ran.err, "");
    insta::assert_snapshot!(ran.out, @r"
    good.yaml: ok: 2 routes, 1 provider, 1 listener, sessions in memory, 2 keys
    Register at provider corporate, for client doorward:
      redirect URI     https://app.example.com/.doorward/callback
      after sign-out   https://app.example.com/.doorward/signed-out
      back-channel     https://app.example.com/.doorward/backchannel-logout/corporate
    ");
    assert_eq!(ran.code, Some(0));
}

#[test]
fn placeholders_that_are_left_are_told_and_not_refused() {
    let config = GOOD
        .replace("client_id: doorward", "client_id: CHANGE-ME")
        .replace("https://id.example.com", "https://issuer.example.invalid");
    let directory = directory(&[("left.yaml", &config)]);
    let ran = doorward(&["check", "-c", "left.yaml"], directory.path());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let told: Vec<_> = ran.out.lines().filter(|line| line.contains("warning")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    left.yaml:8:13: warning: issuer.example.invalid is a placeholder: write your own
    left.yaml:9:16: warning: CHANGE-ME is a placeholder: write your own
    ");
}

#[test]
fn each_provider_has_its_own_addresses_to_register() {
    let providers = r"
  partners:
    issuer: https://login.partner.example
    client_id: guests
    client_secret: a-secret-for-this-test
    rp_initiated_logout: false
    front_channel_logout: true
  spare:
    issuer: https://id.spare.example
    client_id: spare
    client_auth: none
default_provider: corporate
session:";
    let route = r#"  - host: "*.partners.example.com"
    upstream: http://127.0.0.1:3000
    access: signed_in
    sign_in: { provider: partners }
"#;
    let config = GOOD.replace("\nsession:", providers) + route;
    let directory = directory(&[("two.yaml", &config)]);
    let ran = doorward(&["check", "-c", "two.yaml"], directory.path());
    assert_eq!(ran.err, "");
    insta::assert_snapshot!(ran.out, @r"
    two.yaml: ok: 3 routes, 3 providers, 1 listener, sessions in memory, 2 keys
    Register at provider corporate, for client doorward:
      redirect URI     https://app.example.com/.doorward/callback
      after sign-out   https://app.example.com/.doorward/signed-out
      back-channel     https://app.example.com/.doorward/backchannel-logout/corporate
    Register at provider partners, for client guests:
      redirect URI     https://*.partners.example.com/.doorward/callback/partners
      back-channel     https://*.partners.example.com/.doorward/backchannel-logout/partners
      front-channel    https://*.partners.example.com/.doorward/frontchannel-logout/partners
      In place of *, each host that people open.
    Provider spare is used by no route.
    ");
}

#[test]
fn every_problem_is_told_at_once_and_nothing_starts() {
    let bad = GOOD
        .replace("access: open", "access: opne")
        .replace("public_url", "public_ulr");
    let directory = directory(&[("bad.yaml", &bad)]);
    for command in ["check", "run"] {
        let ran = doorward(&[command, "--config", "bad.yaml"], directory.path());
        assert_eq!(ran.code, Some(2), "{command}");
        assert_eq!(ran.out, "", "{command}");
        for part in ["bad.yaml:2:", "public_ulr", "routes[0].access", "opne"] {
            assert!(ran.err.contains(part), "{command}: {part}: {}", ran.err);
        }
    }
}

#[test]
fn an_address_in_use_is_told_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let config = GOOD.replace("127.0.0.1:8080", &address) + "admin: { enabled: false }\n";
    let directory = directory(&[("taken.yaml", &config)]);
    let ran = doorward(&["run", "--config", "taken.yaml"], directory.path());
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.err.replace(&address, "[address]"), @r"
    doorward: cannot listen on [address]: Address already in use (os error 98)
        another program listens there, perhaps a Doorward that still runs; `ss -ltnp` (as root) says which
    ");
}

#[test]
fn a_missing_file_is_named() {
    let directory = directory(&[]);
    let ran = doorward(&["check", "--config", "none.yaml"], directory.path());
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("none.yaml"), "{}", ran.err);
}

#[test]
fn keys_are_listed_by_name_and_fingerprint() {
    let directory = directory(&[]);
    let ran = doorward(&["keys", "list", "--config", "good.yaml"], directory.path());
    assert_eq!(ran.out, "second  seals and opens  50566186\nfirst  opens  54a6529f\n");
}

const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// `good.yaml` with its keys in a file.
fn with_ring_file() -> String {
    let (before, after) = GOOD.split_once("  keys:\n").expect("keys");
    let (_, after) = after.split_once("routes:").expect("routes");
    format!("{before}  keys_file: session.keys\nroutes:{after}")
}

#[test]
fn a_ring_file_is_read_and_its_bad_lines_are_told() {
    let good = format!("# ours\nsecond {KEY}\nfirst {}\n", KEY.replace("AQ", "Ag"));
    let config = with_ring_file();
    let directory = directory(&[("ring.yaml", &config), ("session.keys", &good)]);
    let list = || doorward(&["keys", "list", "--config", "ring.yaml"], directory.path());
    assert_eq!(
        list().out,
        "second  seals and opens  50566186\nfirst  opens  e57977be\n"
    );
    let write = |text: &str| fs::write(directory.path().join("session.keys"), text).expect("a file");
    write(&format!("second {KEY}\n{KEY}\nsecond {KEY}\n"));
    let ran = list();
    assert_eq!(ran.code, Some(2));
    for part in [
        "session.keys_file: session.keys line 2: a line is the key's name",
        "session.keys line 3: a key named second is on line 1 already",
    ] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    assert!(!ran.err.contains("AQEB"), "{}", ran.err);
    fs::remove_file(directory.path().join("session.keys")).expect("removed");
    assert!(list().err.contains("there is no such file"));
    let both = GOOD.replace("session:\n", "session:\n  keys_file: session.keys\n");
    fs::write(directory.path().join("ring.yaml"), both).expect("a file");
    assert!(
        list().err.contains("the keys are written in two ways"),
        "{}",
        list().err
    );
}

#[test]
fn a_rotation_of_keys_in_yaml_says_what_to_write() {
    let directory = directory(&[]);
    let ran = doorward(&["keys", "rotate", "--config", "good.yaml", "accept"], directory.path());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for part in ["nothing is changed", "doorward keys generate > session-", "keys_file"] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
}

#[test]
fn explain_says_what_is_missing() {
    let eve = r#"{"sub": "1", "email": "eve@example.com", "email_verified": true, "groups": ["sales"]}"#;
    let directory = directory(&[("eve.json", eve)]);
    let ran = doorward(
        &[
            "explain",
            "--config",
            "good.yaml",
            "--as",
            "eve.json",
            "https://app.example.com/staff/list?page=2",
        ],
        directory.path(),
    );
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ran.out, @r#"
    route    staff
    host     app.example.com
    path     /staff and all below it
    access   rule: a verified email address at "example.com"; and member of group "staff"

    without a session
      rule       | no session                                             | navigation | 302 to the provider
      rule       | no session                                             | api        | 401 sign_in_needed
      rule       | no session                                             | websocket  | 401 sign_in_needed

    signed in with corporate
      rule unmet: needs member of group "staff"
      rule       | session, rule unmet                                    | navigation | 403 not_allowed
      rule       | session, rule unmet                                    | api        | 403 not_allowed
      rule       | session, rule unmet                                    | websocket  | 403 not_allowed
    "#);
}

#[test]
fn explain_lets_in_who_meets_the_rule() {
    let ada = r#"{"sub": "2", "email": "ada@example.com", "email_verified": true, "groups": ["staff"]}"#;
    let directory = directory(&[("ada.json", ada)]);
    let ran = doorward(
        &[
            "explain",
            "--config",
            "good.yaml",
            "--as",
            "ada.json",
            "https://app.example.com/staff",
        ],
        directory.path(),
    );
    assert!(ran.out.contains("rule met\n"), "{}", ran.out);
    assert_eq!(ran.out.matches("forward with identity").count(), 3);
}

#[test]
fn explain_says_when_there_is_no_route() {
    let directory = directory(&[]);
    let explain = |url| doorward(&["explain", "--config", "good.yaml", url], directory.path());
    for (url, answer) in [
        ("https://other.example.com/", "404 no_route"),
        ("https://app.example.com/a/../staff", "400 bad_target"),
        ("https://app.example.com/.doorward/whoami", "own endpoint"),
    ] {
        let ran = explain(url);
        assert_eq!(ran.code, Some(0), "{url}: {}", ran.err);
        assert!(ran.out.contains(answer), "{url}: {}", ran.out);
    }
    assert_eq!(explain("/staff").code, Some(2));
}

/// An admin listener that answers once, and what it was asked.
fn answering(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let asked = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut head = [0; 1024];
        let length = client.read(&mut head).expect("a request");
        client.write_all(answer.as_bytes()).expect("an answer");
        String::from_utf8_lossy(head.get(..length).unwrap_or_default()).into_owned()
    });
    (url, asked)
}

#[test]
fn health_ends_with_what_was_answered() {
    let (url, asked) = answering("HTTP/1.0 200 OK\r\n\r\n{\"ready\":true}");
    let ran = here(&["health", "--url", &url]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(0), "{\"ready\":true}\n"),
        "{}",
        ran.err
    );
    assert!(asked.join().expect("an end").starts_with("GET /ready HTTP/1.0\r\n"));

    let (url, asked) = answering("HTTP/1.0 503 Service Unavailable\r\n\r\n{\"store\":\"timed out\"}");
    let ran = here(&["health", "--live", "--url", &url]);
    let told = format!("doorward: {url} answers /live with 503: {{\"store\":\"timed out\"}}\n");
    assert_eq!((ran.code, ran.err), (Some(1), told));
    assert!(asked.join().expect("an end").starts_with("GET /live HTTP/1.0\r\n"));
}

#[test]
fn health_of_what_is_no_gateway_says_so() {
    let (url, asked) = answering("SSH-2.0-OpenSSH\r\n");
    let ran = here(&["health", "--url", &url]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.contains("the answer is not HTTP; is the gateway running"),
        "{}",
        ran.err
    );
    drop(asked.join());

    let ran = here(&["health", "--url", "127.0.0.1:9090"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("write it as in http://127.0.0.1:9090"), "{}", ran.err);

    let off = directory(&[("off.yaml", &format!("{GOOD}admin: {{ enabled: false }}\n"))]);
    let ran = doorward(&["health", "--config", "off.yaml"], off.path());
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("switches the admin listener off"), "{}", ran.err);
}

#[test]
fn a_reload_is_told_beforehand() {
    let new = GOOD
        .replace("    access: open\n", "    access: signed_in\n    max_body: 1MiB\n")
        .replace("a-secret-for-this-test", "another-secret-of-this-test")
        .replace(
            "    - id: first\n      key: \"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\"\n",
            "",
        )
        .replace("id.example.com", "id.example.org")
        + "logging: { level: debug }\n";
    let reloaded = GOOD.replace("- group: staff", "- group: managers");
    let directory = directory(&[("new.yaml", &new), ("soon.yaml", &reloaded)]);
    let diff = |more: &[&str]| {
        let args: Vec<&str> = ["check", "--diff", "good.yaml"].iter().chain(more).copied().collect();
        doorward(&args, directory.path())
    };
    let ran = diff(&["new.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(3), ""));
    insta::assert_snapshot!(ran.out, @r"
    A reload puts it in force, but for what is marked RESTART.

    route app.example.com/ changed: requests from then on
        access: open: anyone, and no session is looked up -> signed_in: anyone with a session
        max_body: unlimited -> 1048576 bytes

    provider corporate changed: it is another issuer: its sessions count no more, and people sign in again
        issuer: https://id.example.com -> https://id.example.org
        client_auth: basic, with a secret -> another value, not shown

    session.keys changed: sessions sealed with a key that is gone end
        keys: second (50566186), first (54a6529f) -> second (50566186)

    RESTART logging changed: as before until a restart
        level: info -> debug
    ");
    let ran = diff(&["soon.yaml"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.out
            .starts_with("A reload puts all of it in force.\n\nroute staff changed"),
        "{}",
        ran.out
    );
    let ran = diff(&["good.yaml"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(0), "No difference: a reload would change nothing.\n")
    );
    let ran = diff(&["new.yaml", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, told["outcome"].as_str()), (Some(3), Some("restart")));
    assert_eq!(told["changes"].as_array().expect("a list").len(), 4);
    assert!(!ran.out.contains("secret-"), "{}", ran.out);
}

#[test]
fn a_reload_between_wrong_configurations_tells_the_problems_of_both() {
    let bad = GOOD.replace("access: open", "access: opne");
    let directory = directory(&[("one.yaml", &bad), ("two.yaml", &bad)]);
    let ran = doorward(&["check", "--diff", "one.yaml", "two.yaml"], directory.path());
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(
        ran.err.contains("one.yaml:") && ran.err.contains("two.yaml:"),
        "{}",
        ran.err
    );
    let ran = doorward(&["check", "--diff", "good.yaml"], directory.path());
    assert_eq!(ran.code, Some(2));
    let ran = doorward(&["check"], directory.path());
    assert_eq!(ran.code, Some(2));
}
