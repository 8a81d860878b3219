//! Hosts and host patterns.

use doorward::policy::{Host, HostPattern};
use url::Url;

/// A host has one spelling, and browsers mean the same by it.
pub fn run(data: &[u8]) {
    let Ok(written) = str::from_utf8(data) else {
        return;
    };
    if let Ok(host) = Host::parse(written) {
        let normal = host.as_str();
        assert_eq!(Host::parse(normal).as_ref(), Ok(&host));
        assert!(normal.len() <= 253 && !normal.ends_with('.'));
        assert!(
            !normal
                .bytes()
                .any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii_graphic())
        );
        let url = Url::parse(&format!("http://{normal}/"));
        if let Some(named) = url
            .ok()
            .as_ref()
            .and_then(Url::host_str)
            .filter(|_| !normal.starts_with('['))
        {
            assert_eq!(named, normal);
        }
    }
    if let Ok(pattern) = HostPattern::parse(written) {
        assert_eq!(HostPattern::parse(&pattern.to_string()), Ok(pattern));
    }
}
