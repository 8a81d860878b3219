//! A collector of traces: takes what is posted and reads it with OpenTelemetry's own types.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode as SpanStatus},
};
use prost::Message as _;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

/// A collector on a free port.
pub struct Collector {
    shared: Arc<Shared>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

/// What it does with a post.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    /// Takes it.
    Takes,
    /// Takes it but for so many spans.
    Rejects(i64),
    /// Answers with this status.
    Answers(u16),
    /// Is some other server, which takes anything.
    IsNone,
    /// Does not answer before it is told to.
    Hangs,
}

#[derive(Default)]
struct Shared {
    mood: Mutex<Option<Mood>>,
    posts: Mutex<Vec<Post>>,
    go_on: Notify,
}

/// One post that was taken.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where to.
    pub path: String,
    /// With which headers.
    pub headers: HeaderMap,
    /// Bytes as sent.
    pub body: Vec<u8>,
    /// What they say.
    pub request: ExportTraceServiceRequest,
}

impl Collector {
    /// One that takes everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            shared,
            address,
            serving,
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it does from now on.
    pub fn mood(&self, mood: Mood) {
        *lock(&self.shared.mood) = Some(mood);
        self.shared.go_on.notify_waiters();
    }

    /// What was posted so far, taken or not.
    pub fn posts(&self) -> Vec<Post> {
        lock(&self.shared.posts).clone()
    }

    /// Waits until so many were posted.
    pub async fn posted(&self, count: usize) {
        while self.posts().len() < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Every span so far.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.posts().into_iter().map(|post| post.request);
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }

    /// Every span, once these are there.
    pub async fn spans_when(&self, what: &str, there: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        for _ in 0..1500 {
            let spans = self.spans();
            if there(&spans) {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let spans = self.spans();
        let told = |span: &Span| format!("{} {:?}", span.name, span.says("doorward.outcome"));
        panic!("no {what} among {:#?}", spans.iter().map(told).collect::<Vec<_>>());
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let request = ExportTraceServiceRequest::decode(&body[..]).expect("a batch of spans");
    lock(&shared.posts).push(Post {
        path: uri.path().to_owned(),
        headers,
        body: body.to_vec(),
        request,
    });
    let mut mood = lock(&shared.mood).unwrap_or(Mood::Takes);
    while mood == Mood::Hangs {
        shared.go_on.notified().await;
        mood = lock(&shared.mood).unwrap_or(Mood::Takes);
    }
    match mood {
        Mood::Takes | Mood::Hangs => ([(CONTENT_TYPE, "application/x-protobuf")], Body::empty()).into_response(),
        Mood::IsNone => "hello".into_response(),
        Mood::Answers(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Mood::Rejects(rejected_spans) => ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans,
                error_message: "too old".to_owned(),
            }),
        }
        .encode_to_vec()
        .into_response(),
    }
}

/// An attribute's value as text.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|one| one.key == key)?;
    let value = found.value.as_ref()?.value.as_ref()?;
    if let Value::IntValue(number) = value {
        return Some(number.to_string());
    }
    let Value::StringValue(text) = value else {
        panic!("{value:?}")
    };
    Some(text.clone())
}

/// What a span says of itself.
pub trait Says {
    /// An attribute.
    fn says(&self, key: &str) -> Option<String>;
    /// Whether it is marked as an error.
    fn is_error(&self) -> bool;
}

impl Says for Span {
    fn says(&self, key: &str) -> Option<String> {
        attribute(&self.attributes, key)
    }

    fn is_error(&self) -> bool {
        self.status
            .as_ref()
            .is_some_and(|status| status.code() == SpanStatus::Error)
    }
}

/// The spans of this name.
pub fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// The spans right below this one.
pub fn below<'a>(spans: &'a [Span], parent: &Span) -> Vec<&'a Span> {
    let children = spans.iter().filter(|span| span.parent_span_id == parent.span_id);
    children
        .inspect(|span| assert_eq!(span.trace_id, parent.trace_id))
        .collect()
}

/// A span's kind.
pub fn kind(span: &Span) -> SpanKind {
    span.kind()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
