use serde_json::json;

use super::*;
use crate::demo::provider::SigningKey;

/// An app, and a key whose public half it is given as the gateway's key set.
struct Behind {
    app: Running,
    key: SigningKey,
    entropy: Entropy,
    clock: Clock,
    http: reqwest::Client,
    _gateway: Running,
}

impl Behind {
    async fn new() -> Self {
        let (entropy, clock) = (Entropy::system(), Clock::system());
        let key = SigningKey::generate(&entropy).unwrap();
        let keys = json!({ "keys": [key.jwk()] }).to_string();
        let routes = axum::Router::new().route("/.doorward/jwks.json", axum::routing::get(move || async { keys }));
        let gateway = serve::listen().await.unwrap().serve(routes);
        let http = http();
        let app = start_app(
            &format!("{}/.doorward/jwks.json", gateway.url),
            Some("me".into()),
            &clock,
        )
        .await
        .unwrap();
        Self {
            app,
            key,
            entropy,
            clock,
            http,
            _gateway: gateway,
        }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> String {
        let request = self.http.get(format!("{}{path}", self.app.url));
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().text().await.unwrap()
    }

    fn assertion(&self, issuer: &str) -> String {
        let now = self.clock.now().secs();
        let claims = json!({ "iss": issuer, "sub": "u", "email": "<b>@example.com", "iat": now, "exp": now + 60 });
        self.key.sign("JWT", &claims, &self.entropy).unwrap()
    }
}

#[tokio::test]
async fn what_was_received_is_shown_verified_and_escaped() {
    let behind = Behind::new().await;
    let assertion = behind.assertion("me");
    let headers = [
        ("x-doorward-assertion", assertion.as_str()),
        ("x-forwarded-email", "<i>@example.com"),
        ("cookie", "a=hidden"),
    ];
    let html = behind.get("/me", &headers).await;
    assert!(html.contains("Verified against the key set"), "{html}");
    assert!(
        !html.contains("<b>") && !html.contains("<i>") && !html.contains("hidden"),
        "{html}"
    );
    assert!(!html.contains(&assertion), "the whole assertion is in the page");
}

#[tokio::test]
async fn an_assertion_of_somebody_else_is_not_believed() {
    let behind = Behind::new().await;
    let html = behind
        .get("/me", &[("x-doorward-assertion", &behind.assertion("another"))])
        .await;
    assert!(html.contains("Not verified: it comes from another issuer."), "{html}");
    let html = behind
        .get(
            "/",
            &[
                ("x-doorward-assertion", "a.b.c"),
                ("x-forwarded-email", "ada@example.com"),
            ],
        )
        .await;
    assert!(html.contains("Hello, whoever you are"), "{html}");
}

#[tokio::test]
async fn the_api_tells_identity_and_token_times() {
    let behind = Behind::new().await;
    let assertion = behind.assertion("me");
    let body = behind
        .get(
            "/api/me",
            &[("x-doorward-assertion", &assertion), ("x-forwarded-user", "u")],
        )
        .await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&body["user"], &body["assertion_verified"], &body["assertion"]["sub"]),
        (&"u".into(), &true.into(), &"u".into())
    );
    let token = behind
        .get("/api/token", &[("x-forwarded-access-token", &assertion)])
        .await;
    let token: Value = serde_json::from_str(&token).unwrap();
    assert_eq!(
        token["expires"].as_i64(),
        token["issued"].as_i64().map(|issued| issued + 60)
    );
}

#[tokio::test]
async fn every_page_is_whole() {
    let behind = Behind::new().await;
    for path in ["/", "/me", "/engineering", "/poll", "/ws", "/events"] {
        let html = behind.get(path, &[]).await;
        assert!(
            html.contains("<html lang=\"en\">") && html.contains("</html>"),
            "{path}"
        );
        assert_eq!(
            (html.matches("<h1").count(), html.matches("<main").count()),
            (1, 1),
            "{path}"
        );
        // What stands before the first script is none.
        for script in html.split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(behind.get(script, &[]).await.starts_with("\"use strict\""), "{script}");
        }
    }
    assert!(behind.get("/api/time", &[]).await.contains("\"now\":\"20"));
}

#[tokio::test]
async fn the_socket_echoes() {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;
    let behind = Behind::new().await;
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{}/ws/echo", behind.app.addr))
        .await
        .unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello nobody"));
    socket.send(Message::text("knock")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("knock"));
}

#[tokio::test]
async fn events_come_one_by_one() {
    let behind = Behind::new().await;
    let mut response = behind
        .http
        .get(format!("{}/events/stream", behind.app.url))
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let first = response.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("event: tick"));
}
