//! The HTTP client of a provider: deadlines, a cap on bodies counted while they stream, no redirects, no retries, no
//! decompression, no proxy by environment, its own trust.

use std::{error::Error as _, io, time::Duration};

use reqwest::{
    RequestBuilder, Response, Url,
    header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER},
    redirect, retry,
};
use rustls::ClientConfig;

use super::{Settings, SetupError};
use crate::{
    oidc::tokens::delay,
    secret::Secret,
    trust::{self, TrustError},
};

/// Largest answer that is read, in bytes (DJ-04, UI-06).
const LARGEST_BODY: usize = 256 * 1024;

/// A client for one provider.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
}

/// An answer, read in full.
#[derive(Debug)]
pub(super) struct Reply {
    /// Status.
    pub(super) status: u16,
    /// `Content-Type`.
    pub(super) content_type: Option<String>,
    /// `Retry-After` as written.
    pub(super) retry_after: Option<String>,
    /// `Date` as written.
    pub(super) date: Option<String>,
    /// `Location` as written; it is never followed.
    pub(super) location: Option<String>,
    /// `max-age` of `Cache-Control`.
    pub(super) max_age: Option<Duration>,
    /// Body.
    pub(super) body: Vec<u8>,
}

/// No answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NoReply {
    /// In words for the operator.
    pub(super) cause: String,
    /// Whether a deadline passed.
    pub(super) timed_out: bool,
}

impl Http {
    /// Makes the client; nothing is connected yet.
    pub(super) fn new(settings: &Settings) -> Result<Self, SetupError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls(settings)?)
            .no_proxy()
            .redirect(redirect::Policy::none())
            // A token request is sent once (TE-08): no retries, and no kept connection that the other side may be
            // closing at this very moment, since nobody could tell then whether the request was read.
            .retry(retry::never())
            .pool_max_idle_per_host(0)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .build()
            .map_err(|error| SetupError::Client(chain(&error)))?;
        Ok(Self { client })
    }

    /// Gets a JSON document, with an access token in the header where one is given (UI-02).
    pub(super) async fn get(&self, url: &Url, bearer: Option<&Secret<String>>) -> Result<Reply, NoReply> {
        let mut request = self.client.get(url.clone());
        if let Some(token) = bearer {
            let value = secret_header(&format!("Bearer {}", token.expose()))?;
            request = request.header(AUTHORIZATION, value);
        }
        send(request).await
    }

    /// Posts a form, with an `Authorization` header where one is given.
    pub(super) async fn post(&self, url: &Url, form: String, authorization: Option<&str>) -> Result<Reply, NoReply> {
        let mut request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, secret_header(value)?);
        }
        send(request).await
    }
}

async fn send(request: RequestBuilder) -> Result<Reply, NoReply> {
    let mut response = request
        .header(ACCEPT, "application/json")
        .send()
        .await
        .map_err(|error| no_reply(&error))?;
    let body = read(&mut response).await?;
    let headers = response.headers();
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    Ok(Reply {
        status: response.status().as_u16(),
        content_type: text(CONTENT_TYPE).map(ToOwned::to_owned),
        date: text(DATE).map(ToOwned::to_owned),
        location: text(LOCATION).map(ToOwned::to_owned),
        retry_after: text(RETRY_AFTER).map(ToOwned::to_owned),
        max_age: max_age(headers),
        body,
    })
}

async fn read(response: &mut Response) -> Result<Vec<u8>, NoReply> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| no_reply(&error))? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(NoReply {
                cause: format!("the answer is larger than {LARGEST_BODY} bytes"),
                timed_out: false,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl Reply {
    /// `Retry-After` in seconds, where it is that.
    pub(super) fn delay(&self) -> Option<Duration> {
        self.retry_after.as_deref().and_then(delay)
    }
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| directive.trim().strip_prefix("max-age="))
        .and_then(|secs| secs.trim_matches('"').parse().ok())
        .map(Duration::from_secs)
}

fn secret_header(value: &str) -> Result<HeaderValue, NoReply> {
    let mut value = HeaderValue::from_str(value).map_err(|_| NoReply {
        cause: "the credentials have characters that no header can hold".to_owned(),
        timed_out: false,
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn no_reply(error: &reqwest::Error) -> NoReply {
    let hint = if distrusts(error) { NOT_TRUSTED } else { "" };
    NoReply {
        cause: format!("{}{hint}", chain(error)),
        timed_out: error.is_timeout(),
    }
}

/// What to do about a certificate that is not believed.
const NOT_TRUSTED: &str =
    "; if a CA of your own signed the provider's certificate, name that CA in `ca_file` of the provider";

/// Whether the provider's certificate was not believed. `io::Error` leaves what it wraps out of its causes.
fn distrusts(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = inner.downcast_ref() {
            return true;
        }
        let wrapped = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => inner.source(),
        };
    }
    false
}

/// The error with its causes, down to the one that tells the operator something, such as "connection refused".
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

fn tls(settings: &Settings) -> Result<ClientConfig, SetupError> {
    trust::client(settings.ca_pem.as_deref(), !settings.allow_http).map_err(|error| match error {
        TrustError::Ca(why) => SetupError::Ca(why),
        TrustError::Tls(why) => SetupError::Client(why),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_is_found_among_directives() {
        let of = |value: &'static str| {
            max_age(&HeaderMap::from_iter([(
                CACHE_CONTROL,
                HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(of("public, max-age=60"), Some(Duration::from_secs(60)));
        assert_eq!(of("max-age=\"60\""), Some(Duration::from_secs(60)));
        assert_eq!(of("s-maxage=5, no-store"), None);
        assert_eq!(of("max-age=soon"), None);
        assert_eq!(max_age(&HeaderMap::new()), None);
    }
}
