//! Token answers: the first line is the status, the content type and `Retry-After`, cut at `|`; the rest is the body.

use std::time::Duration;

use doorward::oidc::{TokenError, TokenSet};
use http::HeaderValue;

use super::first_line;

const HOUR: Duration = Duration::from_secs(3600);

/// Tokens that are accepted fit in a header, lifetimes can be waited for, and no failure repeats what the body said.
pub fn run(data: &[u8]) {
    let (line, body) = first_line(data);
    let Ok(line) = str::from_utf8(line) else {
        return;
    };
    let mut parts = line.split('|');
    let status = parts.next().and_then(|status| status.parse().ok()).unwrap_or(200);
    match TokenSet::parse(status, parts.next(), parts.next(), body) {
        Ok(tokens) => {
            assert_eq!(status, 200);
            assert!(!tokens.access_token.expose().is_empty());
            for held in [Some(&tokens.access_token), tokens.refresh_token.as_ref()]
                .into_iter()
                .flatten()
            {
                assert!(HeaderValue::from_str(held.expose()).is_ok());
            }
            let lasts = tokens.expires_in.unwrap_or(HOUR);
            assert!(lasts >= Duration::from_secs(1) && lasts <= HOUR * 24 * 3650);
            // The scope is shown, whatever is spelt like it.
            let shown = format!(
                "{:?}",
                TokenSet {
                    scope: None,
                    ..tokens.clone()
                }
            );
            let token = tokens.access_token.expose();
            assert!(!shown.contains(token) || token.len() < 24);
        }
        Err(TokenError::Unavailable { retry_after }) => assert!(retry_after.is_none_or(|delay| delay <= HOUR)),
        Err(TokenError::Other(code) | TokenError::InvalidClient(code)) => {
            assert!(code.len() <= 64 && code.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
        Err(TokenError::InvalidGrant | TokenError::SignInNeeded(_) | TokenError::Malformed(_)) => {}
    }
}
