//! From a request's head, and for a few of the gateway's own endpoints its body, to an answer.

use std::{panic::AssertUnwindSafe, pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{StatusCode, Version, header};
use pingora::{Error, ErrorType, Result, http::RequestHeader, proxy::Session};

use super::{Ctx, Door, link, request};
use crate::{
    flow::{About, Answer, Duty, Front, Incoming},
    gate::{Admission, Caller, Refusal, place::never_forwarded},
    telemetry::trace::{self, Entrance, RequestTrace},
};

/// Longest time that a body of a few kilobytes may take, however it trickles.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

impl<F: Front> Door<F> {
    /// Looks at the head and fills the context.
    pub(super) fn look(&self, session: &Session, ctx: &mut Ctx) -> std::result::Result<(), Refusal> {
        let head = session.req_header();
        ctx.origin = request::origin(link::peer(), &head.headers, &self.listener.trusted_proxies);
        let trusted = ctx.origin.listed;
        ctx.request_id = request::identifier(&head.headers, trusted, &self.serial);
        let entrance = Entrance {
            trusted,
            https: self.listener.public.https,
            version: if head.version == Version::HTTP_2 { "2" } else { "1.1" },
            began: ctx.begun(),
        };
        ctx.trace = self.telemetry.trace(&head.headers, entrance);
        if ctx.trace.is_none() {
            ctx.trace_id = trace::trace_id(&head.headers);
        }
        ctx.method = head.method.clone();
        ctx.caller = Caller::of(&head.method, &head.headers);
        if never_forwarded(&head.method) {
            // Before the target: that of CONNECT is of another form.
            return Err(Refusal::Method);
        }
        ctx.target = Some(request::check(head, &self.listener.limits)?);
        Ok(())
    }

    /// Asks the front. A panic there ends this request with a page, nothing more.
    ///
    /// # Errors
    /// The body that the front wants does not come, or is too long.
    pub(super) async fn ask(&self, session: &mut Session, ctx: &mut Ctx) -> Result<Answer> {
        let Some(target) = &ctx.target else {
            return Ok(self.refuse(Refusal::Internal, ctx));
        };
        let limit = match self.listener.duty {
            Duty::Serve => self.front.body_limit(&session.req_header().method, target),
            Duty::ToHttps { .. } => None,
        };
        let body = match limit {
            Some(limit) => Box::pin(read(session, limit)).await?,
            None => Bytes::new(),
        };
        ctx.received += body.len() as u64;
        let head = session.req_header();
        let certificate = link::certificate();
        let incoming = Incoming {
            method: &head.method,
            target,
            caller: ctx.caller,
            headers: &head.headers,
            body: &body,
            client: ctx.origin.client,
            certificate: certificate.as_deref(),
            public: self.listener.public,
            duty: self.listener.duty,
            request_id: &ctx.request_id,
        };
        let stage = ctx.trace.as_mut().and_then(RequestTrace::gate);
        let asking = pin!(AssertUnwindSafe(self.front.answer(&incoming)).catch_unwind());
        let asked = match stage {
            None => asking.await,
            Some(stage) => stage.run(asking).await,
        };
        Ok(match asked {
            Ok(Answer::Forward(admission)) if too_long(head, &admission) => {
                ctx.about = Some(About {
                    route: admission.route().id.clone(),
                    subject_hash: self.front.subject_hash(&admission),
                });
                self.refuse(Refusal::BodyTooLarge, ctx)
            }
            Ok(answer) => answer,
            Err(_) => {
                tracing::error!(request_id = ctx.request_id, "a request panicked");
                self.refuse(Refusal::Internal, ctx)
            }
        })
    }

    /// Bounds the wait for the next part of an HTTP/2 upload: as long as the client may take for it, and the upstream for
    /// the one before. Over HTTP/1 pingora does so itself.
    pub(super) fn await_upload(&self, ctx: &Ctx, done: bool) {
        let (Some(upload), Some(admission)) = (&ctx.upload, &ctx.admission) else {
            return;
        };
        if done {
            upload.rest();
        } else {
            upload.wait(self.listener.limits.read + admission.route().forward.upstream.timeouts.write);
        }
    }

    /// Whether a body comes in so slowly that it looks like somebody holding a connection to the upstream open. Once there is an
    /// answer both may talk, and slowly.
    pub(super) fn trickles(&self, ctx: &Ctx) -> bool {
        let limits = &self.listener.limits;
        let Some(rate) = limits.body_rate else {
            return false;
        };
        if ctx.caller == Caller::WebSocket || ctx.answered.is_some() {
            return false;
        }
        let beyond = ctx.elapsed().saturating_sub(limits.read).as_millis();
        u128::from(ctx.received) * 1000 < u128::from(rate) * beyond
    }

    pub(super) fn refuse(&self, refusal: Refusal, ctx: &Ctx) -> Answer {
        Answer::Reply(self.front.refuse(refusal, ctx.caller, &ctx.request_id))
    }
}

/// The whole body, if it is not longer than this and comes soon.
async fn read(session: &mut Session, limit: usize) -> Result<Bytes> {
    let reading = async {
        if session
            .get_header_bytes(header::EXPECT)
            .eq_ignore_ascii_case(b"100-continue")
        {
            session.as_downstream_mut().write_continue_response().await?;
        }
        let mut body = Vec::new();
        while let Some(part) = session.as_downstream_mut().read_request_body().await? {
            if body.len() + part.len() > limit {
                return Err(Error::explain(
                    ErrorType::HTTPStatus(StatusCode::PAYLOAD_TOO_LARGE.as_u16()),
                    "body",
                ));
            }
            body.extend_from_slice(&part);
        }
        Ok(Bytes::from(body))
    };
    match tokio::time::timeout(BODY_PATIENCE, reading).await {
        Ok(read) => read.map_err(|error: Box<Error>| error.into_down()),
        Err(_) => Err(Error::explain(ErrorType::ReadTimedout, "body").into_down()),
    }
}

/// Whether the announced body is over the route's limit.
fn too_long(head: &RequestHeader, admission: &Admission) -> bool {
    let announced = head
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    let limit = admission.route().forward.max_body;
    matches!((announced, limit), (Some(announced), Some(limit)) if announced > limit)
}
