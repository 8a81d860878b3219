//! What all pages share: the finished [`Page`], its headers, and the links and forms it may hold.

use askama::Template;

use super::csp::{FormAction, policy};

/// A finished page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The document.
    pub html: String,
    /// The value of its `Content-Security-Policy` header.
    pub csp: String,
}

/// The other headers every page is sent with.
pub const HEADERS: [(&str, &str); 5] = [
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // Not `no-referrer`: with it a browser sends `Origin: null` along with the page's own form.
    ("referrer-policy", "same-origin"),
];

/// Where the sign-out form of a page goes.
#[derive(Clone, Copy, Debug)]
pub struct Action<'a> {
    /// The path the form posts to.
    pub path: &'a str,
    /// Hidden fields, as name and value.
    pub fields: &'a [(&'a str, &'a str)],
    /// Other origins the answer may redirect to: that of the provider's end-session endpoint.
    pub leads_to: &'a [&'a str],
}

impl Page {
    pub(crate) fn render(template: &impl Template, forms: FormAction<'_>) -> Self {
        Self {
            html: template.render().unwrap_or_else(|_| PLAIN.to_owned()),
            csp: policy(forms),
        }
    }
}

/// A link only when it stays on this site: a path, and not one a browser reads as another host.
pub(super) fn local(link: Option<&str>) -> Option<&str> {
    link.filter(|link| {
        link.starts_with('/')
            && !link.starts_with("//")
            && !link.bytes().any(|byte| byte == b'\\' || byte.is_ascii_control())
    })
}

/// Templates fail only when their values fail to print, and strings do not.
const PLAIN: &str = "<!doctype html><html lang=\"en\"><title>Something went wrong</title><main><h1>Something went \
                     wrong</h1></main></html>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_on_this_site() {
        assert_eq!(
            local(Some("/.doorward/sign-in?return_to=%2Fa")),
            Some("/.doorward/sign-in?return_to=%2Fa")
        );
        for hostile in [
            "javascript:alert(1)",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "/\t/evil",
        ] {
            assert_eq!(local(Some(hostile)), None, "{hostile:?}");
        }
    }
}
