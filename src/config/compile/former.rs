//! Standing in for oauth2-proxy.

use super::Desk;
use crate::{
    config::{Path, raw},
    gate::place::{OWN, is_own},
    policy::{FormerFolder, PathPattern},
};

/// The folder of oauth2-proxy, where it is answered.
pub(super) fn folder(config: &raw::Config) -> Option<&FormerFolder> {
    let written = &config.compatibility;
    written.oauth2_proxy.then_some(&written.oauth2_proxy_prefix.value)
}

impl Desk<'_, '_> {
    pub(super) fn former(&mut self, config: &raw::Config) -> Option<FormerFolder> {
        let folder = folder(config)?;
        if is_own(folder.as_str()) {
            let path = Path::top().key("compatibility").key("oauth2_proxy_prefix");
            let what = format!("{} is below {OWN}, which is Doorward's own", folder.as_str());
            self.found.add(&path, what, "write the folder that oauth2-proxy had");
        }
        Some(folder.clone())
    }

    /// A route that no request could ever get to is a mistake.
    pub(super) fn not_former(&mut self, path: &Path, pattern: &PathPattern, config: &raw::Config) {
        let (PathPattern::Exact(own) | PathPattern::Prefix(own)) = pattern else {
            return;
        };
        if let Some(folder) = folder(config).filter(|folder| folder.below(own).is_some()) {
            let folder = folder.as_str();
            let what = format!("{own} is below {folder}, where Doorward answers in the place of oauth2-proxy");
            self.found.add(path, what, "choose another path");
        }
    }
}
