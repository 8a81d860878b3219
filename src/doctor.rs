//! Looks at everything that a configuration needs, from where it would run, and changes nothing anywhere.
//!
//! Every look has a deadline of its own, and all go side by side. What cannot be seen from here is said to be so: an `ok` was
//! seen.

mod callback;
mod collector;
mod listen;
mod provider;
mod reach;
mod redis;
mod upstream;

use std::{future::Future, time::Duration};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};
use serde::Serialize;

use crate::{config::Plan, entropy::Entropy, time::Clock};

/// What one look came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What was looked at: `dns`, `tls`, `discovery` and so on.
    pub check: &'static str,
    /// Of what: `provider corporate`, `upstream app`.
    pub of: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen; no secret.
    pub seen: String,
    /// What to do about it; empty where nothing is to be done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

/// How something is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Seen to be well.
    Ok,
    /// It cannot be seen from here, whichever way it is.
    Unseen,
    /// It works, and is likely to hurt.
    Warn,
    /// It does not work.
    Fail,
}

/// What the looks share.
#[derive(Clone, Debug)]
pub struct Surgery {
    /// The clock that the provider's is held against.
    pub clock: Clock,
    /// For names that nobody else has.
    pub entropy: Entropy,
    /// Longest time of one look.
    pub patience: Duration,
}

impl Finding {
    fn new(check: &'static str, of: &str, verdict: Verdict, seen: impl Into<String>) -> Self {
        Self {
            check,
            of: of.to_owned(),
            verdict,
            seen: seen.into(),
            advice: String::new(),
        }
    }

    fn ok(check: &'static str, of: &str, seen: impl Into<String>) -> Self {
        Self::new(check, of, Verdict::Ok, seen)
    }

    fn warn(check: &'static str, of: &str, seen: impl Into<String>) -> Self {
        Self::new(check, of, Verdict::Warn, seen)
    }

    fn fail(check: &'static str, of: &str, seen: impl Into<String>) -> Self {
        Self::new(check, of, Verdict::Fail, seen)
    }

    fn unseen(check: &'static str, of: &str, seen: impl Into<String>) -> Self {
        Self::new(check, of, Verdict::Unseen, seen)
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}

impl Surgery {
    /// Looks at everything that a configuration needs, in the order of the configuration. Within a tokio runtime.
    pub async fn examine(&self, plan: &Plan) -> Vec<Finding> {
        let mut looks: Vec<BoxFuture<'_, Vec<Finding>>> = vec![listen::listeners(self, plan).boxed()];
        for settings in &plan.providers {
            looks.push(provider::provider(self, plan, settings).boxed());
        }
        looks.push(redis::store(self, &plan.store).boxed());
        for upstream in upstream::all(plan) {
            looks.push(upstream::upstream(self, upstream).boxed());
        }
        if let Some(settings) = &plan.tracing {
            looks.push(collector::collector(self, settings).boxed());
        }
        join_all(looks).await.into_iter().flatten().collect()
    }

    /// What a look comes to within the deadline.
    async fn within<T>(&self, look: impl Future<Output = T>) -> Result<T, String> {
        let late = |_| format!("no answer within {:?}", self.patience);
        tokio::time::timeout(self.patience, look).await.map_err(late)
    }
}
