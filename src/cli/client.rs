//! Asks the admin listener.

use std::{
    error::Error as _,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use http::Method;
use serde_json::Value;
use url::Url;

use super::load;
use crate::{cli::Failure, proxy::Bind, secret::Secret};

/// An admin listener, and the token for it where what is asked needs one.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Secret<String>>,
    /// As people wrote it.
    pub(super) shown: String,
}

/// Which gateway.
#[derive(Debug, Args)]
pub(super) struct At {
    /// The configuration, in YAML: it says where the admin listener of its gateway is, and its token
    #[arg(short, long, value_name = "FILE", required_unless_present = "admin")]
    config: Option<PathBuf>,
    /// The admin listener: its URL, or `unix:` and the path of its socket
    #[arg(long, value_name = "URL", requires = "token_file", conflicts_with = "config")]
    admin: Option<String>,
    /// A file with the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Most bytes of an answer: a page of sessions is far below.
const MOST: usize = 16 << 20;

impl At {
    /// The configuration, where it is named.
    pub(super) fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    pub(super) const fn has_token_file(&self) -> bool {
        self.token_file.is_some()
    }

    /// Whom to ask, with the token.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        if let (Some(admin), Some(file)) = (&self.admin, &self.token_file) {
            return Client::at(admin, Some(token(file)?));
        }
        let Some(config) = &self.config else {
            return Err(Failure::Usage(
                "say which gateway: --config, or --admin and --token-file".to_owned(),
            ));
        };
        let Some(admin) = load(config)?.admin else {
            let what = format!("{}: the admin listener is switched off", config.display());
            return Err(Failure::Usage(what));
        };
        let token = match (&self.token_file, admin.token) {
            (Some(file), _) => token(file)?,
            (None, Some(token)) => token,
            (None, None) => {
                let what = "no token is configured, so nobody may administer it: write admin.token_file";
                return Err(Failure::Usage(format!("{}: {what}", config.display())));
            }
        };
        Client::of(&admin.bind, Some(token))
    }
}

impl Client {
    /// The listener at an address of the command line.
    pub(super) fn at(address: &str, token: Option<Secret<String>>) -> Result<Self, Failure> {
        if let Some(path) = address.strip_prefix("unix:") {
            return Self::new(Some(Path::new(path)), "http://localhost", address, token);
        }
        if !address.starts_with("http://") && !address.starts_with("https://") {
            let what = format!("{address:?} is no URL; write it as in http://127.0.0.1:9090");
            return Err(Failure::Usage(what));
        }
        Self::new(None, address, address, token)
    }

    /// The listener of a configuration, from this machine.
    pub(super) fn of(bind: &Bind, token: Option<Secret<String>>) -> Result<Self, Failure> {
        match bind {
            Bind::Unix(path) => Self::new(Some(path), "http://localhost", &bind.to_string(), token),
            Bind::Tcp(address) => {
                let mut near = *address;
                match near.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => near.set_ip(std::net::Ipv4Addr::LOCALHOST.into()),
                    IpAddr::V6(ip) if ip.is_unspecified() => near.set_ip(std::net::Ipv6Addr::LOCALHOST.into()),
                    IpAddr::V4(_) | IpAddr::V6(_) => {}
                }
                let url = format!("http://{near}");
                Self::new(None, &url, &url, token)
            }
        }
    }

    fn new(socket: Option<&Path>, base: &str, shown: &str, token: Option<Secret<String>>) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::Usage(format!("{shown:?} cannot be used: {why}"));
        let base = Url::parse(base).map_err(|error| wrong(error.to_string()))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60));
        if let Some(socket) = socket {
            builder = builder.unix_socket(socket);
        }
        Ok(Self {
            http: builder.build().map_err(|error| wrong(error.to_string()))?,
            base,
            token,
            shown: shown.to_owned(),
        })
    }

    /// Asks about sessions, and reads the JSON that is answered.
    pub(super) async fn ask(&self, method: Method, query: &[(&str, String)]) -> Result<Value, Failure> {
        let mut url = self.base.clone();
        url.set_path("/sessions");
        url.query_pairs_mut().extend_pairs(query);
        self.answered(self.http.request(method, url), "administration of sessions")
            .await
    }

    /// Asks what would be decided about a request.
    pub(super) async fn explain(&self, question: &Value) -> Result<Value, Failure> {
        let mut url = self.base.clone();
        url.set_path("/explain");
        let asked = self
            .http
            .post(url)
            .header(http::header::CONTENT_TYPE, "application/json");
        self.answered(asked.body(question.to_string()), "/explain").await
    }

    async fn answered(&self, asked: reqwest::RequestBuilder, what: &str) -> Result<Value, Failure> {
        let (status, body) = self.exchange(asked).await?;
        let answer = serde_json::from_slice::<Value>(&body);
        match (status.as_u16(), answer) {
            (200, Ok(answer)) => Ok(answer),
            (404, _) => Err(Failure::Admin(format!(
                "{} has no {what}: the gateway there runs without admin.token_file, or it is no \
                 gateway",
                self.shown
            ))),
            (_, answer) => Err(Failure::Admin(told(&self.shown, status, &answer.unwrap_or_default()))),
        }
    }

    /// Its metrics, in Prometheus' text format.
    pub(super) async fn metrics(&self) -> Result<String, Failure> {
        let mut url = self.base.clone();
        url.set_path("/metrics");
        let (status, body) = self.exchange(self.http.get(url)).await?;
        match String::from_utf8(body) {
            Ok(page) if status.as_u16() == 200 && page.contains("doorward_") => Ok(page),
            Ok(_) | Err(_) => Err(Failure::Admin(told(&self.shown, status, &Value::Null))),
        }
    }

    async fn exchange(&self, mut asked: reqwest::RequestBuilder) -> Result<(http::StatusCode, Vec<u8>), Failure> {
        if let Some(token) = &self.token {
            asked = asked.bearer_auth(token.expose());
        }
        let mut response = asked.send().await.map_err(|error| self.unreachable(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST {
                return Err(Failure::Admin(format!("{} answers without an end", self.shown)));
            }
        }
        Ok((response.status(), body))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            cause = inner.to_string();
            source = inner.source();
        }
        let hint = "is the gateway running, and is this its admin listener?";
        Failure::Admin(format!("{} does not answer: {cause}; {hint}", self.shown))
    }
}

/// A problem (RFC 9457) in a sentence.
fn told(shown: &str, status: http::StatusCode, problem: &Value) -> String {
    let text = |name: &str| problem.get(name).and_then(Value::as_str);
    match (text("title"), text("detail")) {
        (Some(title), Some(detail)) => format!("{shown} answers {}: {title}. {detail}", status.as_u16()),
        (Some(_) | None, _) => format!("{shown} answers {status}, and not as a gateway would"),
    }
}

/// Reads a token's file.
pub(super) fn token(file: &Path) -> Result<Secret<String>, Failure> {
    let wrong = |why: &str| Failure::Usage(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error.to_string()))?;
    let token = Secret::new(text.trim_end_matches(['\r', '\n']).to_owned());
    if token.expose().is_empty() {
        return Err(wrong("there is no token in it"));
    }
    Ok(token)
}
