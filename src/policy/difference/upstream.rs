//! Between two versions of an upstream.

use super::{Difference, Differences, list, optional, time};
use crate::policy::{
    Upstream,
    upstream::{Address, Balance, Ejection, HealthCheck, Pool, Protocol, Target, Timeouts, Tls},
};

impl Upstream {
    /// What differs in another version of the upstream. One that differs at all begins anew at a reload.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let Self {
            name: _,
            targets,
            balance,
            tls,
            timeouts,
            pool,
            ejection,
            health,
        } = self;
        let mut found = Differences::default();
        found.note("targets", [targets, &other.targets], list(Target::to_string));
        found.note("balance", [balance, &other.balance], |balance| balance_words(*balance));
        trust(&mut found, [tls, &other.tls]);
        deadlines(&mut found, [timeouts, &other.timeouts]);
        let Pool { h2_streams } = pool;
        found.note_shown("pool.h2_streams", [h2_streams, &other.pool.h2_streams]);
        found.note("ejection", [ejection, &other.ejection], optional(ejection_words));
        found.note("health", [health, &other.health], optional(health_words));
        found.into_list()
    }
}

fn balance_words(balance: Balance) -> String {
    match balance {
        Balance::RoundRobin => "round_robin",
        Balance::LeastConnections => "least_connections",
    }
    .to_owned()
}

fn trust(found: &mut Differences, [before, after]: [&Tls; 2]) {
    let Tls {
        ca_pem,
        sni,
        client,
        insecure_skip_verify,
    } = before;
    let authorities = optional(|_: &Vec<u8>| "certificates of its own".to_owned());
    found.note("tls.ca_file", [ca_pem, &after.ca_pem], authorities);
    found.note("tls.sni", [sni, &after.sni], optional(String::clone));
    let certificate = optional(|_| "a certificate".to_owned());
    found.note("tls.client_certificate_file", [client, &after.client], certificate);
    let skips = [insecure_skip_verify, &after.insecure_skip_verify];
    found.note_shown("tls.insecure_skip_verify", skips);
}

fn deadlines(found: &mut Differences, [before, after]: [&Timeouts; 2]) {
    let Timeouts {
        connect,
        read,
        write,
        idle,
    } = before;
    found.note("timeouts.connect", [connect, &after.connect], time);
    found.note("timeouts.read", [read, &after.read], optional(time));
    found.note("timeouts.write", [write, &after.write], time);
    found.note("timeouts.idle", [idle, &after.idle], time);
}

fn ejection_words(ejection: &Ejection) -> String {
    let Ejection { failures, rest } = ejection;
    format!("after {failures} failures for {}", time(rest))
}

fn health_words(check: &HealthCheck) -> String {
    let HealthCheck {
        path,
        host,
        interval,
        timeout,
        unhealthy_after,
        healthy_after,
    } = check;
    let host = host.as_ref().map_or_else(String::new, |host| format!(" of {host}"));
    format!(
        "{path}{host} every {}, within {}, down after {unhealthy_after}, up after {healthy_after}",
        time(interval),
        time(timeout)
    )
}

/// As an operator writes it.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.protocol {
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::H2c => "h2c",
        };
        match &self.address {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "{scheme}://[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{scheme}://{host}:{port}"),
            Address::Unix(path) if self.protocol == Protocol::H2c => write!(f, "h2c+unix:{}", path.display()),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{policy::route::tests::route, secret::Secret};

    #[test]
    fn each_key_is_told_and_no_key_is_shown() {
        let before = Upstream::clone(&route("app.test /").forward.upstream);
        assert_eq!(before.differences(&before.clone()), []);
        let mut after = before.clone();
        after.balance = Balance::LeastConnections;
        after.targets.push(Target {
            protocol: Protocol::Https,
            address: Address::Tcp {
                host: "::1".to_owned(),
                port: 8443,
            },
        });
        after.tls.client = Some((b"certificate".to_vec(), Secret::new(b"hunter2".to_vec())));
        after.timeouts.read = None;
        after.ejection = Some(Ejection {
            failures: 3,
            rest: Duration::from_secs(30),
        });
        let told: Vec<String> = before.differences(&after).iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        targets: http://127.0.0.1:3000 -> http://127.0.0.1:3000, https://[::1]:8443
        balance: round_robin -> least_connections
        tls.client_certificate_file: none -> a certificate
        timeouts.read: 1m -> none
        ejection: none -> after 3 failures for 30s
        ");
    }
}
