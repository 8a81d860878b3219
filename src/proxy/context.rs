//! What is known of one request, and its access line.

use std::{sync::Arc, time::Duration};

use http::Method;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{
    link::{self, Cut},
    upstream::{Hold, Lease},
    watch::Upload,
};
use crate::{
    flow::About,
    gate::{Admission, Caller, Origin, Refusal, Target},
    telemetry::{
        Event, RequestLine, Telemetry,
        trace::{Hex, RequestTrace},
    },
};

/// One request on its way. Dropping it writes the access line if nothing else did, so that a panic or a cut
/// connection is seen and no count stays behind.
#[derive(Debug)]
pub struct Ctx {
    pub(super) request_id: String,
    pub(super) method: Method,
    pub(super) target: Option<Target>,
    pub(super) caller: Caller,
    pub(super) origin: Origin,
    pub(super) admission: Option<Admission>,
    /// What the gateway's own answer is about.
    pub(super) about: Option<About>,
    pub(super) outcome: &'static str,
    pub(super) decided: Duration,
    pub(super) answered: Option<Duration>,
    pub(super) received: u64,
    /// The caller's trace, where nothing is traced here.
    pub(super) trace_id: Option<String>,
    /// The request's place in a trace, where requests are traced.
    pub(super) trace: Option<RequestTrace>,
    /// The target in use now; the last one when there were several attempts.
    pub(super) lease: Option<Lease>,
    /// For a tunnel: holds the upstream's answer back until the request is through.
    pub(super) hold: Option<Arc<Hold>>,
    /// Targets tried so far, this one included.
    pub(super) attempts: SmallVec<[usize; 4]>,
    pub(super) error: Option<String>,
    /// For HTTP/2: whether its next part is waited for.
    pub(super) upload: Option<Arc<Upload>>,
    begun: Instant,
    telemetry: Telemetry,
    logged: bool,
}

/// What was sent to the client.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) status: u16,
    pub(super) bytes: u64,
}

impl Ctx {
    pub(super) fn new(telemetry: Telemetry) -> Self {
        Self {
            request_id: String::new(),
            method: Method::GET,
            target: None,
            caller: Caller::Api,
            origin: Origin::peer(None),
            admission: None,
            about: None,
            outcome: "client_gone",
            decided: Duration::ZERO,
            answered: None,
            received: 0,
            trace_id: None,
            trace: None,
            lease: None,
            hold: None,
            attempts: SmallVec::new(),
            error: None,
            upload: Upload::current(),
            begun: Instant::now(),
            telemetry,
            logged: false,
        }
    }

    /// Time since the request's head was read.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// As [`Ctx::elapsed`], for those who are told of requests: a clock that nobody reads is not asked.
    pub(super) fn told_elapsed(&self) -> Duration {
        if self.telemetry.is_told_of_requests() {
            self.elapsed()
        } else {
            Duration::ZERO
        }
    }

    /// When the request's head was read.
    pub(super) const fn begun(&self) -> Instant {
        self.begun
    }

    /// Tells the request's trace, where it has one.
    pub(super) fn traced(&mut self, tell: impl FnOnce(&mut RequestTrace)) {
        if let Some(trace) = &mut self.trace {
            tell(trace);
        }
    }

    /// Writes the access line and ends the trace, once.
    pub(super) fn log(&mut self, sent: Sent, subject_hash: Option<&str>) {
        if std::mem::replace(&mut self.logged, true) {
            return;
        }
        let admitted = self.admission.as_ref().map(|admission| &admission.route().id);
        let about = self.about.as_ref();
        let route = admitted.or(about.map(|about| &about.route));
        let subject_hash = subject_hash.or(about.and_then(|about| about.subject_hash.as_deref()));
        let trace = self.trace.take();
        let trace_id = trace.as_ref().map(RequestTrace::id);
        let line = RequestLine {
            request_id: &self.request_id,
            trace_id: trace_id.as_ref().map(Hex::as_str).or(self.trace_id.as_deref()),
            recorded_at: trace.as_ref().and_then(RequestTrace::recorded_at),
            method: self.method.as_str(),
            host: self.target.as_ref().map_or("", |t| t.host().as_str()),
            path: self.target.as_ref().map_or("", Target::path),
            route: route.map_or("none", |route| &route.0),
            outcome: self.outcome,
            status: sent.status,
            subject_hash,
            client: self.origin.client,
            took: self.begun.elapsed(),
            decided: self.decided,
            upstream: self.answered,
            sent: sent.bytes,
            received: self.received,
            error: self.error.as_deref(),
        };
        self.telemetry.emit(&Event::Request(line));
        if let Some(trace) = trace {
            trace.end(&line, &self.method, self.outcome);
        }
    }
}

impl Drop for Ctx {
    fn drop(&mut self) {
        if self.logged {
            return;
        }
        if std::thread::panicking() {
            self.outcome = "internal";
            self.error = Some("panicked".to_owned());
        } else if self.upload.as_ref().is_some_and(|upload| upload.stalled()) {
            self.outcome = Refusal::RequestSlow.code();
            self.error = Some("the upload stood still, so the stream was closed".to_owned());
        } else {
            self.outcome = match link::why() {
                Some(Cut::SessionEnded) => "session_ended",
                Some(Cut::Draining) => "going_away",
                Some(Cut::Late) | None => "cut",
            };
        }
        self.log(Sent::default(), None);
    }
}
