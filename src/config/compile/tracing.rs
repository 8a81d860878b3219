//! Traces.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, header};

use super::Desk;
use crate::{
    config::{
        Path, raw,
        written::{Written as _, name::HeaderTitle},
    },
    telemetry::{
        Share,
        trace::{Follow, Settings},
    },
};

/// Headers that are the exporter's own to say.
const OWN: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TRANSFER_ENCODING,
];

impl Desk<'_, '_> {
    /// Where traces go, and which; `None` where a problem was told.
    pub(super) fn tracing(&mut self, written: &raw::Tracing) -> Option<Settings> {
        let path = Path::top().key("tracing");
        let headers = self.headers_of_posts(&path.key("headers"), &written.headers);
        let ca_pem = self.authorities(&path.key("ca_file"), written.ca_file.as_ref());
        Some(Settings {
            endpoint: written.endpoint.as_ref()?.value.clone(),
            headers,
            ca_pem,
            timeout: written.timeout.value,
            sample: Share::of(written.sample),
            follow: match written.follow {
                raw::Follow::TrustedProxies => Follow::Trusted,
                raw::Follow::Everybody => Follow::Always,
                raw::Follow::Nobody => Follow::Never,
            },
            service: written.service_name.clone(),
            resource: written.resource_attributes.clone(),
        })
    }

    fn headers_of_posts(
        &mut self,
        path: &Path,
        written: &BTreeMap<String, raw::StaticValue>,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        for (title, value) in written {
            let here = path.key(title);
            let Ok(name) = HeaderTitle::read(title) else {
                self.found
                    .add(&here, format!("{title:?} is no name of a header"), HeaderTitle::HINT);
                continue;
            };
            if OWN.contains(&name) {
                let what = format!("{name} is Doorward's own to say");
                self.found.add(&here, what, "take it out");
            }
            headers.extend(self.static_value(&here, value).map(|value| (name, value)));
        }
        headers
    }
}
