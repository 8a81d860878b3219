//! The demo through its sockets: the provider as a strict client sees it, and the app behind a stand-in for the gateway.

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{StatusCode, header};
use ring::digest::{SHA256, digest};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::*;

mod authorize;
mod sample_app;
mod sign_out;
mod token;

const REDIRECT: &str = "http://localhost:1/.doorward/callback";
const AFTER: &str = "http://localhost:1/.doorward/signed-out";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const SECRET: &str = "s:%+ é/";

/// A provider and a browser that keeps its cookie.
struct World {
    provider: Running,
    clock: Clock,
    http: reqwest::Client,
    cookie: Option<String>,
}

/// A token response.
#[derive(Clone)]
struct Tokens(Value);

impl Tokens {
    fn get(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }

    fn claims(&self, name: &str) -> Value {
        let part = self.get(name).split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }
}

/// Any HTTP client needs it, as `main` does it first thing.
fn install_tls() {
    // An error means that another test installed it first.
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn http() -> reqwest::Client {
    install_tls();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

/// The query of an answer's `Location`.
fn answer(response: &reqwest::Response) -> HashMap<String, String> {
    let location = response.headers()[header::LOCATION].to_str().unwrap();
    Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

impl World {
    async fn new() -> Self {
        let clock = Clock::system();
        let client = Client {
            id: "demo".into(),
            secret: SECRET.into(),
            redirect_uris: vec![REDIRECT.into()],
            post_logout_redirect_uris: vec![AFTER.into()],
        };
        let http = http();
        let provider = start_provider(client, Lives::default(), &clock, &Entropy::system())
            .await
            .unwrap();
        Self {
            provider,
            clock,
            http,
            cookie: None,
        }
    }

    /// The query of a good authorization request, with changes: an empty value takes a parameter out.
    fn query(changes: &[(&str, &str)]) -> String {
        let challenge = challenge();
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", "demo"),
            ("redirect_uri", REDIRECT),
            ("scope", "openid profile email groups unknown"),
            ("state", "a state & more"),
            ("nonce", "n-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            pairs.retain(|(kept, _)| kept != name);
            pairs.push((name, value));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        form(&pairs)
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let mut request = self.http.get(format!("{}{path}", self.provider.url));
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        request.send().await.unwrap()
    }

    async fn post(&self, path: &str, body: String) -> reqwest::Response {
        let mut request = self.http.post(format!("{}{path}", self.provider.url));
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap()
    }

    async fn authorize(&self, changes: &[(&str, &str)]) -> reqwest::Response {
        self.get(&format!("/authorize?{}", Self::query(changes))).await
    }

    /// Types an address and password into the form of a request, and keeps the cookie.
    async fn sign_in(&mut self, email: &str, password: &str, changes: &[(&str, &str)]) -> reqwest::Response {
        let request = Self::query(changes);
        let body = form(&[("request", &request), ("email", email), ("password", password)]);
        let response = self.post("/sign-in", body).await;
        if let Some(set) = response.headers().get(header::SET_COOKIE) {
            self.cookie = Some(set.to_str().unwrap().split(';').next().unwrap().to_owned());
        }
        response
    }

    /// A fresh code for Ada.
    async fn code(&mut self) -> String {
        let response = self.sign_in("ada@example.com", "analytical", &[]).await;
        answer(&response)["code"].clone()
    }

    async fn token(&self, pairs: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut all = vec![("client_id", "demo"), ("client_secret", SECRET)];
        all.extend_from_slice(pairs);
        let response = self.post("/token", form(&all)).await;
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        (
            response.status(),
            serde_json::from_str(&response.text().await.unwrap()).unwrap(),
        )
    }

    async fn redeem(&self, code: &str, verifier: &str, redirect_uri: &str) -> (StatusCode, Value) {
        let grant = ("grant_type", "authorization_code");
        self.token(&[
            grant,
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", redirect_uri),
        ])
        .await
    }

    async fn refresh(&self, token: &str) -> (StatusCode, Value) {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// All the way to tokens, as Ada.
    async fn tokens(&mut self) -> Tokens {
        let code = self.code().await;
        let (status, body) = self.redeem(&code, VERIFIER, REDIRECT).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        Tokens(body)
    }

    async fn userinfo(&self, token: &str) -> (StatusCode, Value) {
        let url = format!("{}/userinfo", self.provider.url);
        let response = self.http.get(url).bearer_auth(token).send().await.unwrap();
        (
            response.status(),
            serde_json::from_str(&response.text().await.unwrap()).unwrap(),
        )
    }
}

#[tokio::test]
async fn the_demo_stays_on_loopback() {
    install_tls();
    let options = Options {
        listen: "0.0.0.0:8080".parse().unwrap(),
        ..Options::default()
    };
    let error = start(options, &Clock::system(), &Entropy::system()).await.unwrap_err();
    insta::assert_snapshot!(error, @"the demo does not listen on 0.0.0.0:8080: its passwords are printed on its sign-in page, so it stays on loopback; write --listen 127.0.0.1:8080");
}

#[tokio::test]
async fn a_taken_port_is_told() {
    install_tls();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = Options {
        listen: taken.local_addr().unwrap(),
        ..Options::default()
    };
    let error = start(options, &Clock::system(), &Entropy::system()).await.unwrap_err();
    assert!(
        matches!(error, DemoError::Listen { addr, .. } if addr == options.listen),
        "{error}"
    );
}

#[tokio::test]
async fn a_demo_knows_its_parts() {
    install_tls();
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..Options::default()
    };
    let demo = start(options, &Clock::system(), &Entropy::system()).await.unwrap();
    assert_ne!(demo.listen.port(), 0);
    assert_eq!(demo.url, format!("http://localhost:{}", demo.listen.port()));
    for part in [&demo.provider.url, &demo.app.url, &demo.listen.to_string()] {
        assert!(
            demo.config_yaml.contains(part.as_str()),
            "{part} is not in {}",
            demo.config_yaml
        );
    }
    let secret = demo.config_yaml.split("client_secret: \"").nth(1).unwrap();
    let secret = secret.split('"').next().unwrap();
    assert!(secret.len() > 20);
    assert!(!format!("{demo:?}").contains(secret), "Debug shows the client secret");
    for text in [&demo.url, "ada@example.com", "analytical", "engineering, admins"] {
        assert!(demo.banner.contains(text), "{}", demo.banner);
    }
}

#[test]
fn the_words_of_the_demo() {
    let listen = "127.0.0.1:8080".parse().unwrap();
    let client = Client {
        secret: "drawn-at-start".into(),
        ..gateway_client(listen, &Entropy::system())
    };
    let (url, issuer, app) = (gateway_url(listen), "http://127.0.0.1:40001", "http://127.0.0.1:40002");
    insta::assert_snapshot!("config", text::config_yaml(listen, &url, issuer, &client, app));
    insta::assert_snapshot!("banner", text::banner(&url, issuer, app, Lives::default()));
}
