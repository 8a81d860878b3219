//! Log lines: one for each request (target `access`), one for each thing that an operator may have to act on.
//!
//! Nothing personal above `debug`, no query string, no token, code, cookie or secret at any level. Lines go to a
//! thread of their own through a bounded queue; when it is full they are dropped, so that a blocked sink never blocks a
//! request.

mod access;
mod dependency;

use std::{fs, io, path::PathBuf};

use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    fmt,
    layer::{Filter, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use self::dependency::{write_collector, write_eviction, write_feed, write_renewal, write_store_call};
use super::{
    AccessLog, AuditSettings, CacheEvent, Call, Event, Naming, News, Reload, Settings, TargetChange, audit,
    metrics::label::{call_name, channel_name},
    trace::Export,
    turned_away,
};
use crate::keys::{KeyId, Ring};

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
    /// The file of the audit trail.
    #[error("the audit trail cannot be written to {path}: {source}")]
    Audit {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
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

/// Keeps the writers at work; when it is dropped they write what is queued.
#[derive(Debug)]
pub struct Writers(#[expect(dead_code, reason = "held for its end")] Vec<WorkerGuard>);

/// Installs the process's log writer on standard output, and the audit trail's where the settings say. Keep what is
/// returned until the end.
///
/// # Errors
/// A filter that does not parse, a file that cannot be written, or a writer that is installed already.
pub fn install(settings: &Settings) -> Result<Writers, LogError> {
    let (layers, writers) = layers(settings)?;
    tracing_subscriber::registry().with(layers).try_init()?;
    Ok(writers)
}

fn layers(settings: &Settings) -> Result<(Vec<Boxed>, Writers), LogError> {
    let (writer, guard) = tracing_appender::non_blocking(io::stdout());
    let mut guards = vec![guard];
    let filter = EnvFilter::try_new(&settings.filter)?;
    let lines: Boxed = match settings.format {
        LogFormat::Json => json(writer.clone()),
        LogFormat::Text => fmt::layer().with_ansi(false).with_writer(writer.clone()).boxed(),
    };
    // What is audited is not for the level to say.
    let all_but_audit = filter.and(of_level(LevelFilter::TRACE, |target| target != audit::TARGET));
    let mut layers: Vec<Boxed> = vec![lines.with_filter(all_but_audit).boxed()];
    if let Some(AuditSettings { file, naming: _ }) = &settings.audit {
        let writer = match file {
            Some(path) => {
                let (writer, guard) = tracing_appender::non_blocking(append(path)?);
                guards.push(guard);
                writer
            }
            None => writer,
        };
        let audit_alone = of_level(LevelFilter::INFO, |target| target == audit::TARGET);
        layers.push(json(writer).with_filter(audit_alone).boxed());
    }
    Ok((layers, Writers(guards)))
}

/// Lines of some targets, none above a level. Without a word on the level every trace that is nobody's would be made and
/// asked about, those of the libraries included.
fn of_level(level: LevelFilter, wanted: fn(&str) -> bool) -> impl Filter<Registry> {
    filter_fn(move |line| wanted(line.target())).with_max_level_hint(level)
}

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

fn json(writer: NonBlocking) -> Boxed {
    fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer)
        .boxed()
}

fn append(path: &PathBuf) -> Result<fs::File, LogError> {
    let opened = fs::OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|source| LogError::Audit {
        path: path.clone(),
        source,
    })
}

/// Writes an event's line, if it has one.
pub(super) fn write(event: &Event<'_>, access_log: Option<&AccessLog>, naming: Naming) {
    match event {
        Event::Request(line) => access::write(line, access_log),
        Event::TurnedAway { why, peer, again } => turned_away::write(*why, *peer, *again),
        Event::Audit(audit) => audit::write(audit, naming),
        Event::Renewal {
            provider,
            outcome,
            retry_after,
        } => write_renewal(provider.as_str(), *outcome, *retry_after),
        Event::SignIn { provider, outcome } => {
            tracing::info!(provider = provider.as_str(), outcome, "sign-in came back");
        }
        Event::SignOut { provider } => tracing::info!(provider = provider.as_str(), "signed out"),
        Event::ProviderLogout {
            provider,
            channel,
            outcome,
            ended,
        } => write_provider_logout(provider.as_str(), channel_name(*channel), outcome, *ended),
        Event::StoreCall {
            op,
            call,
            took,
            error: Some(error),
        } => write_store_call(op, *call, *took, error),
        Event::StoreEviction { what, policy } => write_eviction(*what, policy),
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
        Event::Cache(CacheEvent::Feed { up, error }) => write_feed(*up, error.unwrap_or_default()),
        Event::Unreadable { what } => tracing::debug!(what, "a sealed value did not open"),
        Event::Ring { ring, at: _ } => write_ring(ring),
        Event::Target(change) => write_target(change),
        Event::Reload(reload) => write_reload(reload),
        Event::UpgradeFailed { why } => tracing::error!(error = why, "the upgrade failed"),
        Event::Export(Export::Collector { error }) => write_collector(*error),
        Event::Decision { .. }
        | Event::SignInBegun { .. }
        | Event::Session { .. }
        | Event::StoreCall { .. }
        | Event::Cache(_)
        | Event::ProviderCall { .. }
        | Event::Certificates(_)
        | Event::Configuration { .. }
        | Event::Export(Export::Spans { .. })
        | Event::Key { .. } => {}
    }
}

fn write_provider_logout(provider: &str, channel: &str, outcome: &str, ended: usize) {
    tracing::info!(provider, channel, outcome, ended, "the provider asked to end a session");
}

fn write_target(change: &TargetChange<'_>) {
    let TargetChange {
        upstream,
        target,
        what,
        cause,
    } = *change;
    let told = "an upstream target changed";
    if what == "healthy" {
        tracing::info!(upstream, target, what, "{told}");
    } else {
        tracing::warn!(upstream, target, what, error = cause, "{told}");
    }
}

fn write_ring(ring: &Ring) {
    let names: Vec<&str> = ring.ids().map(KeyId::as_str).collect();
    tracing::info!(keys = names.join(", "), "a key ring is in force; its first key seals");
}

fn write_in_force(news: News, waits: &[&str]) {
    let waiting = waits.join(", ");
    match (news, waits) {
        (News::Another, []) => tracing::info!("another configuration is in force"),
        (News::Another, _) => tracing::warn!(
            waits = waiting,
            "another configuration is in force, but for what waits for a restart"
        ),
        (News::None, []) => tracing::info!("the configuration was read again: it is what is in force"),
        (News::None, _) => tracing::warn!(
            waits = waiting,
            "the configuration was read again: it is what is in force, but for what waits for a restart"
        ),
    }
}

fn write_reload(reload: &Reload<'_>) {
    match reload {
        Reload::InForce { news, waits } => write_in_force(*news, waits),
        Reload::Refused { why } => tracing::error!(
            problems = why,
            "the configuration changed and cannot be used: the one before stays in force"
        ),
        Reload::CertificateRefused { error } => {
            tracing::error!(error, "a certificate cannot be used: the one before stays in force");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::AccessSettings;

    #[test]
    fn what_nobody_writes_is_not_made() {
        for (filter, audit, most) in [
            ("warn", None, LevelFilter::WARN),
            ("warn", Some(AuditSettings::default()), LevelFilter::INFO),
            ("info,doorward=debug", None, LevelFilter::DEBUG),
        ] {
            let settings = Settings {
                format: LogFormat::Text,
                filter: filter.to_owned(),
                access: Some(AccessSettings::default()),
                audit,
            };
            let (layers, _writers) = layers(&settings).unwrap();
            assert_eq!(Layer::<Registry>::max_level_hint(&layers), Some(most), "{filter}");
        }
    }
}
