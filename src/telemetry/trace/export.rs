//! Brings spans to the collector, in batches, beside everything else: no request ever waits for it.

use std::{error::Error as _, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Client, Response, redirect, retry};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout_at},
};
use url::Url;

use super::{
    Export, Fate, Settings, Tracer,
    otlp::{self, KeyValue},
    span::Span,
    tracer::Message,
};
use crate::{
    oidc::tokens::delay,
    telemetry::{Event, Telemetry},
    trust,
};

/// Most spans of a batch.
const MOST: usize = 512;
/// How long the first span of a batch waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// Between the tries of one batch, where the collector names no time.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// Longest pause that a collector may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How spans, and answers, are written.
pub(super) const PROTOBUF: &str = "application/x-protobuf";
/// Statuses after which a batch is to be tried again, and after no others.
pub(super) const PASSING: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];
/// Most of an answer that is read.
const LARGEST_ANSWER: usize = 64 * 1024;

/// The settings cannot make an exporter.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("traces cannot be sent to the collector: {0}")]
pub struct BadCollector(String);

/// Takes spans from the queue to the collector. Run it as a task.
#[derive(Debug)]
pub struct Exporter {
    client: Client,
    endpoint: Url,
    resource: Vec<KeyValue>,
    queue: mpsc::Receiver<Message>,
    tracer: Arc<Tracer>,
    /// Whether the collector did not take the last batch: it is told once.
    down: bool,
    /// Whether the process ends: each batch is tried once.
    ending: bool,
}

/// What came of one post.
enum Answer {
    /// Taken, but for so many spans.
    Taken(u64),
    /// Not now.
    Later(String, Option<Duration>),
    /// Not at all.
    Refused(String),
}

impl Exporter {
    pub(super) fn new(
        settings: &Settings,
        queue: mpsc::Receiver<Message>,
        tracer: Arc<Tracer>,
    ) -> Result<Self, BadCollector> {
        let instance = tracer.instance();
        Ok(Self {
            client: client(settings)?,
            endpoint: settings.endpoint.clone(),
            resource: otlp::resource(settings, &instance),
            queue,
            tracer,
            down: false,
            ending: false,
        })
    }

    /// Until it is told to finish.
    pub async fn run(mut self, telemetry: Telemetry) {
        loop {
            let (spans, finish) = self.gather().await;
            self.send(spans, &telemetry).await;
            let dropped = self.tracer.dropped();
            if dropped > 0 {
                tell(&telemetry, Fate::Dropped, dropped);
            }
            if let Some(done) = finish {
                // Whoever asked may not wait any more.
                done.send(()).ok();
                return;
            }
        }
    }

    /// The next batch, and who wants to hear when it is sent. The queue never closes: the tracer is at hand here.
    async fn gather(&mut self) -> (Vec<Span>, Option<oneshot::Sender<()>>) {
        let mut spans = Vec::new();
        let mut until = None;
        while spans.len() < MOST {
            let next = match until {
                None => self.queue.recv().await,
                Some(until) => timeout_at(until, self.queue.recv()).await.ok().flatten(),
            };
            match next {
                Some(Message::Span(span)) => spans.push(*span),
                Some(Message::Finish(done)) => return (spans, Some(done)),
                None => break,
            }
            until = until.or_else(|| Some(Instant::now() + LINGER));
        }
        (spans, None)
    }

    async fn send(&mut self, spans: Vec<Span>, telemetry: &Telemetry) {
        let count = spans.len() as u64;
        if count == 0 {
            return;
        }
        let body = otlp::encode(&spans, &self.resource, (Instant::now(), self.tracer.now_nanos()));
        match self.delivered(bytes::Bytes::from(body)).await {
            Ok(rejected) => {
                tell(telemetry, Fate::Exported, count.saturating_sub(rejected));
                tell(telemetry, Fate::Rejected, rejected.min(count));
                if std::mem::replace(&mut self.down, false) {
                    telemetry.emit(&Event::Export(Export::Collector { error: None }));
                }
            }
            Err(why) => {
                tell(telemetry, Fate::Failed, count);
                if !std::mem::replace(&mut self.down, true) {
                    telemetry.emit(&Event::Export(Export::Collector { error: Some(&why) }));
                }
            }
        }
    }

    /// Posts a batch, again if that may help. How many of its spans were not wanted, or why none was taken.
    async fn delivered(&mut self, body: bytes::Bytes) -> Result<u64, String> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.post(body.clone()).await {
                Answer::Taken(rejected) => return Ok(rejected),
                Answer::Refused(why) => return Err(why),
                Answer::Later(why, wish) => match pauses.next() {
                    Some(pause) if !self.ending => self.pause(wish.unwrap_or(pause).min(LONGEST_PAUSE)).await,
                    Some(_) | None => return Err(why),
                },
            }
        }
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            () = self.tracer.ending() => self.ending = true,
        }
    }

    async fn post(&self, body: bytes::Bytes) -> Answer {
        match self.client.post(self.endpoint.clone()).body(body).send().await {
            Ok(response) => answer(response).await,
            Err(error) => Answer::Later(causes(&error.without_url()), None),
        }
    }
}

/// What posts to the collector.
pub(super) fn client(settings: &Settings) -> Result<Client, BadCollector> {
    let tls = trust::client(settings.ca_pem.as_deref(), settings.endpoint.scheme() == "https")
        .map_err(|error| BadCollector(error.to_string()))?;
    let mut headers: HeaderMap = settings.headers.iter().cloned().collect();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    Client::builder()
        .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .timeout(settings.timeout)
        .build()
        .map_err(|error| BadCollector(causes(&error)))
}

fn tell(telemetry: &Telemetry, fate: Fate, count: u64) {
    telemetry.emit(&Event::Export(Export::Spans { fate, count }));
}

/// By the rules of OTLP over HTTP: only these four are to be tried again.
async fn answer(mut response: Response) -> Answer {
    let status = response.status();
    if status.is_success() {
        let mut body = Vec::new();
        while let Ok(Some(part)) = response.chunk().await {
            body.extend_from_slice(&part);
            if body.len() > LARGEST_ANSWER {
                return Answer::Taken(0);
            }
        }
        return Answer::Taken(otlp::rejected(&body));
    }
    let why = format!("it answers {status}");
    let wish = response.headers().get(header::RETRY_AFTER);
    let wish = wish.and_then(|value| delay(value.to_str().ok()?));
    if PASSING.contains(&status) {
        Answer::Later(why, wish)
    } else {
        Answer::Refused(why)
    }
}

/// The error with its causes.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
pub(super) mod tests;
