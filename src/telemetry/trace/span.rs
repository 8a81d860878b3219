//! What a span says: values from closed lists and names of the configuration, never anything personal.

use std::sync::Arc;

use http::Method;
use tokio::time::Instant;

use super::{SpanId, TraceId};
use crate::{gate::Outcome, oidc::ProviderName, telemetry::Call};

/// A part of a trace that came to its end.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) trace: TraceId,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    /// Whether the parent is another process's.
    pub(super) parent_is_remote: bool,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) work: Work,
}

/// What was done in it.
#[derive(Debug)]
pub(super) enum Work {
    /// A request of a client, from its head to the last byte of its answer.
    Request(Served),
    /// From its head until it was decided: the session was looked up, the decision made, the gateway's own answer made.
    Gate {
        /// The verdict, where a route was asked for.
        verdict: Option<&'static str>,
    },
    /// An attempt at an upstream.
    Upstream(Attempt),
    /// A call to the session store.
    Store {
        /// Operation.
        op: &'static str,
        /// How it went.
        call: Call,
    },
    /// A call to a provider.
    Provider {
        /// Which.
        provider: ProviderName,
        /// `token`, `keys` and so on.
        endpoint: &'static str,
        /// How it went.
        call: Call,
    },
    /// A renewal of a session's tokens.
    Renewal {
        /// Where, and how it ended; `None` when nobody was there to ask.
        ended: Option<(ProviderName, Outcome)>,
    },
}

/// What is told of a request.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) method: Method,
    /// The route's name, or `none`.
    pub(super) route: String,
    pub(super) outcome: &'static str,
    /// 0 when none was sent.
    pub(super) status: u16,
    pub(super) https: bool,
    /// `1.1` or `2`.
    pub(super) version: &'static str,
    pub(super) request_id: String,
}

/// What is told of an attempt at an upstream.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) method: Method,
    /// The upstream's name.
    pub(super) upstream: Arc<str>,
    /// The target: scheme, host and port.
    pub(super) target: String,
    /// Of its answer; `None` when there was none.
    pub(super) status: Option<u16>,
    /// How many were made before.
    pub(super) resend: usize,
    /// Whether it broke off.
    pub(super) failed: bool,
}
