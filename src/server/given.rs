//! Sockets that the process did not open itself: the service manager did, or the process before it.

use std::{
    fs, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{fs::PermissionsExt as _, net::UnixListener},
    },
    path::Path,
};

use rustix::net::{AddressFamily, SocketAddrUnix};

use super::socket::{self, Socket, UnixPath};
use crate::proxy::Bind;

/// The bit of a file's mode by which anybody may write to it.
const WRITTEN_BY_OTHERS: u32 = 0o002;

/// Sockets at hand, each for the listener that is asked to listen at its address.
#[derive(Default, Debug)]
pub(super) struct Sockets(Vec<Given>);

/// One of them.
#[derive(Debug)]
pub(super) struct Given {
    /// What it listens for, as the configuration says it.
    pub(super) asked: Bind,
    /// Where it listens.
    pub(super) address: Bind,
    /// Whether the file of a unix socket is ours to remove.
    pub(super) file: bool,
    /// Whether it may be for all addresses of IPv4 where it is for all of IPv6. Only as the service manager has it: one that
    /// Doorward opened is as wide as it was asked for, and stays with who asks for the same.
    pub(super) both_families: bool,
    pub(super) socket: Listening,
}

#[derive(Debug)]
pub(super) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A socket that was given and cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// It cannot be asked what it is.
    #[error("socket {number} that systemd passed cannot be used: {source}")]
    Unusable {
        /// Which, from 1, in the order of the `.socket` units.
        number: usize,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error(
        "socket {number} that systemd passed is neither TCP nor a unix stream socket with a path; a .socket unit says \
         ListenStream=PORT, ADDRESS:PORT or /path"
    )]
    Kind {
        /// Which.
        number: usize,
    },
}

impl Sockets {
    /// Those that the service manager passed to this very process (`sd_listen_fds(3)`). To be called before there are
    /// threads, since it takes variables out of the environment.
    ///
    /// # Errors
    /// One cannot be used.
    pub(super) fn from_service_manager(meant_for: Option<&str>) -> Result<Self, GivenError> {
        // Without it the descriptors would be taken on trust.
        if meant_for != Some(std::process::id().to_string().as_str()) {
            return Ok(Self::default());
        }
        let mut passed = listenfd::ListenFd::from_env();
        let sockets = (0..passed.len()).map(|at| {
            let number = at + 1;
            let unusable = |source| GivenError::Unusable { number, source };
            let tcp = passed.take_tcp_listener(at);
            let fd: OwnedFd = match tcp {
                Ok(Some(socket)) => socket.into(),
                Ok(None) | Err(_) => match passed.take_unix_listener(at).map_err(unusable)? {
                    Some(socket) => socket.into(),
                    None => return Err(GivenError::Kind { number }),
                },
            };
            let (address, socket) = identify(fd).map_err(unusable)?.ok_or(GivenError::Kind { number })?;
            Ok(Given {
                asked: address.clone(),
                both_families: takes_ipv4(&address, &socket).map_err(unusable)?,
                address,
                file: false,
                socket,
            })
        });
        sockets.collect::<Result<_, _>>().map(Self)
    }

    /// Those of the process before.
    pub(super) const fn of(given: Vec<Given>) -> Self {
        Self(given)
    }

