//! A look at a provider that changes nothing there: what `doorward doctor` asks.

use reqwest::Url;

use super::{Provider, Unreachable, authorize, discovery::document_url, link::bad_answer};
use crate::{
    gate::{Attempt, ReturnTo},
    oidc::{KeySet, Metadata, MetadataError},
    policy::SignInTerms,
    time::UnixTime,
};

/// The discovery document as it is now.
#[derive(Debug)]
pub struct Discovered {
    /// What it says, or why it is refused.
    pub metadata: Result<Metadata, MetadataError>,
    /// How far the provider's clock is ahead of ours, in seconds, by the `Date` of the answer, and how far off that may be;
    /// `None` when it says no date.
    pub ahead: Option<(i64, i64)>,
}

/// Whether the provider knows a redirect URI, as far as it can be seen without signing in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Known {
    /// It sent the browser back there, with this error code where there was one.
    Yes(Option<String>),
    /// It answered with an error of its own: the status, and what its page speaks of.
    No(u16, Speaks),
    /// It asks the person first, or says nothing: what it did.
    Unseen(String),
}

/// What an error page speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaks {
    /// The redirect URI.
    Redirect,
    /// The client.
    Client,
    /// Neither.
    Neither,
}

impl Provider {
    /// Fetches the discovery document anew.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn discover(&self) -> Result<Discovered, Unreachable> {
        let settings = self.settings();
        let url = document_url(&settings.issuer)?;
        let asked = self.link.now();
        let reply = self.link.http.get(&url, None).await;
        let reply = reply.map_err(|error| Unreachable::because(error.cause))?;
        let answered = self.link.now();
        if reply.status != 200 {
            return Err(bad_answer("discovery", &url, &reply));
        }
        Ok(Discovered {
            metadata: Metadata::parse(&reply.body, &settings.issuer, settings.allow_http),
            ahead: reply.date.as_deref().and_then(|date| ahead(date, asked, answered)),
        })
    }

    /// Fetches the key set anew.
    ///
    /// # Errors
    /// There is none to be had, or it is none.
    pub async fn key_set(&self, metadata: &Metadata) -> Result<KeySet, Unreachable> {
        let url = &metadata.jwks_uri;
        let reply = self.link.http.get(url, None).await;
        let reply = reply.map_err(|error| Unreachable::because(error.cause))?;
        if reply.status != 200 {
            return Err(bad_answer("keys", url, &reply));
        }
        KeySet::parse(&reply.body).map_err(|error| Unreachable::because(error.to_string()))
    }

    /// Asks for a sign-in at a redirect URI, silently (`prompt=none`, OpenID Connect Core 1.0 section 3.1.2.1), and does not follow
    /// what comes back. A provider that does not know the address may not send anybody there (section 3.1.2.6).
    ///
    /// # Errors
    /// There is no answer.
    pub async fn knows(&self, metadata: &Metadata, redirect_uri: &str) -> Result<Known, Unreachable> {
        let settings = self.settings();
        let attempt = Attempt {
            provider: settings.name.clone(),
            issuer: settings.issuer.clone(),
            nonce: self.link.entropy.token(),
            verifier: self.link.entropy.token(),
            redirect_uri: redirect_uri.to_owned(),
            return_to: ReturnTo::home(),
            acr_values: Vec::new(),
            max_age: None,
            fresh: false,
            again: 0,
            started: self.link.now(),
        };
        let terms = SignInTerms::of(settings.name.clone());
        let state = self.link.entropy.token();
        let url = authorize::authorization(settings, metadata, &attempt, &state, &terms, false);
        let url = authorize::with_query(&url, &[("prompt", "none".to_owned())]);
        let reply = self.link.http.get(&url, None).await;
        // The request's parameters are nobody's to read.
        let told = |cause: &str| cause.replace(url.as_str(), metadata.authorization_endpoint.as_str());
        let reply = reply.map_err(|error| Unreachable::because(told(&error.cause)))?;
        let body = String::from_utf8_lossy(&reply.body);
        Ok(known(
            &url,
            redirect_uri,
            reply.status,
            reply.location.as_deref(),
            &body,
        ))
    }
}

