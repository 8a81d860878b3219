//! The provider's key set: kept, and fetched once more when a token does not fit it, but not for every such token.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use reqwest::Url;
use tokio::sync::Mutex;

use super::{Unreachable, breaker::Breaker, discovery::freshness, link::Link};
use crate::{oidc::KeySet, time::UnixTime};

/// Least time between two fetches that a token caused (DJ-06).
const BETWEEN_REFETCHES: Duration = Duration::from_secs(10);
/// Longest time that a set is used after it went stale, because no newer can be had (DJ-07): a key that the provider took
/// back verifies nothing after that.
const LONGEST_STALE: Duration = Duration::from_secs(24 * 3600);
/// Longest back-off.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The key set of one provider.
#[derive(Debug)]
pub(super) struct Keys {
    link: Arc<Link>,
    kept: ArcSwapOption<Kept>,
    /// Held while fetching: everybody else waits for the result.
    attempts: Mutex<Attempts>,
}

#[derive(Debug)]
struct Kept {
    from: Url,
    keys: Arc<KeySet>,
    fresh_until: UnixTime,
}

#[derive(Debug)]
struct Attempts {
    breaker: Breaker,
    last_failure: Option<Unreachable>,
    refetched: Option<UnixTime>,
}

impl Keys {
    /// Nothing is fetched yet.
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            kept: ArcSwapOption::empty(),
            attempts: Mutex::new(Attempts {
                breaker: Breaker::new(0, LONGEST_WAIT),
                last_failure: None,
                refetched: None,
            }),
        }
    }

    /// The key set; a stale one only when a newer cannot be had.
    pub(super) async fn current(&self, uri: &Url) -> Result<Arc<KeySet>, Unreachable> {
        if let Some(keys) = self.fresh(uri) {
            return Ok(keys);
        }
        let mut attempts = self.attempts.lock().await;
        if let Some(keys) = self.fresh(uri) {
            return Ok(keys);
        }
        let fetched = match attempts.breaker.permit(self.link.now()) {
            Ok(()) => self.fetch(uri, &mut attempts).await,
            Err(wait) => Err(attempts.answer(wait)),
        };
        fetched.or_else(|error| self.stale(uri).ok_or(error))
    }

    /// The key set after a token did not fit `seen`: another one if somebody fetched it meanwhile, or fetched now if
    /// that was not done just before; else `None`, and the token stays refused.
    pub(super) async fn after(&self, uri: &Url, seen: &Arc<KeySet>) -> Result<Option<Arc<KeySet>>, Unreachable> {
        let mut attempts = self.attempts.lock().await;
        let now = self.link.now();
        if let Some(kept) = self.kept.load_full()
            && kept.from == *uri
            && !Arc::ptr_eq(&kept.keys, seen)
        {
            return Ok(Some(Arc::clone(&kept.keys)));
        }
        let just_done = attempts
            .refetched
            .is_some_and(|at| at <= now && now.since(at) < BETWEEN_REFETCHES);
        if just_done || attempts.breaker.permit(now).is_err() {
            return Ok(None);
        }
        attempts.refetched = Some(now);
        self.fetch(uri, &mut attempts).await.map(Some)
    }

    async fn fetch(&self, uri: &Url, attempts: &mut Attempts) -> Result<Arc<KeySet>, Unreachable> {
        let read = |reply: &super::http::Reply| KeySet::parse(&reply.body).map_err(|error| error.to_string());
        match self.link.document("keys", uri, read).await {
            Ok((keys, max_age)) => {
                attempts.breaker.succeeded();
                let keys = Arc::new(keys);
                self.kept.store(Some(Arc::new(Kept {
                    from: uri.clone(),
                    keys: Arc::clone(&keys),
                    fresh_until: self.link.now() + freshness(max_age),
                })));
                Ok(keys)
            }
            Err(error) => {
                let draw = self.link.draw();
                attempts.breaker.failed(self.link.now(), error.retry_after, draw);
                attempts.last_failure = Some(error.clone());
                Err(error)
            }
        }
    }

    fn fresh(&self, uri: &Url) -> Option<Arc<KeySet>> {
        let now = self.link.now();
        self.kept_until(uri, |fresh_until| now < fresh_until)
    }

    fn stale(&self, uri: &Url) -> Option<Arc<KeySet>> {
        let now = self.link.now();
        self.kept_until(uri, |fresh_until| now < fresh_until + LONGEST_STALE)
    }

    fn kept_until(&self, uri: &Url, good: impl Fn(UnixTime) -> bool) -> Option<Arc<KeySet>> {
        let kept = self.kept.load_full()?;
        (kept.from == *uri && good(kept.fresh_until)).then(|| Arc::clone(&kept.keys))
    }
}

impl Attempts {
    /// The last failure, while it is not asked again.
    fn answer(&self, wait: Duration) -> Unreachable {
        Unreachable {
            retry_after: Some(wait),
            ..self
                .last_failure
                .clone()
                .unwrap_or_else(|| Unreachable::because("it failed just now".to_owned()))
        }
    }
}
