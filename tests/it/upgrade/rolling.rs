//! One replica after the other, behind a load balancer that asks whether they are ready.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{config, free_port, load::Load};
use crate::harness::{
    raw::Raw,
    service::{Service, folder, until},
    tls::{Authority, Client},
    upstream::{Act, Upstream, ok},
};

/// How often a replica is asked.
const EVERY: Duration = Duration::from_millis(100);
/// How often one has to say no.
const THRESHOLD: u32 = 2;
const READY: &[u8] = b"GET /ready HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";

/// A load balancer of connections, as the service of a cluster is one: it looks at none of their bytes, tries nowhere else,
/// and leaves those alone that there are.
struct Balancer {
    address: [SocketAddr; 2],
    ready: Arc<Mutex<Vec<usize>>>,
    _tasks: JoinSet<()>,
}

impl Balancer {
    /// Over replicas, each with two listeners and where it is asked.
    async fn start(replicas: Vec<([SocketAddr; 2], SocketAddr)>) -> Self {
        let ready: Arc<Mutex<Vec<usize>>> = Arc::default();
        let mut tasks = JoinSet::new();
        for (index, (_, admin)) in replicas.iter().enumerate() {
            tasks.spawn(ask(index, *admin, Arc::clone(&ready)));
        }
        let mut address = Vec::new();
        for side in 0..2 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            address.push(listener.local_addr().unwrap());
            let targets = replicas.iter().map(|(listeners, _)| listeners[side]).collect();
            tasks.spawn(balance(listener, targets, Arc::clone(&ready)));
        }
        Self {
            address: [address[0], address[1]],
            ready,
            _tasks: tasks,
        }
    }

    async fn has(&self, count: usize) {
        let instead = || format!("{:?}", self.ready.lock().unwrap());
        until("ready replicas", instead, || self.ready.lock().unwrap().len() == count).await;
    }
}

async fn ask(index: usize, admin: SocketAddr, ready: Arc<Mutex<Vec<usize>>>) {
    let mut ticks = tokio::time::interval(EVERY);
    let mut noes = 0;
    loop {
        ticks.tick().await;
        let says_yes = match TcpStream::connect(admin).await {
            Ok(stream) => {
                let mut client = Raw::over(stream);
                client.send(READY).await;
                client.response().await.status == 200
            }
            Err(_) => false,
        };
        noes = if says_yes { 0 } else { noes + 1 };
        let mut ready = ready.lock().unwrap();
        if says_yes && !ready.contains(&index) {
            ready.push(index);
        } else if noes >= THRESHOLD {
            ready.retain(|one| *one != index);
        }
    }
}

async fn balance(listener: TcpListener, targets: Vec<SocketAddr>, ready: Arc<Mutex<Vec<usize>>>) {
    let turn = AtomicUsize::new(0);
    let mut connections = JoinSet::new();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let target = {
            let ready = ready.lock().unwrap();
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            targets[ready[turn % ready.len()]]
        };
        connections.spawn(async move {
            // Whoever cannot be let through is let go, which the client sees.
            if let Ok(mut replica) = TcpStream::connect(target).await {
                drop(tokio::io::copy_bidirectional(&mut client, &mut replica).await);
            }
        });
    }
}

// GW-01
#[tokio::test]
async fn no_request_fails_while_three_replicas_are_restarted_one_after_the_other() {
    let up = Upstream::start().await;
    let authority = Authority::new("ca");
    let certificate = authority.issue(&["localhost"]);
    let mut replicas = Vec::new();
    let mut places = Vec::new();
    for _ in 0..3 {
        let [plain, secure, admin] = [free_port(), free_port(), free_port()];
        let written = config([plain, admin], &up, "shutdown: { delay: 1s }\n").replace(
            "behind_tls_proxy: true }]",
            &format!(
                "behind_tls_proxy: true }}, \
                 {{ address: \"127.0.0.1:{secure}\", tls: {{ certificate_file: one.crt, key_file: one.key }} }}]"
            ),
        );
        let folder = folder(&written);
        certificate.write(folder.path(), "one");
        replicas.push(Service::begin(folder, |_| {}));
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        places.push(([at(plain), at(secure)], at(admin)));
    }
    let balancer = Balancer::start(places).await;
    balancer.has(3).await;
    let [plain, secure] = balancer.address;
    let tls = Client::trusting(&authority).alpn(&["h2"]).config();
    let load = Load::new()
        .http_1(plain, 3)
        .connecting(plain, 1)
        .http_2(secure, &tls, 2);
    load.goes_on(200).await;
    for replica in &mut replicas {
        let asked = up.requests().len();
        for _ in 0..2 {
            up.next(Act::Parts(vec![ok("hello")]));
        }
        up.wait_for(asked + 2).await;
        replica.signal("TERM");
        replica.says("asked to end: draining", 1).await;
        (0..2).for_each(|_| up.release());
        assert_eq!(replica.ended().await.code(), Some(0), "{}", replica.log());
        assert_eq!(
            replica.lines("ended").pop().unwrap()["whole"],
            true,
            "{}",
            replica.log()
        );
        balancer.has(2).await;
        replica.again();
        balancer.has(3).await;
        replica.says("health and metrics", 2).await;
        load.goes_on(100).await;
    }
    let tally = load.end().await;
    assert!(tally.failures.is_empty(), "{tally:?}");
}