/// The middle between asking and answering is when it was written; a `Date` has no parts of a second (RFC 9110 section 5.6.7).
fn ahead(date: &str, asked: UnixTime, answered: UnixTime) -> Option<(i64, i64)> {
    let date = chrono::DateTime::parse_from_rfc2822(date).ok()?.timestamp();
    let took = answered.secs() - asked.secs();
    Some((date - (asked.secs() + took / 2), took / 2 + 1))
}

fn known(asked: &Url, redirect_uri: &str, status: u16, location: Option<&str>, body: &str) -> Known {
    match (status, location.map(|location| asked.join(location))) {
        (300..=399, Some(Ok(to))) => sent_to(&to, redirect_uri),
        (400..=499, _) if status != 429 => refused(status, body),
        (300..=399, Some(Err(_)) | None) => Known::Unseen("a redirect to nowhere".to_owned()),
        (200..=299, _) => Known::Unseen("a page".to_owned()),
        (status, _) => Known::Unseen(format!("status {status}")),
    }
}

fn sent_to(to: &Url, redirect_uri: &str) -> Known {
    let mut bare = to.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    if Url::parse(redirect_uri).is_ok_and(|expected| expected == bare) {
        let mut pairs = to.query_pairs();
        let error = pairs.find(|(name, _)| name == "error");
        // What a provider writes there is a code, and is shown as one only (RFC 6749 section 4.1.2.1).
        let is_code =
            |code: &str| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let code = error.map(|(_, code)| {
            if is_code(&code) {
                code.into_owned()
            } else {
                "an error".to_owned()
            }
        });
        return Known::Yes(code);
    }
    Known::Unseen(format!("a redirect to {}", to.origin().ascii_serialization()))
}

fn refused(status: u16, body: &str) -> Known {
    let body = body.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| body.contains(word));
    let speaks = if names(&["redirect_uri", "redirect uri", "redirect url", "callback url"]) {
        Speaks::Redirect
    } else if names(&[
        "invalid_client",
        "unauthorized_client",
        "client_id",
        "unknown client",
        "client not found",
    ]) {
        Speaks::Client
    } else {
        Speaks::Neither
    };
    Known::No(status, speaks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACK: &str = "https://app.test/.doorward/callback";

    fn of(status: u16, location: Option<&str>, body: &str) -> Known {
        let asked = Url::parse("https://id.test/authorize?x=1").unwrap();
        known(&asked, BACK, status, location, body)
    }

    #[test]
    fn only_a_way_back_is_taken_for_a_yes() {
        let unseen = |what: &str| Known::Unseen(what.to_owned());
        let back = |query: &str| format!("{BACK}{query}");
        let code = |code: &str| Known::Yes(Some(code.to_owned()));
        assert_eq!(
            of(302, Some(&back("?error=login_required&state=x")), ""),
            code("login_required")
        );
        assert_eq!(of(303, Some(&back("?code=c")), ""), Known::Yes(None));
        assert_eq!(of(302, Some(&back("?error=<b>")), ""), code("an error"));
        assert_eq!(of(302, Some("/login"), ""), unseen("a redirect to https://id.test"));
        assert_eq!(
            of(302, Some(&back("/more?code=c")), ""),
            unseen("a redirect to https://app.test")
        );
        assert_eq!(of(302, None, ""), unseen("a redirect to nowhere"));
        assert_eq!(of(200, None, "invalid redirect_uri"), unseen("a page"));
        assert_eq!(of(503, None, ""), unseen("status 503"));
        assert_eq!(of(429, None, ""), unseen("status 429"));
    }

    #[test]
    fn an_error_page_is_a_no_and_may_say_of_what() {
        assert_eq!(of(400, None, "Invalid REDIRECT_URI"), Known::No(400, Speaks::Redirect));
        assert_eq!(of(401, None, "invalid_client"), Known::No(401, Speaks::Client));
        assert_eq!(of(400, None, "sorry"), Known::No(400, Speaks::Neither));
    }

    #[test]
    fn a_date_is_held_against_the_middle_of_the_question() {
        let at = UnixTime::from_secs;
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(ahead(date, at(784_111_777), at(784_111_777)), Some((0, 1)));
        assert_eq!(ahead(date, at(784_111_667), at(784_111_671)), Some((108, 3)));
        assert_eq!(ahead("soon", at(0), at(0)), None);
    }
}
