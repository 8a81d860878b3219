//! The gateway's key set, fetched when a key is not known yet.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;

use super::assertion::{Fault, has_key, kid};

/// Larger key sets are not read.
const CAP: usize = 64 * 1024;

/// The key set at an address, as last seen.
#[derive(Debug)]
pub(super) struct KeySet {
    url: String,
    http: reqwest::Client,
    seen: Mutex<Arc<Value>>,
}

impl KeySet {
    pub(super) fn at(url: String) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            url,
            http,
            seen: Mutex::default(),
        })
    }

    /// The key set, fetched anew when the token's key is not in the last one.
    pub(super) async fn for_token(&self, token: &str) -> Result<Arc<Value>, Fault> {
        let kid = kid(token).ok_or(Fault::Malformed)?;
        let seen = Arc::clone(&self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        if has_key(&seen, &kid) {
            return Ok(seen);
        }
        let fresh = Arc::new(self.fetch().await.ok_or(Fault::NoKeySet)?);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        Ok(fresh)
    }

    async fn fetch(&self) -> Option<Value> {
        let mut response = self.http.get(&self.url).send().await.ok()?.error_for_status().ok()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            body.extend_from_slice(&chunk);
            if body.len() > CAP {
                return None;
            }
        }
        serde_json::from_slice(&body).ok()
    }
}
