//! The app's pages.

use askama::Template;
use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{Seen, text};

/// The style the app adds to the one all pages share.
const APP_STYLE: &str = include_str!("../assets/app.css");

/// Its scripts come from its own origin only; styles stand in the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "app_home.html")]
struct HomePage {
    who: Option<String>,
    groups: String,
}

#[derive(Template)]
#[template(path = "app_received.html")]
struct ReceivedPage<'a> {
    title: &'a str,
    text: &'a str,
    who: Option<String>,
    verified: Vec<(String, String)>,
    fault: Option<String>,
    sections: [Section; 2],
}

/// A table of headers.
struct Section {
    heading: &'static str,
    id: &'static str,
    rows: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "app_live.html")]
struct LivePage {
    title: &'static str,
    text: &'static str,
    kind: Live,
    who: Option<String>,
}

/// What a live page shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Live {
    Poll,
    Socket,
    Events,
}

impl Live {
    const fn script(self) -> &'static str {
        match self {
            Self::Poll => "poll.js",
            Self::Socket => "socket.js",
            Self::Events => "events.js",
        }
    }
}

pub(super) fn home(seen: &Seen, headers: &HeaderMap) -> Response {
    let who = match seen {
        Seen::Verified(_) => who(headers),
        Seen::Nothing | Seen::Failed(_) => None,
    };
    page(&HomePage {
        who,
        groups: text(headers, "x-forwarded-groups").unwrap_or("").to_owned(),
    })
}

pub(super) fn received(title: &str, text: &str, seen: &Seen, headers: &HeaderMap) -> Response {
    let (verified, fault) = match seen {
        Seen::Nothing => (Vec::new(), Some("there is none on this request".to_owned())),
        Seen::Failed(fault) => (Vec::new(), Some(fault.to_string())),
        Seen::Verified(claims) => (
            claims
                .0
                .iter()
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
            None,
        ),
    };
    let (identity, others) = listed(headers).into_iter().partition(|(name, _)| is_identity(name));
    let sections = [
        Section {
            heading: "Identity headers",
            id: "identity",
            rows: identity,
        },
        Section {
            heading: "Other headers",
            id: "others",
            rows: others,
        },
    ];
    page(&ReceivedPage {
        title,
        text,
        who: who(headers),
        verified,
        fault,
        sections,
    })
}

pub(super) async fn poll(headers: HeaderMap) -> Response {
    let text = "This page asks the app for the state of your access token every two seconds. Tokens of the demo live for \
                seconds; the gateway renews them while you watch, and you stay signed in.";
    page(&LivePage {
        title: "Silent renewal",
        text,
        kind: Live::Poll,
        who: who(&headers),
    })
}

pub(super) async fn socket(headers: HeaderMap) -> Response {
    let text = "What you send comes back, over one connection that the gateway passes through.";
    page(&LivePage {
        title: "WebSocket",
        text,
        kind: Live::Socket,
        who: who(&headers),
    })
}

pub(super) async fn events(headers: HeaderMap) -> Response {
    let text = "One event a second, passed through as it comes and never held back.";
    page(&LivePage {
        title: "Server-sent events",
        text,
        kind: Live::Events,
        who: who(&headers),
    })
}

/// A script of the app.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let script = match name.as_str() {
        "fetch.js" => include_str!("../assets/fetch.js"),
        "poll.js" => include_str!("../assets/poll.js"),
        "socket.js" => include_str!("../assets/socket.js"),
        "events.js" => include_str!("../assets/events.js"),
        _ => return (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, script).into_response()
}

fn page(template: &impl Template) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    match template.render() {
        Ok(html) => (headers, html).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn who(headers: &HeaderMap) -> Option<String> {
    text(headers, "x-forwarded-email")
        .or_else(|| text(headers, "x-forwarded-user"))
        .map(str::to_owned)
}

fn is_identity(name: &str) -> bool {
    let proxying = [
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
    ];
    (name.starts_with("x-forwarded-") && !proxying.contains(&name)) || name.starts_with("x-doorward-")
}

/// Every header by name; cookies by name only and long tokens cut, since pages end up on screens and in tickets.
fn listed(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut rows: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            let shown = match name.as_str() {
                "cookie" => value
                    .split(';')
                    .map(|pair| pair.split('=').next().unwrap_or("").trim())
                    .collect::<Vec<_>>()
                    .join(", "),
                "x-doorward-assertion" | "x-forwarded-access-token" | "x-forwarded-id-token" | "authorization" => {
                    cut(&value)
                }
                _ => value.into_owned(),
            };
            (name.as_str().to_owned(), shown)
        })
        .collect();
    rows.sort();
    rows
}

fn cut(value: &str) -> String {
    let start: String = value.chars().take(24).collect();
    format!("{start}… ({} bytes)", value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", "a=secret; b=other".parse().unwrap());
        headers.insert("authorization", format!("Bearer {}", "s".repeat(99)).parse().unwrap());
        let rows = listed(&headers);
        assert_eq!(
            rows,
            [
                (
                    "authorization".to_owned(),
                    "Bearer sssssssssssssssss… (106 bytes)".to_owned()
                ),
                ("cookie".to_owned(), "a, b".to_owned()),
            ]
        );
    }

    #[test]
    fn identity_headers_are_told_from_proxy_headers() {
        assert!(is_identity("x-forwarded-user") && is_identity("x-doorward-assertion"));
        assert!(!is_identity("x-forwarded-for") && !is_identity("accept"));
    }
}
