//! The gateway's own responses: a page for a navigation, problem JSON for everybody else.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Incoming, Public, Reply};
use crate::{
    gate::{Caller, Endpoint, Refusal, ReturnTo, cors::Readers},
    identity::AssertionKeys,
    pages::{self, Context, Page},
    policy::SignInTerms,
};

/// What a caller is told to wait when a dependency is down, in seconds.
const RETRY_AFTER: u64 = 5;
/// The longest that a dependency is spared for its own wish, in seconds.
const LONGEST_WISH: u64 = 300;

/// A refusal, as the caller can read it.
pub(super) fn refusal(refusal: Refusal, caller: Caller, context: &Context<'_>) -> Reply {
    let context = Context {
        retry_after: context.retry_after.or_else(|| retry_after(refusal)),
        ..*context
    };
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = match caller {
        Caller::Navigation => page(status, pages::refusal(refusal, &context), refusal.code()),
        Caller::Api | Caller::WebSocket => Reply {
            status,
            headers: vec![
                (header::CONTENT_TYPE, HeaderValue::from_static(pages::PROBLEM_JSON)),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ],
            body: Bytes::from(pages::problem(refusal, &context)),
            outcome: refusal.code(),
            about: None,
        },
    };
    if let Some(seconds) = context.retry_after {
        reply.headers.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
    }
    if refusal == Refusal::SignInNeeded {
        // RFC 9110 section 15.5.2 wants a challenge; no registered scheme means «with a browser».
        reply
            .headers
            .push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Doorward")));
    }
    reply
}

/// Tells a caller what its sign-in lacks (RFC 9470 section 3), as far as it can be said in a header.
pub(super) fn challenged(mut reply: Reply, terms: &SignInTerms) -> Reply {
    let error = "Doorward error=\"insufficient_user_authentication\"".to_owned();
    let acr_values = terms.acr_values.join(" ");
    let acr_values = (!acr_values.is_empty()).then(|| format!("acr_values=\"{acr_values}\""));
    let max_age = terms.max_age.map(|age| format!("max_age=\"{}\"", age.as_secs()));
    let said: Vec<String> = std::iter::once(error).chain(acr_values).chain(max_age).collect();
    if let Ok(challenge) = HeaderValue::try_from(said.join(", ")) {
        reply.headers.push((header::WWW_AUTHENTICATE, challenge));
    }
    reply
}

/// When another try makes sense, in seconds, for refusals that pass.
pub(super) const fn retry_after(refusal: Refusal) -> Option<u64> {
    match refusal {
        Refusal::StoreDown | Refusal::ProviderDown | Refusal::RenewingElsewhere => Some(RETRY_AFTER),
        Refusal::BadTarget
        | Refusal::BadHost
        | Refusal::BadHeader
        | Refusal::Method
        | Refusal::RequestSlow
        | Refusal::BodyTooLarge
        | Refusal::TargetTooLong
        | Refusal::HeadTooLarge
        | Refusal::TooManyRequests
        | Refusal::TooManySignIns
        | Refusal::NotFound
        | Refusal::SignInNeeded
        | Refusal::StepUpNeeded
        | Refusal::NotAllowed
        | Refusal::CertificateNeeded
        | Refusal::CrossSite
        | Refusal::SignInFailed(_)
        | Refusal::UpstreamUnreachable
        | Refusal::UpstreamSlow
        | Refusal::UpstreamInvalid
        | Refusal::Internal => None,
    }
}

/// A page.
pub(super) fn page(status: StatusCode, page: Page, outcome: &'static str) -> Reply {
    let mut headers: Vec<_> = pages::HEADERS
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    if let Ok(csp) = HeaderValue::try_from(page.csp) {
        headers.push((header::CONTENT_SECURITY_POLICY, csp));
    }
    Reply {
        status,
        headers,
        body: Bytes::from(page.html),
        outcome,
        about: None,
    }
}

/// A page that another site may frame, as far as its policy says: every header of a page but `X-Frame-Options`, which can
/// only say no (FL-01).
pub(super) fn frame(content: Page, outcome: &'static str) -> Reply {
    let mut reply = page(StatusCode::OK, content, outcome);
    reply.headers.retain(|(name, _)| name != header::X_FRAME_OPTIONS);
    reply
}

/// A redirect that no cache keeps and that gives no referrer away (AR-23); 303 after anything but GET, so that no
/// body is sent again (AR-22).
pub(super) fn redirect(method: &Method, location: &str, outcome: &'static str) -> Reply {
    let status = if *method == Method::GET || *method == Method::HEAD {
        StatusCode::FOUND
    } else {
        StatusCode::SEE_OTHER
    };
    let Ok(location) = HeaderValue::try_from(location) else {
        return Reply {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            headers: Vec::new(),
            body: Bytes::new(),
            outcome: Refusal::Internal.code(),
            about: None,
        };
    };
    Reply {
        status,
        headers: vec![
            (header::LOCATION, location),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ],
        body: Bytes::new(),
        outcome,
        about: None,
    }
}

