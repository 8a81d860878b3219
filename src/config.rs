//! YAML to a [`Plan`], or every problem at once.

pub mod plan;
pub mod problem;
pub mod raw;
pub mod report;
pub mod schema;
pub mod source;
pub mod tree;
pub mod walk;
pub mod written;

pub use self::{
    plan::{AdminSettings, IdentitySettings, Plan},
    problem::{Path, Problem, Problems},
    source::Source,
};

/// Stands in until the compiler is merged.
///
/// # Errors
/// Every problem.
pub fn load(path: &std::path::Path) -> Result<Plan, Problems> {
    let _ = path;
    todo!()
}

/// Stands in until the compiler is merged.
///
/// # Errors
/// Every problem.
pub fn from_text(name: &str, text: &str) -> Result<Plan, Problems> {
    let _ = (name, text);
    todo!()
}
