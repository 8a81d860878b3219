//! Upstreams: each target is reached.

use futures_util::future::join_all;

use super::{
    Finding, Surgery,
    reach::{Place, Trust, reach, reach_socket},
};
use crate::{
    config::Plan,
    policy::{
        Protocol, Upstream, UpstreamTarget,
        upstream::{Address, Tls},
    },
};

/// Those of a configuration, each once.
pub(super) fn all(plan: &Plan) -> Vec<&Upstream> {
    let mut found: Vec<&Upstream> = Vec::new();
    for route in plan.site.routes() {
        let upstream = &*route.forward.upstream;
        // Many routes lead to the same targets in the same way, under names of their own.
        let same = |known: &&Upstream| known.targets == upstream.targets && known.tls == upstream.tls;
        if !found.iter().any(same) {
            found.push(upstream);
        }
    }
    found
}

pub(super) async fn upstream(surgery: &Surgery, upstream: &Upstream) -> Vec<Finding> {
    let of = format!("upstream {}", upstream.name);
    let looks = upstream
        .targets
        .iter()
        .map(|target| look(surgery, &of, target, &upstream.tls));
    join_all(looks).await.into_iter().flatten().collect()
}

async fn look(surgery: &Surgery, of: &str, target: &UpstreamTarget, tls: &Tls) -> Vec<Finding> {
    let secure = target.protocol == Protocol::Https;
    let (host, port) = match &target.address {
        Address::Unix(path) => return vec![reach_socket(surgery, of, path).await],
        Address::Tcp { host, port } => (host.clone(), *port),
    };
    let trust = (secure && !tls.insecure_skip_verify).then(|| Trust {
        name: tls.sni.clone().unwrap_or_else(|| host.clone()),
        ca_pem: tls.ca_pem.clone(),
        client: tls.client.clone(),
        key: "tls.ca_file",
    });
    let mut found = reach(surgery, of, &Place { host, port, tls: trust }).await;
    if secure && tls.insecure_skip_verify {
        let seen = format!("{target}: insecure_skip_verify is on, so anybody in between may pose as it");
        let advice = "name its CA in `tls.ca_file` and take insecure_skip_verify out";
        found.push(Finding::warn("tls", of, seen).advise(advice));
    }
    found
}
