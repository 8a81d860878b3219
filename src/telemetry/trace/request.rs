//! The trace of a request, as the proxy holds it.

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use super::{
    Context, Hex, SpanId, Stage, Tracer,
    context::{TRACEPARENT, TRACESTATE},
    span::{Attempt, Served, Span, Work},
};
use crate::telemetry::RequestLine;

/// A request's place in a trace and, if it is sampled, its spans that are not over.
#[derive(Debug)]
pub struct RequestTrace {
    context: Context,
    has_parent: bool,
    sampled: Option<Box<Sampled>>,
}

/// How a request came.
#[derive(Clone, Copy, Debug)]
pub struct Entrance {
    /// Whether its peer is a listed proxy.
    pub trusted: bool,
    /// Whether by https.
    pub https: bool,
    /// `1.1` or `2`.
    pub version: &'static str,
    /// When its head was read.
    pub began: Instant,
}

#[derive(Debug)]
struct Sampled {
    tracer: Arc<Tracer>,
    parent: Option<SpanId>,
    entrance: Entrance,
    stage: Option<Arc<Stage>>,
    attempt: Option<Open>,
    attempts: usize,
}

/// An attempt under way.
#[derive(Debug)]
struct Open {
    id: SpanId,
    began: Instant,
    attempt: Attempt,
}

impl RequestTrace {
    pub(in crate::telemetry) fn new(tracer: &Arc<Tracer>, headers: &HeaderMap, entrance: Entrance) -> Self {
        let parent = Context::read(headers);
        let context = tracer.place(parent, entrance.trusted);
        let sampled = context.sampled.then(|| {
            Box::new(Sampled {
                tracer: Arc::clone(tracer),
                parent: parent.map(|parent| parent.span),
                entrance,
                stage: None,
                attempt: None,
                attempts: 0,
            })
        });
        Self {
            context,
            has_parent: parent.is_some(),
            sampled,
        }
    }

    /// The trace.
    #[must_use]
    pub fn id(&self) -> Hex<32> {
        self.context.trace.hex()
    }

    /// Now, in nanoseconds since the epoch, if it is recorded.
    #[must_use]
    pub fn recorded_at(&self) -> Option<u64> {
        Some(self.sampled.as_ref()?.tracer.now_nanos())
    }

    /// Begins the part in which it is decided about; `None` when nothing is recorded.
    pub fn gate(&mut self) -> Option<Arc<Stage>> {
        let sampled = self.sampled.as_mut()?;
        let began = sampled.entrance.began;
        let stage = Stage::below(&sampled.tracer, self.context.trace, self.context.span, began);
        sampled.stage = Some(Arc::clone(&stage));
        Some(stage)
    }

    /// Ends that part.
    pub fn decided(&mut self) {
        if let Some(stage) = self.sampled.as_mut().and_then(|sampled| sampled.stage.take()) {
            stage.decided();
        }
    }

    /// An attempt at a target of an upstream begins; the one before has failed.
    pub fn attempts(&mut self, method: &Method, upstream: &Arc<str>, target: &str) {
        self.failed();
        self.end_attempt();
        if let Some(sampled) = &mut self.sampled {
            sampled.attempt = Some(Open {
                id: sampled.tracer.span(),
                began: Instant::now(),
                attempt: Attempt {
                    method: method.clone(),
                    upstream: Arc::clone(upstream),
                    target: target.to_owned(),
                    status: None,
                    resend: sampled.attempts,
                    failed: false,
                },
            });
            sampled.attempts += 1;
        }
    }

    /// The target answers.
    pub fn answered(&mut self, status: StatusCode) {
        if let Some(attempt) = self.attempt() {
            attempt.status = Some(status.as_u16());
        }
    }

    /// The attempt broke off.
    pub fn failed(&mut self) {
        if let Some(attempt) = self.attempt() {
            attempt.failed = true;
        }
    }

    fn attempt(&mut self) -> Option<&mut Attempt> {
        let open = self.sampled.as_mut()?.attempt.as_mut()?;
        Some(&mut open.attempt)
    }

    fn end_attempt(&mut self) {
        let Some(sampled) = &mut self.sampled else { return };
        if let Some(open) = sampled.attempt.take() {
            sampled.tracer.take(Span {
                trace: self.context.trace,
                id: open.id,
                parent: Some(self.context.span),
                parent_is_remote: false,
                began: open.began,
                ended: Instant::now(),
                work: Work::Upstream(open.attempt),
            });
        }
    }

    /// Tells the upstream where it is in the trace, whether it is recorded, and what the caller's vendors said of it.
    pub fn pass_on(&self, headers: &mut HeaderMap) {
        let attempt = self.sampled.as_ref().and_then(|sampled| sampled.attempt.as_ref());
        let here = Context {
            span: attempt.map_or(self.context.span, |open| open.id),
            ..self.context
        };
        if let Some(value) = here.header() {
            headers.insert(TRACEPARENT, value);
        }
        if !self.has_parent {
            headers.remove(TRACESTATE);
        }
    }

    /// Ends it with what the access line says.
    pub fn end(mut self, line: &RequestLine<'_>, method: &Method, outcome: &'static str) {
        self.decided();
        self.end_attempt();
        let Self { context, sampled, .. } = self;
        let Some(sampled) = sampled else { return };
        sampled.tracer.take(Span {
            trace: context.trace,
            id: context.span,
            parent: sampled.parent,
            parent_is_remote: true,
            began: sampled.entrance.began,
            ended: Instant::now(),
            work: Work::Request(Served {
                method: method.clone(),
                route: line.route.to_owned(),
                outcome,
                status: line.status,
                https: sampled.entrance.https,
                version: sampled.entrance.version,
                request_id: line.request_id.to_owned(),
            }),
        });
    }
}
