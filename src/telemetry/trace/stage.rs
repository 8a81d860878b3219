//! The part of a trace that a task is in, and the spans that events leave there.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    SpanId, TraceId, Tracer,
    span::{Span, Work},
};
use crate::{gate::Outcome, oidc::ProviderName, telemetry::Event};

tokio::task_local! {
    static CURRENT: Arc<Stage>;
}

/// A part of a trace under way: what happens within it becomes its children.
#[derive(Debug)]
pub struct Stage {
    tracer: Arc<Tracer>,
    trace: TraceId,
    span: SpanId,
    parent: SpanId,
    began: Instant,
    told: Mutex<Told>,
}

/// What is known of it when it ends.
#[derive(Debug, Default)]
struct Told {
    verdict: Option<&'static str>,
    renewal: Option<(ProviderName, Outcome)>,
}

impl Stage {
    pub(super) fn below(tracer: &Arc<Tracer>, trace: TraceId, parent: SpanId, began: Instant) -> Arc<Self> {
        Arc::new(Self {
            tracer: Arc::clone(tracer),
            trace,
            span: tracer.span(),
            parent,
            began,
            told: Mutex::default(),
        })
    }

    /// Runs a future within it.
    pub async fn run<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        CURRENT.scope(Arc::clone(self), future).await
    }

    /// Ends the part in which a request was decided about.
    pub(super) fn decided(&self) {
        let verdict = self.told().verdict;
        self.end(Work::Gate { verdict });
    }

    fn end(&self, work: Work) {
        self.tracer.take(Span {
            trace: self.trace,
            id: self.span,
            parent: Some(self.parent),
            parent_is_remote: false,
            began: self.began,
            ended: Instant::now(),
            work,
        });
    }

    /// A part of it that took so long and is over just now.
    fn child(&self, took: Duration, work: Work) {
        let ended = Instant::now();
        self.tracer.take(Span {
            trace: self.trace,
            id: self.tracer.span(),
            parent: Some(self.span),
            parent_is_remote: false,
            began: ended.checked_sub(took).unwrap_or(ended),
            ended,
            work,
        });
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn current() -> Option<Arc<Stage>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Takes a future along to a task of its own: what it does stays a part of where it was begun.
pub fn along<F: Future>(future: F) -> impl Future<Output = F::Output> {
    within(current(), future)
}

/// The same for a renewal, which is a part of its own.
pub fn renewal<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let stage = current().map(|here| Stage::below(&here.tracer, here.trace, here.span, Instant::now()));
    let own = stage.clone();
    async move {
        let output = within(stage, future).await;
        if let Some(stage) = own {
            let ended = stage.told().renewal.take();
            stage.end(Work::Renewal { ended });
        }
        output
    }
}

async fn within<F: Future>(stage: Option<Arc<Stage>>, future: F) -> F::Output {
    let future = pin!(future);
    match stage {
        Some(stage) => stage.run(future).await,
        None => future.await,
    }
}

/// Leaves the span of an event where it happens, if that is traced.
pub(in crate::telemetry) fn note(event: &Event<'_>) {
    match event {
        Event::StoreCall {
            op,
            call,
            took,
            error: _,
        } => child(*took, || Work::Store { op, call: *call }),
        Event::ProviderCall {
            provider,
            endpoint,
            call,
            took,
            error: _,
        } => child(*took, || Work::Provider {
            provider: (*provider).clone(),
            endpoint,
            call: *call,
        }),
        Event::Decision { route: _, verdict } => tell(|told| told.verdict = Some(verdict)),
        Event::Renewal { provider, outcome, .. } => {
            tell(|told| told.renewal = Some(((*provider).clone(), *outcome)));
        }
        Event::Request(_)
        | Event::TurnedAway { .. }
        | Event::SignInBegun { .. }
        | Event::SignIn { .. }
        | Event::SignOut { .. }
        | Event::ProviderLogout { .. }
        | Event::Session { .. }
        | Event::StoreEviction { .. }
        | Event::Cache(_)
        | Event::Key { .. }
        | Event::Ring { .. }
        | Event::Unreadable { .. }
        | Event::Audit(_)
        | Event::Target(_)
        | Event::Certificates(_)
        | Event::Configuration { .. }
        | Event::Reload(_)
        | Event::UpgradeFailed { .. }
        | Event::Export(_) => {}
    }
}

fn child(took: Duration, work: impl FnOnce() -> Work) {
    // An error is a task that is no part of a trace.
    CURRENT.try_with(|stage| stage.child(took, work())).ok();
}

fn tell(what: impl FnOnce(&mut Told)) {
    CURRENT.try_with(|stage| what(&mut stage.told())).ok();
}
