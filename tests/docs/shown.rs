//! What the pages show as output is what the program prints.

use std::{fs, process::Command};

const RUNNING: &str = r#"
public_url: http://127.0.0.1:8080
listeners: [{ address: "127.0.0.1:8080" }]
providers:
  corporate: { issuer: "https://id.example.com", client_id: doorward, client_secret: a-secret-of-the-test }
logging: { level: info }
routes: [{ name: staff, upstream: "http://127.0.0.1:3000", access: signed_in }]
"#;

/// What `check --diff` prints of this configuration and one with a group and another level.
pub fn difference() -> String {
    let folder = tempfile::tempdir().unwrap();
    let new = RUNNING
        .replace("level: info", "level: debug")
        .replace("access: signed_in", "access: { group: staff }");
    fs::write(folder.path().join("running.yaml"), RUNNING).unwrap();
    fs::write(folder.path().join("new.yaml"), new).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["check", "--diff", "running.yaml", "new.yaml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(
        ended.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    String::from_utf8(ended.stdout).unwrap()
}
