//! Log lines: one for each request (target `access`), one for each thing that an operator may have to act on.
//!
//! Nothing personal above `debug`, no query string, no token, code, cookie or secret at any level. Lines go to a
//! thread of their own through a bounded queue; when it is full they are dropped, so that a blocked sink never blocks a
//! request.

use std::io;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use super::{
    Call, Event, RequestLine, Settings,
    metrics::{call_name, outcome_name},
};
use crate::gate::Outcome;

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}

/// Why logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not parse.
    #[error("the log filter is not valid: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Another subscriber is in place.
    #[error("logging is set up already: {0}")]
    Already(#[from] tracing_subscriber::util::TryInitError),
}

/// Checks a filter without installing anything.
///
/// # Errors
/// A filter that does not parse.
pub fn check_filter(filter: &str) -> Result<(), LogError> {
    EnvFilter::try_new(filter)?;
    Ok(())
}

/// Installs the process's log writer on standard output. Keep the guard until the end: it writes what is queued.
///
/// # Errors
/// A filter that does not parse, or a writer that is installed already.
pub fn install(settings: &Settings) -> Result<WorkerGuard, LogError> {
    let (writer, guard) = tracing_appender::non_blocking(io::stdout());
    let filter = EnvFilter::try_new(&settings.filter)?;
    let layers = tracing_subscriber::registry().with(filter);
    match settings.format {
        LogFormat::Json => {
            let lines = fmt::layer()
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false);
            layers.with(lines.with_writer(writer)).try_init()?;
        }
        LogFormat::Text => layers
            .with(fmt::layer().with_ansi(false).with_writer(writer))
            .try_init()?,
    }
    Ok(guard)
}

/// Writes an event's line, if it has one.
pub(super) fn write(event: &Event<'_>, access_log: bool) {
    match event {
        Event::Request(line) => {
            if access_log {
                write_access(line);
            }
        }
        Event::Renewal { provider, outcome } => write_renewal(provider.as_str(), *outcome),
        Event::SignIn { provider, outcome } => {
            tracing::info!(provider = provider.as_str(), outcome, "sign-in came back");
        }
        Event::SignOut { provider } => tracing::info!(provider = provider.as_str(), "signed out"),
        Event::StoreCall {
            op,
            call,
            took,
            error: Some(error),
        } => tracing::warn!(
            op,
            call = call_name(*call),
            took_ms = took.as_millis(),
            error,
            "the session store did not do what was asked"
        ),
        Event::ProviderCall {
            provider,
            endpoint,
            call,
            took,
            error,
        } if *call != Call::Ok => tracing::warn!(
            provider = provider.as_str(),
            endpoint,
            call = call_name(*call),
            took_ms = took.as_millis(),
            error = error.unwrap_or_default(),
            "the identity provider did not do what was asked"
        ),
        Event::Unreadable { what } => tracing::debug!(what, "a sealed value did not open"),
        Event::Target { upstream, target, what } => {
            tracing::warn!(upstream, target, what, "an upstream target changed");
        }
        Event::Reloaded { waits: [] } => tracing::info!("another configuration is in force"),
        Event::Reloaded { waits } => tracing::warn!(
            waits = waits.join(", "),
            "another configuration is in force, but for what waits for a restart"
        ),
        Event::ReloadRefused { why } => tracing::error!(
            problems = why,
            "the configuration changed and cannot be used: the one before stays in force"
        ),
        Event::CertificateRefused { error } => {
            tracing::error!(error, "a certificate cannot be used: the one before stays in force");
        }
        Event::Decision { .. }
        | Event::SignInBegun { .. }
        | Event::Session { .. }
        | Event::StoreCall { .. }
        | Event::ProviderCall { .. }
        | Event::Key { .. } => {}
    }
}

fn write_renewal(provider: &str, outcome: Outcome) {
    let outcome_text = outcome_name(outcome);
    match outcome {
        Outcome::ClientRejected => tracing::error!(
            provider,
            outcome = outcome_text,
            "the provider refuses this client's credentials: check client_id and client_secret; sessions are kept"
        ),
        Outcome::ProviderDown | Outcome::StoreDown => {
            tracing::warn!(
                provider,
                outcome = outcome_text,
                "a renewal did not go through; the session is kept"
            );
        }
        Outcome::Ended => tracing::info!(provider, outcome = outcome_text, "the provider ended a session"),
        Outcome::Renewed | Outcome::RenewedElsewhere => {
            tracing::debug!(provider, outcome = outcome_text, "tokens renewed");
        }
    }
}

fn write_access(line: &RequestLine<'_>) {
    let RequestLine {
        request_id,
        trace_id,
        method,
        host,
        path,
        route,
        outcome,
        status,
        subject_hash,
        client,
        took,
        decided,
        upstream,
        sent,
        received,
        error,
    } = line;
    let micros = |time: &std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(
        target: "access",
        request_id,
        trace_id,
        method,
        host,
        path,
        route,
        outcome,
        status,
        subject = subject_hash,
        client = client.map(tracing::field::display),
        took_us = micros(took),
        decided_us = micros(decided),
        upstream_us = upstream.as_ref().map(micros),
        sent,
        received,
        error,
    );
}
