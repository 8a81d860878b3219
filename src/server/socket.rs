//! Sockets that take connections, opened or taken over.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::{FileTypeExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::BufMut as _;
use rustix::{
    io::Errno,
    net::{SocketAddrAny, SocketFlags, sockopt},
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream},
};

use crate::proxy::Bind;

/// Errors of an accept that are those of one connection (`accept(2)`, "Error handling"), and no word about the next one.
const OF_ONE_CONNECTION: [Errno; 11] = [
    Errno::INTR,
    Errno::CONNABORTED,
    Errno::PERM,
    Errno::NETDOWN,
    Errno::PROTO,
    Errno::NOPROTOOPT,
    Errno::HOSTDOWN,
    Errno::NONET,
    Errno::HOSTUNREACH,
    Errno::OPNOTSUPP,
    Errno::NETUNREACH,
];
const BACKLOG: u32 = 4096;
/// After how much silence a client is asked whether it is there, how often, and how many times: two minutes in all.
const SILENCE: Duration = Duration::from_secs(60);
const BETWEEN_PROBES: Duration = Duration::from_secs(15);
const PROBES: u32 = 4;
/// Who may connect to a unix socket: owner and group.
const UNIX_MODE: u32 = 0o660;

/// A socket that takes connections.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    /// With its file, which goes when this is dropped.
    Unix(UnixListener, UnixPath),
}

/// A connection as accepted.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// The path of a unix socket, removed when dropped if the file is ours.
#[derive(Debug)]
pub(super) struct UnixPath {
    path: PathBuf,
    ours: AtomicBool,
    /// Whether it comes to be ours as soon as this process serves on it.
    inherited: bool,
}

impl Accepted {
    /// Who connected; nobody that has an address, over a unix socket.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(_, peer) => Some(peer.ip().to_canonical()),
            Self::Unix(_) => None,
        }
    }

    /// Reads what is there, until so many bytes are.
    pub(super) async fn read(&mut self, bytes: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        let mut room = bytes.limit(most.saturating_sub(bytes.len()));
        match self {
            Self::Tcp(stream, _) => stream.read_buf(&mut room).await,
            Self::Unix(stream) => stream.read_buf(&mut room).await,
        }
    }
}

impl Socket {
    /// Its connections, which have these settings from it (`tcp(7)`, `SO_KEEPALIVE`), are asked whether they are there when nothing is
    /// said on them: a WebSocket or an event stream may be silent, and who lost the network says no goodbye.
    pub(super) fn tcp(socket: TcpListener) -> Self {
        let asking = || {
            sockopt::set_socket_keepalive(&socket, true)?;
            sockopt::set_tcp_keepidle(&socket, SILENCE)?;
            sockopt::set_tcp_keepintvl(&socket, BETWEEN_PROBES)?;
            sockopt::set_tcp_keepcnt(&socket, PROBES)
        };
        if let Err(error) = asking() {
            tracing::warn!(%error, "clients that are gone without a word cannot be found out");
        }
        Self::Tcp(socket)
    }

    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream, peer))
            }
            Self::Unix(socket, _) => {
                let (stream, _) = socket.accept().await?;
                Ok(Accepted::Unix(stream))
            }
        }
    }

    /// Who waits there now, if anybody does. Asks the system, since the runtime may not have looked yet. Who is gone already
    /// is passed over.
    pub(super) fn accept_now(&self) -> Option<Accepted> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        loop {
            match rustix::net::acceptfrom_with(self, flags) {
                Ok((stream, peer)) => match self.taken(stream, peer) {
                    Ok(accepted) => return Some(accepted),
                    Err(error) => tracing::debug!(%error, "a connection that waited cannot be used"),
                },
                Err(error) if OF_ONE_CONNECTION.contains(&error) => {}
                Err(Errno::AGAIN) => return None,
                Err(error) => {
                    tracing::warn!(%error, "the connections that wait could not be taken");
                    return None;
                }
            }
        }
    }

    /// The address comes from the accept: whoever is gone has none any more.
    fn taken(&self, stream: OwnedFd, peer: Option<SocketAddrAny>) -> io::Result<Accepted> {
        match self {
            Self::Tcp(_) => {
                let peer = peer.ok_or(io::ErrorKind::NotConnected)?;
                let stream = TcpStream::from_std(stream.into())?;
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream, SocketAddr::try_from(peer)?))
            }
            Self::Unix(..) => UnixStream::from_std(stream.into()).map(Accepted::Unix),
        }
    }

    /// Whether a file goes with it.
    pub(super) fn has_file(&self) -> bool {
        match self {
            Self::Tcp(_) => false,
            Self::Unix(_, file) => file.ours.load(Ordering::Relaxed),
        }
    }

    /// Takes over its file, if whoever had the socket before leaves it.
    pub(super) fn take_file(&self) {
        match self {
            Self::Tcp(_) => {}
            Self::Unix(_, file) => file.take(),
        }
    }

    /// Leaves its file to whoever has the socket from now on.
    pub(super) fn leave_file(&self) {
        match self {
            Self::Tcp(_) => {}
            Self::Unix(_, file) => file.ours.store(false, Ordering::Relaxed),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket, _) => socket.as_fd(),
        }
    }
}

