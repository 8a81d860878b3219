//! The provider's metadata: fetched on first need, by one caller for all, and kept through outages.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use reqwest::Url;

use super::{Unreachable, breaker::Breaker, link::Link};
use crate::{
    oidc::{Issuer, Metadata},
    task,
    telemetry::trace,
    time::UnixTime,
};

/// How long a document is good when the provider does not say.
const FRESH: Duration = Duration::from_secs(600);
/// Bounds of what the provider may say (DJ-07).
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);
/// Longest back-off: a person who tries again is not told an old failure for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long something is good, by what the provider says of it.
pub(super) fn freshness(max_age: Option<Duration>) -> Duration {
    max_age.unwrap_or(FRESH).clamp(SHORTEST, LONGEST)
}

/// Discovery of one issuer.
#[derive(Debug)]
pub(super) struct Discovery {
    link: Arc<Link>,
    issuer: Issuer,
    allow_http: bool,
    kept: ArcSwapOption<Kept>,
    /// Held while fetching: everybody else waits for the result.
    fetching: tokio::sync::Mutex<()>,
    failures: Mutex<Failures>,
    refreshing: AtomicBool,
}

#[derive(Debug)]
struct Kept {
    metadata: Arc<Metadata>,
    fresh_until: UnixTime,
}

#[derive(Debug)]
struct Failures {
    breaker: Breaker,
    last: Option<Unreachable>,
}

impl Discovery {
    /// Nothing is fetched yet.
    pub(super) fn new(link: Arc<Link>, issuer: Issuer, allow_http: bool) -> Arc<Self> {
        Arc::new(Self {
            link,
            issuer,
            allow_http,
            kept: ArcSwapOption::empty(),
            fetching: tokio::sync::Mutex::new(()),
            failures: Mutex::new(Failures {
                breaker: Breaker::new(0, LONGEST_WAIT),
                last: None,
            }),
            refreshing: AtomicBool::new(false),
        })
    }

    /// Whether there is a document, fresh or not.
    pub(super) fn at_hand(&self) -> bool {
        self.kept.load().is_some()
    }

    /// The document at hand, fresh or not.
    pub(super) fn kept(&self) -> Option<Arc<Metadata>> {
        self.kept.load().as_ref().map(|kept| Arc::clone(&kept.metadata))
    }

    /// The metadata: at once when there is any, renewed behind the caller's back when it is stale, fetched now when
    /// there is none.
    pub(super) async fn metadata(self: &Arc<Self>) -> Result<Arc<Metadata>, Unreachable> {
        if let Some(kept) = self.kept.load_full() {
            if kept.fresh_until <= self.link.now() {
                self.refresh_behind();
            }
            return Ok(Arc::clone(&kept.metadata));
        }
        let _one_at_a_time = self.fetching.lock().await;
        if let Some(kept) = self.kept.load_full() {
            return Ok(Arc::clone(&kept.metadata));
        }
        self.permit()?;
        self.fetch().await
    }

    fn refresh_behind(self: &Arc<Self>) {
        if self.permit().is_err() || self.refreshing.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = Arc::clone(self);
        // The task is nobody's to wait for; `fetch` reports how it went.
        let refresh = trace::along(async move {
            // Also on the way out of a panic, or discovery would never be refreshed again.
            let _done = Lower(&this.refreshing);
            drop(this.fetch().await);
        });
        drop(task::spawn("provider discovery", refresh));
    }

    async fn fetch(&self) -> Result<Arc<Metadata>, Unreachable> {
        match self.fetch_document().await {
            Ok((metadata, max_age)) => {
                // While nobody can sign in, a change at the provider is seen soon.
                let good_for = if metadata.demand.is_some() {
                    SHORTEST
                } else {
                    freshness(max_age)
                };
                let metadata = Arc::new(metadata);
                self.kept.store(Some(Arc::new(Kept {
                    metadata: Arc::clone(&metadata),
                    fresh_until: self.link.now() + good_for,
                })));
                self.failures().breaker.succeeded();
                Ok(metadata)
            }
            // What was good is kept, above all when the document names another issuer now (IP-07).
            Err(error) => {
                let mut failures = self.failures();
                let draw = self.link.draw();
                failures.breaker.failed(self.link.now(), error.retry_after, draw);
                failures.last = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn fetch_document(&self) -> Result<(Metadata, Option<Duration>), Unreachable> {
        let url = document_url(&self.issuer)?;
        if url.scheme() != "https" && !self.allow_http {
            return Err(Unreachable::because(
                "the issuer is not https, and plain HTTP is not allowed for it".to_owned(),
            ));
        }
        let read = |reply: &super::http::Reply| {
            Metadata::parse(&reply.body, &self.issuer, self.allow_http).map_err(|error| error.to_string())
        };
        self.link.document("discovery", &url, read).await
    }

    /// While the provider is known to be down, its last failure is the answer.
    fn permit(&self) -> Result<(), Unreachable> {
        let mut failures = self.failures();
        failures.breaker.permit(self.link.now()).map_err(|wait| Unreachable {
            retry_after: Some(wait),
            ..failures
                .last
                .clone()
                .unwrap_or_else(|| Unreachable::because("it failed just now".to_owned()))
        })
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an issuer's document is (OpenID Connect Discovery 1.0 section 4).
pub(super) fn document_url(issuer: &Issuer) -> Result<Url, Unreachable> {
    let issuer = issuer.as_str().trim_end_matches('/');
    Url::parse(&format!("{issuer}/.well-known/openid-configuration"))
        .map_err(|error| Unreachable::because(format!("the issuer is not a URL: {error}")))
}

/// Lowers a flag when dropped.
struct Lower<'a>(&'a AtomicBool);

impl Drop for Lower<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_stays_within_bounds() {
        // DJ-07
        let of = |secs| freshness(Some(Duration::from_secs(secs)));
        assert_eq!(freshness(None), FRESH);
        assert_eq!(of(0), SHORTEST);
        assert_eq!(of(120), Duration::from_secs(120));
        assert_eq!(of(u64::MAX), LONGEST);
    }
}
