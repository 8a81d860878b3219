//! Redis behind TLS whose certificates and password are changed while people are signed in.

use std::{fs, net::TcpListener, path::Path, process::Stdio, time::Duration};

use http::StatusCode;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use crate::{
    harness::{
        browser::Browser,
        provider::{CLIENT_ID, CLIENT_SECRET, Provider},
        upstream::{Act, Upstream, ok},
    },
    reload::Program,
};

/// An authority of one day: what it signed for Redis and for the gateway, and the password of that day.
struct Day {
    authority: String,
    server: [String; 2],
    client: [String; 2],
    password: &'static str,
}

impl Day {
    fn new(password: &'static str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, "an authority");
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = parameters.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(parameters, key);
        let sign = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            [parameters.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem()]
        };
        Self {
            server: sign("127.0.0.1"),
            client: sign("doorward"),
            authority,
            password,
        }
    }

    /// Starts Redis with what it had in the folder. It lets in whoever has this day's certificate and password.
    async fn serve(&self, folder: &Path, port: u16) -> Child {
        let [certificate, key] = &self.server;
        let files = [("ca.pem", &self.authority), ("own.pem", certificate), ("own.key", key)];
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        let child = Command::new("redis-server")
            .args(["--port", "0", "--bind", "127.0.0.1", "--tls-port", &port.to_string()])
            .args(["--tls-ca-cert-file", "ca.pem", "--tls-cert-file", "own.pem"])
            .args(["--tls-key-file", "own.key", "--requirepass", self.password])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is needed: apt-get install redis-server");
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        child
    }

    /// Writes what the gateway reads.
    fn give(&self, folder: &Path) {
        let [certificate, key] = &self.client;
        for (name, text) in [
            ("ca.pem", self.authority.as_str()),
            ("client.pem", certificate),
            ("client.key", key),
            ("password", self.password),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
    }
}

fn configuration(redis: u16, provider: &Provider, upstream: &Upstream) -> String {
    format!(
        "listeners: [{{ address: \"127.0.0.1:0\" }}]\nadmin: {{ enabled: false }}\nlogging: {{ format: json }}\nproviders:\n  \
         op: {{ issuer: \"{}\", insecure_http_issuer: true, client_id: {CLIENT_ID}, client_secret: \"{CLIENT_SECRET}\", \
         scopes: [email] }}\nsession:\n  store: redis\n  redis:\n    url: \"rediss://127.0.0.1:{redis}\"\n    \
         password_file: password\n    ca_file: ca.pem\n    client_certificate_file: client.pem\n    client_key_file: \
         client.key\n  keys: [{{ id: one, key: \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\" }}]\nroutes:\n  - {{ host: \
         app.test, path: /, upstream: \"http://{}\", access: signed_in }}\n",
        provider.issuer(),
        upstream.address(),
    )
}

/// Asks until this is the answer; whatever comes before is a 503.
async fn comes_to(status: StatusCode, person: &Browser, url: &str) {
    let asking = async {
        loop {
            let answer = person.fetch(url).await.status;
            if answer == status {
                return;
            }
            let known = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
            assert!(known.contains(&answer), "{answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .unwrap_or_else(|_| panic!("never {status}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_authority_certificate_and_password_are_taken_up_without_a_restart() {
    // RS-15
    drop(rustls::crypto::ring::default_provider().install_default());
    let (server, gateway) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (today, tomorrow) = (Day::new("one"), Day::new("two"));
    let mut redis = today.serve(server.path(), port).await;
    today.give(gateway.path());
    let (provider, upstream) = (Provider::start().await, Upstream::start().await);
    upstream.always(Act::Answer(ok("hello")));
    let file = gateway.path().join("doorward.yaml");
    fs::write(&file, configuration(port, &provider, &upstream)).unwrap();
    let mut program = Program::start(&file);
    let listening = program.says("listening")["address"].as_str().unwrap().to_owned();
    let url = format!("http://app.test:{}/", listening.rsplit(':').next().unwrap());
    let person = Browser::new();
    assert_eq!(person.open(&url).await.status, StatusCode::OK);

    redis.kill().await.unwrap();
    redis = tomorrow.serve(server.path(), port).await;
    comes_to(StatusCode::SERVICE_UNAVAILABLE, &person, &url).await;
    tomorrow.give(gateway.path());
    program.says("another configuration is in force");
    comes_to(StatusCode::OK, &person, &url).await;

    fs::write(gateway.path().join("ca.pem"), "no certificate").unwrap();
    program.says("cannot be used");
    assert_eq!(
        person.fetch(&url).await.status,
        StatusCode::OK,
        "that of before is in force"
    );
    assert_eq!(provider.count("token"), 1, "nobody signed in again");
    redis.kill().await.unwrap();
}