impl UnixPath {
    /// Of a socket that this process made.
    fn made(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            ours: AtomicBool::new(true),
            inherited: false,
        }
    }

    /// Of a socket that was given, which is another's until [`UnixPath::take`]: who gave it may go on serving on it.
    pub(super) fn given(path: &Path, inherited: bool) -> Self {
        Self {
            path: path.to_owned(),
            ours: AtomicBool::new(false),
            inherited,
        }
    }

    /// Whoever had it before serves no more on it.
    pub(super) fn take(&self) {
        if self.inherited {
            self.ours.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for UnixPath {
    fn drop(&mut self) {
        if !*self.ours.get_mut() {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the socket's file is gone already");
        }
    }
}

/// A socket that takes connections, and where it listens: with the port that port 0 became. Within a runtime.
pub(super) fn open(bind: &Bind) -> io::Result<(Socket, Bind)> {
    match bind {
        Bind::Tcp(address) => {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.bind(*address)?;
            let socket = socket.listen(BACKLOG)?;
            let address = socket.local_addr()?;
            Ok((Socket::tcp(socket), Bind::Tcp(address)))
        }
        Bind::Unix(path) => {
            let socket = open_unix(path)?;
            Ok((Socket::Unix(socket, UnixPath::made(path)), bind.clone()))
        }
    }
}

/// Binds beside the path and renames over it, so that nobody connects before the mode is set and a socket file left
/// over from a crash is replaced. A socket that somebody answers on is left alone.
fn open_unix(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file that is no socket is there",
            ));
        }
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        Ok(_) | Err(_) => {}
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = UnixPath::made(Path::new(&beside));
    let socket = UnixListener::bind(&beside.path)?;
    fs::set_permissions(&beside.path, fs::Permissions::from_mode(UNIX_MODE))?;
    fs::rename(&beside.path, path)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_unix_socket_is_for_owner_and_group() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("door.sock");
        let first = open(&Bind::Unix(path.clone())).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, UNIX_MODE);
        assert!(open(&Bind::Unix(path.clone())).is_err());
        drop(first);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn who_goes_without_a_word_is_found_out() {
        let (socket, address) = open(&Bind::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let Bind::Tcp(address) = address else { panic!("tcp") };
        for _ in 0..2 {
            let _client = std::net::TcpStream::connect(address).unwrap();
            let Accepted::Tcp(stream, _) = socket.accept().await.unwrap() else {
                panic!("tcp")
            };
            assert!(sockopt::socket_keepalive(&stream).unwrap());
            assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), SILENCE);
            assert_eq!(sockopt::tcp_keepcnt(&stream).unwrap(), PROBES);
        }
    }

    #[tokio::test]
    async fn who_is_gone_already_holds_up_nobody_in_the_queue() {
        let (socket, address) = open(&Bind::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let Bind::Tcp(address) = address else { panic!("tcp") };
        let gone = std::net::TcpStream::connect(address).unwrap();
        let there = std::net::TcpStream::connect(address).unwrap();
        // Its end is a reset.
        rustix::net::sockopt::set_socket_linger(&gone, Some(std::time::Duration::ZERO)).unwrap();
        drop(gone);
        let mut taken = Vec::new();
        while let Some(Accepted::Tcp(_, peer)) = socket.accept_now() {
            taken.push(peer);
        }
        assert!(taken.contains(&there.local_addr().unwrap()), "{taken:?}");
    }

    #[tokio::test]
    async fn a_file_left_to_another_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("door.sock");
        let (socket, _) = open(&Bind::Unix(path.clone())).unwrap();
        assert!(socket.has_file());
        socket.leave_file();
        drop(socket);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_socket_left_by_a_crash_is_replaced_and_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let stale = folder.path().join("stale.sock");
        drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
        assert!(stale.exists());
        open(&Bind::Unix(stale)).unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "precious").unwrap();
        assert!(open(&Bind::Unix(file.clone())).is_err());
        assert_eq!(fs::read(&file).unwrap(), b"precious");
    }
}
