//! The hooks that pingora calls, in the order in which it calls them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use pingora::{
    Error, ErrorType, Result,
    http::{RequestHeader, ResponseHeader},
    modules::http::HttpModules,
    proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session},
    upstreams::peer::HttpPeer,
};

use super::{Ctx, Door, context::Sent, fault, inbound, link, outbound, reply};
use crate::{
    flow::{Answer, Front},
    gate::{Caller, request::offers_only_other_upgrades},
    telemetry::trace::RequestTrace,
};

#[async_trait]
impl<F: Front> ProxyHttp for Door<F> {
    type CTX = Ctx;

    fn new_ctx(&self) -> Ctx {
        Ctx::new(self.telemetry.clone())
    }

    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, _: &mut Ctx) -> Result<()> {
        link::head_is_read();
        let limits = &self.listener.limits;
        // `None` means that the connection closes after this request: by the client's wish or because we drain.
        if session.get_keepalive().is_some() {
            // Without end as far as pingora knows: the connection's stream sees to it.
            session.set_keepalive(Some(0));
        }
        if offers_only_other_upgrades(&session.req_header().headers) {
            session.req_header_mut().remove_header(&header::UPGRADE);
        }
        if session.req_header().method == Method::CONNECT {
            // It is refused, and what comes behind it has no framing.
            session.set_keepalive(None);
        }
        session.set_read_timeout(Some(limits.read));
        session.set_write_timeout(Some(limits.write));
        session.set_total_drain_timeout(Some(limits.read));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
        let answer = match self.look(session, ctx) {
            Ok(()) => self.ask(session, ctx).await?,
            Err(refusal) => self.refuse(refusal, ctx),
        };
        ctx.decided = ctx.told_elapsed();
        ctx.traced(RequestTrace::decided);
        match answer {
            Answer::Forward(admission) => {
                if ctx.caller == Caller::WebSocket {
                    // A tunnel may be silent.
                    session.set_read_timeout(None);
                }
                link::cut_when(self.front.until_ended(&admission), ctx.begun());
                ctx.admission = Some(admission);
                ctx.outcome = "forwarded";
                Ok(false)
            }
            Answer::Reply(reply) => {
                ctx.outcome = reply.outcome;
                if let Some(about) = &reply.about {
                    ctx.about = Some(about.clone());
                }
                // Boxed, as in `ask`: it would make room in the future of every request that is forwarded.
                Box::pin(reply::send(session, reply, &self.listener)).await?;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(&self, _: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
        let Some(admission) = &ctx.admission else {
            return Err(Error::explain(ErrorType::InternalError, "no admission"));
        };
        let forward = &admission.route().forward;
        let Some(upstream) = self.upstreams.get(&forward.upstream) else {
            return Err(Error::explain(
                ErrorType::InternalError,
                "an upstream that was never prepared",
            ));
        };
        let tunnel = ctx.caller == Caller::WebSocket && forward.websocket;
        ctx.lease = None;
        ctx.hold = tunnel.then(Arc::default);
        let Some((peer, lease)) = upstream.peer(&ctx.attempts, ctx.hold.as_ref()).await else {
            return Err(Error::explain(
                ErrorType::HTTPStatus(502),
                "no address of any target is known",
            ));
        };
        if tunnel {
            link::expect_tunnel(forward.upstream.timeouts.read);
        }
        if let Some(trace) = &mut ctx.trace {
            trace.attempts(&ctx.method, &forward.upstream.name, lease.label());
        }
        ctx.attempts.push(lease.index());
        ctx.lease = Some(lease);
        Ok(peer)
    }

    fn fail_to_connect(&self, _: &mut Session, _: &HttpPeer, ctx: &mut Ctx, mut error: Box<Error>) -> Box<Error> {
        ctx.traced(RequestTrace::failed);
        if let Some(lease) = &ctx.lease {
            lease.unreachable();
            // Nothing was sent, so any method may be tried elsewhere.
            error.set_retry(lease.another(ctx.attempts.len()));
        }
        error
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        head: &mut RequestHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        if ctx.upload.is_some() {
            self.await_upload(ctx, session.as_mut().is_body_done());
        }
        if let Some(hold) = &ctx.hold
            && session.as_mut().is_body_empty()
        {
            hold.hold();
        }
        outbound::edit(&*self.front, head, ctx, &self.listener, link::hop())
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        ctx: &mut Ctx,
    ) -> Result<()> {
        ctx.received += body.as_ref().map_or(0, |part| part.len() as u64);
        let limit = ctx
            .admission
            .as_ref()
            .and_then(|admission| admission.route().forward.max_body);
        if ctx.caller != Caller::WebSocket && limit.is_some_and(|limit| ctx.received > limit) {
            return Err(Error::explain(ErrorType::HTTPStatus(413), "body").into_down());
        }
        if !end && self.trickles(ctx) {
            return Err(Error::explain(ErrorType::HTTPStatus(408), "body").into_down());
        }
        if ctx.upload.as_ref().is_some_and(|upload| upload.is_awaited()) {
            self.await_upload(ctx, end);
        }
        if end && let Some(hold) = &ctx.hold {
            hold.release();
        }
        // An empty last part would end a chunked body twice and leave bytes for the next user of the connection
        // (pingora issue 935).
        if end && body.as_ref().is_some_and(Bytes::is_empty) {
            *body = None;
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        ctx.traced(|trace| trace.answered(head.status));
        let Some(admission) = &ctx.admission else {
            return Err(Error::explain(ErrorType::InternalError, "no admission"));
        };
        let own = |name: &[u8]| self.front.is_own_cookie(name);
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            inbound::may_switch(ctx.hold.is_some())?;
            link::open_tunnel();
            ctx.answered = Some(ctx.told_elapsed());
            return inbound::drop_own_cookies(head, own);
        }
        if head.status.is_informational() {
            return inbound::drop_own_cookies(head, own);
        }
        if ctx.caller == Caller::WebSocket {
            link::forget_tunnel();
        }
        if link::is_last_answer() {
            session.set_keepalive(None);
        }
        ctx.answered = Some(ctx.told_elapsed());
        if inbound::may_have_body(head) {
            // From now on both may talk, and the client may have nothing to say for long.
            self.await_upload(ctx, true);
        }
        if let Some(lease) = &ctx.lease {
            lease.answered(head.status);
        }
        inbound::edit(head, &admission.route().forward, self.listener.hsts.as_ref(), own)
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        _: &mut Option<Bytes>,
        end: bool,
        ctx: &mut Ctx,
    ) -> Result<Option<Duration>> {
        if end && ctx.upload.is_some() {
            self.await_upload(ctx, session.as_mut().is_body_done());
        }
        Ok(None)
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        ctx: &mut Ctx,
        reused: bool,
    ) -> Box<Error> {
        // As pingora's default: only what is idempotent, wholly kept and sent on a reused connection is sent again.
        let whole = !session.as_ref().retry_buffer_truncated();
        if session.req_header().method.is_idempotent() && whole {
            error.retry.decide_reuse(reused);
        } else {
            error.set_retry(false);
        }
        if error.esource() == &pingora::ErrorSource::Upstream {
            ctx.traced(RequestTrace::failed);
            if !error.retry()
                && let Some(lease) = &ctx.lease
            {
                lease.failed();
            }
        }
        // The same target again, on a new connection.
        if error.retry() {
            ctx.attempts.pop();
        }
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, ctx: &mut Ctx) -> FailToProxy {
        FailToProxy {
            error_code: self.answer_fault(session, error, ctx).await,
            can_reuse_downstream: false,
        }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Ctx) {
        if let (Some(error), None) = (error, &ctx.error) {
            ctx.error = Some(fault::words(error, None));
        }
        let sent = Sent {
            status: session.response_written().map_or(0, |head| head.status.as_u16()),
            bytes: session.body_bytes_sent() as u64,
        };
        let subject = ctx
            .admission
            .as_ref()
            .filter(|_| self.telemetry.is_told_of_requests())
            .and_then(|admission| self.front.subject_hash(admission));
        ctx.log(sent, subject.as_deref());
    }

    fn suppress_error_log(&self, _: &Session, _: &Ctx, _: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(&self, _: &Session, ctx: &Ctx, error: &Error, _: ProxyWarnLogContext) -> bool {
        let target = ctx.lease.as_ref().map(super::upstream::Lease::label);
        tracing::warn!(
            request_id = ctx.request_id,
            "trying again: {}",
            fault::words(error, target)
        );
        true
    }

    fn request_summary(&self, _: &Session, ctx: &Ctx) -> String {
        format!("request {}", ctx.request_id)
    }
}
