//! What pages show of nginx and `HAProxy`, read by them.

use std::{fs, path::Path, process::Command};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

/// Lets `nginx -t` read a block: servers, or what stands inside a location.
///
/// # Errors
/// What it says.
pub fn nginx(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let inner = if text.lines().any(|line| line.starts_with("server {")) {
        text.to_owned()
    } else {
        format!("server {{ listen 443; location / {{ proxy_pass http://127.0.0.1:1;\n{text}\n}} }}")
    };
    fs::write(folder.path().join("nginx.conf"), nginx_conf(&inner, &pem(&folder))).unwrap();
    let nginx = Command::new(program("nginx"))
        .args(["-t", "-q", "-e", "stderr", "-c", "nginx.conf", "-p"])
        .arg(folder.path())
        .output()
        .expect("nginx is needed: .ci/need nginx");
    told(nginx.status.success(), &nginx.stderr)
}

/// A whole nginx.conf around servers, with this certificate and no port below 1024.
pub fn nginx_conf(servers: &str, certificate: &Path) -> String {
    let edited = servers.lines().map(|line| {
        let words: Vec<&str> = line.trim().trim_end_matches(';').split_whitespace().collect();
        match words[..] {
            ["ssl_certificate" | "ssl_certificate_key", _] => format!("{} {};\n", words[0], certificate.display()),
            ["listen", _, ..] => format!(
                "listen unix:listen{}.sock {};\n",
                words[1].replace(':', ""),
                words[2..].join(" ")
            ),
            _ => format!("{line}\n"),
        }
    });
    format!(
        "daemon off; pid nginx.pid; worker_processes 1; events {{}}\nhttp {{ access_log off; client_body_temp_path body; proxy_temp_path \
         proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n{}}}\n",
        edited.collect::<String>()
    )
}

/// Lets `haproxy -c` read a block. A warning is a failure.
///
/// # Errors
/// What it says.
pub fn haproxy(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let edited = text.lines().map(|line| match line.split_once(" crt ") {
        Some((before, after)) => {
            let rest = after.split_once(' ').map_or("", |(_, rest)| rest);
            format!("{before} crt {} {rest}\n", pem(&folder).display())
        }
        None => format!("{line}\n"),
    });
    let file = folder.path().join("haproxy.cfg");
    fs::write(&file, edited.collect::<String>()).unwrap();
    let haproxy = Command::new(program("haproxy"))
        .args(["-c", "-q", "-dW", "-f"])
        .arg(file)
        .output()
        .expect("haproxy is needed: .ci/need haproxy");
    told(haproxy.status.success(), &haproxy.stderr)
}

fn told(well: bool, said: &[u8]) -> Result<(), String> {
    if well {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(said).into_owned())
    }
}

/// A certificate and its key in one file.
fn pem(folder: &TempDir) -> std::path::PathBuf {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["apps.example.com".to_owned()]).unwrap();
    let path = folder.path().join("apps.pem");
    fs::write(&path, params.self_signed(&key).unwrap().pem() + &key.serialize_pem()).unwrap();
    path
}

/// A program of the system, which is not on everybody's path.
fn program(name: &str) -> String {
    let known = [format!("/usr/sbin/{name}"), format!("/usr/local/sbin/{name}")];
    let found = known.into_iter().find(|path| Path::new(path).exists());
    found.unwrap_or_else(|| name.to_owned())
}
