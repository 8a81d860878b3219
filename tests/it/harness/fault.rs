//! A TCP proxy that breaks things on purpose: delay, one byte at a time, silence, a cut in the middle of an answer.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};

/// What is wrong with the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Every piece is late by this, each way.
    Late(Duration),
    /// One byte at a time, with this in between, from the server to the client.
    Slow(Duration),
    /// Whatever is sent is lost, and nobody says so: as when the other machine lost its power.
    Swallow,
    /// Answers are cut off with a reset after this many bytes, on every connection.
    CutAfter(usize),
    /// Whoever connects is sent away at once.
    Refuse,
}

#[derive(Clone, Copy, Debug)]
struct State {
    target: SocketAddr,
    trouble: Trouble,
    cuts: u64,
}

/// The proxy. It ends with this value.
pub struct Fault {
    address: SocketAddr,
    state: watch::Sender<State>,
    _task: JoinSet<()>,
}

impl Fault {
    /// Listens on a free port, in front of `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (state, states) = watch::channel(State {
            target,
            trouble: Trouble::None,
            cuts: 0,
        });
        let mut task = JoinSet::new();
        task.spawn(accept(listener, states));
        Self {
            address,
            state,
            _task: task,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, also for connections that there are.
    pub fn set(&self, trouble: Trouble) {
        self.state.send_modify(|state| state.trouble = trouble);
    }

    /// New connections go there from now on.
    pub fn aim(&self, target: SocketAddr) {
        self.state.send_modify(|state| state.target = target);
    }

    /// Resets all connections that there are.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }
}

async fn accept(listener: TcpListener, states: watch::Receiver<State>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let now = *states.borrow();
        if now.trouble == Trouble::Refuse {
            reset(&client);
            continue;
        }
        connections.spawn(connection(client, now, states.clone()));
    }
}

async fn connection(client: TcpStream, begun: State, mut states: watch::Receiver<State>) {
    let Ok(server) = TcpStream::connect(begun.target).await else {
        reset(&client);
        return;
    };
    // Whatever ends it, both ends see a reset where the kernel still has something to tell.
    if begun.trouble != Trouble::None {
        reset(&client);
    }
    client.set_nodelay(true).ok();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let answers = states.clone();
    let questions = states.clone();
    tokio::select! {
        () = pump(from_client, to_server, questions, false) => {}
        () = pump(from_server, to_client, answers, true) => {}
        _ = states.wait_for(|state| state.cuts != begun.cuts) => {}
    }
}

/// So that dropping it says so at once.
fn reset(client: &TcpStream) {
    client.set_zero_linger().ok();
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut states: watch::Receiver<State>, answers: bool) {
    let mut buffer = [0; 16 * 1024];
    let mut passed = 0;
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else {
            return;
        };
        let trouble = states.borrow_and_update().trouble;
        let written = match trouble {
            Trouble::Late(by) => {
                sleep(by).await;
                to.write_all(piece).await
            }
            Trouble::Slow(between) if answers => one_by_one(&mut to, piece, between).await,
            Trouble::CutAfter(bytes) if answers => {
                let left = bytes.saturating_sub(passed);
                let part = piece.get(..left).unwrap_or(piece);
                let written = to.write_all(part).await;
                if part.len() < piece.len() {
                    to.as_ref().set_zero_linger().ok();
                    return;
                }
                written
            }
            Trouble::Swallow => Ok(()),
            Trouble::None | Trouble::Refuse | Trouble::Slow(_) | Trouble::CutAfter(_) => to.write_all(piece).await,
        };
        passed += read;
        if written.is_err() {
            return;
        }
    }
}

async fn one_by_one(to: &mut OwnedWriteHalf, piece: &[u8], between: Duration) -> std::io::Result<()> {
    for byte in piece {
        to.write_all(&[*byte]).await?;
        sleep(between).await;
    }
    Ok(())
}
