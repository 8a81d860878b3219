//! What every call to a provider shares: the client, the clock, chance, and the event that it leaves behind.

use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use super::{
    Unreachable,
    http::{Http, NoReply, Reply},
};
use crate::{
    entropy::Entropy,
    oidc::ProviderName,
    telemetry::{Call, Event, Telemetry},
    time::{Clock, UnixTime},
};

/// The way to one provider.
#[derive(Debug)]
pub(super) struct Link {
    /// The operator's name for it.
    pub(super) name: ProviderName,
    /// The client.
    pub(super) http: Http,
    /// The clock.
    pub(super) clock: Clock,
    /// For jitter.
    pub(super) entropy: Entropy,
    /// Where events go.
    pub(super) telemetry: Telemetry,
}

impl Link {
    /// Now.
    pub(super) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// A random byte, for jitter.
    pub(super) fn draw(&self) -> u8 {
        let [byte] = self.entropy.bytes::<1>();
        byte
    }

    /// Emits the event of one call.
    pub(super) fn report(&self, endpoint: &'static str, began: Instant, call: Call, error: Option<&str>) {
        self.telemetry.emit(&Event::ProviderCall {
            provider: &self.name,
            endpoint,
            call,
            took: began.elapsed(),
            error,
        });
    }

    /// Gets a document and reads it with `read`, whose error is a sentence.
    pub(super) async fn document<T>(
        &self,
        endpoint: &'static str,
        url: &Url,
        read: impl FnOnce(&Reply) -> Result<T, String> + Send,
    ) -> Result<(T, Option<Duration>), Unreachable> {
        let began = Instant::now();
        let (call, failure) = match self.http.get(url, None).await {
            Ok(reply) if reply.status == 200 => match read(&reply) {
                Ok(value) => {
                    self.report(endpoint, began, Call::Ok, None);
                    return Ok((value, reply.max_age));
                }
                Err(cause) => (Call::Refused, Unreachable::because(cause)),
            },
            Ok(reply) => (Call::Failed, bad_answer(endpoint, url, &reply)),
            Err(error) => failed(error),
        };
        self.report(endpoint, began, call, Some(&failure.cause));
        Err(Unreachable {
            cause: format!("{endpoint}: {}", failure.cause),
            ..failure
        })
    }
}

impl Unreachable {
    /// Of a cause only.
    pub(super) const fn because(cause: String) -> Self {
        Self {
            cause,
            retry_after: None,
        }
    }
}

/// The failure that the status of a document tells. Where there is no discovery document, the issuer is the likely mistake.
pub(super) fn bad_answer(endpoint: &str, url: &Url, reply: &Reply) -> Unreachable {
    let hint = match (endpoint, reply.status) {
        ("discovery", 400..=499) => "; the configured issuer may be wrong",
        (_, _) => "",
    };
    let path = url.path();
    Unreachable {
        cause: format!("status {} of {path}{hint}", reply.status),
        retry_after: reply.delay(),
    }
}

/// The failure that a status tells.
pub(super) fn bad_status(reply: &Reply) -> Unreachable {
    Unreachable {
        cause: format!("status {}", reply.status),
        retry_after: reply.delay(),
    }
}

/// The failure of a call without an answer.
pub(super) fn failed(error: NoReply) -> (Call, Unreachable) {
    let call = if error.timed_out { Call::TimedOut } else { Call::Failed };
    (call, Unreachable::because(error.cause))
}
