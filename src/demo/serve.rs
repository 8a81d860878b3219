//! Loopback listeners of the demo.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::{net::TcpListener, task::JoinSet};

use super::DemoError;

/// A server of the demo. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The same as a URL, without a slash at its end.
    pub url: String,
    /// Its task, ended when this is dropped.
    _task: JoinSet<()>,
}

/// A bound listener that serves nobody yet, so that a server can be made that knows its own address.
#[derive(Debug)]
pub(super) struct Bound {
    listener: TcpListener,
    addr: SocketAddr,
}

/// Takes a free loopback port.
pub(super) async fn listen() -> Result<Bound, DemoError> {
    bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
}

/// The address with a real port in place of 0, found free a moment ago.
pub(super) async fn free(addr: SocketAddr) -> Result<SocketAddr, DemoError> {
    Ok(bind(addr).await?.addr)
}

async fn bind(addr: SocketAddr) -> Result<Bound, DemoError> {
    let failed = |source| DemoError::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, addr })
}

impl Bound {
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(super) fn serve(self, router: Router) -> Running {
        let (addr, url) = (self.addr, self.url());
        let mut task = JoinSet::new();
        task.spawn(async move {
            // It ends only when the task does: accept errors are retried inside.
            axum::serve(self.listener, router).await.unwrap_or_default();
        });
        Running { addr, url, _task: task }
    }
}
