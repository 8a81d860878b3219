//! Logs.

use super::Desk;
use crate::{
    config::{Path, raw},
    session::client::AddressKept,
    telemetry::{
        AccessSettings, AuditSettings, LogFormat, Naming, Settings, Share,
        access::{Address, Field},
        log::check_filter,
    },
};

impl Desk<'_, '_> {
    pub(super) fn logging(&mut self, written: &raw::Logging) -> Settings {
        if let Err(error) = check_filter(&written.level) {
            self.found.add(
                &Path::top().key("logging").key("level"),
                format!("this is not a level: {error}"),
                "write error, warn, info, debug or trace, or by part: info,doorward::store=debug",
            );
        }
        Settings {
            format: match written.format {
                raw::Format::Json => LogFormat::Json,
                raw::Format::Text => LogFormat::Text,
            },
            filter: written.level.clone(),
            access: written.access_log.then(|| access(&written.access)),
            audit: written.audit.enabled.then(|| AuditSettings {
                file: written.audit.file.as_deref().map(|file| self.source.resolve(file)),
                naming: match written.audit.person {
                    raw::Person::Hash => Naming::Hash,
                    raw::Person::Subject => Naming::Subject,
                },
            }),
        }
    }
}

fn access(written: &raw::logging::Access) -> AccessSettings {
    let field = |omitted: &raw::Omitted| match omitted {
        raw::Omitted::Host => Field::Host,
        raw::Omitted::Path => Field::Path,
        raw::Omitted::Subject => Field::Subject,
        raw::Omitted::TraceId => Field::TraceId,
    };
    AccessSettings {
        sample: Share::of(written.sample),
        client: match written.client_address {
            raw::AddressTold::Full => Address::Kept(AddressKept::Full),
            raw::AddressTold::Network => Address::Kept(AddressKept::Network),
            raw::AddressTold::Hash => Address::Hash,
            raw::AddressTold::None => Address::Kept(AddressKept::None),
        },
        omit: written.omit.iter().map(field).collect(),
    }
}
