//! The collector of traces: reached, and asked to take a batch of nothing.

use super::{
    Finding, Surgery,
    reach::{Place, Trust, reach},
};
use crate::telemetry::trace::{Settings, Taken, try_out};

const OF: &str = "collector";
const WHERE: &str =
    "`tracing.endpoint` is to lead to its port for OTLP over HTTP (by custom 4318, not 4317, which is gRPC's)";
const NO_HARM: &str = "Nobody's request fails meanwhile";

pub(super) async fn collector(surgery: &Surgery, settings: &Settings) -> Vec<Finding> {
    let Some((host, port)) = settings
        .endpoint
        .host_str()
        .zip(settings.endpoint.port_or_known_default())
    else {
        return Vec::new();
    };
    // A literal of IPv6 stands in brackets in a URL.
    let host = host.trim_matches(['[', ']']).to_owned();
    let tls = (settings.endpoint.scheme() == "https").then(|| Trust {
        name: host.clone(),
        ca_pem: settings.ca_pem.clone(),
        client: None,
        key: "tracing.ca_file",
    });
    let mut found = reach(surgery, OF, &Place { host, port, tls }).await;
    // What cannot be reached need not be asked.
    if found.iter().all(|finding| finding.verdict < super::Verdict::Fail) {
        found.push(ask(surgery, settings).await);
    }
    found
}

async fn ask(surgery: &Surgery, settings: &Settings) -> Finding {
    let at = &settings.endpoint;
    let fail = |why: &str| Finding::fail("otlp", OF, format!("{at}: {why}"));
    match surgery.within(try_out(settings)).await {
        Ok(Ok(Taken::Whole)) => Finding::ok("otlp", OF, format!("{at} takes spans")),
        Ok(Ok(Taken::NotOtlp)) => fail("it takes what is posted and does not answer in OTLP")
            .advise(format!("something else listens there: {WHERE}")),
        Ok(Ok(Taken::Later(why))) => Finding::warn("otlp", OF, format!("{at}: {why}"))
            .advise("it has too much to do, or what it passes spans on to is away: its own log says which"),
        Ok(Ok(Taken::Forbidden(why))) => fail(&why).advise(format!(
            "give it what it asks for in `tracing.headers`, such as a token. {NO_HARM}"
        )),
        Ok(Ok(Taken::Not(why)) | Err(why)) => {
            fail(&why).advise(format!("{WHERE}, and its path is mostly /v1/traces. {NO_HARM}"))
        }
        Err(late) => fail(&late).advise(format!("is it overloaded? {NO_HARM}")),
    }
}
