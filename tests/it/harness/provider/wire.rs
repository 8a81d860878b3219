//! Connections, which can be reset, and bodies, which can break.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Response,
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, rustls};

use super::{Shared, answer, lock, script::Fault};

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A certificate for `localhost` under a CA of its own.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) ca_pem: Vec<u8>,
}

impl Tls {
    pub(super) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.unwrap())
            .unwrap();
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            ca_pem: made.cert.pem().into_bytes(),
        }
    }
}

/// Accepts until dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        while connections.try_join_next().is_some() {}
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        connections.spawn(async move {
            let socket = Socket(Arc::new(Mutex::new(stream)));
            match tls {
                None => connection(socket.clone(), socket, shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(socket.clone()).await {
                        connection(stream, socket, shared).await;
                    }
                }
            }
        });
    }
}

async fn connection<S>(stream: S, socket: Socket, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (shared, socket) = (Arc::clone(&shared), socket.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            match answer::answer(&shared, &parts, body).await {
                Some((response, fault)) => respond(response, &fault, &socket).await,
                None => socket.reset(),
            }
        }
    });
    // A broken connection is what some tests are about.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn respond(response: Response<Bytes>, fault: &Fault, socket: &Socket) -> io::Result<Response<Body>> {
    let chunk = |bytes: &'static [u8]| Ok(Frame::data(Bytes::from_static(bytes)));
    let (mut parts, body) = response.into_parts();
    let length = |parts: &mut http::response::Parts, length: usize| {
        parts.headers.insert("content-length", length.into());
    };
    let body = match fault {
        Fault::None => Full::new(body).map_err(|never| match never {}).boxed_unsync(),
        Fault::Reset => return socket.reset(),
        Fault::Hang => std::future::pending().await,
        Fault::HangInBody => {
            let some = stream::iter([chunk(b"{")]).chain(stream::pending());
            StreamBody::new(some).boxed_unsync()
        }
        Fault::Truncate => {
            length(&mut parts, 1000);
            let cut = stream::iter([chunk(b"{"), Err(io::ErrorKind::ConnectionReset.into())]);
            StreamBody::new(cut).boxed_unsync()
        }
        Fault::Huge => {
            let blanks = Bytes::from(vec![b' '; 2 << 20]);
            Full::new(blanks).map_err(|never| match never {}).boxed_unsync()
        }
        Fault::Endless => {
            let blanks = stream::repeat_with(move || chunk(&[b' '; 4096]));
            StreamBody::new(blanks).boxed_unsync()
        }
        Fault::Redirect(to) => {
            parts.status = http::StatusCode::TEMPORARY_REDIRECT;
            parts.headers.insert("location", to.parse().unwrap());
            Full::default().map_err(|never| match never {}).boxed_unsync()
        }
    };
    Ok(Response::from_parts(parts, body))
}

/// A socket that can also be reset by whoever answers.
#[derive(Clone)]
struct Socket(Arc<Mutex<TcpStream>>);

impl Socket {
    /// The connection ends with RST: an error of the service makes hyper drop it.
    fn reset<T>(&self) -> io::Result<T> {
        lock(&self.0).set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.0)).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *lock(&self.0)).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.0)).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.0)).poll_shutdown(cx)
    }
}
