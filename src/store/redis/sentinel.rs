//! Who is the master, by the sentinels that watch it.
//!
//! All are asked at once. Whom more than half of them name is tried at once; whom fewer name, when all have answered or
//! failed. Nobody is taken for the master who does not say so too: a sentinel that slept through a failover names a
//! replica (RS-08).
//!
//! A master that was replaced goes on taking writes until the sentinels demote it, some ten seconds after they named
//! another, and all of those writes are lost. So they are asked again and again, and what more than half of them say counts
//! for more than what the server says of itself.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arc_swap::ArcSwapOption;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use redis::{Cmd, FromRedisValue as _, Value};
use tokio::time::timeout;

use super::{
    dial::{Entrance, Live},
    fault::Fault,
};
use crate::store::{Down, RedisAddress};

/// Those who know the master.
#[derive(Debug)]
pub(super) struct Sentinels {
    nodes: Vec<Sentinel>,
    entrance: Entrance,
    service: Arc<str>,
    /// Whether the master speaks TLS.
    tls: bool,
}

/// One of them, and the connection to it for as long as it is good.
#[derive(Debug)]
struct Sentinel {
    address: RedisAddress,
    live: ArcSwapOption<Live>,
}

enum Step {
    Named(Result<RedisAddress, String>),
    Tried(Box<Result<Live, Fault>>),
}

impl Sentinels {
    /// Those at `nodes`, entered by `entrance`, who know a master by the name of `service`; `tls` says whether that one
    /// speaks TLS.
    pub(super) fn new(nodes: Vec<RedisAddress>, entrance: Entrance, service: Arc<str>, tls: bool) -> Self {
        let sentinel = |address| Sentinel {
            address,
            live: ArcSwapOption::empty(),
        };
        Self {
            nodes: nodes.into_iter().map(sentinel).collect(),
            entrance,
            service,
            tls,
        }
    }

    /// A connection to the master.
    pub(super) async fn master(&self, entrance: &Entrance) -> Result<Live, Fault> {
        let mut steps: FuturesUnordered<BoxFuture<'_, Step>> = FuturesUnordered::new();
        steps.extend(
            self.nodes
                .iter()
                .map(|node| self.named_by(node).map(Step::Named).boxed()),
        );
        let (mut named, mut tried, mut faults) = (Vec::new(), HashSet::new(), Vec::new());
        let (mut asked, mut refused) = (0, None);
        while let Some(step) = steps.next().await {
            match step {
                Step::Named(answer) => {
                    asked += 1;
                    match answer {
                        Ok(address) => named.push(address),
                        Err(fault) => faults.push(fault),
                    }
                    let enough = if asked == self.nodes.len() {
                        0
                    } else {
                        self.nodes.len() / 2
                    };
                    for address in &named {
                        let votes = named.iter().filter(|other| *other == address).count();
                        if votes > enough && tried.insert(address.clone()) {
                            steps.push(
                                try_master(entrance, address.clone())
                                    .map(|tried| Step::Tried(Box::new(tried)))
                                    .boxed(),
                            );
                        }
                    }
                }
                Step::Tried(tried) => match *tried {
                    Ok(live) => return Ok(live),
                    Err(fault @ Fault::Refused(..)) => refused = Some(fault),
                    Err(fault) => faults.push(Down::from(fault).to_string()),
                },
            }
        }
        let nobody = || {
            let why = faults.join("; ");
            Fault::Unreachable(format!("no master of {:?} is found: {why}", self.service))
        };
        Err(refused.unwrap_or_else(nobody))
    }

    /// A connection to the master that took the place of the one at `address`: when more than half of the sentinels name
    /// it, and it says so too.
    pub(super) async fn successor(&self, entrance: &Entrance, address: &RedisAddress) -> Option<Live> {
        let mut answers: FuturesUnordered<_> = self.nodes.iter().map(|node| self.named_by(node)).collect();
        let mut votes: HashMap<RedisAddress, usize> = HashMap::new();
        while let Some(answer) = answers.next().await {
            let Ok(named) = answer else { continue };
            let count = votes.entry(named.clone()).or_default();
            *count += 1;
            if *count > self.nodes.len() / 2 {
                let other = Some(named).filter(|named| named != address)?;
                return try_master(entrance, other).await.ok();
            }
        }
        None
    }

    async fn named_by(&self, sentinel: &Sentinel) -> Result<RedisAddress, String> {
        let say = |what: &dyn std::fmt::Display| format!("sentinel {}: {what}", sentinel.address);
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&*self.service);
        let answer = match timeout(self.entrance.patience, sentinel.ask(&self.entrance, &question)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(fault)) => return Err(say(&Down::from(fault))),
            Err(_) => return Err(say(&"no answer in time")),
        };
        match Option::<(String, u16)>::from_redis_value(answer) {
            Ok(Some((host, port))) => Ok(RedisAddress::Tcp {
                host,
                port,
                tls: self.tls,
            }),
            Ok(None) => Err(say(&format!("it knows no {:?}", self.service))),
            Err(error) => Err(say(&error)),
        }
    }
}

impl Sentinel {
    async fn ask(&self, entrance: &Entrance, question: &Cmd) -> Result<Value, Fault> {
        let live = match self.live.load_full().filter(|live| !live.is_gone()) {
            Some(live) => live,
            None => Arc::new(entrance.connect(&self.address).await?),
        };
        // Kept again only if it is good.
        self.live.store(None);
        let answer = live.ask(question).await.map_err(|error| Fault::of(&error))?;
        self.live.store(Some(live));
        Ok(answer)
    }
}

/// Connects, and asks whether it is a master.
async fn try_master(entrance: &Entrance, address: RedisAddress) -> Result<Live, Fault> {
    let live = entrance.connect(&address).await?;
    let role = timeout(entrance.patience, live.ask(&redis::cmd("ROLE"))).await;
    let role = role.map_err(|_| Fault::Unreachable(format!("{address}: no answer in time")))?;
    let role = role.map_err(|error| Fault::at(&address, &error))?;
    if is_master(&role) {
        Ok(live)
    } else {
        Err(Fault::Unreachable(format!(
            "{address}: it is named as the master, and is a replica"
        )))
    }
}

/// Whether the answer to `ROLE` is a master's.
pub(super) fn is_master(role: &Value) -> bool {
    let Value::Array(parts) = role else { return false };
    matches!(parts.first(), Some(Value::BulkString(word)) if word == b"master")
}
