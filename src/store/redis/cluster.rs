//! A cluster: which server has which slot, and a connection to each that is needed.
//!
//! The map is asked for when it is first needed, when a server says that it is out of date, and while a server does not
//! answer, at most once a pause. The server in question is asked last: a master that was cut off still believes in itself.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use redis::Value;
use tokio::{
    sync::{Mutex as Turn, watch},
    time::Instant,
};

use super::{
    dial::{Entrance, Live},
    fault::Fault,
    node::{Dial, Node, Question},
};
use crate::{
    store::{Down, RedisAddress, breaker::PAUSE},
    task,
};

/// Slots in a cluster.
const SLOTS: u16 = 16_384;

/// The servers of a cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    seeds: Vec<RedisAddress>,
    entrance: Arc<Entrance>,
    connections: Arc<watch::Sender<u64>>,
    nodes: Mutex<HashMap<RedisAddress, Node>>,
    map: ArcSwap<Map>,
    turn: Turn<()>,
    began: Instant,
    // Milliseconds since `began`.
    asked: AtomicU64,
}

/// Ranges of slots, the first and last of each included, and their master.
#[derive(Clone, Default, Debug)]
struct Map(Vec<(u16, u16, RedisAddress)>);

impl Cluster {
    pub(super) fn new(seeds: Vec<RedisAddress>, entrance: Arc<Entrance>, connections: Arc<watch::Sender<u64>>) -> Self {
        Self {
            seeds,
            entrance,
            connections,
            nodes: Mutex::default(),
            map: ArcSwap::default(),
            turn: Turn::default(),
            began: Instant::now(),
            asked: AtomicU64::new(0),
        }
    }

    /// Which server has the key.
    pub(super) async fn master_of(&self, key: &[u8], deadline: Instant) -> Result<RedisAddress, Fault> {
        let slot = slot(key);
        if let Some(address) = self.map.load().master(slot) {
            return Ok(address);
        }
        self.learn(None, deadline).await?;
        let none = || Fault::Unreachable(format!("no server of the cluster has slot {slot}, where the key is"));
        self.map.load().master(slot).ok_or_else(none)
    }

    /// A connection to any server with slots.
    pub(super) async fn any(&self, deadline: Instant) -> Result<Arc<Live>, Fault> {
        let mut fault = if self.masters().is_empty() {
            self.learn(None, deadline).await.err()
        } else {
            None
        };
        for address in self.masters() {
            match self.node_at(&address).live().await {
                Ok(live) => return Ok(live),
                Err(why) => fault = Some(why),
            }
        }
        Err(fault.unwrap_or(Fault::Silent))
    }

    /// Asks for the map, and that it is up to date.
    pub(super) async fn look_after(&self, deadline: Instant) -> Result<(), Fault> {
        self.learn(None, deadline).await
    }

    /// As [`Self::learn_again`], when the caller's time is up.
    pub(super) fn learn_beside(self: &Arc<Self>, doubted: RedisAddress) {
        let this = Arc::clone(self);
        let deadline = Instant::now() + self.entrance.patience;
        let learn = async move { this.learn_again(&doubted, deadline).await };
        drop(task::spawn("redis cluster map", learn));
    }

    /// The server at an address.
    pub(super) fn node_at(&self, address: &RedisAddress) -> Node {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let node = nodes.entry(address.clone()).or_insert_with(|| {
            let dial = Dial::At(address.clone());
            Node::new(dial, Arc::clone(&self.entrance), Arc::clone(&self.connections))
        });
        node.clone()
    }

    /// The masters that are known.
    pub(super) fn masters(&self) -> Vec<RedisAddress> {
        self.map.load().masters()
    }

    /// The key is at another server, from now on.
    pub(super) fn moved(&self, key: &[u8], to: &RedisAddress) {
        let slot = slot(key);
        let mut map = Map::clone(&self.map.load());
        map.assign(slot, to);
        self.map.store(Arc::new(map));
    }

    /// The address that a server spoke of.
    pub(super) fn address(spoken: &(String, u16), by: &RedisAddress) -> RedisAddress {
        let (host, port) = spoken;
        let (own, tls) = match by {
            RedisAddress::Tcp { host, tls, .. } => (host.as_str(), *tls),
            RedisAddress::Unix(_) => ("localhost", false),
        };
        let host = if host.is_empty() { own } else { host };
        RedisAddress::Tcp {
            host: host.to_owned(),
            port: *port,
            tls,
        }
    }

