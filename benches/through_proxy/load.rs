//! The load: connections that are kept, each with one request at a time.

use std::{cell::RefCell, net::SocketAddr, ops::Range, time::Duration};

use futures_util::future;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
    time::Instant,
};

/// Connections to one proxy.
pub(crate) struct Load {
    connections: Vec<TcpStream>,
    request: Request,
}

/// The bytes of a request, for one of so many applications in turn.
struct Request {
    bytes: Vec<u8>,
    applications: usize,
    asked: usize,
}

/// What one round took.
pub(crate) struct Times {
    pub(crate) round: Duration,
    /// Of each request, shortest first.
    pub(crate) each: Vec<Duration>,
}

impl Load {
    /// Connects as soon as the proxy listens. Requests are for so many `applications` in turn.
    pub(crate) fn open(
        runtime: &Runtime,
        proxy: SocketAddr,
        cookie: &str,
        connections: usize,
        applications: usize,
    ) -> Self {
        let connections = runtime.block_on(future::join_all((0..connections).map(|_| connect(proxy))));
        Self {
            connections,
            request: Request::new(cookie, applications),
        }
    }

    /// Sends `requests`, shared among the connections.
    pub(crate) fn round(&mut self, runtime: &Runtime, requests: usize) -> Times {
        let many = requests / self.connections.len();
        let request = RefCell::new(&mut self.request);
        let began = Instant::now();
        let asking = self.connections.iter_mut().map(|stream| ask(stream, &request, many));
        let mut each = runtime.block_on(wide_awake(future::join_all(asking))).concat();
        let round = began.elapsed();
        each.sort_unstable();
        Times { round, each }
    }
}

/// Does the work without ever letting its core go idle. A proxy that sends to a core at rest pays for waking it, and the
/// slower a proxy, the more often the core would be at rest: so the costs would differ by what is no proxy's doing.
async fn wide_awake<T>(work: impl Future<Output = T>) -> T {
    let restless = async {
        loop {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        done = work => done,
        () = restless => unreachable!("it never ends"),
    }
}

async fn connect(proxy: SocketAddr) -> TcpStream {
    for _ in 0..1000 {
        if let Ok(stream) = TcpStream::connect(proxy).await {
            stream.set_nodelay(true).expect("a socket option");
            return stream;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing listens on {proxy}");
}

async fn ask(stream: &mut TcpStream, request: &RefCell<&mut Request>, many: usize) -> Vec<Duration> {
    let mut times = Vec::with_capacity(many);
    let mut answer = Vec::with_capacity(8192);
    let mut bytes = Vec::new();
    for _ in 0..many {
        bytes.clear();
        bytes.extend_from_slice(request.borrow_mut().next());
        let began = Instant::now();
        stream.write_all(&bytes).await.expect("a request goes out");
        answer.clear();
        while !whole(&answer) {
            let read = stream.read_buf(&mut answer).await.expect("an answer comes in");
            assert!(read > 0, "cut after {:?}", String::from_utf8_lossy(&answer));
        }
        times.push(began.elapsed());
    }
    times
}

/// Whether the answer is all there: the origin's, which ends in its page.
fn whole(answer: &[u8]) -> bool {
    let ends = answer.ends_with(b"</html>");
    assert!(
        !ends || answer.starts_with(b"HTTP/1.1 200 OK\r\n"),
        "not the origin's answer: {}",
        String::from_utf8_lossy(answer)
    );
    ends
}

impl Request {
    fn new(cookie: &str, applications: usize) -> Self {
        let bytes = request(cookie);
        Self {
            bytes,
            applications,
            asked: 0,
        }
    }

    fn next(&mut self) -> &[u8] {
        // By a stride that shares no factor with the numbers here, so that no two in turn are neighbours in memory.
        let number = self.asked * 7919 % self.applications;
        self.asked += 1;
        let digits = self.bytes.get_mut(NUMBER).expect("the number in the path");
        digits.copy_from_slice(format!("{number:05}").as_bytes());
        &self.bytes
    }
}

/// Where the application's number is.
const NUMBER: Range<usize> = 9..14;

/// What a browser sends with a navigation, among it the cookies of other applications of the site.
fn request(cookie: &str) -> Vec<u8> {
    let head = [
        "GET /app-00000/Engineering/On-call?revision=118&view=print HTTP/1.1",
        "Host: app.test",
        "Connection: keep-alive",
        "Cache-Control: max-age=0",
        "sec-ch-ua: \"Chromium\";v=\"142\", \"Not A(Brand\";v=\"24\"",
        "sec-ch-ua-mobile: ?0",
        "sec-ch-ua-platform: \"Linux\"",
        "Upgrade-Insecure-Requests: 1",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-User: ?1",
        "Sec-Fetch-Dest: document",
        "Referer: http://app.test/app-00000/Engineering",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-GB,en;q=0.9",
    ];
    let head = head.join("\r\n");
    format!("{head}\r\nCookie: theme=dark; doorward={cookie}; sidebar=open\r\n\r\n").into_bytes()
}
