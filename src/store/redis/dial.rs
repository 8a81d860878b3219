//! How a server is reached and entered: address, TLS, user and password.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, PushInfo,
    PushKind, RedisConnectionInfo, RedisError, Script, TlsCertificates, Value,
    aio::{ConnectionLike as _, MultiplexedConnection, PubSub},
    io::tcp::TcpSettings,
};
use tokio::time::{Instant, timeout};

use super::fault::Fault;
use crate::store::{RedisAddress, RedisLogin, RedisTls};

/// Commands that may wait for the connection at once, before callers wait for room.
const QUEUE: usize = 1024;

/// What every connection to a kind of server has in common.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    /// Who enters.
    pub(super) login: RedisLogin,
    /// By what certificates, where TLS is spoken.
    pub(super) tls: Option<RedisTls>,
    /// Database number.
    pub(super) database: i64,
    /// Deadline to connect.
    pub(super) patience: Duration,
}

/// A connection for all callers: what they send goes out at once, and answers come in the same order.
pub(super) struct Live {
    /// Where to.
    pub(super) address: RedisAddress,
    client: Client,
    connection: MultiplexedConnection,
    gone: Arc<AtomicBool>,
    began: Instant,
    heard: AtomicU64,
}

impl Entrance {
    /// Whoever is let in at the address.
    ///
    /// # Errors
    /// Certificates that are none.
    pub(super) fn client(&self, address: &RedisAddress) -> Result<Client, RedisError> {
        // By protocol 3 we are told when the server closes a connection that nobody is using.
        let mut login = RedisConnectionInfo::default()
            .set_db(self.database)
            .set_protocol(ProtocolVersion::RESP3);
        if let Some(username) = &self.login.username {
            login = login.set_username(username);
        }
        if let Some(password) = &self.login.password {
            login = login.set_password(password.expose());
        }
        let info = connection_address(address)
            .into_connection_info()?
            .set_redis_settings(login)
            .set_tcp_settings(TcpSettings::default().set_nodelay(true));
        if !address.is_tls() {
            return Client::open(info);
        }
        let tls = self.tls.clone().unwrap_or_default();
        let certificates = TlsCertificates {
            client_tls: tls.client.map(|(chain, key)| ClientTlsConfig {
                client_cert: chain,
                client_key: key.expose().clone(),
            }),
            root_cert: tls.ca_pem,
        };
        Client::build_with_tls(info, certificates)
    }

    /// Connects, within the deadline.
    pub(super) async fn connect(&self, address: &RedisAddress) -> Result<Live, Fault> {
        let client = self.client(address).map_err(|error| Fault::at(address, &error))?;
        let gone = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&gone);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            // Callers have deadlines of their own.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    flag.store(true, Ordering::Release);
                }
                Ok::<(), ()>(())
            });
        let connected = timeout(
            self.patience,
            client.get_multiplexed_async_connection_with_config(&config),
        )
        .await;
        match connected {
            Ok(Ok(connection)) => Ok(Live {
                address: address.clone(),
                client,
                connection,
                gone,
                began: Instant::now(),
                heard: AtomicU64::new(0),
            }),
            Ok(Err(error)) => Err(Fault::at(address, &error)),
            Err(_) => Err(Fault::late(address)),
        }
    }
}

impl Live {
    /// Sends a command, and reads its answer for as long as the caller has patience.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, RedisError> {
        let answer = self.connection.clone().req_packed_command(command).await;
        // An error that the server sent is heard of it too.
        if let Ok(answer) = answer {
            self.heard.store(self.age(Instant::now()), Ordering::Relaxed);
            return answer.extract_error();
        }
        answer
    }

    /// Sends a command to a server that is about to take over its key.
    pub(super) async fn ask_ahead(&self, command: &Cmd) -> Result<Value, RedisError> {
        let mut both = redis::pipe();
        both.cmd("ASKING").ignore().add_command(command.clone());
        let mut answers: Vec<Value> = both.query_async(&mut self.connection.clone()).await?;
        self.heard.store(self.age(Instant::now()), Ordering::Relaxed);
        Ok(answers.pop().unwrap_or(Value::Nil))
    }

    /// Brings a script along.
    pub(super) async fn load(&self, script: &Script) -> Result<(), RedisError> {
        let mut connection = self.connection.clone();
        script.prepare_invoke().load_async(&mut connection).await.map(drop)
    }

    /// A further connection to the same server, for subscriptions.
    pub(super) async fn subscriber(&self) -> Result<PubSub, RedisError> {
        self.client.get_async_pubsub().await
    }

    /// Whether the server closed it.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Nobody is to use it again.
    pub(super) fn give_up(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Whether anything came in since the moment.
    pub(super) fn heard_since(&self, moment: Instant) -> bool {
        self.heard.load(Ordering::Relaxed) > self.age(moment)
    }

    fn age(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("address", &self.address)
            .field("gone", &self.gone)
            .finish_non_exhaustive()
    }
}

fn connection_address(address: &RedisAddress) -> ConnectionAddr {
    match address.clone() {
        RedisAddress::Unix(path) => ConnectionAddr::Unix(path),
        RedisAddress::Tcp { host, port, tls: false } => ConnectionAddr::Tcp(host, port),
        RedisAddress::Tcp { host, port, tls: true } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        },
    }
}
