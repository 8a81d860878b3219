//! Which requests are traced, and the queue of spans that wait for the exporter.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, mpsc, oneshot};

use super::{Context, Follow, Settings, SpanId, TraceId, span::Span};
use crate::{
    entropy::{Entropy, Serial},
    telemetry::Share,
    time::Clock,
};

/// Most spans that wait. What comes when it is full is dropped and counted: nothing waits for a collector.
pub(super) const ROOM: usize = 4096;

/// Decides which requests are traced and takes their spans.
#[derive(Debug)]
pub struct Tracer {
    share: Share,
    follow: Follow,
    serial: Serial,
    clock: Clock,
    queue: mpsc::Sender<Message>,
    dropped: AtomicU64,
    ending: Notify,
}

/// What the exporter is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A span.
    Span(Box<Span>),
    /// Send what there is, say so, and end.
    Finish(oneshot::Sender<()>),
}

impl Tracer {
    pub(super) fn new(settings: &Settings, queue: mpsc::Sender<Message>, clock: Clock, entropy: &Entropy) -> Self {
        Self {
            share: settings.sample,
            follow: settings.follow,
            serial: Serial::new(entropy),
            clock,
            queue,
            dropped: AtomicU64::new(0),
            ending: Notify::new(),
        }
    }

    /// A new request's place: in its caller's trace where there is one, else in a new one. `trusted` says whether the caller is a
    /// listed proxy.
    pub(super) fn place(&self, parent: Option<Context>, trusted: bool) -> Context {
        let span = self.span();
        let followed = match self.follow {
            Follow::Always => true,
            Follow::Trusted => trusted,
            Follow::Never => false,
        };
        let sampled = match parent {
            Some(parent) if followed => parent.sampled,
            // By our own number: a client that chooses the trace's would choose whether it is traced.
            Some(_) | None => self.share.takes(span.0),
        };
        Context {
            trace: parent.map_or_else(|| TraceId(self.serial.long().max(1)), |parent| parent.trace),
            span,
            sampled,
        }
    }

    /// A new span's identifier.
    pub(super) fn span(&self) -> SpanId {
        SpanId(self.serial.short().max(1))
    }

    /// Takes a span. Never blocks.
    pub(super) fn take(&self, span: Span) {
        if self.queue.try_send(Message::Span(Box::new(span))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were dropped since this was asked last.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// Resolves when the process is about to end, once.
    pub(super) async fn ending(&self) {
        self.ending.notified().await;
    }

    /// Now, in nanoseconds since the epoch.
    pub(super) fn now_nanos(&self) -> u64 {
        u64::try_from(self.clock.since_epoch().as_nanos()).unwrap_or(u64::MAX)
    }

    /// A name for this process.
    pub(super) fn instance(&self) -> String {
        self.serial.take()
    }

    /// Resolves when everything taken so far was sent, or given up. Nothing is sent afterwards.
    pub(in crate::telemetry) async fn finish(&self) {
        let (done, finished) = oneshot::channel();
        self.ending.notify_one();
        if self.queue.send(Message::Finish(done)).await.is_ok() {
            // An error is an exporter that is gone, and has nothing more to send.
            finished.await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracer(sample: f64, follow: Follow) -> (Tracer, mpsc::Receiver<Message>) {
        let settings = Settings {
            sample: Share::of(sample),
            follow,
            ..crate::telemetry::trace::export::tests::settings("http://127.0.0.1:1/v1/traces")
        };
        let (queue, receiver) = mpsc::channel(1);
        (
            Tracer::new(&settings, queue, Clock::system(), &Entropy::system()),
            receiver,
        )
    }

    fn caller(sampled: bool) -> Option<Context> {
        Some(Context {
            trace: TraceId(5),
            span: SpanId(6),
            sampled,
        })
    }

    #[test]
    fn a_share_of_requests_is_traced() {
        for (share, least, most) in [(0.0, 0, 0), (1.0, 10_000, 10_000), (0.1, 800, 1200)] {
            let (tracer, _queue) = tracer(share, Follow::Trusted);
            let traced = (0..10_000).filter(|_| tracer.place(None, false).sampled).count();
            assert!((least..=most).contains(&traced), "{share}: {traced}");
        }
    }

    #[test]
    fn a_caller_is_followed_as_far_as_it_is_believed() {
        for (follow, trusted, followed) in [
            (Follow::Always, false, true),
            (Follow::Always, true, true),
            (Follow::Trusted, true, true),
            (Follow::Trusted, false, false),
            (Follow::Never, true, false),
        ] {
            let (all, _queue) = tracer(1.0, follow);
            let (none, _queue) = tracer(0.0, follow);
            let row = format!("{follow:?} {trusted}");
            assert_eq!(none.place(caller(true), trusted).sampled, followed, "{row}");
            assert_eq!(all.place(caller(false), trusted).sampled, !followed, "{row}");
            // Its trace goes on in any case, under a span of our own.
            let place = all.place(caller(false), trusted);
            assert_eq!(place.trace, TraceId(5));
            assert_ne!(place.span, SpanId(6));
        }
    }
}
