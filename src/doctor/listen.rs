//! The listeners' addresses: free, or in use by a Doorward that runs.

use std::{io, net::SocketAddr, os::unix::fs::FileTypeExt as _, path::Path, time::Duration};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream, UnixStream},
};

use super::{Finding, Surgery};
use crate::{
    config::Plan,
    proxy::{Bind, Listener},
    server::{Certificates, listen::advice},
    time::UnixTime,
};

/// Most bytes of an answer that are read.
const MOST: u64 = 16 << 10;
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

pub(super) async fn listeners(surgery: &Surgery, plan: &Plan) -> Vec<Finding> {
    let admin = match &plan.admin {
        Some(admin) => Some((&admin.bind, is_doorward(surgery, &admin.bind).await)),
        None => None,
    };
    let runs = admin.is_some_and(|(_, answers)| answers);
    let looks = plan.listeners.iter().map(|listener| async move {
        let of = format!("listener {}", listener.bind);
        let mut found = vec![address(surgery, &of, &listener.bind, runs).await];
        found.extend(certificates(surgery, &of, listener));
        found
    });
    let mut found: Vec<Finding> = join_all(looks).await.into_iter().flatten().collect();
    if let Some((bind, answers)) = admin {
        found.push(if answers {
            Finding::ok(
                "listen",
                "admin listener",
                format!("{bind} is in use, by a Doorward that runs"),
            )
        } else {
            address(surgery, "admin listener", bind, false).await
        });
    }
    found
}

/// `runs`: a Doorward answers at the admin listener.
async fn address(surgery: &Surgery, of: &str, bind: &Bind, runs: bool) -> Finding {
    let taken = match bind {
        Bind::Tcp(address) => try_bind(*address),
        Bind::Unix(path) => match surgery.within(UnixStream::connect(path)).await {
            Ok(Ok(_)) => Err(io::ErrorKind::AddrInUse.into()),
            Ok(Err(error)) => room(path, error),
            Err(late) => Err(io::Error::new(io::ErrorKind::TimedOut, late)),
        },
    };
    match taken {
        Ok(()) => Finding::ok("listen", of, format!("{bind} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && runs => {
            let seen =
                format!("{bind} is in use; a Doorward runs here, but whether it is what listens there cannot be seen");
            Finding::unseen("listen", of, seen).advise("`ss -ltnp` (as root) says who does")
        }
        Err(error) => {
            let known = advice(&error).trim();
            let advice = if known.is_empty() {
                "is this an address of this machine?"
            } else {
                known
            };
            Finding::fail("listen", of, format!("{bind}: {error}")).advise(advice)
        }
    }
}

/// Whether a socket can be made where none answers: there is nothing, in a folder, or one that a process left behind.
fn room(path: &Path, error: io::Error) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let nothing = error.kind() == io::ErrorKind::NotFound && folder.is_none_or(Path::is_dir);
    let left = error.kind() == io::ErrorKind::ConnectionRefused
        && path.metadata().is_ok_and(|found| found.file_type().is_socket());
    if nothing || left { Ok(()) } else { Err(error) }
}

/// Binds without listening, so that nobody can connect meanwhile.
fn try_bind(address: SocketAddr) -> io::Result<()> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

/// Whether the metrics of a Doorward are at the address.
async fn is_doorward(surgery: &Surgery, bind: &Bind) -> bool {
    let ask = async {
        let mut answer = Vec::new();
        match bind {
            Bind::Tcp(address) => {
                let mut near = *address;
                if near.ip().is_unspecified() {
                    near.set_ip(match near {
                        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
                    });
                }
                exchange(TcpStream::connect(near).await?, &mut answer).await?;
            }
            Bind::Unix(path) => exchange(UnixStream::connect(path).await?, &mut answer).await?,
        }
        Ok::<_, io::Error>(String::from_utf8_lossy(&answer).contains("\ndoorward_"))
    };
    matches!(surgery.within(ask).await, Ok(Ok(true)))
}

async fn exchange(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    answer: &mut Vec<u8>,
) -> io::Result<()> {
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .await?;
    stream.take(MOST).read_to_end(answer).await.map(drop)
}

fn certificates(surgery: &Surgery, of: &str, listener: &Listener) -> Vec<Finding> {
    let Some(wanted) = &listener.tls else {
        return Vec::new();
    };
    match Certificates::load(wanted) {
        Err(error) => vec![
            Finding::fail("certificate", of, error.to_string())
                .advise("give it a certificate and key that can be used"),
        ],
        Ok(certificates) => {
            let all = certificates.validity().into_iter();
            all.map(|(files, [_, until])| validity(surgery, of, &files.certificate, until))
                .collect()
        }
    }
}

fn validity(surgery: &Surgery, of: &str, file: &Path, until: UnixTime) -> Finding {
    let now = surgery.clock.now();
    let seen = format!("{} is valid until {until}", file.display());
    if until < now {
        Finding::fail("certificate", of, seen).advise("it has expired: renew it, browsers refuse it")
    } else if until < now + SOON {
        Finding::warn("certificate", of, seen).advise("renew it: two weeks or less are left")
    } else {
        Finding::ok("certificate", of, seen)
    }
}
