//! What stays open: a WebSocket that echoes, and an event stream that ticks.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use serde_json::json;

use super::{App, text};

/// The largest message that is echoed, in bytes.
const MESSAGE_CAP: usize = 64 * 1024;

pub(super) async fn echo(upgrade: WebSocketUpgrade, headers: HeaderMap) -> Response {
    let who = text(&headers, "x-forwarded-email").unwrap_or("nobody").to_owned();
    upgrade
        .max_message_size(MESSAGE_CAP)
        .on_upgrade(move |socket| converse(socket, who))
}

/// Greets, then sends back what comes, until either side closes.
async fn converse(mut socket: WebSocket, who: String) {
    if socket.send(Message::text(format!("hello {who}"))).await.is_err() {
        return;
    }
    while let Some(Ok(message)) = socket.recv().await {
        let echoed = match message {
            Message::Text(_) | Message::Binary(_) => socket.send(message).await,
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => return,
        };
        if echoed.is_err() {
            return;
        }
    }
}

pub(super) async fn stream(State(app): State<Arc<App>>) -> Response {
    let headers = [("cache-control", "no-store"), ("x-accel-buffering", "no")];
    (headers, Sse::new(ticks(app)).keep_alive(KeepAlive::default())).into_response()
}

/// One event a second, the first at once.
fn ticks(app: Arc<App>) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((app, 0_u64), |(app, count)| async move {
        if count > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let data = json!({ "tick": count, "now": app.clock.now().to_string() });
        Some((
            Ok(Event::default()
                .event("tick")
                .id(count.to_string())
                .data(data.to_string())),
            (app, count + 1),
        ))
    })
}