    /// Asks for the map again, unless that was done a moment ago. Whether it was.
    pub(super) async fn learn_again(&self, doubted: &RedisAddress, deadline: Instant) -> bool {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let asked = self.asked.load(Ordering::Acquire);
        let pause = u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
        let ours = (asked == 0 || now >= asked.saturating_add(pause))
            && self
                .asked
                .compare_exchange(asked, now.max(1), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        ours && self.learn(Some(doubted), deadline).await.is_ok()
    }

    /// Asks the servers for the map: one caller for all.
    async fn learn(&self, doubted: Option<&RedisAddress>, deadline: Instant) -> Result<(), Fault> {
        let before = self.map.load_full();
        let turn = tokio::time::timeout_at(deadline, self.turn.lock()).await;
        let _turn = turn.map_err(|_| Fault::Silent)?;
        if !Arc::ptr_eq(&before, &self.map.load()) {
            return Ok(());
        }
        let mut known = self.masters();
        known.extend(self.seeds.iter().filter(|seed| !before.names(seed)).cloned());
        let (doubted, trusted): (Vec<_>, Vec<_>) = known.into_iter().partition(|one| Some(one) == doubted);
        let mut faults = Vec::new();
        for group in [trusted, doubted] {
            let mut answers: FuturesUnordered<_> = group.iter().map(|address| self.map_by(address, deadline)).collect();
            while let Some(answer) = answers.next().await {
                match answer {
                    Ok(map) => {
                        self.take(&Arc::new(map));
                        return Ok(());
                    }
                    Err(fault) => faults.push(Down::from(fault).to_string()),
                }
            }
        }
        Err(Fault::Unreachable(format!(
            "no server tells of the cluster: {}",
            faults.join("; ")
        )))
    }

    async fn map_by(&self, address: &RedisAddress, deadline: Instant) -> Result<Map, Fault> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let question = Question::plain(&command);
        let answer = self.node_at(address).ask(question, deadline).await?;
        let map = Self::read(&answer, address);
        map.filter(|map| !map.0.is_empty())
            .ok_or_else(|| Fault::Unreachable(format!("{address}: it knows of no slots")))
    }

    fn read(answer: &Value, by: &RedisAddress) -> Option<Map> {
        let Value::Array(ranges) = answer else { return None };
        let mut map = Map::default();
        for range in ranges {
            let Value::Array(parts) = range else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = parts.as_slice() else {
                return None;
            };
            let [host, Value::Int(port), ..] = master.as_slice() else {
                return None;
            };
            let host = if let Value::BulkString(host) = host {
                String::from_utf8(host.clone()).ok()?
            } else {
                // "Where you asked".
                String::new()
            };
            let address = Self::address(&(host, u16::try_from(*port).ok()?), by);
            map.0
                .push((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, address));
        }
        Some(map)
    }

    /// Goes by this map from now on, and lets go of servers that are gone.
    fn take(&self, map: &Arc<Map>) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.retain(|address, _| map.names(address) || self.seeds.contains(address));
        drop(nodes);
        let before = self.map.swap(Arc::clone(map));
        if !before.0.is_empty() && before.masters() != map.masters() {
            self.connections.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

impl Map {
    fn master(&self, slot: u16) -> Option<RedisAddress> {
        let has = |range: &&(u16, u16, RedisAddress)| (range.0..=range.1).contains(&slot);
        self.0.iter().find(has).map(|range| range.2.clone())
    }

    fn masters(&self) -> Vec<RedisAddress> {
        let mut masters: Vec<_> = self.0.iter().map(|range| range.2.clone()).collect();
        masters.sort();
        masters.dedup();
        masters
    }

    fn names(&self, address: &RedisAddress) -> bool {
        self.0.iter().any(|range| range.2 == *address)
    }

    /// One slot, in front of the range that had it until the whole map is asked for.
    fn assign(&mut self, slot: u16, to: &RedisAddress) {
        self.0.retain(|range| (range.0, range.1) != (slot, slot));
        self.0.insert(0, (slot, slot, to.clone()));
    }
}

/// The slot of a key: CRC-16/XMODEM of what is between its first braces, or of it all (Redis Cluster specification).
pub(super) fn slot(key: &[u8]) -> u16 {
    let open = key.iter().position(|byte| *byte == b'{');
    let within = open.and_then(|open| {
        let rest = key.get(open + 1..)?;
        let close = rest.iter().position(|byte| *byte == b'}')?;
        rest.get(..close).filter(|tag| !tag.is_empty())
    });
    crc16(within.unwrap_or(key)) % SLOTS
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // RS-11
    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot(b"foo{{bar}}zap"), crc16(b"{bar") % SLOTS);
        assert_eq!(slot(b"foo{bar}{zap}"), slot(b"bar"));
    }

    #[test]
    fn a_slot_that_moved_goes_before_its_range() {
        let at = |port| RedisAddress::Tcp {
            host: "h".to_owned(),
            port,
            tls: false,
        };
        let mut map = Map(vec![(0, 9, at(1)), (10, 16_383, at(2))]);
        map.assign(5, &at(2));
        map.assign(5, &at(3));
        assert_eq!(map.0.len(), 3);
        assert_eq!(map.master(5), Some(at(3)));
        assert_eq!(map.master(4), Some(at(1)));
        assert_eq!(map.masters(), [at(1), at(2), at(3)]);
    }
}
