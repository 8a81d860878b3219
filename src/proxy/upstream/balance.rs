//! Which target is next, and which ones rest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use pingora::upstreams::peer::HttpPeer;
use tokio::time::Instant;

use super::{Hold, Upstream, peer::Material, resolve::Addresses};
use crate::{
    policy::{
        self, Balance,
        upstream::{Address, Protocol},
    },
    telemetry::{Event, TargetChange},
};

/// Most targets and addresses tried for one request.
const MOST_ATTEMPTS: usize = 3;

/// One target at run time.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) policy: policy::UpstreamTarget,
    pub(super) addresses: Addresses,
    /// For logs.
    pub(super) label: String,
    /// By active checks.
    pub(super) up: AtomicBool,
    /// All of a peer but its address.
    pub(super) template: HttpPeer,
    in_flight: AtomicUsize,
    failures: AtomicU32,
    begun: Instant,
    /// In milliseconds after `begun`.
    rests_until: AtomicU64,
}

/// A request's hold on a target: counted while it lasts, and what came of it.
#[derive(Debug)]
pub(in crate::proxy) struct Lease {
    upstream: Arc<Upstream>,
    index: usize,
}

impl Target {
    /// # Errors
    /// A sentence for the operator.
    pub(super) fn new(
        target: &policy::UpstreamTarget,
        upstream: &policy::Upstream,
        material: &Material,
        group: u64,
    ) -> Result<Self, String> {
        Ok(Self {
            policy: target.clone(),
            addresses: Addresses::new(&target.address),
            label: label(target),
            up: AtomicBool::new(true),
            template: super::peer::template(target, upstream, material, group)?,
            in_flight: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            begun: Instant::now(),
            rests_until: AtomicU64::new(0),
        })
    }

    fn fit(&self) -> bool {
        let rests_until = self.rests_until.load(Ordering::Relaxed);
        let rests = rests_until > 0 && rests_until > self.millis(Duration::ZERO);
        self.up.load(Ordering::Relaxed) && !rests
    }

    fn millis(&self, ahead: Duration) -> u64 {
        u64::try_from((self.begun.elapsed() + ahead).as_millis()).unwrap_or(u64::MAX)
    }
}

fn label(target: &policy::UpstreamTarget) -> String {
    let scheme = match target.protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
        Protocol::H2c => "h2c",
    };
    match &target.address {
        Address::Tcp { host, port } if host.contains(':') => format!("{scheme}://[{host}]:{port}"),
        Address::Tcp { host, port } => format!("{scheme}://{host}:{port}"),
        Address::Unix(path) => format!("{scheme}+unix:{}", path.display()),
    }
}

impl Upstream {
    /// A peer for the next attempt, `tried` being the targets tried before; `None` when no address of any is known.
    pub(in crate::proxy) async fn peer(
        self: Arc<Self>,
        tried: &[usize],
        tunnel: Option<&Arc<Hold>>,
    ) -> Option<(Box<HttpPeer>, Lease)> {
        let mut skip = tried.to_vec();
        loop {
            let index = self.choose(&skip)?;
            let target = self.targets.get(index)?;
            if let Some(peer) = self.to(target, tunnel).await {
                target.in_flight.fetch_add(1, Ordering::Relaxed);
                return Some((peer, Lease { upstream: self, index }));
            }
            if skip.contains(&index) {
                return None;
            }
            skip.push(index);
        }
    }

    /// The next target: fit and not tried, or else not tried, or else (another address of it may answer) any fit one.
    fn choose(&self, tried: &[usize]) -> Option<usize> {
        let count = self.targets.len();
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let order = || (0..count).map(|step| start.wrapping_add(step) % count);
        let fit = |index: &usize| self.targets.get(*index).is_some_and(Target::fit);
        let new = |index: &usize| !tried.contains(index);
        let pick = |indices: &mut dyn Iterator<Item = usize>| match self.policy.balance {
            Balance::RoundRobin => indices.next(),
            Balance::LeastConnections => indices.min_by_key(|index| self.load(*index)),
        };
        pick(&mut order().filter(|index| fit(index) && new(index)))
            .or_else(|| pick(&mut order().filter(new)))
            .or_else(|| pick(&mut order().filter(fit)))
            .or_else(|| pick(&mut order()))
    }

    fn load(&self, index: usize) -> usize {
        let target = self.targets.get(index);
        target.map_or(usize::MAX, |target| target.in_flight.load(Ordering::Relaxed))
    }

    /// Tells of a change of a target.
    pub(super) fn tell(&self, target: &Target, what: &'static str, cause: Option<&str>) {
        self.telemetry.emit(&Event::Target(TargetChange {
            upstream: &self.policy.name,
            target: &target.label,
            what,
            cause,
        }));
    }
}

impl Lease {
    /// Which target.
    pub(in crate::proxy) const fn index(&self) -> usize {
        self.index
    }

    /// The target, for logs.
    pub(in crate::proxy) fn label(&self) -> &str {
        self.target().map_or("", |target| target.label.as_str())
    }

    /// Whether another attempt after `attempts` may help.
    pub(in crate::proxy) fn another(&self, attempts: usize) -> bool {
        let more = self.upstream.targets.len() > attempts || self.target().is_some_and(|t| t.addresses.count() > 1);
        more && attempts < MOST_ATTEMPTS
    }

    /// No connection came about.
    pub(in crate::proxy) fn unreachable(&self) {
        if let Some(target) = self.target() {
            target.addresses.rotate();
        }
        self.failed();
    }

    /// The target answered.
    pub(in crate::proxy) fn answered(&self, status: StatusCode) {
        let bad = matches!(
            status,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        );
        if bad {
            self.failed();
        } else if let Some(target) = self.target()
            && target.failures.load(Ordering::Relaxed) > 0
        {
            target.failures.store(0, Ordering::Relaxed);
        }
    }

    /// The target failed; after too many in a row it rests.
    pub(in crate::proxy) fn failed(&self) {
        let (Some(ejection), Some(target)) = (&self.upstream.policy.ejection, self.target()) else {
            return;
        };
        let failures = target.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures >= ejection.failures {
            target.failures.store(0, Ordering::Relaxed);
            let until = target.millis(ejection.rest);
            let before = target.rests_until.swap(until, Ordering::Relaxed);
            if before <= target.millis(Duration::ZERO) {
                self.upstream.tell(target, "ejected", None);
            }
        }
    }

    fn target(&self) -> Option<&Target> {
        self.upstream.targets.get(self.index)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(target) = self.target() {
            target.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
