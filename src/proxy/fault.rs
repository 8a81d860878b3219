//! What went wrong, in the house's words.

use pingora::{Error, ErrorSource, ErrorType, proxy::Session};

use super::{Ctx, Door, inbound, reply, upstream::Lease};
use crate::{flow::Front, gate::Refusal};

impl<F: Front> Door<F> {
    /// Says what went wrong to the client, where anything can still be said to it; gives the status, 0 where nothing was.
    pub(super) async fn answer_fault(&self, session: &mut Session, error: &Error, ctx: &mut Ctx) -> u16 {
        let target = ctx.lease.as_ref().map(Lease::label);
        ctx.error = Some(words(error, target));
        let begun = session
            .response_written()
            .is_some_and(|head| inbound::begins(head.status));
        let Some(refusal) = refusal(error).filter(|_| !begun) else {
            ctx.outcome = if begun { "broken_off" } else { "client_gone" };
            return 0;
        };
        // What is left of the request, or of the upstream's answer, is not worth a kept connection.
        session.set_keepalive(None);
        let reply = self.front.refuse(refusal, ctx.caller, &ctx.request_id);
        ctx.outcome = reply.outcome;
        let sent = reply::send(session, reply, &self.listener).await;
        sent.map_or(0, |()| refusal.status())
    }
}

/// The refusal for an error, or `None` when the client is gone and nothing can be said to it.
pub(super) fn refusal(error: &Error) -> Option<Refusal> {
    if let ErrorType::HTTPStatus(status) = error.etype() {
        return Some(match status {
            408 => Refusal::RequestSlow,
            413 => Refusal::BodyTooLarge,
            502 => Refusal::UpstreamUnreachable,
            504 => Refusal::UpstreamSlow,
            400 => Refusal::BadHeader,
            _ => Refusal::Internal,
        });
    }
    match error.esource() {
        ErrorSource::Upstream => Some(upstream(error.etype())),
        ErrorSource::Downstream => downstream(error.etype()),
        ErrorSource::Internal | ErrorSource::Unset => Some(Refusal::Internal),
    }
}

/// The error in words for the operator: source and kind only, since pingora's contexts quote bytes of heads.
pub(super) fn words(error: &Error, target: Option<&str>) -> String {
    let (source, kind, root) = (
        error.esource().as_str(),
        error.etype().as_str(),
        error.root_etype().as_str(),
    );
    let cause = if root == kind {
        String::new()
    } else {
        format!(" ({root})")
    };
    match target {
        Some(target) => format!("{source} {kind}{cause} at {target}"),
        None => format!("{source} {kind}{cause}"),
    }
    .trim_start()
    .to_owned()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the list is pingora's and open")]
fn upstream(kind: &ErrorType) -> Refusal {
    use ErrorType as E;
    match kind {
        E::ConnectTimedout | E::ReadTimedout | E::WriteTimedout | E::TLSHandshakeTimedout => Refusal::UpstreamSlow,
        E::InvalidHTTPHeader | E::H1Error | E::H2Error | E::InvalidH2 | E::H2Downgrade => Refusal::UpstreamInvalid,
        _ => Refusal::UpstreamUnreachable,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the list is pingora's and open")]
fn downstream(kind: &ErrorType) -> Option<Refusal> {
    use ErrorType as E;
    match kind {
        E::ReadError | E::WriteError | E::ConnectionClosed | E::WriteTimedout => None,
        // Only a body is read within a request: between two of its parts the client took too long.
        E::ReadTimedout => Some(Refusal::RequestSlow),
        _ => Some(Refusal::BadHeader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(source: ErrorSource, kind: ErrorType) -> Option<Refusal> {
        let mut error = Error::new(kind);
        error.esource = source;
        refusal(&error)
    }

    #[test]
    fn slow_unreachable_and_invalid_upstreams_differ() {
        use ErrorSource::Upstream as Up;
        for (kind, expected) in [
            (ErrorType::ConnectRefused, Refusal::UpstreamUnreachable), // UP-01
            (ErrorType::ConnectTimedout, Refusal::UpstreamSlow),       // UP-02
            (ErrorType::ReadTimedout, Refusal::UpstreamSlow),          // UP-03
            (ErrorType::ConnectionClosed, Refusal::UpstreamUnreachable), // UP-04
            (ErrorType::InvalidHTTPHeader, Refusal::UpstreamInvalid),  // UP-07
            (ErrorType::TLSHandshakeFailure, Refusal::UpstreamUnreachable), // UP-09
        ] {
            assert_eq!(from(Up, kind.clone()), Some(expected), "{kind:?}");
        }
    }

    #[test]
    fn a_client_that_left_gets_nothing() {
        let gone = from(ErrorSource::Downstream, ErrorType::ConnectionClosed);
        assert_eq!(gone, None);
    }

    #[test]
    fn words_quote_no_context() {
        let error = Error::explain(ErrorType::InvalidHTTPHeader, "buf: Set-Cookie: secret");
        assert!(!words(&error, Some("10.0.0.1:80")).contains("secret"));
    }
}
