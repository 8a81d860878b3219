//! The content security policy of a page: nothing but its own style, by hash, and the places its form may go.

use std::{fmt::Write as _, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};

/// The style every page carries inline.
pub const STYLE: &str = include_str!("templates/style.css");

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(digest(&SHA256, STYLE.as_bytes())));

/// Where the forms of a page may lead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FormAction<'a> {
    /// The page has no form.
    Nowhere,
    /// To this site, and on to these origins. Chromium holds redirects after a form to the same list, so the
    /// provider's origin must be in it when a sign-out goes on there. Anything that is not an origin is left out.
    Here(&'a [&'a str]),
}

/// The value of `Content-Security-Policy` for a page with nothing in it that only these origins may frame.
pub(crate) fn framed_by(origins: &[&str]) -> String {
    let mut value = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors".to_owned();
    let origins: Vec<&str> = origins.iter().copied().filter(|origin| is_origin(origin)).collect();
    if origins.is_empty() {
        value.push_str(" 'none'");
    }
    for origin in origins {
        write!(value, " {origin}").unwrap_or_default();
    }
    value
}

/// The value of `Content-Security-Policy` for a page that carries [`STYLE`] (CSP level 3).
pub(crate) fn policy(forms: FormAction<'_>) -> String {
    let mut value = format!("default-src 'none'; style-src 'sha256-{}'; form-action ", *STYLE_HASH);
    match forms {
        FormAction::Nowhere => value.push_str("'none'"),
        FormAction::Here(origins) => {
            value.push_str("'self'");
            for origin in origins.iter().filter(|origin| is_origin(origin)) {
                // Writing to a String cannot fail.
                write!(value, " {origin}").unwrap_or_default();
            }
        }
    }
    value.push_str("; base-uri 'none'; frame-ancestors 'none'");
    value
}

/// Scheme, host and port only: nothing in it can end the directive or widen it.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_a_form_allows_none() {
        let policy = policy(FormAction::Nowhere);
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(
            policy.ends_with("'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"),
            "{policy}"
        );
    }

    #[test]
    fn a_framed_page_names_who_may_frame_it() {
        // FL-01
        let all = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors";
        assert_eq!(
            framed_by(&["https://idp.example", "*"]),
            format!("{all} https://idp.example")
        );
        assert_eq!(framed_by(&["https://a;x", "null"]), format!("{all} 'none'"));
    }

    #[test]
    fn a_form_may_lead_on_to_named_origins_only() {
        let origins = [
            "https://idp.example",
            "http://[::1]:9000",
            "*",
            "https://a; script-src *",
            "https://*",
            "https://",
        ];
        let policy = policy(FormAction::Here(&origins));
        assert!(
            policy.contains("form-action 'self' https://idp.example http://[::1]:9000; base-uri"),
            "{policy}"
        );
    }

    #[test]
    fn the_style_cannot_end_its_element() {
        assert!(!STYLE.contains('<'));
    }
}
