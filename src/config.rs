//! YAML to a [`Plan`], or every problem at once.

pub mod plan;

pub use self::plan::{AdminSettings, IdentitySettings, Plan};
