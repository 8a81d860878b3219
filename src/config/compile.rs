//! The written configuration to a [`Plan`], with every problem on the way.
//!
//! Each part returns `None` where something is missing or bad; the problem is told by then, here or by the walk.

mod access;
mod claims;
mod cors;
mod files;
mod former;
mod headers;
mod listener;
mod logging;
mod names;
mod provider;
mod rate;
mod redis;
mod response;
mod route;
mod session;
mod shared;
mod sign_in;
mod tracing;
mod upstream;

use std::{num::NonZeroU32, time::Duration};

use super::{IdentitySettings, Path, Plan, Report, Shutdown, Source, findings::Findings, raw, tree::Node, walk::walk};
use crate::{
    identity::assertion::{MAX_LIFE, SHORTEST_TERM},
    oidc::ProviderName,
};

/// Where files come from and where problems go.
struct Desk<'d, 'a> {
    source: &'d Source,
    found: &'d mut Findings<'a>,
}

/// Compiles a text; `name` stands for the file in problems.
pub(super) fn compile(name: &str, text: &str, source: &Source) -> Result<Plan, Report> {
    let (tree, flaws) = match Node::read(text) {
        Ok(read) => read,
        Err(flaw) => {
            let nothing = Node::nothing();
            let mut found = Findings::new(name, &nothing);
            found.flaw(flaw);
            return Err(told(name, found));
        }
    };
    let mut found = Findings::new(name, &tree);
    for flaw in flaws {
        found.flaw(flaw);
    }
    let value = walk(&tree, &mut found);
    found.settle();
    let plan = match serde_path_to_error::deserialize::<_, raw::Config>(value) {
        Ok(config) => {
            let mut desk = Desk {
                source,
                found: &mut found,
            };
            desk.plan(&config, text)
        }
        // The walk lets nothing through that does not decode.
        Err(error) => {
            found.add(&Path::top(), error.to_string(), "");
            None
        }
    };
    match (found.is_empty(), plan) {
        (true, Some(plan)) => Ok(plan),
        (true | false, _) => Err(told(name, found)),
    }
}

fn told(name: &str, found: Findings<'_>) -> Report {
    found.report().unwrap_or_else(|| {
        Report::whole(
            name,
            "the configuration does not compile, for no reason that is known".to_owned(),
        )
    })
}

fn digest(text: &str) -> String {
    let whole = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let start = whole.as_ref().first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(start))
}

impl Desk<'_, '_> {
    fn plan(&mut self, config: &raw::Config, text: &str) -> Option<Plan> {
        let listeners = self.listeners(config);
        let admin = self.admin(&config.admin, listeners.as_ref());
        let default_provider = self.default_provider(config);
        let providers = self.providers(config);
        let ring = self.ring(&config.session);
        let store = self.store(&config.session);
        let terms = self.terms(&config.session);
        let address_kept = session::address_kept(config.session.client_address);
        let identity = self.identity(config);
        let telemetry = self.logging(&config.logging);
        let former = self.former(config);
        let tracing = config.tracing.as_ref().map(|written| self.tracing(written));
        let site = self.site(config, default_provider.as_ref());
        Some(Plan {
            site: site?.in_place_of(former),
            listeners: listeners?,
            admin,
            providers: providers?,
            default_provider,
            store: store?,
            cache: session::cache(&config.session),
            terms,
            address_kept,
            sign_ins_per_address: NonZeroU32::new(config.limits.sign_ins).unwrap_or(NonZeroU32::MIN),
            ring,
            ring_file: config.session.keys_file.as_ref().map(|file| self.source.resolve(file)),
            identity,
            telemetry,
            shutdown: Shutdown {
                delay: config.shutdown.delay.value.unwrap_or_default(),
                deadline: config.shutdown.deadline.value,
            },
            tracing: tracing.map_or(Some(None), |made| made.map(Some))?,
            digest: digest(text),
        })
    }

    /// The provider of routes that name none.
    fn default_provider(&mut self, config: &raw::Config) -> Option<ProviderName> {
        let path = Path::top().key("default_provider");
        if let Some(name) = &config.default_provider {
            return self.provider_name(&path, &name.value, config);
        }
        let mut names = config.providers.keys();
        match (names.next(), names.next()) {
            (Some(only), None) => Some(ProviderName::new(only)),
            (None | Some(_), _) => None,
        }
    }

    /// A provider's name, if there is such a provider.
    fn provider_name(&mut self, path: &Path, name: &str, config: &raw::Config) -> Option<ProviderName> {
        if config.providers.contains_key(name) {
            return Some(ProviderName::new(name));
        }
        let names: Vec<&str> = config.providers.keys().map(String::as_str).collect();
        let hint = if names.is_empty() {
            "define it below `providers`".to_owned()
        } else {
            format!("write one of {}", names.join(", "))
        };
        if !self.found.is_maimed(&Path::top().key("providers")) {
            let what = format!("there is no provider {name:?}");
            self.found.add(path, what, hint);
        }
        None
    }

    fn identity(&mut self, config: &raw::Config) -> IdentitySettings {
        let written = &config.identity;
        let path = Path::top().key("identity");
        let life = written.assertion_life.value;
        if life > MAX_LIFE || life < Duration::from_secs(1) {
            self.found.add(
                &path.key("assertion_life"),
                "an assertion lives from 1s to 5m",
                "write 5m or less",
            );
        }
        let rotation = written.assertion_key_rotation.value;
        if rotation < SHORTEST_TERM {
            self.found.add(
                &path.key("assertion_key_rotation"),
                "a signing key signs for 2h or more, since upstreams keep the key set for an hour",
                "write 2h or more",
            );
        }
        if written.issuer.as_deref() == Some("") {
            let hint = "write a name for this installation, or take the key out";
            self.found.add(&path.key("issuer"), "the issuer is empty", hint);
        }
        let public = config.public_url.as_ref().map(|url| url.value.text.clone());
        IdentitySettings {
            issuer: written
                .issuer
                .clone()
                .or(public)
                .unwrap_or_else(|| "doorward".to_owned()),
            assertion_life: life,
            assertion_key_rotation: rotation,
        }
    }
}

#[cfg(test)]
mod tests;
