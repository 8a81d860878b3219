//! Active checks: a small request to each target, now and then.

use std::{net::SocketAddr, sync::atomic::Ordering, time::Duration};

use tokio::time::MissedTickBehavior;

use super::{Upstream, balance::Target, peer, resolve::Addresses};
use crate::policy::{
    HealthCheck,
    upstream::{Address, Protocol},
};

/// Checks one target for ever. A target counts as healthy until `unhealthy_after` checks in a row failed.
pub(super) async fn tend(upstream: &Upstream, target: &Target, check: &HealthCheck) {
    let mut ticks = tokio::time::interval(check.interval.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut client: Option<(Option<SocketAddr>, reqwest::Client)> = None;
    let mut streak = 0_u32;
    loop {
        ticks.tick().await;
        let address = target.addresses.current(check.timeout).await;
        if client.as_ref().is_none_or(|(known, _)| *known != address) {
            client = build(upstream, target, check, address).map(|made| (address, made));
        }
        let seen = match &client {
            Some((_, client)) => ask(client, target, upstream, check).await,
            None => Err("it has no address, or no client can be made for it".to_owned()),
        };
        let well = seen.is_ok();
        let up = target.up.load(Ordering::Relaxed);
        streak = if well == up { 0 } else { streak + 1 };
        let needed = if up { check.unhealthy_after } else { check.healthy_after };
        if streak >= needed.max(1) {
            streak = 0;
            target.up.store(well, Ordering::Relaxed);
            match seen {
                Ok(()) => upstream.tell(target, "healthy", None),
                Err(cause) => upstream.tell(target, "unhealthy", Some(&cause)),
            }
        }
    }
}

/// A client that verifies the target as requests do. Made anew when the address changes, since a client's addresses
/// are fixed.
fn build(
    upstream: &Upstream,
    target: &Target,
    check: &HealthCheck,
    address: Option<SocketAddr>,
) -> Option<reqwest::Client> {
    let tls = &upstream.policy.tls;
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(check.timeout)
        .pool_max_idle_per_host(0)
        .danger_accept_invalid_certs(tls.insecure_skip_verify);
    match (&target.addresses, address) {
        (Addresses::Unix(path), _) => builder = builder.unix_socket(path.clone()),
        (_, Some(address)) => builder = builder.resolve(&host(upstream, target), address),
        (_, None) => return None,
    }
    match (target.policy.protocol, &tls.ca_pem) {
        (Protocol::Https, None) => {}
        (Protocol::Https, Some(pem)) => {
            let roots = reqwest::Certificate::from_pem_bundle(pem).ok()?;
            builder = builder.tls_certs_only(roots);
        }
        (Protocol::H2c, _) => builder = builder.http2_prior_knowledge().tls_certs_only([]),
        (Protocol::Http, _) => builder = builder.tls_certs_only([]),
    }
    if let (Protocol::Https, Some((chain, key))) = (target.policy.protocol, &tls.client) {
        let pem = [chain.as_slice(), b"\n", key.expose()].concat();
        builder = builder.identity(reqwest::Identity::from_pem(&pem).ok()?);
    }
    match builder.build() {
        Ok(client) => Some(client),
        Err(error) => {
            tracing::warn!(target = target.label, %error, "no client for health checks");
            None
        }
    }
}

/// Any answer of 2xx or 3xx is well.
///
/// # Errors
/// What was met instead.
async fn ask(
    client: &reqwest::Client,
    target: &Target,
    upstream: &Upstream,
    check: &HealthCheck,
) -> Result<(), String> {
    let scheme = match target.policy.protocol {
        Protocol::Https => "https",
        Protocol::Http | Protocol::H2c => "http",
    };
    let port = match &target.policy.address {
        Address::Tcp { port, .. } => format!(":{port}"),
        Address::Unix(_) => String::new(),
    };
    let url = format!("{scheme}://{}{port}{}", host(upstream, target), check.path);
    let mut request = client.get(url);
    if let Some(host) = &check.host {
        request = request.header(http::header::HOST, host);
    }
    match request.send().await.map(|answer| answer.status()) {
        Ok(status) if status.is_success() || status.is_redirection() => Ok(()),
        Ok(status) => Err(format!("its health check was answered {}", status.as_u16())),
        Err(error) => Err(words(&error)),
    }
}

/// The whole chain: the outermost error says only that a request failed.
fn words(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

/// The name in the URL: what TLS verifies, or the target's own.
fn host(upstream: &Upstream, target: &Target) -> String {
    let name = match (target.policy.protocol, &target.policy.address) {
        (Protocol::Https, _) => peer::server_name(&target.policy, &upstream.policy.tls).unwrap_or_default(),
        (Protocol::Http | Protocol::H2c, Address::Tcp { host, .. }) => host.clone(),
        (Protocol::Http | Protocol::H2c, Address::Unix(_)) => "localhost".to_owned(),
    };
    if name.contains(':') { format!("[{name}]") } else { name }
}
