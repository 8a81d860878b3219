//! The link to Redis: one server, the master that sentinels name, or a cluster; a deadline on every call.

use std::{sync::Arc, time::Duration};

use redis::{Arg, Cmd, FromRedisValue, Script, Value, aio::PubSub};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

pub(super) use super::call::Retry;
use super::{
    call::Call,
    cluster::Cluster,
    dial::Entrance,
    fault::Fault,
    node::{Dial, Node, Question},
    sentinel::Sentinels,
};
use crate::store::{BadSettings, Down, RedisAddress, RedisServers, RedisSettings};

/// Connections that are made when first needed.
#[derive(Debug)]
pub(super) struct Link {
    servers: Servers,
    timeout: Duration,
    connect_timeout: Duration,
    connections: Arc<watch::Sender<u64>>,
}

#[derive(Debug)]
enum Servers {
    One(Node),
    Cluster(Arc<Cluster>),
}

impl Link {
    /// Prepares the connections without making them. Within a tokio runtime.
    pub(super) fn new(settings: &RedisSettings) -> Result<Self, BadSettings> {
        let entrance = Entrance {
            login: settings.login.clone(),
            tls: settings.tls.clone(),
            database: settings.database,
            patience: settings.connect_timeout,
        };
        let connections = Arc::new(watch::Sender::new(0));
        let check = |entrance: &Entrance, at: &[RedisAddress]| {
            let mut all = at.iter().map(|address| entrance.client(address).map(drop));
            all.try_for_each(|one| one)
                .map_err(|error| BadSettings(error.to_string()))
        };
        let servers = match settings.servers.clone() {
            RedisServers::One(address) => {
                check(&entrance, std::slice::from_ref(&address))?;
                let dial = Dial::At(address);
                Servers::One(Node::new(dial, Arc::new(entrance), Arc::clone(&connections)))
            }
            RedisServers::Sentinel {
                nodes,
                service,
                login,
                tls,
            } => {
                let theirs = Entrance {
                    login,
                    tls,
                    database: 0,
                    patience: settings.connect_timeout,
                };
                check(&theirs, &nodes)?;
                let sentinels = Sentinels::new(nodes, theirs, service, settings.tls.is_some());
                let dial = Dial::Master(sentinels);
                Servers::One(Node::new(dial, Arc::new(entrance), Arc::clone(&connections)))
            }
            RedisServers::Cluster { nodes } => {
                check(&entrance, &nodes)?;
                Servers::Cluster(Arc::new(Cluster::new(
                    nodes,
                    Arc::new(entrance),
                    Arc::clone(&connections),
                )))
            }
        };
        Ok(Self {
            servers,
            timeout: settings.timeout,
            connect_timeout: settings.connect_timeout,
            connections,
        })
    }

    /// Sends a command and reads its answer, within the deadline, connection included. Its key is its first argument.
    pub(super) async fn command<T: FromRedisValue>(&self, retry: Retry, command: Cmd) -> Result<T, Down> {
        let key = match command.args_iter().nth(1) {
            Some(Arg::Simple(key)) => Some(key),
            Some(_) | None => None,
        };
        let value = self.call(retry, &command, None, key).await?;
        read(value)
    }

    /// Runs a script on one key, within the deadline.
    pub(super) async fn script<T: FromRedisValue>(
        &self,
        retry: Retry,
        script: &'static Script,
        key: String,
        arguments: Vec<Vec<u8>>,
    ) -> Result<T, Down> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.get_hash()).arg(1).arg(&key).arg(arguments);
        let value = self.call(retry, &command, Some(script), Some(key.as_bytes())).await?;
        read(value)
    }

    /// Opens a further connection, for subscriptions alone, within the deadline to connect. It is to the server that
    /// takes the writes (in a cluster any: what is published to one is heard at all), and ends with it: then, and after
    /// every change of [`Self::connections`], ask for another.
    pub(super) async fn subscriber(&self) -> Result<PubSub, Down> {
        let deadline = Instant::now() + self.connect_timeout;
        let open = async {
            let live = match &self.servers {
                Servers::One(node) => node.live().await?,
                Servers::Cluster(cluster) => cluster.any(deadline).await?,
            };
            live.subscriber()
                .await
                .map_err(|error| Fault::at(&live.address, &error))
        };
        match timeout_at(deadline, open).await {
            Ok(opened) => opened.map_err(Down::from),
            Err(_) => Err(Down::TimedOut),
        }
    }

    /// Counts the connections made: after a change, another server may be the one that takes the writes.
    pub(super) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    /// Makes sure that the connection leads where it should, and gives it up otherwise: before anybody waits for it.
    pub(super) async fn look_after(&self) -> Result<(), Down> {
        let deadline = Instant::now() + self.timeout;
        let looked = match &self.servers {
            Servers::One(node) => node.look_after(deadline).await,
            Servers::Cluster(cluster) => cluster.look_after(deadline).await,
        };
        looked.map_err(Down::from)
    }

    /// Asks every master the same.
    pub(super) async fn ask_each(&self, command: &Cmd) -> Vec<Result<Value, Down>> {
        let deadline = Instant::now() + self.timeout;
        let question = Question::plain(command);
        let nodes = match &self.servers {
            Servers::One(node) => vec![node.clone()],
            Servers::Cluster(cluster) => {
                let masters = cluster.masters();
                masters.iter().map(|address| cluster.node_at(address)).collect()
            }
        };
        let asked = nodes.iter().map(|node| node.ask(question, deadline));
        let answers = futures_util::future::join_all(asked).await;
        answers.into_iter().map(|answer| answer.map_err(Down::from)).collect()
    }

    async fn call(
        &self,
        retry: Retry,
        command: &Cmd,
        script: Option<&'static Script>,
        key: Option<&[u8]>,
    ) -> Result<Value, Down> {
        let call = Call {
            question: Question {
                script,
                ..Question::plain(command)
            },
            key,
            retry,
            deadline: Instant::now() + self.timeout,
        };
        let answer = match &self.servers {
            Servers::One(node) => call.one(node).await,
            Servers::Cluster(cluster) => call.cluster(cluster).await,
        };
        answer.map_err(Down::from)
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T, Down> {
    T::from_redis_value(value).map_err(|error| Down::Refused(error.to_string()))
}