/// On to https, with the same method and body (RFC 9110 section 15.4.9). No cache keeps it: what tells browsers for good
/// is HSTS. The request's identifier is for whoever has to find the access line, for there is no page that says it.
pub(super) fn to_https(url: &str, request_id: &str) -> Reply {
    let mut reply = redirect(&Method::GET, url, "to_https");
    if reply.status == StatusCode::FOUND {
        reply.status = StatusCode::PERMANENT_REDIRECT;
    }
    if let Ok(id) = HeaderValue::try_from(request_id) {
        reply.headers.push((HeaderName::from_static("x-request-id"), id));
    }
    reply
}

/// JSON of the gateway's own that no cache keeps (BF-02).
pub(super) fn json(status: StatusCode, value: &serde_json::Value, outcome: &'static str) -> Reply {
    Reply {
        status,
        headers: vec![
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ],
        body: Bytes::from(value.to_string()),
        outcome,
        about: None,
    }
}

/// The assertion keys (RFC 7517). Verifiers may keep them a little; a key is published long before it signs.
pub(super) fn jwks(keys: &AssertionKeys) -> Reply {
    Reply {
        status: StatusCode::OK,
        headers: vec![
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/jwk-set+json"),
            ),
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        ],
        body: Bytes::from(keys.jwks()),
        outcome: "jwks",
        about: None,
    }
}

/// The page after a sign-out, which leads on to `onward`.
pub(super) fn signed_out(incoming: &Incoming<'_>, onward: &ReturnTo) -> Reply {
    let link = sign_in_link(onward, false);
    let facts = pages::SignedOut {
        request_id: incoming.request_id,
        sign_in: Some(&link),
        provider_session_may_remain: incoming.target.query() == Some(LOCAL_ONLY),
    };
    page(StatusCode::OK, pages::signed_out(&facts), "signed_out")
}

/// The query of the signed-out page when the provider was not told.
pub(super) const LOCAL_ONLY: &str = "local";

/// Adds the `Allow` header that a 405 carries (RFC 9110 section 15.5.6).
pub(super) fn allow(mut reply: Reply, methods: &[Method]) -> Reply {
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if let Ok(value) = HeaderValue::try_from(names.join(", ")) {
        reply.headers.push((header::ALLOW, value));
    }
    reply
}

/// Lets a page of an allowed origin read the reply. Caches must not give it to another one (Fetch standard, section
/// 3.3.6), so it says on what it depends wherever the route lists origins.
pub(super) fn shared(mut reply: Reply, readers: Readers<'_>) -> Reply {
    let origin = match readers {
        Readers::Unsaid => return reply,
        Readers::NotThisOne => None,
        Readers::Origin(origin) => Some(origin.as_header().clone()),
    };
    reply.headers.push((header::VARY, HeaderValue::from_static("Origin")));
    if let Some(origin) = origin {
        reply.headers.extend([
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
            (
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            ),
            (
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static("WWW-Authenticate, Retry-After"),
            ),
        ]);
    }
    reply
}

/// The path that signs in and comes back to `return_to`.
pub(super) fn sign_in_link(return_to: &ReturnTo, switch_account: bool) -> String {
    let back = utf8_percent_encode(return_to.as_str(), NON_ALPHANUMERIC);
    let switch = if switch_account { "&switch=1" } else { "" };
    format!("{}?return_to={back}{switch}", Endpoint::SignIn.path())
}

/// The path that asks whether to sign out and leads on to `return_to`.
pub(super) fn sign_out_link(return_to: &ReturnTo) -> String {
    let back = utf8_percent_encode(return_to.as_str(), NON_ALPHANUMERIC);
    format!("{}?return_to={back}", Endpoint::SignOut.path())
}

/// The origin under which a browser reaches this host: scheme and port by the listener, never by a header.
pub(super) fn origin(public: Public, host: &str) -> String {
    let Public { https, port } = public;
    let (scheme, usual) = if https { ("https", 443) } else { ("http", 80) };
    if port == usual {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{host}:{port}")
    }
}

/// `Retry-After` of a dependency's own wish, in whole seconds. It is asked again after [`LONGEST_WISH`], whatever it wishes.
pub(super) fn seconds(wish: Option<Duration>) -> Option<u64> {
    wish.map(|wish| wish.as_secs().clamp(1, LONGEST_WISH))
}
