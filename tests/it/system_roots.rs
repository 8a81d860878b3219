//! The whole program on a system whose CA certificates are not all readable.

use std::{process::Stdio, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
};

use crate::harness::{door::certificate, raw::Raw, upstream::Upstream};

const CONFIG: &str = r#"
listeners: [{ address: "127.0.0.1:0" }]
admin: { enabled: false }
routes:
  - { path: /, access: open, upstream: "https://localhost:PORT" }
"#;

/// Base64 that is none, and base64 of what is no certificate.
const BAD: &str = "-----BEGIN CERTIFICATE-----\nAAAA*AAA\n-----END CERTIFICATE-----\n\
                   -----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n";

type Lines = tokio::io::Lines<BufReader<ChildStdout>>;

/// The next line that holds a text, within the time that a start may take.
async fn line(lines: &mut Lines, holds: &str) -> String {
    let found = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(holds) {
                return line;
            }
        }
        panic!("it ended without saying {holds:?}");
    };
    tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .unwrap_or_else(|_| panic!("it did not say {holds:?}"))
}

async fn start(folder: &std::path::Path, upstream: &Upstream, roots: &str) -> (Child, Lines) {
    let config = folder.join("doorward.yaml");
    std::fs::write(&config, CONFIG.replace("PORT", &upstream.address().port().to_string())).unwrap();
    let bundle = folder.join("roots.pem");
    std::fs::write(&bundle, roots).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["run", "--config"])
        .arg(&config)
        .env("SSL_CERT_FILE", &bundle)
        .env_remove("SSL_CERT_DIR")
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

#[tokio::test]
async fn a_bad_certificate_of_the_system_is_told_and_the_good_ones_serve() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, made) = certificate(folder.path());
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let up = Upstream::start_tls(Arc::new(tls)).await;
    for (roots, told, status) in [
        (format!("{BAD}{}", made.cert.pem()), true, 200),
        (made.cert.pem(), false, 200),
        (BAD.to_owned(), true, 502),
    ] {
        let (child, mut lines) = start(folder.path(), &up, &roots).await;
        if told {
            let line = line(&mut lines, "not all CA certificates of the system").await;
            assert!(line.contains("SSL_CERT_FILE"), "{line}");
        }
        let line = line(&mut lines, "listening").await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = line["address"].as_str().unwrap().parse().unwrap();
        let response = Raw::ask(address, b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
        assert_eq!(response.status, status, "{roots}: {}", response.text());
        drop(child);
    }
}
