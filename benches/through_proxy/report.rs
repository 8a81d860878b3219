//! The table.

use std::time::Duration;

use super::{
    load::Times,
    variant::{ROUTES, VARIANTS},
};

/// What was measured of one variant, one entry a round.
#[derive(Default)]
pub(crate) struct Figures {
    /// Microseconds of CPU time a request.
    cpu: Vec<f64>,
    /// Requests a second.
    rate: Vec<f64>,
    /// Microseconds.
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// KiB at the end.
    resident: u64,
}

impl Figures {
    pub(crate) fn add(&mut self, cpu: Duration, times: &Times) {
        let requests = count(times.each.len());
        self.cpu.push(micros(cpu) / requests);
        self.rate.push(requests / times.round.as_secs_f64());
        self.p50.push(rank(&times.each, 50));
        self.p99.push(rank(&times.each, 99));
    }

    pub(crate) const fn set_memory(&mut self, kib: u64) {
        self.resident = kib;
    }
}

/// Prints every variant, and how it compares with the first round by round.
pub(crate) fn print(figures: &[Figures], rounds: usize, requests: usize, connections: usize) {
    let bare = figures.first().expect("the bare proxy");
    println!("{rounds} rounds of {requests} requests a variant, over {connections} connections; medians\n");
    println!(
        "| variant | CPU µs a request | over bare (quartiles) | budget | req/s | over bare | p50 µs | p99 µs | RSS MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (variant, own) in VARIANTS.iter().zip(figures) {
        let over = ratios(&own.cpu, &bare.cpu);
        let budget = match variant.budget {
            Some(budget) if quartile(&over, 2) <= budget => format!("≤ {budget}: met"),
            Some(budget) => format!("≤ {budget}: **not met**"),
            None => "reported".to_owned(),
        };
        println!(
            "| {} | {:.1} | {:.3} ({:.3}–{:.3}) | {budget} | {:.0} | {:.2} | {:.0} | {:.0} | {:.1} |",
            variant.name,
            quartile(&own.cpu, 2),
            quartile(&over, 2),
            quartile(&over, 1),
            quartile(&over, 3),
            quartile(&own.rate, 2),
            quartile(&ratios(&own.rate, &bare.rate), 2),
            quartile(&own.p50, 2),
            quartile(&own.p99, 2),
            kib_as_mib(own.resident),
        );
    }
}

/// Prints how many routes compare with few, round by round.
pub(crate) fn print_routes(figures: &[Figures]) {
    let of = |name: &str| {
        let at = VARIANTS.iter().position(|variant| variant.name == name);
        at.and_then(|at| figures.get(at)).expect("a variant")
    };
    let (name, over, budget) = ROUTES;
    let over_few = ratios(&of(name).cpu, &of(over).cpu);
    let met = if quartile(&over_few, 2) <= budget {
        "met"
    } else {
        "**not met**"
    };
    println!(
        "\n{name}, over {over}: {:.3} ({:.3}–{:.3}), budget ≤ {budget}: {met}",
        quartile(&over_few, 2),
        quartile(&over_few, 1),
        quartile(&over_few, 3)
    );
}

fn ratios(own: &[f64], bare: &[f64]) -> Vec<f64> {
    own.iter().zip(bare).map(|(own, bare)| own / bare).collect()
}

/// The value below which `quarters` quarters of the values are.
fn quartile(values: &[f64], quarters: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len().saturating_sub(1)) * quarters / 4;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn rank(sorted: &[Duration], percent: usize) -> f64 {
    let at = sorted.len().saturating_sub(1) * percent / 100;
    sorted.get(at).map_or(f64::NAN, |time| micros(*time))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests and KiB are small")]
const fn count(many: usize) -> f64 {
    many as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests and KiB are small")]
const fn kib_as_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
