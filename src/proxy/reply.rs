//! Writes the gateway's own responses, keeping the connection where it can be kept.

use http::{Method, StatusCode, header};
use pingora::{Result, http::ResponseHeader, proxy::Session};

use super::{Listener, link};
use crate::flow::Reply;

/// Writes a whole response, with the listener's own headers. Not through pingora's error responses: those close the connection.
///
/// # Errors
/// The client is gone.
pub(super) async fn send(session: &mut Session, reply: Reply, listener: &Listener) -> Result<()> {
    let mut head = ResponseHeader::build(reply.status, Some(reply.headers.len() + 4))?;
    for (name, value) in reply.headers {
        head.append_header(name, value)?;
    }
    if let Some(hsts) = &listener.hsts {
        head.insert_header(header::STRICT_TRANSPORT_SECURITY, hsts.clone())?;
    }
    let bodiless = matches!(reply.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodiless {
        head.set_content_length(reply.body.len())?;
    }
    if link::is_last_answer() {
        session.set_keepalive(None);
    }
    let silent = bodiless || reply.body.is_empty() || session.req_header().method == Method::HEAD;
    session.write_response_header(Box::new(head), silent).await?;
    if !silent {
        session.write_response_body(Some(reply.body), true).await?;
    }
    Ok(())
}
