//! The listening sockets pass from one process to the next, over a pair of sockets that only those two hold: the next one's
//! standard input. Nothing lies in the file system, and nobody else can ask for it.
//!
//! What they say to each other, a line of JSON each: the old process offers its sockets; the new one says that it could
//! serve, or why not; the old one lets it; the new one serves; and when the service manager knows of it, the old one says
//! that too. Whoever ends before that leaves the other as it was.

pub(super) mod heir;
pub(super) mod predecessor;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::proxy::Bind;

/// The words on the command line that make a process take over from the one that started it.
pub(super) const TAKE_OVER: &str = "--take-over";
/// What this program says and understands. Another number is refused, and the process that was there goes on.
const VERSION: u32 = 1;
/// Most sockets that pass at once (`SCM_MAX_FD` of Linux is 253).
const MOST: usize = 250;

/// What the old process says first. The sockets come with it, in the same order.
#[derive(Debug, Serialize, Deserialize)]
struct Offer {
    version: u32,
    sockets: Vec<Offered>,
}

/// A socket.
#[derive(Debug, Serialize, Deserialize)]
struct Offered {
    asked: Address,
    address: Address,
    /// Whether the file of a unix socket is Doorward's own to remove.
    file: bool,
}

/// Where a socket listens.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Address {
    Tcp(std::net::SocketAddr),
    Unix(PathBuf),
}

/// What follows.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// The new one could serve.
    Ready,
    /// It cannot.
    Failed(String),
    /// The old one takes no more: it may.
    Go,
    /// It does.
    Serving,
    /// The service manager knows.
    Known,
}

impl From<Bind> for Address {
    fn from(bind: Bind) -> Self {
        match bind {
            Bind::Tcp(address) => Self::Tcp(address),
            Bind::Unix(path) => Self::Unix(path),
        }
    }
}

impl From<Address> for Bind {
    fn from(address: Address) -> Self {
        match address {
            Address::Tcp(address) => Self::Tcp(address),
            Address::Unix(path) => Self::Unix(path),
        }
    }
}

impl Word {
    fn line(&self) -> std::io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}
