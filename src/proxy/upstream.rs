//! Upstreams at run time: addresses, health, and which target is next.

mod balance;
mod health;
mod held;
mod peer;
mod resolve;
mod roots;

pub use self::roots::instead as roots_instead;
pub(super) use self::{balance::Lease, held::Hold};

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use futures_util::future;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use self::{balance::Target, peer::Material};
use crate::{
    policy::{self, Site},
    telemetry::Telemetry,
};

/// All upstreams of a site, prepared: TLS material read, names being resolved, targets being checked.
pub struct Upstreams {
    table: ArcSwap<Table>,
    generation: AtomicU64,
    changed: Notify,
    telemetry: Telemetry,
}

#[derive(Default)]
struct Table {
    /// By the address of the policy's upstream. The weak reference keeps the address from being used again.
    prepared: FxHashMap<usize, (Weak<policy::Upstream>, Arc<Upstream>)>,
    /// Those of the site in force. Others are there for requests that began before it.
    tended: Vec<Arc<Upstream>>,
}

/// One upstream, prepared.
#[derive(Debug)]
pub(super) struct Upstream {
    policy: policy::Upstream,
    targets: Box<[Target]>,
    next: std::sync::atomic::AtomicUsize,
    telemetry: Telemetry,
}

/// An upstream that cannot be prepared.
#[derive(Debug, thiserror::Error)]
#[error("upstream {upstream}: {what}")]
pub struct UpstreamError {
    /// The upstream's name.
    pub upstream: String,
    /// What is wrong with it.
    pub what: String,
}

impl Upstreams {
    /// None yet.
    #[must_use]
    pub fn new(telemetry: Telemetry) -> Self {
        Self {
            table: ArcSwap::default(),
            generation: AtomicU64::new(1),
            changed: Notify::new(),
            telemetry,
        }
    }

    /// Prepares what a new site needs, right before the site is put in force. Upstreams that did not change keep their
    /// connections, health and addresses; those of no route are checked and resolved no more from now on, and dropped at
    /// the first call after the last request that uses them.
    ///
    /// # Errors
    /// Every upstream whose CA or client certificate cannot be used; nothing is changed then.
    pub fn arrange(&self, site: &Site) -> Result<(), Vec<UpstreamError>> {
        let before = self.table.load_full();
        let mut table: FxHashMap<_, _> = before
            .prepared
            .iter()
            .filter(|(_, (policy, _))| policy.strong_count() > 0)
            .map(|(key, entry)| (*key, entry.clone()))
            .collect();
        let mut named: HashMap<Arc<str>, Vec<Arc<Upstream>>> = HashMap::new();
        for (_, prepared) in before.prepared.values() {
            let name = Arc::clone(&prepared.policy.name);
            named.entry(name).or_default().push(Arc::clone(prepared));
        }
        let (mut tended, mut errors) = (Vec::new(), Vec::new());
        for route in site.routes() {
            let policy = &route.forward.upstream;
            if let Some((_, known)) = table.get(&key(policy)) {
                tended.push(Arc::clone(known));
                continue;
            }
            let namesakes = named.entry(Arc::clone(&policy.name)).or_default();
            let prepared = match namesakes.iter().find(|known| known.policy == **policy) {
                Some(known) => Arc::clone(known),
                None => match self.prepare(policy) {
                    Ok(made) => made,
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                },
            };
            namesakes.push(Arc::clone(&prepared));
            tended.push(Arc::clone(&prepared));
            table.insert(key(policy), (Arc::downgrade(policy), prepared));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        tended.sort_by_key(Arc::as_ptr);
        tended.dedup_by(|a, b| Arc::ptr_eq(a, b));
        self.table.store(Arc::new(Table {
            prepared: table,
            tended,
        }));
        self.changed.notify_one();
        Ok(())
    }

    /// Resolves names and checks targets until dropped. One such task runs in a process.
    pub async fn tend(&self) {
        loop {
            let table = self.table.load_full();
            let tending = table.tended.iter().map(|upstream| upstream.tend());
            tokio::select! {
                _ = future::join_all(tending) => self.changed.notified().await,
                () = self.changed.notified() => {}
            }
        }
    }

    /// The prepared form of a route's upstream.
    pub(super) fn get(&self, policy: &Arc<policy::Upstream>) -> Option<Arc<Upstream>> {
        let table = self.table.load();
        table.prepared.get(&key(policy)).map(|entry| Arc::clone(&entry.1))
    }

    fn prepare(&self, policy: &policy::Upstream) -> Result<Arc<Upstream>, UpstreamError> {
        let fail = |what| UpstreamError {
            upstream: policy.name.to_string(),
            what,
        };
        let material = Material::read(&policy.tls).map_err(fail)?;
        let group = self.generation.fetch_add(1, Ordering::Relaxed);
        let targets = policy
            .targets
            .iter()
            .map(|target| Target::new(target, policy, &material, group))
            .collect::<Result<_, _>>()
            .map_err(fail)?;
        Ok(Arc::new(Upstream {
            policy: policy.clone(),
            targets,
            next: std::sync::atomic::AtomicUsize::new(0),
            telemetry: self.telemetry.clone(),
        }))
    }
}

impl Upstream {
    /// Keeps every target's addresses fresh and its health known.
    async fn tend(&self) {
        let resolving = self.targets.iter().map(|target| target.addresses.tend());
        let checking = self
            .policy
            .health
            .iter()
            .flat_map(|check| self.targets.iter().map(move |target| (check, target)))
            .map(|(check, target)| health::tend(self, target, check));
        future::join(future::join_all(resolving), future::join_all(checking)).await;
    }
}

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstreams").finish_non_exhaustive()
    }
}

fn key(policy: &Arc<policy::Upstream>) -> usize {
    Arc::as_ptr(policy).addr()
}