    /// The socket for a listener: that which was given for it, or one of its own. Within a runtime.
    ///
    /// # Errors
    /// It cannot be had.
    pub(super) fn open(&mut self, bind: &Bind) -> io::Result<(Socket, Bind)> {
        let Some(at) = self.place(bind) else {
            return socket::open(bind);
        };
        let Given {
            asked: _,
            address,
            file,
            both_families: _,
            socket,
        } = self.0.remove(at);
        let socket = match socket {
            Listening::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                Socket::tcp(tokio::net::TcpListener::from_std(socket)?)
            }
            Listening::Unix(socket) => {
                socket.set_nonblocking(true)?;
                let path = match &address {
                    Bind::Unix(path) => path.as_path(),
                    Bind::Tcp(_) => Path::new(""),
                };
                warn_if_open_to_all(path);
                let guard = UnixPath::given(path, file);
                Socket::Unix(tokio::net::UnixListener::from_std(socket)?, guard)
            }
        };
        Ok((socket, address))
    }

    /// Where those listen that no listener asks for.
    pub(super) fn unasked<'a>(&self, asked: impl Iterator<Item = &'a Bind>) -> Vec<Bind> {
        let mut left: Vec<&Given> = self.0.iter().collect();
        for bind in asked {
            if let Some(at) = left.iter().position(|given| given.is_for(bind)) {
                left.remove(at);
            }
        }
        left.into_iter().map(|given| given.address.clone()).collect()
    }

    /// Where they listen.
    pub(super) fn addresses(&self) -> Vec<Bind> {
        self.0.iter().map(|given| given.address.clone()).collect()
    }

    /// The files of those that nobody asked for, left by the process before: nobody listens there any more once it is gone.
    pub(super) fn files_left(self) -> Vec<UnixPath> {
        let file = |given: Given| match given.address {
            Bind::Unix(path) => given.file.then(|| UnixPath::given(&path, true)),
            Bind::Tcp(_) => None,
        };
        self.0.into_iter().filter_map(file).collect()
    }

    fn place(&self, bind: &Bind) -> Option<usize> {
        self.0.iter().position(|given| given.is_for(bind))
    }
}

impl Given {
    /// Whether a listener gets by it what it asks for, and no more: what the configuration was checked for is where it
    /// listens. One for all addresses of IPv6 that takes those of IPv4 as well is what `ListenStream=PORT` makes.
    fn is_for(&self, bind: &Bind) -> bool {
        if self.asked == *bind {
            return true;
        }
        let (Bind::Tcp(has), Bind::Tcp(asks)) = (&self.asked, bind) else {
            return false;
        };
        self.both_families
            && has.port() == asks.port()
            && has.ip() == Ipv6Addr::UNSPECIFIED
            && asks.ip() == Ipv4Addr::UNSPECIFIED
    }
}

/// Whoever may write to a unix socket's file may connect, and is taken for a proxy where any is trusted.
fn warn_if_open_to_all(path: &Path) {
    let mode = fs::metadata(path).map(|file| file.permissions().mode());
    if mode.is_ok_and(|mode| mode & WRITTEN_BY_OTHERS != 0) {
        tracing::warn!(
            path = %path.display(),
            "every program on this machine may connect to this unix socket, which was passed to this process, and is taken \
             for a trusted proxy if any is listed. Write SocketMode=0660 and SocketGroup= into its .socket unit"
        );
    }
}

/// Whether it is for all addresses of IPv6, and those of IPv4 come along (`BindIPv6Only=`).
fn takes_ipv4(address: &Bind, socket: &Listening) -> io::Result<bool> {
    match (address, socket) {
        (Bind::Tcp(SocketAddr::V6(address)), Listening::Tcp(socket)) if address.ip().is_unspecified() => {
            Ok(!rustix::net::sockopt::ipv6_v6only(socket)?)
        }
        (Bind::Tcp(_) | Bind::Unix(_), Listening::Tcp(_) | Listening::Unix(_)) => Ok(false),
    }
}

