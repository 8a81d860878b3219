//! `doorward demo`: a development identity provider and a sample app, so that the gateway can be tried with nothing
//! but the binary.
//!
//! The gateway itself is the real one: [`start`] returns the YAML it is then configured with, as any other would be.
//! All three listen on loopback only.

mod app;
mod people;
mod provider;
mod serve;
mod text;

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
};

use self::{app::App, provider::Provider};
pub use self::{
    app::{Claims, Fault, verify},
    people::{PEOPLE, Person},
    provider::{Client, Lives},
    serve::Running,
};
use crate::{entropy::Entropy, gate::Endpoint, time::Clock};

/// What can be chosen about a demo.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Where the gateway listens: a loopback address. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How long the provider's tokens live.
    pub lives: Lives,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            lives: Lives::default(),
        }
    }
}

/// Why a demo did not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The address can be reached from elsewhere, and the demo's passwords are public.
    #[error(
        "the demo does not listen on {0}: its passwords are printed on its sign-in page, so it stays on loopback; \
         write --listen 127.0.0.1:{port}", port = .0.port()
    )]
    NotLoopback(SocketAddr),
    /// The address could not be had.
    #[error("the demo cannot listen on {addr}: {source}; write --listen with a free port, or with port 0")]
    Listen {
        /// Which.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system gave no randomness.
    #[error("the demo's provider could not make a signing key")]
    Key,
    /// The app could not be built.
    #[error("the sample app has no HTTP client: {0}")]
    Http(#[from] reqwest::Error),
}

/// A demo whose provider and app are up. Dropping it stops both.
pub struct Demo {
    /// Where the gateway must listen.
    pub listen: SocketAddr,
    /// The address to open in a browser, without a slash at its end.
    pub url: String,
    /// The development identity provider.
    pub provider: Running,
    /// The sample app.
    pub app: Running,
    /// The configuration the gateway is to be started with, as YAML.
    pub config_yaml: String,
    /// What to print once the gateway is up.
    pub banner: String,
}

/// The configuration holds the client secret.
impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demo")
            .field("listen", &self.listen)
            .field("url", &self.url)
            .field("provider", &self.provider)
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}

/// Starts provider and app, and writes the gateway's configuration.
///
/// # Errors
/// The address is not loopback or is taken, or there is no randomness.
pub async fn start(options: Options, clock: &Clock, entropy: &Entropy) -> Result<Demo, DemoError> {
    if !options.listen.ip().is_loopback() {
        return Err(DemoError::NotLoopback(options.listen));
    }
    let listen = serve::free(options.listen).await?;
    let url = gateway_url(listen);
    let client = gateway_client(listen, entropy);
    let provider = start_provider(client.clone(), options.lives, clock, entropy).await?;
    let key_set = format!("http://{listen}/.doorward/jwks.json");
    let app = start_app(&key_set, Some(url.clone()), clock).await?;
    let config_yaml = text::config_yaml(listen, &url, &provider.url, &client, &app.url);
    let banner = text::banner(&url, &provider.url, &app.url, options.lives);
    Ok(Demo {
        listen,
        url,
        provider,
        app,
        config_yaml,
        banner,
    })
}

/// Starts the development identity provider for one client on a free loopback port. Its issuer is [`Running::url`].
///
/// # Errors
/// No port or no randomness.
pub async fn start_provider(
    client: Client,
    lives: Lives,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Running, DemoError> {
    let listener = serve::listen().await?;
    let provider = Provider::new(listener.url(), client, lives, clock.clone(), entropy.clone());
    Ok(listener.serve(provider.map_err(|_| DemoError::Key)?.router()))
}

/// Starts the sample app on a free loopback port. It verifies assertions against the key set at `jwks_url` and, where
/// `issuer` is given, accepts that issuer only.
///
/// # Errors
/// No port, or no HTTP client.
pub async fn start_app(jwks_url: &str, issuer: Option<String>, clock: &Clock) -> Result<Running, DemoError> {
    let listener = serve::listen().await?;
    Ok(listener.serve(App::new(jwks_url.to_owned(), issuer, clock.clone())?.router()))
}

/// The gateway's address as people type it.
///
/// By name where it has one: the provider is at a number, so gateway and provider are two sites with two cookie jars,
/// as in earnest.
#[must_use]
pub fn gateway_url(listen: SocketAddr) -> String {
    if listen.ip() == Ipv4Addr::LOCALHOST {
        format!("http://localhost:{}", listen.port())
    } else {
        format!("http://{listen}")
    }
}

/// The gateway as the provider's client, with a secret drawn now.
#[must_use]
pub fn gateway_client(listen: SocketAddr, entropy: &Entropy) -> Client {
    let mut bases = vec![gateway_url(listen), format!("http://{listen}")];
    bases.dedup();
    let each = |path: &str| bases.iter().map(|base| format!("{base}{path}")).collect();
    Client {
        id: "doorward-demo".to_owned(),
        secret: entropy.token().as_str().into(),
        redirect_uris: each(Endpoint::Callback.path()),
        post_logout_redirect_uris: each(Endpoint::SignedOut.path()),
    }
}

#[cfg(test)]
mod tests;
