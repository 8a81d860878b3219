//! The link to Redis: one connection manager, a deadline on every call, a breaker in front.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use redis::{
    Client, ClientTlsConfig, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, Script, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig, PubSub},
    io::tcp::TcpSettings,
};
use tokio::time::{Instant, timeout, timeout_at};

use crate::store::{
    BadSettings, Down, RedisAddress, RedisSettings,
    breaker::{Breaker, PAUSE},
};

/// Whether a call may be sent again on a new connection when the old one turned out to be broken: only what comes to
/// the same when it is carried out twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Retry {
    /// It may, once.
    Once,
    /// It may not.
    Never,
}

/// Commands that may wait for the connection at once, before callers wait for room.
const QUEUE: usize = 1024;

/// A connection that is made when first needed.
pub(super) struct Link {
    client: Client,
    config: ConnectionManagerConfig,
    manager: ArcSwap<ConnectionManager>,
    breaker: Breaker,
    timeout: Duration,
    connect_timeout: Duration,
    began: Instant,
    renewed: AtomicU64,
}

impl Link {
    /// Prepares the connection without making it. Within a tokio runtime.
    pub(super) fn new(settings: &RedisSettings) -> Result<Self, BadSettings> {
        let bad = |error: RedisError| BadSettings(error.to_string());
        let client = client(settings).map_err(bad)?;
        let config = ConnectionManagerConfig::new()
            // One attempt: whoever comes next makes the next one, and the breaker spaces them.
            .set_number_of_retries(0)
            .set_connection_timeout(Some(settings.connect_timeout))
            .set_response_timeout(Some(settings.timeout))
            .set_pipeline_buffer_size(QUEUE);
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), config.clone());
        let now = Instant::now();
        Ok(Self {
            manager: ArcSwap::from_pointee(manager.map_err(bad)?),
            client,
            config,
            breaker: Breaker::new(now),
            timeout: settings.timeout,
            connect_timeout: settings.connect_timeout,
            began: now,
            renewed: AtomicU64::new(0),
        })
    }

    /// Sends a command and reads its answer, within the deadline, connection included.
    pub(super) async fn command<T>(&self, retry: Retry, command: Cmd) -> Result<T, Down>
    where
        T: FromRedisValue + Send + 'static,
    {
        let command = Arc::new(command);
        let call = |mut to: ConnectionManager| {
            let command = Arc::clone(&command);
            async move { command.query_async(&mut to).await }
        };
        self.call(retry, call).await
    }

    /// Runs a script on one key, within the deadline.
    pub(super) async fn script<T>(
        &self,
        retry: Retry,
        script: &'static Script,
        key: String,
        arguments: Vec<Vec<u8>>,
    ) -> Result<T, Down>
    where
        T: FromRedisValue + Send + 'static,
    {
        let call = |mut to: ConnectionManager| {
            let mut invocation = script.key(key.as_str());
            for argument in &arguments {
                invocation.arg(argument.as_slice());
            }
            async move { invocation.invoke_async(&mut to).await }
        };
        self.call(retry, call).await
    }

    /// Opens a further connection, for subscriptions alone, within the deadline to connect. It is to the server that
    /// takes the writes (in a cluster any node: what is published to one is heard at all), and ends with it: then ask
    /// for another.
    pub(super) async fn subscriber(&self) -> Result<PubSub, Down> {
        match timeout(self.connect_timeout, self.client.get_async_pubsub()).await {
            Ok(Ok(subscriber)) => Ok(subscriber),
            Ok(Err(error)) if is_answer(&error) => Err(Down::Refused(error.to_string())),
            Ok(Err(error)) => Err(Down::Unreachable(error.to_string())),
            Err(_) => Err(Down::TimedOut),
        }
    }

    async fn call<T, F>(&self, retry: Retry, call: impl Fn(ConnectionManager) -> F + Send + Sync) -> Result<T, Down>
    where
        F: Future<Output = Result<T, RedisError>> + Send,
        T: Send,
    {
        let began = Instant::now();
        self.breaker.admit(began).map_err(Down::Paused)?;
        let first = call(self.manager());
        let attempts = async {
            match first.await {
                Err(error) if retry == Retry::Once && is_broken(&error) => call(self.manager()).await,
                other => other,
            }
        };
        match timeout_at(began + self.timeout, attempts).await {
            Ok(Ok(answer)) => {
                self.breaker.succeeded();
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(self.down(Down::TimedOut)),
        }
    }

    fn manager(&self) -> ConnectionManager {
        ConnectionManager::clone(&self.manager.load())
    }

    fn failed(&self, error: &RedisError) -> Down {
        if error.is_timeout() {
            return self.down(Down::TimedOut);
        }
        if !is_answer(error) {
            return self.down(Down::Unreachable(error.to_string()));
        }
        // It answers, so it is up. But the refusal may have come while the connection was being set up (a password, a
        // data set still being loaded, a replica that was the master), and the manager keeps such an answer for good.
        if !matches!(error.code(), Some("OOM" | "MISCONF")) {
            self.renew(Instant::now());
        }
        Down::Refused(error.to_string())
    }

    fn down(&self, down: Down) -> Down {
        let now = Instant::now();
        if self.breaker.failed(now, down.to_string()) {
            // What hangs may hang for as long as TCP has patience: a new connection, or none.
            self.renew(now);
        }
        down
    }

    /// Starts over with a new manager, at most once a pause.
    fn renew(&self, now: Instant) {
        let now = u64::try_from(now.duration_since(self.began).as_millis()).unwrap_or(u64::MAX);
        let pause = u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
        let last = self.renewed.load(Ordering::Acquire);
        let ours = now >= last.saturating_add(pause)
            && self
                .renewed
                .compare_exchange(last, now, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if ours && let Ok(manager) = ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone()) {
            self.manager.store(manager.into());
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("address", self.client.get_connection_info().addr())
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

/// Whether the server itself said so.
fn is_answer(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(_)
            | ErrorKind::Extension
            | ErrorKind::AuthenticationFailed
            | ErrorKind::UnexpectedReturnType
            | ErrorKind::RESP3NotSupported
    )
}

/// Whether the connection broke under the call, as it does once after every restart of the server.
fn is_broken(error: &RedisError) -> bool {
    !is_answer(error) && !error.is_timeout() && !error.is_connection_refusal()
}

fn client(settings: &RedisSettings) -> Result<Client, RedisError> {
    let mut login = RedisConnectionInfo::default().set_db(settings.database);
    if let Some(username) = &settings.username {
        login = login.set_username(username);
    }
    if let Some(password) = &settings.password {
        login = login.set_password(password.expose());
    }
    let (address, tls) = match &settings.address {
        RedisAddress::Unix(path) => (ConnectionAddr::Unix(path.clone()), false),
        RedisAddress::Tcp { host, port, tls: false } => (ConnectionAddr::Tcp(host.clone(), *port), false),
        RedisAddress::Tcp { host, port, tls: true } => {
            let address = ConnectionAddr::TcpTls {
                host: host.clone(),
                port: *port,
                insecure: false,
                tls_params: None,
            };
            (address, true)
        }
    };
    let info = address
        .into_connection_info()?
        .set_redis_settings(login)
        .set_tcp_settings(TcpSettings::default().set_nodelay(true));
    if !tls {
        return Client::open(info);
    }
    let client_tls = settings.client.as_ref().map(|(chain, key)| ClientTlsConfig {
        client_cert: chain.clone(),
        client_key: key.expose().clone(),
    });
    let root_cert = settings.ca_pem.clone();
    let certificates = TlsCertificates { client_tls, root_cert };
    Client::build_with_tls(info, certificates)
}
