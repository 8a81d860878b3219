//! `doorward health`.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};
use url::Url;

use super::{Failure, load};
use crate::proxy::Bind;

pub(super) const HELP: &str = "\
Exit code 0 when the answer is 200, 1 when it is another, or none. Without --live it asks /ready: the session store \
answers and no shutdown has begun. With --live it asks /live: the process runs.

In a health check prefer --url: with --config a file that is being edited counts as ill.

Examples:
  doorward health
  doorward health --live --url http://127.0.0.1:9090
  doorward health --config doorward.yaml";

/// Most bytes of an answer that are read: a report is far below.
const MOST: u64 = 64 << 10;

/// Whom to ask, and what.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The admin listener, by its URL or as `unix:` and the path of its socket
    #[arg(short, long, env = "DOORWARD_ADMIN_URL", default_value = "http://127.0.0.1:9090")]
    url: String,
    /// The admin listener of this configuration, from this machine
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ask whether the process runs, not whether it can serve
    #[arg(long)]
    live: bool,
    /// How long the answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

/// An admin listener as it can be connected to.
#[derive(Debug, PartialEq, Eq)]
enum Listener {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    report: String,
}

pub(super) fn health(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    let (listener, shown) = match &options.config {
        Some(path) => {
            let admin = load(path)?.admin.ok_or_else(|| {
                Failure::Usage("this configuration switches the admin listener off: nobody can be asked".to_owned())
            })?;
            (near(&admin.bind), admin.bind.to_string())
        }
        None => (parse(&options.url)?, options.url.clone()),
    };
    let path = if options.live { "/live" } else { "/ready" };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let deadline = Duration::from_secs(options.timeout);
    let asked = runtime.block_on(async { tokio::time::timeout(deadline, ask(&listener, path)).await });
    let answer = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let hint = "is the gateway running, and is this its admin listener?";
            return Err(Failure::Admin(format!("{shown} does not answer: {error}; {hint}")));
        }
        Err(_) => {
            let waited = options.timeout;
            return Err(Failure::Admin(format!(
                "{shown} did not answer {path} within {waited}s"
            )));
        }
    };
    if answer.status != 200 {
        let Answer { status, report } = answer;
        return Err(Failure::Admin(format!(
            "{shown} answers {path} with {status}: {report}"
        )));
    }
    writeln!(out, "{}", answer.report)?;
    Ok(())
}

fn parse(address: &str) -> Result<Listener, Failure> {
    if let Some(path) = address.strip_prefix("unix:") {
        return Ok(Listener::Unix(PathBuf::from(path)));
    }
    let wrong = || {
        Failure::Usage(format!(
            "{address:?} is no admin listener; write it as in http://127.0.0.1:9090"
        ))
    };
    let url = Url::parse(address).map_err(|_| wrong())?;
    let bare = url.scheme() == "http" && matches!(url.path(), "" | "/") && url.query().is_none();
    match (url.host(), url.port_or_known_default()) {
        (Some(host), Some(port)) if bare => Ok(Listener::Tcp {
            host: match host {
                url::Host::Domain(name) => name.to_owned(),
                url::Host::Ipv4(ip) => ip.to_string(),
                url::Host::Ipv6(ip) => ip.to_string(),
            },
            port,
        }),
        (Some(_) | None, Some(_) | None) => Err(wrong()),
    }
}

/// Where a listener of this machine is reached: what listens everywhere, on loopback.
fn near(bind: &Bind) -> Listener {
    match bind {
        Bind::Unix(path) => Listener::Unix(path.clone()),
        Bind::Tcp(address) => Listener::Tcp {
            host: match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
                ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip.to_string(),
            },
            port: address.port(),
        },
    }
}

async fn ask(listener: &Listener, path: &str) -> io::Result<Answer> {
    match listener {
        Listener::Tcp { host, port } => exchange(TcpStream::connect((host.as_str(), *port)).await?, path).await,
        Listener::Unix(socket) => exchange(UnixStream::connect(socket).await?, path).await,
    }
}

/// One request. HTTP/1.0, so that the answer ends with the connection and has no chunks.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(MOST).read_to_end(&mut bytes).await?;
    read(&String::from_utf8_lossy(&bytes))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn read(text: &str) -> Option<Answer> {
    let (head, report) = text.split_once("\r\n\r\n")?;
    let mut words = head.lines().next()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    Some(Answer {
        status: words.next()?.parse().ok()?,
        report: report.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Listener {
        Listener::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn an_admin_listener_is_named_by_url_or_socket() {
        assert_eq!(parse("http://127.0.0.1:9090").unwrap(), tcp("127.0.0.1", 9090));
        assert_eq!(parse("http://[::1]:9090/").unwrap(), tcp("::1", 9090));
        assert_eq!(parse("http://doorward").unwrap(), tcp("doorward", 80));
        assert_eq!(
            parse("unix:/run/admin.sock").unwrap(),
            Listener::Unix("/run/admin.sock".into())
        );
        for wrong in [
            "",
            "127.0.0.1:9090",
            "https://127.0.0.1:9090",
            "http://a/live",
            "http://a?x",
        ] {
            assert!(matches!(parse(wrong), Err(Failure::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        for (bind, host) in [
            ("0.0.0.0:9090", "127.0.0.1"),
            ("[::]:9090", "::1"),
            ("10.1.2.3:9090", "10.1.2.3"),
        ] {
            assert_eq!(near(&Bind::Tcp(bind.parse().unwrap())), tcp(host, 9090));
        }
    }

    #[test]
    fn an_answer_is_a_status_and_a_report() {
        let answer = read("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\n{\"ready\":false}\n").unwrap();
        assert_eq!((answer.status, answer.report.as_str()), (503, "{\"ready\":false}"));
        for wrong in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "SSH-2.0-x y\r\n\r\n",
            "HTTP/1.1 many\r\n\r\n",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
