//! How many people one core signs in: the whole of a sign-in at the gateway, from the first request without a session,
//! through the provider's token endpoint, to the session cookie.
//!
//! The gateway is a process of one worker thread on the first core. The development provider (ES256, plain HTTP) and the
//! browsers are this process, on the second. What counts is the gateway's CPU time, which other load does not change much.
//!
//! `cargo bench --bench sign_in -- [ROUNDS [SIGN-INS-A-ROUND]]`

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise, and its figures go to standard output"
)]

mod browser;
#[path = "../made/child.rs"]
mod child;
#[path = "../made/gateway.rs"]
mod gateway;
#[path = "../made/person.rs"]
mod person;
#[path = "../made/process.rs"]
mod process;

use std::{fs, path::Path, time::Duration};

use doorward::{
    demo::{self, Lives, Running},
    entropy::Entropy,
    time::Clock,
};
use tokio::time::Instant;

use self::{
    browser::Browser,
    child::{Child, Core},
    process::{Redis, free_port},
};

const ROUNDS: usize = 20;
const SIGN_INS: usize = 160;
const AT_ONCE: usize = 16;

/// A gateway, its provider, and what was measured: microseconds of CPU time a sign-in and sign-ins a second, by round.
struct Side {
    name: &'static str,
    gateway: Child,
    _provider: Running,
    browser: Browser,
    cpu: Vec<f64>,
    rate: Vec<f64>,
}

fn main() {
    let words = process::words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["gateway", config] = words[..] {
        gateway::play(config);
        return;
    }
    let number = |at: usize, or: usize| words.get(at).map_or(or, |word| word.parse().expect("a number"));
    drop(rustls::crypto::ring::default_provider().install_default());
    child::pin_to_second_core();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = measure(number(0, ROUNDS), number(1, SIGN_INS));
    runtime.expect("a runtime").block_on(measured);
}

async fn measure(rounds: usize, sign_ins: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let redis = Redis::start(child::on(Core::Second, "redis-server"), folder.path());
    let in_redis = format!("redis, redis: {{ url: \"redis://127.0.0.1:{}/0\" }}", redis.port());
    let mut sides = [
        Side::start("memory", "memory", folder.path()).await,
        Side::start("Redis", &in_redis, folder.path()).await,
    ];
    for side in &mut sides {
        side.round(sign_ins).await;
        (side.cpu, side.rate) = (Vec::new(), Vec::new());
    }
    for _ in 0..rounds {
        for side in &mut sides {
            side.round(sign_ins).await;
        }
    }
    println!("{rounds} rounds of {sign_ins} sign-ins, {AT_ONCE} at once; medians\n");
    println!(
        "| store | CPU µs a sign-in (quartiles) | sign-ins a second of CPU time | sign-ins a second, as seen | RSS MiB |"
    );
    println!("|---|---|---|---|---|");
    for side in &sides {
        let cpu = quartile(&side.cpu, 2);
        println!(
            "| {} | {cpu:.0} ({:.0}–{:.0}) | {:.0} | {:.0} | {} |",
            side.name,
            quartile(&side.cpu, 1),
            quartile(&side.cpu, 3),
            1e6 / cpu,
            quartile(&side.rate, 2),
            side.gateway.resident() / 1024,
        );
    }
}

impl Side {
    async fn start(name: &'static str, store: &str, folder: &Path) -> Self {
        let (port, secret) = (free_port(), "a-secret-for-benches-that-is-long");
        let url = format!("http://localhost:{port}");
        let client = demo::Client {
            id: "doorward".to_owned(),
            secret: secret.into(),
            redirect_uris: vec![format!("{url}/.doorward/callback")],
            post_logout_redirect_uris: Vec::new(),
        };
        let provider = demo::start_provider(client, Lives::default(), &Clock::system(), &Entropy::system()).await;
        let provider = provider.expect("a provider");
        let file = folder.join(format!("{name}.yaml"));
        let yaml = config(port, &url, &provider.url, secret, store);
        fs::write(&file, yaml).expect("a file for the configuration");
        let words = ["gateway", file.to_str().expect("a path in UTF-8")];
        let gateway = Child::start(name, &words, Core::First);
        assert_eq!(gateway.told().first(), Some(&format!("127.0.0.1:{port}")));
        Self {
            name,
            gateway,
            _provider: provider,
            browser: Browser::new(&url),
            cpu: Vec::new(),
            rate: Vec::new(),
        }
    }

    async fn round(&mut self, sign_ins: usize) {
        let (before, began) = (self.gateway.cpu(), Instant::now());
        let each = (0..AT_ONCE).map(|_| async {
            for _ in 0..sign_ins / AT_ONCE {
                self.browser.sign_in().await;
            }
        });
        futures_util::future::join_all(each).await;
        let (cpu, took) = (self.gateway.cpu().saturating_sub(before), began.elapsed());
        let done = u32::try_from(sign_ins / AT_ONCE * AT_ONCE).expect("a count of sign-ins");
        self.cpu.push(micros(cpu / done));
        self.rate.push(f64::from(done) / took.as_secs_f64());
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The value below which `quarters` quarters of the values are.
fn quartile(values: &[f64], quarters: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len().saturating_sub(1)) * quarters / 4;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn config(port: u16, url: &str, issuer: &str, secret: &str, store: &str) -> String {
    format!(
        r#"
public_url: "{url}"
listeners: [{{ address: "127.0.0.1:{port}" }}]
admin: {{ enabled: false }}
logging: {{ access_log: false }}
providers:
  op:
    issuer: "{issuer}"
    insecure_http_issuer: true
    client_id: doorward
    client_secret: "{secret}"
    algorithms: [ES256]
    scopes: [profile, email, groups]
session: {{ store: {store}, keys: [{{ id: k1, key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" }}] }}
routes: [{{ path: /, upstream: "http://127.0.0.1:9", access: signed_in }}]
"#
    )
}
