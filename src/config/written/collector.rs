//! Where traces go.

use url::Url;

use super::{Written, address::web};

/// Where a collector takes traces.
#[derive(Debug)]
pub enum CollectorUrl {}

impl Written for CollectorUrl {
    type Value = Url;
    const FORMAT: &'static str = "collector-url";
    const WHAT: &'static str = "the URL of a collector";
    const HINT: &'static str =
        "write scheme, host and port, with a path where it is not /v1/traces: http://collector:4318";

    fn read(text: &str) -> Result<Url, String> {
        let mut url = web(text)?;
        if url.path() == "/" {
            url.set_path("/v1/traces");
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_takes_traces_at_the_usual_path() {
        for (written, url) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("https://otlp.example.com/", "https://otlp.example.com/v1/traces"),
            (
                "https://otlp.example.com/tenant/v1/traces",
                "https://otlp.example.com/tenant/v1/traces",
            ),
        ] {
            assert_eq!(CollectorUrl::read(written).unwrap().as_str(), url);
        }
        for bad in [
            "collector:4318",
            "grpc://collector:4317",
            "http://user:word@collector",
            "http://collector/?a=b",
        ] {
            assert!(CollectorUrl::read(bad).is_err(), "{bad}");
        }
    }
}
