//! What routes have in common: what they share, and what each is held against.

use std::{collections::HashMap, sync::Arc};

use http::HeaderName;

use super::{Desk, headers::Said};
use crate::{
    config::{Path, raw},
    identity::{HeaderPlan, HeaderRule},
    oidc::ProviderName,
    policy::{RouteId, Upstream},
};

/// What all routes have in common.
pub(super) struct Shared<'c> {
    pub(super) config: &'c raw::Config,
    pub(super) provider: Option<&'c ProviderName>,
    pub(super) said: Said,
    reserved: Vec<HeaderName>,
    /// By name, with whether the name was written.
    upstreams: HashMap<Arc<str>, (Arc<Upstream>, bool)>,
    plans: HashMap<Edits, Arc<HeaderPlan>>,
}

/// What is set, whether the assertion is, and what is removed.
type Edits = (Vec<HeaderRule>, bool, Vec<HeaderName>);

impl<'c> Shared<'c> {
    pub(super) fn new(
        config: &'c raw::Config,
        provider: Option<&'c ProviderName>,
        said: Said,
        reserved: Vec<HeaderName>,
    ) -> Self {
        Self {
            config,
            provider,
            said,
            reserved,
            upstreams: HashMap::new(),
            plans: HashMap::new(),
        }
    }

    /// Routes that make the same edits share one plan.
    pub(super) fn plan(&mut self, edits: Edits) -> Arc<HeaderPlan> {
        let reserved = &self.reserved;
        let made = self
            .plans
            .entry(edits)
            .or_insert_with_key(|(rules, assertion, remove)| {
                Arc::new(HeaderPlan::new(rules.clone(), *assertion, remove, reserved))
            });
        Arc::clone(made)
    }
}

impl Desk<'_, '_> {
    pub(super) fn shared_upstream(
        &mut self,
        path: &Path,
        written: &raw::Route,
        id: &RouteId,
        shared: &mut Shared<'_>,
    ) -> Option<Arc<Upstream>> {
        let here = path.key("upstream");
        let object = written.upstream.as_ref()?;
        let upstream = self.upstream(&here, &id.0, object, shared.config)?;
        let named = matches!(object, raw::Upstream::Object(object) if object.name.is_some());
        if let Some((earlier, was_named)) = shared.upstreams.get(&upstream.name) {
            if **earlier == upstream {
                return Some(Arc::clone(earlier));
            }
            if !named && !was_named {
                // Both have their routes' name, and that is told.
                return Some(Arc::new(upstream));
            }
            self.found.add(
                &here,
                format!("another upstream has the name {} too", upstream.name),
                "write both the same, or give one another `name`",
            );
            return None;
        }
        let upstream = Arc::new(upstream);
        shared
            .upstreams
            .insert(Arc::clone(&upstream.name), (Arc::clone(&upstream), named));
        Some(upstream)
    }
}