/// What a socket is and where it listens; `None` when no listener can be on it.
pub(super) fn identify(fd: OwnedFd) -> io::Result<Option<(Bind, Listening)>> {
    use rustix::net::{SocketType, getsockname, sockopt};
    if sockopt::socket_type(fd.as_fd())? != SocketType::STREAM || !sockopt::socket_acceptconn(fd.as_fd())? {
        return Ok(None);
    }
    let address = getsockname(fd.as_fd())?;
    let family = address.address_family();
    if family == AddressFamily::INET || family == AddressFamily::INET6 {
        let address = SocketAddr::try_from(address)?;
        return Ok(Some((Bind::Tcp(address), Listening::Tcp(fd.into()))));
    }
    if family != AddressFamily::UNIX {
        return Ok(None);
    }
    let address = SocketAddrUnix::try_from(address)?;
    let path = address.path_bytes().filter(|path| !path.is_empty());
    let bind = path.map(|path| {
        use std::os::unix::ffi::OsStrExt as _;
        Bind::Unix(std::ffi::OsStr::from_bytes(path).into())
    });
    Ok(bind.map(|bind| (bind, Listening::Unix(fd.into()))))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn given(address: &str) -> Given {
        let address = Bind::Tcp(address.parse().unwrap());
        Given {
            asked: address.clone(),
            address,
            file: false,
            both_families: true,
            socket: Listening::Tcp(TcpListener::bind("127.0.0.1:0").unwrap()),
        }
    }

    #[test]
    fn a_listener_gets_what_it_asks_for_and_no_more() {
        for (has, asks, fits) in [
            ("127.0.0.1:443", "127.0.0.1:443", true),
            ("[::]:443", "[::]:443", true),
            ("[::]:443", "0.0.0.0:443", true),
            // Who asks for the one is not checked for the other.
            ("[::]:443", "127.0.0.1:443", false),
            ("0.0.0.0:443", "127.0.0.1:443", false),
            ("127.0.0.1:443", "0.0.0.0:443", false),
            ("0.0.0.0:443", "[::]:443", false),
            ("[::]:443", "0.0.0.0:80", false),
        ] {
            let asks = Bind::Tcp(asks.parse().unwrap());
            assert_eq!(given(has).is_for(&asks), fits, "{has} for {asks}");
        }
    }

    #[test]
    fn what_doorward_opened_stays_with_who_asks_for_the_same() {
        let mut before = given("[::]:443");
        before.both_families = false;
        for (asks, fits) in [("[::]:443", true), ("0.0.0.0:443", false)] {
            assert_eq!(before.is_for(&Bind::Tcp(asks.parse().unwrap())), fits, "{asks}");
        }
    }

    #[test]
    fn only_a_socket_of_both_families_takes_ipv4() {
        use rustix::net::{SocketType, bind, listen, socket, sockopt::set_ipv6_v6only};
        for alone in [false, true] {
            let fd = socket(AddressFamily::INET6, SocketType::STREAM, None).unwrap();
            set_ipv6_v6only(&fd, alone).unwrap();
            bind(&fd, &SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))).unwrap();
            listen(&fd, 1).unwrap();
            let (address, socket) = identify(fd).unwrap().unwrap();
            assert_eq!(takes_ipv4(&address, &socket).unwrap(), !alone);
        }
    }

    #[test]
    fn what_nobody_asks_for_is_known() {
        let sockets = Sockets(vec![given("127.0.0.1:1"), given("127.0.0.1:2"), given("127.0.0.1:2")]);
        let asked = [Bind::Tcp((IpAddr::from([127, 0, 0, 1]), 2).into())];
        let left: Vec<String> = sockets.unasked(asked.iter()).iter().map(ToString::to_string).collect();
        assert_eq!(left, ["127.0.0.1:1", "127.0.0.1:2"]);
    }

    #[tokio::test]
    async fn a_socket_that_was_given_is_taken_once() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Bind::Tcp(socket.local_addr().unwrap());
        let (asked, socket) = identify(socket.into()).unwrap().unwrap();
        assert_eq!(asked, address);
        let mut sockets = Sockets(vec![Given {
            asked,
            address: address.clone(),
            file: false,
            both_families: false,
            socket,
        }]);
        let (_first, at) = sockets.open(&address).unwrap();
        assert_eq!(at, address);
        assert_eq!(sockets.open(&address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn what_takes_no_connections_is_no_listener() {
        let datagram = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(identify(datagram.into()).unwrap().is_none());
        let (connected, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(identify(connected.into()).unwrap().is_none());
        assert!(identify(std::fs::File::open("/dev/null").unwrap().into()).is_err());
    }
}
