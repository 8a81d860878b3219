//! Listeners, their limits, and the admin listener.

mod tls;
mod trusted;

use std::net::IpAddr;

use super::{Desk, files::Ways};
use crate::{
    config::{AdminSettings, Path, raw},
    flow::{Duty, Public},
    proxy::{Bind, Limits, Listener},
    secret::Secret,
};

impl Desk<'_, '_> {
    pub(super) fn listeners(&mut self, config: &raw::Config) -> Option<Vec<Listener>> {
        let trusted = self.trusted(config);
        let kept = self.trusted_headers(config);
        let limits = limits(config);
        let all = Path::top().key("listeners");
        let mut listeners: Vec<Listener> = Vec::new();
        for (index, written) in config.listeners.as_ref()?.iter().enumerate() {
            let path = all.index(index);
            let Some(listener) = self.listener(&path, written, config) else {
                continue;
            };
            let port_0 = matches!(listener.bind, Bind::Tcp(address) if address.port() == 0);
            if !port_0 && listeners.iter().any(|other| other.bind == listener.bind) {
                self.found.add(
                    &path.key("address"),
                    format!("{} is another listener's address", listener.bind),
                    "write each address once",
                );
            }
            listeners.push(Listener {
                trusted_proxies: trusted.clone(),
                trusted_headers: kept.clone(),
                limits,
                ..listener
            });
        }
        self.same_scheme(config, &listeners);
        self.point_to_https(config, &mut listeners);
        Some(listeners)
    }

    /// People are sent to the site's URL: with https it needs a listener that they reach by it.
    fn same_scheme(&mut self, config: &raw::Config, listeners: &[Listener]) {
        let https = config.public_url.as_ref().is_some_and(|url| url.value.https);
        if https && !listeners.is_empty() && listeners.iter().all(|one| !one.public.https) {
            self.found.missing(
                &Path::top().key("public_url"),
                "people come by https and no listener speaks it",
                "give a listener `tls`, or `behind_tls_proxy: true` if a proxy in front speaks HTTPS",
            );
        }
    }

    fn listener(&mut self, path: &Path, written: &raw::Listener, config: &raw::Config) -> Option<Listener> {
        let tls = written.tls.as_ref().map(|tls| self.listener_tls(&path.key("tls"), tls));
        let bind = written.address.as_ref()?.value.clone();
        if written.tls.is_some() && written.behind_tls_proxy {
            self.found.add(
                &path.key("behind_tls_proxy"),
                "a listener with a certificate is not behind a TLS proxy's plain HTTP",
                "keep `tls` or `behind_tls_proxy`",
            );
        }
        if written.proxy_protocol && config.trusted_proxies.is_empty() {
            self.found.add(
                &path.key("proxy_protocol"),
                "nobody may send the PROXY header, so nobody could connect",
                "write the addresses of the proxies into `trusted_proxies`",
            );
        }
        self.redirects(path, written);
        let plain = written.tls.is_none() && !written.behind_tls_proxy && !written.redirect_to_https;
        if plain && !written.insecure_public_http && !is_local(&bind) {
            self.found.missing(
                path,
                "this listener speaks plain HTTP with other machines",
                "write `tls`, `behind_tls_proxy: true` if a proxy in front speaks HTTPS, or `insecure_public_http: true`",
            );
        }
        Some(Listener {
            public: public(written, &bind, config),
            duty: duty(written),
            hsts: written.hsts.as_ref().and_then(|hsts| self.hsts(path, written, hsts)),
            bind,
            tls: tls.flatten(),
            trusted_proxies: Vec::new(),
            trusted_headers: Vec::new(),
            proxy_protocol: written.proxy_protocol,
            limits: Limits::default(),
        })
    }

    /// What is written beside a redirect to https.
    fn redirects(&mut self, path: &Path, written: &raw::Listener) {
        if written.https_port.is_some() && !written.redirect_to_https {
            self.found.missing(
                path,
                "`https_port` is where people are redirected to, and nobody is",
                "write `redirect_to_https: true`, or take it out; the port that people use here is `public_port`",
            );
        }
        if written.redirect_to_https && (written.tls.is_some() || written.behind_tls_proxy) {
            self.found.add(
                &path.key("redirect_to_https"),
                "people reach this listener by https already, so they would be sent round in circles",
                "redirect on a listener of its own, without `tls` and `behind_tls_proxy`",
            );
        }
    }

