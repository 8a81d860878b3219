//! The admin listener at work: on its own socket, opened like every other.

use std::{io, sync::Arc, time::Duration};

use axum::serve::Listener;
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinHandle},
};

use super::{RunError, given::Sockets, socket::Socket, stream::Coalesced};
use crate::{admin::Admin, proxy::Bind, task};

/// Pause after the system refused a connection (GW-08).
const PAUSE: Duration = Duration::from_secs(1);

/// The admin listener. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Office {
    desk: Desk,
    serving: Option<JoinHandle<Option<io::Result<()>>>>,
    abort: AbortHandle,
    /// Takes no more requests, answers what is asked already.
    close: watch::Sender<bool>,
}

/// Its socket, as the web framework wants it.
struct Counter(Arc<Socket>);

impl Listener for Counter {
    type Io = Coalesced;
    type Addr = ();

    async fn accept(&mut self) -> (Coalesced, ()) {
        loop {
            match self.0.accept().await {
                Ok(accepted) => return (Coalesced::new(accepted, &[]), ()),
                Err(error) => {
                    tracing::warn!(%error, "a connection to the admin listener could not be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The admin listener's socket, before anybody serves on it.
#[derive(Debug)]
pub(super) struct Desk {
    asked: Bind,
    address: Bind,
    socket: Arc<Socket>,
}

impl Desk {
    /// Binds. Within a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub(super) fn open(at: &Bind, given: &mut Sockets) -> Result<Self, RunError> {
        let (socket, address) = given.open(at).map_err(|source| RunError::Admin {
            address: at.to_string(),
            source,
        })?;
        Ok(Self {
            asked: at.clone(),
            address,
            socket: Arc::new(socket),
        })
    }

    pub(super) fn socket(&self) -> Arc<Socket> {
        Arc::clone(&self.socket)
    }

    pub(super) fn serve(self, admin: Admin) -> Office {
        let (close, mut closing) = watch::channel(false);
        let serve = axum::serve(Counter(Arc::clone(&self.socket)), admin.router());
        let serve = serve.with_graceful_shutdown(async move {
            let told = closing.wait_for(|closing| *closing).await.is_ok();
            tracing::trace!(told, "the admin listener closes");
        });
        let serving = task::spawn("admin", serve.into_future());
        Office {
            desk: self,
            abort: serving.abort_handle(),
            serving: Some(serving),
            close,
        }
    }
}

impl Office {
    /// Where it listens, with the port that port 0 became.
    pub(super) const fn address(&self) -> &Bind {
        &self.desk.address
    }

    /// Its socket, with where it was asked to listen and where it does.
    pub(super) fn socket(&self) -> (Bind, Bind, Arc<Socket>) {
        let Desk { asked, address, socket } = &self.desk;
        (asked.clone(), address.clone(), Arc::clone(socket))
    }

    /// Another process has its socket already: who asks from now on asks there. Ends when what is asked is answered.
    pub(super) async fn leave(mut self) {
        self.desk.socket.leave_file();
        self.close.send_replace(true);
        if let Some(serving) = self.serving.take() {
            let ended = serving.await;
            tracing::trace!(whole = ended.is_ok(), "the admin listener is closed");
        }
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.abort.abort();
    }
}
