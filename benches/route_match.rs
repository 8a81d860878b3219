//! Finding the route among 10, 1,000 and 10,000: the budget is 10,000 within 1.1 times of 10.
//!
//! Four shapes of a site. `one app` asks for the same route again and again, as one busy application does: it shows the
//! look-up alone. `every app` asks for all routes in turn, so that a large site is also read from slower memory. `memory`
//! is what that reading costs by itself: the same requests in the same order, each read through, and one entry of a plain
//! array as large as the site's table, found by index. `target` is `every app` with the reading of the request line in
//! front, which is what a request pays.

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

/// One request.
struct Asked {
    host: Host,
    path: String,
    /// The value of the `Host` header.
    written: String,
    /// The route's number.
    at: usize,
}

/// A request for each route, in an order without pattern.
fn asked(size: usize) -> Vec<Asked> {
    let places = places(size);
    let shuffled = (0..size).map(|n| n * 7919 % size);
    let ask = |at: usize| {
        let (host, path) = &places[at];
        let host = Host::parse(host).expect("a host");
        Asked {
            path: format!("{path}/some/page"),
            written: host.to_string(),
            host,
            at,
        }
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
        let Asked { host, path, .. } = &asked[size / 2];
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
            b.iter(|| turn.next().is_some_and(|asked| found(&site, &asked.host, &asked.path)));
        });
    }
}

fn memory(c: &mut Criterion) {
    let mut group = c.benchmark_group("route_match/memory");
    for size in SIZES {
        // Ten words are the size of a table's entry.
        let (entries, asked) = (vec![[1_u64; 10]; size], asked(size));
        let mut turn = asked.iter().cycle();
        let sum = |text: &str| text.bytes().map(u64::from).sum::<u64>();
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                turn.next()
                    .map(|asked| sum(asked.host.as_str()) + sum(&asked.path) + entries[asked.at][0])
            });
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
                turn.next().is_some_and(|asked| {
                    Target::parse(asked.path.as_bytes(), &[asked.written.as_bytes()])
                        .is_ok_and(|target| found(&site, target.host(), target.path()))
                })
            });
        });
    }
}

criterion_group!(benches, one_app, every_app, memory, target);
criterion_main!(benches);
