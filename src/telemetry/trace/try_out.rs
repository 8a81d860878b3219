//! Whether a collector would take spans, seen by a batch of none.

use http::{StatusCode, header};

use super::{
    Settings,
    export::{PASSING, PROTOBUF, causes, client},
};

/// What a collector does with a batch of no spans (OTLP over HTTP).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It takes it.
    Whole,
    /// It says that all is well, and not as OTLP does.
    NotOtlp,
    /// It wants to know who asks.
    Forbidden(String),
    /// Not now.
    Later(String),
    /// Not at all.
    Not(String),
}

/// Posts a batch of no spans, once. A message of no bytes is one in protobuf.
///
/// # Errors
/// Why there is no answer, in words.
pub async fn try_out(settings: &Settings) -> Result<Taken, String> {
    let client = client(settings).map_err(|error| error.to_string())?;
    let sent = client.post(settings.endpoint.clone()).send().await;
    let answer = sent.map_err(|error| causes(&error.without_url()))?;
    let status = answer.status();
    let why = || format!("it answers {status}");
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let protobuf = kind.is_some_and(|kind| kind.as_bytes().starts_with(PROTOBUF.as_bytes()));
    Ok(match status {
        _ if status.is_success() && protobuf => Taken::Whole,
        _ if status.is_success() => Taken::NotOtlp,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Taken::Forbidden(why()),
        _ if PASSING.contains(&status) => Taken::Later(why()),
        _ => Taken::Not(why()),
    })
}
