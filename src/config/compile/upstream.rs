//! Upstreams.

use std::{net::IpAddr, sync::Arc};

use super::Desk;
use crate::{
    config::{Path, raw},
    policy::{
        Balance, Ejection, HealthCheck, HostPattern, Pool, Protocol, Timeouts, Tls, Upstream, UpstreamTarget,
        upstream::Address,
    },
    proxy::Bind,
};

impl Desk<'_, '_> {
    pub(super) fn upstream(
        &mut self,
        path: &Path,
        name: &str,
        written: &raw::Upstream,
        config: &raw::Config,
    ) -> Option<Upstream> {
        let object = match written {
            raw::Upstream::Url(target) => {
                self.not_ourselves(path, &target.value, config);
                return Some(simple(name, target.value.clone()));
            }
            raw::Upstream::Object(object) => object,
        };
        let tls = self.upstream_tls(&path.key("tls"), &object.tls);
        let targets: Vec<UpstreamTarget> = object
            .targets
            .as_ref()?
            .list()
            .iter()
            .map(|target| target.value.clone())
            .collect();
        let several = matches!(&object.targets, Some(raw::OneOrMany::Many(_)));
        let all = path.key("targets");
        for (index, target) in targets.iter().enumerate() {
            let here = if several { all.index(index) } else { all.clone() };
            self.not_ourselves(&here, target, config);
            if targets.iter().take(index).any(|earlier| earlier == target) {
                self.found
                    .add(&here, "this target stands here twice", "write each target once");
            }
        }
        self.tls_is_of_use(path, object, &targets);
        if targets.is_empty() {
            return None;
        }
        let named = object.name.as_ref().map(|name| name.value.as_str());
        Some(Upstream {
            name: named.unwrap_or(name).into(),
            targets,
            balance: match object.balance {
                raw::Balance::RoundRobin => Balance::RoundRobin,
                raw::Balance::LeastConnections => Balance::LeastConnections,
            },
            tls,
            timeouts: Timeouts {
                connect: object.timeouts.connect.value,
                read: object.timeouts.read.value,
                write: object.timeouts.write.value,
                idle: object.timeouts.idle.value,
            },
            pool: Pool {
                h2_streams: object.pool.h2_streams,
            },
            ejection: object.ejection.as_ref().map(|ejection| Ejection {
                failures: ejection.failures,
                rest: ejection.rest.value,
            }),
            health: object.health.as_ref().and_then(health),
        })
    }

    fn upstream_tls(&mut self, path: &Path, written: &raw::UpstreamTls) -> Tls {
        if let Some(sni) = &written.sni
            && rustls_pki_types::ServerName::try_from(sni.as_str()).is_err()
        {
            let what = format!("{sni:?} is not a host name");
            self.found
                .add(&path.key("sni"), what, "write a name such as app.internal");
        }
        Tls {
            ca_pem: self.authorities(&path.key("ca_file"), written.ca_file.as_ref()),
            sni: written.sni.clone(),
            client: self.client(
                path,
                written.client_certificate_file.as_ref(),
                written.client_key_file.as_ref(),
            ),
            insecure_skip_verify: written.insecure_skip_verify,
        }
    }

    /// Somebody who writes how to verify believes that it is verified.
    fn tls_is_of_use(&mut self, path: &Path, object: &raw::UpstreamObject, targets: &[UpstreamTarget]) {
        let raw::UpstreamTls {
            ca_file,
            sni,
            client_certificate_file,
            client_key_file,
            insecure_skip_verify,
        } = &object.tls;
        let files = [ca_file, client_certificate_file, client_key_file];
        let written = *insecure_skip_verify || sni.is_some() || files.iter().any(|file| file.is_some());
        let secure = targets.iter().any(|target| target.protocol == Protocol::Https);
        // A target that was taken out may be the one with https.
        if written && !secure && !self.found.is_maimed(path) && !self.found.is_maimed(&path.key("targets")) {
            self.found.add(
                &path.key("tls"),
                "no target of this upstream is https, so nothing is encrypted or verified",
                "write the targets as https://…, or take `tls` out",
            );
        }
    }

    /// A target that is one of our listeners makes requests go round in circles; one that is the admin listener gives
    /// away what only operators may see.
    fn not_ourselves(&mut self, path: &Path, target: &UpstreamTarget, config: &raw::Config) {
        let ours = config
            .listeners
            .iter()
            .flatten()
            .filter_map(|listener| listener.address.as_ref())
            .find(|address| is_same(&target.address, &address.value, config));
        if let Some(address) = ours {
            self.found.add(
                path,
                format!("this upstream is Doorward itself, which listens at {}", address.value),
                "write where the application listens",
            );
        }
        let admin = &config.admin.address.value;
        if config.admin.enabled && is_same(&target.address, admin, config) {
            self.found.add(
                path,
                format!("this upstream is Doorward's admin listener at {admin}, which asks for no password"),
                "write where the application listens, or another address for `admin`",
            );
        }
    }
}

fn is_same(target: &Address, bind: &Bind, config: &raw::Config) -> bool {
    match (target, bind) {
        (Address::Unix(path), Bind::Unix(ours)) => path == ours,
        (Address::Tcp { host, port }, Bind::Tcp(ours)) if *port == ours.port() => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            let address = if host == "localhost" || host.ends_with(".localhost") {
                Some(IpAddr::from([127, 0, 0, 1]))
            } else {
                host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
            };
            match address {
                Some(ip) if ours.ip().is_unspecified() || ours.ip().is_loopback() => {
                    ip.is_loopback() || ip.is_unspecified()
                }
                Some(ip) => ip == ours.ip().to_canonical(),
                None => is_public(&host, config),
            }
        }
        (Address::Unix(_) | Address::Tcp { .. }, Bind::Tcp(_) | Bind::Unix(_)) => false,
    }
}

/// Whether people reach us by this name.
fn is_public(host: &str, config: &raw::Config) -> bool {
    let site = config
        .public_url
        .as_ref()
        .is_some_and(|url| url.value.host.as_str() == host);
    let routes = config.routes.iter().flatten();
    site || routes
        .filter_map(|route| route.host.as_ref())
        .any(|pattern| matches!(&pattern.value, HostPattern::Exact(exact) if exact.as_str() == host))
}

fn health(written: &raw::Health) -> Option<HealthCheck> {
    Some(HealthCheck {
        path: written.path.as_ref()?.value.clone(),
        host: written.host.clone(),
        interval: written.interval.value,
        timeout: written.timeout.value,
        unhealthy_after: written.unhealthy_after,
        healthy_after: written.healthy_after,
    })
}

/// What the schema's defaults make of a lone URL.
fn simple(name: &str, target: UpstreamTarget) -> Upstream {
    let seconds = std::time::Duration::from_secs;
    Upstream {
        name: Arc::from(name),
        targets: vec![target],
        balance: Balance::RoundRobin,
        tls: Tls::default(),
        timeouts: Timeouts {
            connect: seconds(5),
            read: Some(seconds(60)),
            write: seconds(60),
            idle: seconds(60),
        },
        pool: Pool { h2_streams: 100 },
        ejection: None,
        health: None,
    }
}