    /// Says to listeners that redirect where to, unless it is written.
    fn point_to_https(&mut self, config: &raw::Config, listeners: &mut [Listener]) {
        let of_site = config.public_url.as_ref().map(|url| &url.value).filter(|url| url.https);
        let first = listeners.iter().find(|one| one.public.https);
        let known = first.map(|first| of_site.map_or(first.public.port, |url| url.port));
        if known.is_none() && listeners.iter().any(|one| one.duty != Duty::Serve) {
            self.found.missing(
                &Path::top().key("listeners"),
                "people are redirected to https and no listener speaks it",
                "give another listener `tls`, or `behind_tls_proxy: true` if a proxy in front speaks HTTPS",
            );
        }
        for listener in listeners {
            if let (Duty::ToHttps { port: port @ 0 }, Some(known)) = (&mut listener.duty, known) {
                *port = known;
            }
        }
    }

    pub(super) fn admin(&mut self, written: &raw::Admin, listeners: Option<&Vec<Listener>>) -> Option<AdminSettings> {
        if !written.enabled {
            return None;
        }
        let bind = written.address.value.clone();
        if !written.insecure_public_admin && !is_local(&bind) {
            self.found.add(
                &Path::top().key("admin").key("address"),
                "the admin listener can be reached from other machines",
                "write 127.0.0.1:9090, or `insecure_public_admin: true`",
            );
        }
        let port_0 = matches!(bind, Bind::Tcp(address) if address.port() == 0);
        let taken = listeners.into_iter().flatten().any(|one| one.bind == bind);
        if taken && !port_0 {
            self.found.add(
                &Path::top().key("admin").key("address"),
                format!("{bind} is a listener's address"),
                "write another port, or `enabled: false`",
            );
        }
        Some(AdminSettings {
            bind,
            token: self.admin_token(written),
        })
    }
}

/// The fewest characters of the administration's token: 128 random bits in base64 have 22.
const TOKEN: usize = 16;

impl Desk<'_, '_> {
    fn admin_token(&mut self, written: &raw::Admin) -> Option<Secret<String>> {
        let path = Path::top().key("admin");
        let token = self.secret(
            &path,
            &Ways {
                key: "token",
                inline: written.token.as_ref(),
                file: written.token_file.as_deref(),
                env: written.token_env.as_deref(),
            },
        )?;
        let text = token.expose();
        if text.len() < TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.found.missing(
                &path,
                "the token has fewer than 16 characters, or others than visible ASCII",
                "`openssl rand -base64 32` makes a good one",
            );
        }
        Some(token)
    }
}

fn limits(config: &raw::Config) -> Limits {
    let (limits, timeouts) = (&config.limits, &config.timeouts);
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    Limits {
        head: bytes(limits.head.value),
        headers: limits.headers,
        target: bytes(limits.target.value),
        head_time: timeouts.head.value,
        keepalive: timeouts.keepalive.value,
        read: timeouts.read.value,
        body_rate: limits.body_rate.value,
        write: timeouts.write.value,
        handshake: timeouts.handshake.value,
        connections: limits.connections,
        connections_per_address: limits.connections_per_address,
    }
}

/// What the listener is there for. A port that is not written is 0 until all listeners are known.
fn duty(written: &raw::Listener) -> Duty {
    if written.redirect_to_https {
        Duty::ToHttps {
            port: written.https_port.unwrap_or(0),
        }
    } else {
        Duty::Serve
    }
}

/// How browsers reach the listener.
fn public(written: &raw::Listener, bind: &Bind, config: &raw::Config) -> Public {
    let https = written.tls.is_some() || written.behind_tls_proxy;
    let own = match bind {
        Bind::Tcp(_) | Bind::Unix(_) if written.behind_tls_proxy => 443,
        Bind::Tcp(address) => address.port(),
        Bind::Unix(_) if https => 443,
        Bind::Unix(_) => 80,
    };
    // The site's URL tells of the listeners of its own scheme only.
    let of_site = config
        .public_url
        .as_ref()
        .filter(|url| url.value.https == https)
        .map(|url| url.value.port);
    Public {
        https,
        port: written.public_port.or(of_site).unwrap_or(own),
    }
}

fn is_local(bind: &Bind) -> bool {
    match bind {
        Bind::Tcp(address) => match address.ip() {
            IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(ip.is_loopback(), |ip| ip.is_loopback()),
            IpAddr::V4(ip) => ip.is_loopback(),
        },
        Bind::Unix(_) => true,
    }
}
