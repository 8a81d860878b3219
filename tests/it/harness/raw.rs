//! A client of bytes: what is sent is what was written, and what came back is all there is.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection.
pub struct Raw<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

/// A response of HTTP/1.1, as received.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// From the status line to the empty line.
    pub head: String,
    /// Body without chunk frames; cut short when the connection ended before.
    pub body: Vec<u8>,
    /// Whether the body came to its proper end.
    pub whole: bool,
}

impl Raw {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// Sends one request on a connection of its own and reads the response.
    pub async fn ask(address: SocketAddr, request: &[u8]) -> Response {
        let mut client = Self::connect(address).await;
        client.send(request).await;
        client.response().await
    }
}

impl Raw<tokio_rustls::client::TlsStream<TcpStream>> {
    /// Connects with TLS to `localhost`, trusting one certificate, offering these protocols.
    pub async fn connect_tls(
        address: SocketAddr,
        trusted: &rustls::pki_types::CertificateDer<'static>,
        alpn: &[&str],
    ) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let stream = tls_connector(trusted, alpn)
            .connect("localhost".try_into().unwrap(), stream)
            .await
            .unwrap();
        Self::over(stream)
    }

    /// The first certificate that the server showed.
    pub fn certificate(&self) -> rustls::pki_types::CertificateDer<'static> {
        let (_, session) = self.stream.get_ref();
        session.peer_certificates().unwrap()[0].clone().into_owned()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// A client over any stream.
    pub fn over(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// The stream, with what was read of it forgotten.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// Sends bytes. The other side may have closed: that is seen when reading.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        };
        drop(patient(sent).await);
    }

    /// Reads a response to anything but HEAD.
    pub async fn response(&mut self) -> Response {
        self.read_response(false).await
    }

    /// Reads a response to HEAD.
    pub async fn bodiless(&mut self) -> Response {
        self.read_response(true).await
    }

    /// Reads some bytes; none at the end of the connection.
    pub async fn some(&mut self) -> Vec<u8> {
        if self.buffer.is_empty() {
            self.more().await;
        }
        std::mem::take(&mut self.buffer)
    }

    /// Reads exactly so many bytes.
    pub async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.more().await > 0, "ended after {:?}", self.buffer);
        }
        self.buffer.drain(..count).collect()
    }

    /// Reads to the end of the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Reads a head alone, with its empty line; empty when the connection ended before.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                return String::from_utf8_lossy(&self.buffer.drain(..at + 4).collect::<Vec<_>>()).into_owned();
            }
            if self.more().await == 0 {
                return String::new();
            }
        }
    }

    async fn read_response(&mut self, bodiless: bool) -> Response {
        let head = self.head().await;
        let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
        let mut response = Response {
            status,
            head,
            body: Vec::new(),
            whole: true,
        };
        if status == 0 {
            response.whole = false;
        } else if bodiless || status < 200 || matches!(status, 204 | 304) {
        } else if response.header("transfer-encoding").is_some() {
            self.read_chunks(&mut response).await;
        } else if let Some(length) = response.header("content-length") {
            let length: usize = length.parse().unwrap();
            while self.buffer.len() < length && self.more().await > 0 {}
            response.whole = self.buffer.len() >= length;
            response.body = self.buffer.drain(..length.min(self.buffer.len())).collect();
        } else {
            response.body = self.rest().await;
        }
        response
    }

    async fn read_chunks(&mut self, response: &mut Response) {
        loop {
            let Some(line) = self.line().await else {
                response.whole = false;
                return;
            };
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            while self.buffer.len() < size + 2 {
                if self.more().await == 0 {
                    response.whole = false;
                    return;
                }
            }
            response.body.extend(self.buffer.drain(..size));
            self.buffer.drain(..2);
            if size == 0 {
                return;
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            if self.more().await == 0 {
                return None;
            }
        }
    }

    /// A reset counts as the end.
    async fn more(&mut self) -> usize {
        patient(self.stream.read_buf(&mut self.buffer)).await.unwrap_or(0)
    }
}

impl Response {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    /// All values of a header.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// An HTTP/2 client over TLS to `localhost`. Its connection is driven until dropped.
pub struct H2 {
    /// For requests.
    pub send: h2::client::SendRequest<Bytes>,
    driver: tokio::task::JoinHandle<()>,
}

impl H2 {
    /// Connects.
    pub async fn connect(address: SocketAddr, trusted: &rustls::pki_types::CertificateDer<'static>) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), trusted).await
    }

    /// Over a connection.
    pub async fn over(stream: TcpStream, trusted: &rustls::pki_types::CertificateDer<'static>) -> Self {
        let stream = Self::wire(stream, trusted).await;
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        let driver = tokio::spawn(async move {
            drop(connection.await);
        });
        Self { send, driver }
    }

    /// A connection on which HTTP/2 was agreed, for frames that no client makes.
    pub async fn wire(
        stream: TcpStream,
        trusted: &rustls::pki_types::CertificateDer<'static>,
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        let connector = tls_connector(trusted, &["h2"]);
        let stream = connector
            .connect("localhost".try_into().unwrap(), stream)
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        stream
    }

    /// Sends a request with a body in parts, each in a DATA frame of its own, an empty last one included if given.
    pub async fn ask(
        &mut self,
        request: http::Request<()>,
        parts: &[&'static str],
    ) -> (http::response::Parts, Bytes, Option<http::HeaderMap>) {
        let mut send = self.send.clone().ready().await.unwrap();
        let (response, mut stream) = send.send_request(request, parts.is_empty()).unwrap();
        for (index, part) in parts.iter().enumerate() {
            let end = index + 1 == parts.len();
            stream.send_data(Bytes::from_static(part.as_bytes()), end).unwrap();
            tokio::task::yield_now().await;
        }
        let (head, mut body) = patient(response).await.unwrap().into_parts();
        let mut all = Vec::new();
        while let Some(part) = patient(body.data()).await {
            let part = part.unwrap();
            body.flow_control().release_capacity(part.len()).unwrap();
            all.extend_from_slice(&part);
        }
        let trailers = patient(body.trailers()).await.unwrap();
        (head, all.into(), trailers)
    }
}

impl Drop for H2 {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A connector that trusts one certificate and offers these protocols.
pub fn tls_connector(trusted: &rustls::pki_types::CertificateDer<'static>, alpn: &[&str]) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn patient<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("nothing happened for ten seconds")
}
