//! A hold on a connection from within its requests: a WebSocket tunnel says when it must be closed.
//!
//! The hooks run inside the connection's task, so the hold is a task-local value. The server races the connection
//! against `Ends::reached`.

use std::{future::Future, pin::Pin, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::mpsc;

tokio::task_local! {
    static LINK: Link;
}

type Moment = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The hold that requests have on their connection.
#[derive(Clone, Debug)]
struct Link(mpsc::UnboundedSender<End>);

enum End {
    Handshake(Moment),
    Tunnel(Moment),
}

/// The connection's side of the hold.
#[derive(Debug)]
pub struct Ends(mpsc::UnboundedReceiver<End>);

/// Runs a connection until it ends by itself or a tunnel in it must be closed: because its handshake is late, its
/// session ended, or `draining` resolved.
pub async fn hold<C, D>(connection: C, draining: D)
where
    C: Future<Output = ()>,
    D: Future<Output = ()>,
{
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::select! {
        () = LINK.scope(Link(sender), connection) => {}
        () = only_when_woken(Ends(receiver).reached(draining)) => {}
    }
}

/// Waits for what a connection's task hardly ever has to hear of. The future has a waker of its own here, so that it is
/// not polled, with its locks, whenever there are bytes to read or write.
pub async fn only_when_woken(rare: impl Future<Output = ()>) {
    std::iter::once(rare).collect::<FuturesUnordered<_>>().next().await;
}

/// Closes the connection unless the tunnel is open after `deadline`. Does nothing outside a connection's task.
pub(super) fn expect_tunnel(deadline: Option<Duration>) {
    if let Some(deadline) = deadline {
        send(End::Handshake(Box::pin(tokio::time::sleep(deadline))));
    }
}

/// The tunnel is open: closes the connection when `ended` resolves, or when the server drains.
pub(super) fn open_tunnel(ended: impl Future<Output = ()> + Send + 'static) {
    send(End::Tunnel(Box::pin(ended)));
}

/// There is no tunnel after all: the handshake was answered with an ordinary response.
pub(super) fn forget_tunnel() {
    send(End::Handshake(Box::pin(std::future::pending())));
}

fn send(end: End) {
    // Outside a connection's task (HTTP/2 streams) there are no tunnels; a closed channel means that it is over.
    let sent = LINK.try_with(|link| link.0.send(end).is_ok());
    tracing::trace!(held = ?sent.ok(), "tunnel");
}

impl Ends {
    async fn reached(mut self, draining: impl Future<Output = ()>) {
        let mut end: Moment = Box::pin(std::future::pending());
        let mut in_tunnel = false;
        tokio::pin!(draining);
        loop {
            tokio::select! {
                next = self.0.recv() => match next {
                    Some(End::Handshake(moment)) => { end = moment; in_tunnel = false; }
                    Some(End::Tunnel(moment)) => { end = moment; in_tunnel = true; }
                    None => std::future::pending().await,
                },
                () = &mut end => return,
                () = &mut draining, if in_tunnel => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tunnel_is_closed_when_its_session_ends() {
        let connection = async {
            open_tunnel(async {});
            std::future::pending::<()>().await;
        };
        hold(connection, std::future::pending()).await;
    }

    #[tokio::test]
    async fn draining_closes_tunnels_and_nothing_else() {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let tunnel = async {
            open_tunnel(std::future::pending());
            stop.send(()).unwrap();
            std::future::pending::<()>().await;
        };
        hold(tunnel, async {
            stopped.await.unwrap();
        })
        .await;

        let (done, finished) = tokio::sync::oneshot::channel::<()>();
        let ordinary = async move {
            tokio::task::yield_now().await;
            done.send(()).unwrap();
        };
        hold(ordinary, std::future::ready(())).await;
        finished.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_without_answer_is_cut() {
        let connection = async {
            expect_tunnel(Some(Duration::from_secs(5)));
            std::future::pending::<()>().await;
        };
        hold(connection, std::future::pending()).await;
    }
}
