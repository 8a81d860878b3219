//! The admin listener at work: on its own socket, opened like every other.

use tokio::task::AbortHandle;

use super::{
    RunError,
    listen::{self, Socket, UnixPath},
};
use crate::{admin::Admin, proxy::Bind, task};

/// The admin listener. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Office {
    address: Bind,
    serving: AbortHandle,
    #[expect(dead_code, reason = "removes the socket's file when dropped")]
    file: Option<UnixPath>,
}

impl Office {
    /// Binds and serves. Within a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub(super) fn open(at: &Bind, admin: Admin) -> Result<Self, RunError> {
        let (socket, address) = listen::open(at).map_err(|source| RunError::Admin {
            address: at.to_string(),
            source,
        })?;
        let router = admin.router();
        let (serving, file) = match socket {
            Socket::Tcp(socket) => {
                let serving = task::spawn("admin", async move { axum::serve(socket, router).await });
                (serving, None)
            }
            Socket::Unix(socket, file) => {
                let serving = task::spawn("admin", async move { axum::serve(socket, router).await });
                (serving, Some(file))
            }
        };
        Ok(Self {
            address,
            serving: serving.abort_handle(),
            file,
        })
    }

    /// Where it listens, with the port that port 0 became.
    pub(super) const fn address(&self) -> &Bind {
        &self.address
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
