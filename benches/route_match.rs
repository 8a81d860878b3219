//! Finding the route among 10, 1,000 and 10,000: the budget is 10,000 within 1.1 times of 10.
//!
//! Three shapes of a site. `one app` asks for the same route again and again, as one busy application does: it shows the
//! look-up alone. `every app` asks for all routes in turn, so that a large site is also read from slower memory. `target`
//! is `every app` with the reading of the request line in front, which is what a request pays.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench stops at the first surprise"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use doorward::{
    gate::Target,
    policy::{Found, Host, Route, Site},
};
use http::Method;

#[path = "made/route.rs"]
mod made;

const SIZES: [usize; 3] = [10, 1_000, 10_000];

/// Ten routes a host, so that both the map of hosts and the trees of paths grow.
fn places(size: usize) -> Vec<(String, String)> {
    let place = |n: usize| {
        (
            format!("app-{:04}.example.test", n / 10),
            format!("/team-{}/service", n % 10),
        )
    };
    (0..size).map(place).collect()
}

fn site(size: usize) -> Site {
    let made = |(at, (host, path)): (usize, &(String, String))| made::route(host, path, &format!("route-{at}"));
    let routes: Vec<Route> = places(size).iter().enumerate().map(made).collect();
    Site::new(routes).expect("no two routes alike")
}

/// The places in an order without pattern.
fn asked(size: usize) -> Vec<(Host, String, String)> {
    let places = places(size);
    let shuffled = (0..size).map(|n| &places[n * 7919 % size]);
    let ask = |(host, path): &(String, String)| {
        let host = Host::parse(host).expect("a host");
        (host.clone(), format!("{path}/some/page"), host.to_string())
    };
    shuffled.map(ask).collect()
}

fn found(site: &Site, host: &Host, path: &str) -> bool {
    matches!(site.find(host, path, &Method::GET), Found::Route(_))
}

fn one_app(c: &mut Criterion) {
    let mut group = c.benchmark_group("route_match/one app");
    for size in SIZES {
        let (site, asked) = (site(size), asked(size));
        let (host, path, _) = &asked[size / 2];
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| assert!(found(&site, black_box(host), black_box(path))));
        });
    }
}

fn every_app(c: &mut Criterion) {
    let mut group = c.benchmark_group("route_match/every app");
    for size in SIZES {
        let (site, asked) = (site(size), asked(size));
        let mut turn = asked.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| turn.next().is_some_and(|(host, path, _)| found(&site, host, path)));
        });
    }
}

fn target(c: &mut Criterion) {
    let mut group = c.benchmark_group("route_match/target");
    for size in SIZES {
        let (site, asked) = (site(size), asked(size));
        let mut turn = asked.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                turn.next().is_some_and(|(_, path, host)| {
                    Target::parse(path.as_bytes(), &[host.as_bytes()])
                        .is_ok_and(|target| found(&site, target.host(), target.path()))
                })
            });
        });
    }
}

criterion_group!(benches, one_app, every_app, target);
criterion_main!(benches);
