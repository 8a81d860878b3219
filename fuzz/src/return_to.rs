//! Where to go after sign-in.

use doorward::gate::ReturnTo;
use url::Url;

/// No accepted address leaves the host, forges a header line or lands in the gateway's own folder but for whoami.
pub fn run(data: &[u8]) {
    let Ok(written) = str::from_utf8(data) else {
        return;
    };
    let Some(back) = ReturnTo::parse(written) else {
        return;
    };
    assert_eq!(back.as_str(), written);
    assert!(http::HeaderValue::from_str(written).is_ok());
    let base = Url::parse("https://app.test/x/y").unwrap();
    let gone = base.join(written).expect("a browser can follow it");
    assert_eq!(gone.origin(), base.origin(), "{written}");
    assert!(gone.fragment().is_none());
    let own = gone.path() == "/.doorward" || gone.path().starts_with("/.doorward/");
    assert!(!own || gone.path() == "/.doorward/whoami", "{written}");
    let sealed = serde_json::to_string(&back).unwrap();
    assert_eq!(serde_json::from_str::<ReturnTo>(&sealed).ok(), Some(back));
}
