//! The same load through a bare pingora proxy and through Doorward: what a request costs more.
//!
//! One program plays every part. Started by cargo it measures, and is the origin too; it starts itself again for each
//! [`Variant`], with one worker thread. Every variant gets the same request bytes (but for the 43 characters of
//! the session's handle) over connections that are kept, in rounds that take turns, so that whatever else loads the
//! machine loads all of them. What counts is the CPU time of the proxy's own process, as a ratio to that of the bare proxy
//! in the same round.
//!
//! `cargo bench --bench through_proxy -- [ROUNDS [REQUESTS-A-ROUND]]`

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise, and its figures go to standard output"
)]

mod bare;
#[path = "../made/child.rs"]
mod child;
#[path = "../made/gateway.rs"]
mod gateway;
mod load;
mod origin;
#[path = "../made/person.rs"]
mod person;
#[path = "../made/process.rs"]
mod process;
mod report;
mod variant;

use std::net::SocketAddr;

use self::{
    child::{Child, Core},
    load::Load,
    process::Redis,
    report::Figures,
    variant::VARIANTS,
};

const ROUNDS: usize = 30;
const REQUESTS: usize = 3200;
const CONNECTIONS: usize = 32;

fn main() {
    let words = process::words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["bare", port, origin] => bare::play(port, origin.parse().expect("the origin's address")),
        ["gateway", config] => gateway::play(config),
        _ => {
            let number = |at: usize, or: usize| words.get(at).map_or(or, |word| word.parse().expect("a number"));
            measure(number(0, ROUNDS), number(1, REQUESTS));
        }
    }
}

/// Starts every part, warms them up, and lets the variants take turns.
fn measure(rounds: usize, requests: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    child::pin_to_second_core();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let origin = runtime.block_on(origin::open());
    let redis = Redis::start(child::on(Core::Second, "redis-server"), folder.path());
    let parts: Vec<Child> = VARIANTS
        .iter()
        .map(|variant| variant.start(folder.path(), origin, redis.port()))
        .collect();
    let cookie = parts.iter().find_map(|part| part.told().get(1)).expect("a session");
    let mut loads: Vec<Load> = parts
        .iter()
        .zip(&VARIANTS)
        .map(|(part, variant)| {
            Load::open(
                &runtime,
                address(part),
                part.told().get(1).unwrap_or(cookie),
                CONNECTIONS,
                variant.applications(),
            )
        })
        .collect();
    let mut figures: Vec<Figures> = VARIANTS.iter().map(|_| Figures::default()).collect();
    for load in &mut loads {
        load.round(&runtime, requests);
    }
    for round in 0..rounds {
        // Each round begins with another variant, so that none always comes after the same neighbour.
        for turn in 0..VARIANTS.len() {
            let at = (round + turn) % VARIANTS.len();
            let (Some(part), Some(load), Some(figures)) = (parts.get(at), loads.get_mut(at), figures.get_mut(at))
            else {
                panic!("every variant has a process, a load and figures");
            };
            let before = part.cpu();
            let times = load.round(&runtime, requests);
            figures.add(part.cpu().saturating_sub(before), &times);
        }
    }
    for (part, figures) in parts.iter().zip(&mut figures) {
        figures.set_memory(part.resident());
    }
    report::print(&figures, rounds, requests, CONNECTIONS);
    report::print_routes(&figures);
}

fn address(part: &Child) -> SocketAddr {
    let told = part.told().first().expect("an address");
    told.parse().expect("an address")
}
