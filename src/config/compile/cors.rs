//! Pages of other origins.

use http::Method;

use super::Desk;
use crate::{
    config::{Path, raw},
    policy::{Cors, Preflight},
};

impl Desk<'_, '_> {
    pub(super) fn cors(&mut self, path: &Path, written: &raw::Route) -> Option<Cors> {
        let cors = written.cors.as_ref()?;
        let allowed_origins = cors.allowed_origins.iter().flatten().map(|one| one.value.clone());
        let preflight = match cors.preflight {
            raw::Preflight::Judge => Preflight::Judge,
            raw::Preflight::Pass => Preflight::Pass,
        };
        let takes = written
            .methods
            .as_ref()
            .is_none_or(|methods| methods.iter().any(|method| method.value == Method::OPTIONS));
        if preflight == Preflight::Pass && !takes {
            self.found.add(
                &path.key("preflight"),
                "preflights are OPTIONS, which `methods` of this route does not name",
                "add OPTIONS to `methods`",
            );
        }
        Some(Cors {
            allowed_origins: allowed_origins.collect(),
            preflight,
        })
    }
}
