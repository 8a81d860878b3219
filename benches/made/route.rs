//! Routes for benches.

use std::{sync::Arc, time::Duration};

use doorward::{
    identity::HeaderPlan,
    oidc::ProviderName,
    policy::{
        Access, Balance, Forward, HostPattern, Matcher, PathPattern, Pool, Protocol, Route, RouteId, SignInTerms,
        Timeouts, Tls, Upstream, UpstreamTarget, upstream::Address,
    },
};

/// An open route for everything below a prefix of a host.
pub(crate) fn route(host: &str, prefix: &str, name: &str) -> Route {
    Route {
        id: RouteId(name.into()),
        matcher: Matcher {
            host: HostPattern::parse(host).expect("a host"),
            path: PathPattern::prefix(prefix).expect("a prefix"),
            methods: None,
        },
        encoded_slashes: false,
        access: Access::Open,
        sign_in: SignInTerms::of(ProviderName::new("corporate")).into(),
        explain_refusals: false,
        cors: None,
        rate: None,
        forward: forward(),
    }
}

fn forward() -> Forward {
    Forward {
        upstream: Arc::new(upstream()),
        strip_prefix: false,
        add_prefix: None,
        host_header: None,
        headers: HeaderPlan::new(Vec::new(), false, &[], &[]).into(),
        response_set: Vec::new(),
        response_remove: Vec::new(),
        websocket: true,
        max_body: None,
    }
}

fn upstream() -> Upstream {
    let minute = Duration::from_secs(60);
    Upstream {
        name: "app".into(),
        targets: vec![UpstreamTarget {
            protocol: Protocol::Http,
            address: Address::Tcp {
                host: "127.0.0.1".to_owned(),
                port: 3000,
            },
        }],
        balance: Balance::RoundRobin,
        tls: Tls::default(),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            read: Some(minute),
            write: minute,
            idle: minute,
        },
        pool: Pool { h2_streams: 100 },
        ejection: None,
        health: None,
    }
}
