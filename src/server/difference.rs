//! What a reload from one configuration to another would change, and what would need a restart: decided by the functions
//! that a reload carries out.

mod listeners;
mod parts;
mod sessions;

use serde::Serialize;

use super::{
    AssembleError,
    assemble::{Fixed, draw},
    change::{Change, InForce},
};
use crate::{config::Plan, entropy::Entropy, policy::Difference};

/// What would come of a reload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Outlook {
    /// In one word.
    pub outcome: Outcome,
    /// One a part of the configuration that differs.
    pub changes: Vec<Changed>,
}

/// What comes of a reload as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Both come to the same.
    Same,
    /// A reload puts all of it in force.
    Reload,
    /// A reload puts it in force, but for what waits for a restart.
    Restart,
    /// A reload is refused and changes nothing: it takes a restart.
    Refused,
}

/// A part that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Changed {
    /// What kind of part: `route`, `listener`, `provider`, `upstream`, or a key of the configuration.
    pub part: &'static str,
    /// Which one, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What became of it.
    pub change: Kind,
    /// What it takes to put the change in force.
    pub takes: Takes,
    /// What that means to those who are there.
    pub means: String,
    /// Key by key, where it was there before and is after.
    pub differences: Vec<Difference>,
}

/// What became of a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

/// What puts a change in force.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Takes {
    /// A reload.
    Reload,
    /// A restart; the rest of a reload is put in force before it.
    Restart,
    /// A restart; a reload is refused as a whole.
    RestartOnly,
}

impl Outlook {
    /// From a gateway that was started with the one configuration to the other.
    ///
    /// # Errors
    /// The system gives no chance.
    pub fn between(old: &Plan, new: &Plan) -> Result<Self, AssembleError> {
        let ring = match &old.ring {
            Some(ring) => ring.clone(),
            None => draw(&Entropy::system())?,
        };
        let in_force = InForce {
            fixed: &Fixed::of(old),
            store: &old.store,
            ring: &ring,
        };
        let change = Change::of(in_force, new);
        let mut changes = parts::routes(old, new);
        changes.extend(parts::upstreams(old, new));
        changes.extend(listeners::listeners(old, new));
        changes.extend(parts::providers(old, new));
        changes.extend(sessions::sessions(old, new, &change, in_force));
        changes.extend(parts::others(old, new, &change));
        let most = changes.iter().map(|changed| changed.takes).max();
        let outcome = match most {
            None => Outcome::Same,
            Some(Takes::Reload) => Outcome::Reload,
            Some(Takes::Restart) => Outcome::Restart,
            Some(Takes::RestartOnly) => Outcome::Refused,
        };
        Ok(Self { outcome, changes })
    }
}

impl Changed {
    /// A part that there is one of. `None` where nothing differs.
    fn key(part: &'static str, differences: Vec<Difference>, takes: Takes, means: &str) -> Option<Self> {
        (!differences.is_empty()).then(|| Self {
            part,
            name: None,
            change: Kind::Changed,
            takes,
            means: means.to_owned(),
            differences,
        })
    }

    /// A part by name, which a reload puts in force.
    fn named(part: &'static str, name: &str, change: Kind, means: &str) -> Self {
        Self {
            part,
            name: Some(name.to_owned()),
            change,
            takes: Takes::Reload,
            means: means.to_owned(),
            differences: Vec::new(),
        }
    }
}

/// What a key that differs takes, by the keys that wait.
fn takes(change: &Change, key: &str) -> Takes {
    if change.waits.contains(&key) {
        Takes::Restart
    } else {
        Takes::Reload
    }
}

#[cfg(test)]
mod tests;
