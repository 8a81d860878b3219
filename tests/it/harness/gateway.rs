//! A gateway in this process, from a written configuration to sockets.

use std::time::Duration;

use doorward::{
    config,
    entropy::Entropy,
    proxy::Bind,
    server::{Drained, Reloaded, RunError, Up, assemble, start},
    time::Clock,
};

use super::{
    provider::{CLIENT_ID, CLIENT_SECRET, Provider},
    upstream::{Act, Upstream, ok},
};

/// A provider, an upstream, and a gateway between them.
pub struct World {
    /// The scriptable provider.
    pub provider: Provider,
    /// The byte-recording upstream.
    pub upstream: Upstream,
    /// Moves time for provider and gateway.
    pub clock: Clock,
    /// `http://app.test:PORT`.
    pub base: String,
    /// `http://127.0.0.1:PORT` of the admin listener.
    pub admin: String,
    /// What it was started with.
    pub yaml: String,
    up: Up,
}

/// Another gateway with the same configuration.
pub struct Replica {
    /// Where it listens.
    pub address: std::net::SocketAddr,
    _up: Up,
}

/// What a test may choose.
pub struct Wishes {
    /// YAML below `session:`, two spaces deep.
    pub session: String,
    /// YAML list items below `routes:`; `{upstream}` stands for the upstream's URL.
    pub routes: String,
    /// Further YAML below the provider, four spaces deep.
    pub provider: String,
    /// Further top-level YAML.
    pub more: String,
    /// The token of the admin listener.
    pub token: Option<&'static str>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            session: "  store: memory\n".to_owned(),
            routes: ROUTES.to_owned(),
            provider: String::new(),
            more: String::new(),
            token: None,
        }
    }
}

/// One route of each kind of access on `app.test`.
pub const ROUTES: &str = r#"
  - { host: app.test, path: /, upstream: "{upstream}", access: signed_in }
  - { host: app.test, path: /open, upstream: "{upstream}", access: open }
  - { host: app.test, path: /hello, upstream: "{upstream}", access: recognised }
  - { host: app.test, path: /admin, upstream: "{upstream}", access: { group: admins }, explain_refusals: true }
  - { host: app.test, path: /token, upstream: "{upstream}", access: signed_in, headers: { access_token: X-Token } }
"#;

impl World {
    /// With the memory store and [`ROUTES`].
    pub async fn start() -> Self {
        Self::with(Wishes::default()).await
    }

    /// With something else.
    pub async fn with(wishes: Wishes) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let clock = Clock::system();
        let provider = Provider::start_with(clock.clone(), "", false).await;
        let upstream = Upstream::start().await;
        upstream.always(Act::Answer(ok("hello")));
        let routes = wishes
            .routes
            .replace("{upstream}", &format!("http://{}", upstream.address()));
        let yaml = format!(
            "listeners: [{{ address: \"127.0.0.1:0\" }}]\nadmin: {{ address: \"127.0.0.1:0\"{token} }}\nproviders:\n  op:\n    \
             issuer: \"{issuer}\"\n    insecure_http_issuer: true\n    client_id: {CLIENT_ID}\n    client_secret: \
             \"{CLIENT_SECRET}\"\n    scopes: [email]\n{provider}session:\n{session}{more}\nroutes:\n{routes}",
            issuer = provider.issuer(),
            provider = wishes.provider,
            session = wishes.session,
            more = wishes.more,
            token = wishes
                .token
                .map_or_else(String::new, |token| format!(", token: \"{token}\"")),
        );
        let up = serve(&yaml, &clock).await;
        let base = format!("http://app.test:{}", port(&up.addresses()[0]));
        let admin = format!("http://127.0.0.1:{}", port(up.admin().unwrap()));
        Self {
            provider,
            upstream,
            clock,
            base,
            admin,
            yaml,
            up,
        }
    }

    /// Puts another configuration in force.
    pub fn reload(&mut self, yaml: &str) -> Result<Reloaded, RunError> {
        let plan = config::from_text("test.yaml", yaml).unwrap_or_else(|report| panic!("{report}\n{yaml}"));
        self.up.reload(plan)
    }

    /// Where the gateway listens.
    pub fn addresses(&self) -> Vec<Bind> {
        self.up.addresses().to_vec()
    }

    /// Another replica of the gateway: everything but the ports is the same.
    pub async fn replica(&self) -> Replica {
        let up = serve(&self.yaml, &self.clock).await;
        let Bind::Tcp(address) = up.addresses()[0] else {
            panic!("a replica has a port")
        };
        Replica { address, _up: up }
    }

    /// A URL on the gateway.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The port of the gateway.
    pub fn port(&self) -> u16 {
        port(&self.up.addresses()[0])
    }

    /// A figure of `/metrics`: the sum of all samples of a family whose labels hold every one of `labels`.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let page = super::browser::Browser::new()
            .fetch(&format!("{}/metrics", self.admin))
            .await;
        page.body
            .lines()
            .filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Ends it within this time, and says whether all that was under way came to its end.
    pub async fn stop_within(self, deadline: Duration) -> (Drained, Provider) {
        (self.up.stop(deadline).await, self.provider)
    }

    /// Ends it gently.
    pub async fn stop(self) {
        self.up.stop(Duration::from_secs(5)).await;
    }
}

/// A gateway by its configuration alone.
pub async fn serve(yaml: &str, clock: &Clock) -> Up {
    let plan = config::from_text("test.yaml", yaml).unwrap_or_else(|report| panic!("{report}\n{yaml}"));
    start(assemble(plan, clock, &Entropy::system()).unwrap()).unwrap()
}

fn port(bind: &Bind) -> u16 {
    match bind {
        Bind::Tcp(address) => address.port(),
        Bind::Unix(path) => panic!("{} has no port", path.display()),
    }
}
